package methods

import (
	"fmt"
	"strings"
)

// Markdown writes a method's page of docs/methods.
func (m Method) Markdown() string {
	var b strings.Builder
	p := m.Page
	fmt.Fprintf(&b, "# %s\n\n`%s`, family %s. Written from the register by `go test ./queries/methods -update`.\n\n", p.Title, m.Name, m.Family)
	for _, section := range [][2]string{{"When to use it", p.When}, {"Variant", p.Variant}, {"Assumptions", p.Assumes}} {
		fmt.Fprintf(&b, "**%s.** %s\n\n", section[0], section[1])
	}
	fmt.Fprintf(&b, "**Formula.**\n\n```\n%s\n```\n\n", p.Formula)
	fmt.Fprintf(&b, "**Reference.** %s.\n\n**Checked against.** %s.\n\n", p.Reference, p.Checked)
	if p.PushDown != "" {
		fmt.Fprintf(&b, "**What the store sums for it.** %s.\n\n", p.PushDown)
	}
	m.parts(&b)
	var keys []string
	for _, k := range m.Answer {
		keys = append(keys, "`"+k.Name+"`")
	}
	fmt.Fprintf(&b, "**Answer.** %s.\n", strings.Join(keys, ", "))
	return b.String()
}

// parts writes the tables of roles and params.
func (m Method) parts(b *strings.Builder) {
	if len(m.Roles)+len(m.Params) == 0 {
		return
	}
	b.WriteString("| role or param | kind | what it is |\n|---|---|---|\n")
	for _, r := range m.Roles {
		fmt.Fprintf(b, "| role `%s` | %s column%s | %s |\n", r.Name, r.Kind, mark(r.Optional), cell(r.Help))
	}
	for _, p := range m.Params {
		kind := string(p.Kind)
		if len(p.OneOf) > 0 {
			kind += ": " + strings.Join(p.OneOf, ", ")
		}
		fmt.Fprintf(b, "| param `%s` | %s%s | %s |\n", p.Name, kind, mark(p.Optional), cell(p.Help))
	}
	b.WriteString("\n")
}

// cell keeps the bar of a random term from ending a cell of the table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

func mark(optional bool) string {
	if optional {
		return ", optional"
	}
	return ""
}
