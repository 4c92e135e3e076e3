package grafana

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// panelTypes are those that a Grafana brings with it and boards use.
var panelTypes = []string{"xychart", "table", "stat", "text", "timeseries", "barchart"}

// lint returns what is wrong with a board that Grafana itself would not say.
func lint(b Board) (problems []string) {
	say := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	variables := map[string]string{}
	for _, v := range b.Templating.List {
		if _, twice := variables[v.Name]; twice {
			say("variable %s stands twice", v.Name)
		}
		variables[v.Name] = "x"
		if v.Datasource != source {
			say("variable %s asks another data source", v.Name)
		}
	}
	ids := map[int]bool{}
	for i, p := range b.Panels {
		if ids[p.ID] || p.ID <= 0 {
			say("panel %q has no id of its own", p.Title)
		}
		ids[p.ID] = true
		for _, q := range b.Panels[:i] {
			if overlap(p.GridPos, q.GridPos) {
				say("panels %q and %q lie over each other", p.Title, q.Title)
			}
		}
		for _, problem := range lintPanel(b, p, variables) {
			say("panel %q: %s", p.Title, problem)
		}
	}
	return problems
}

func overlap(a, b GridPos) bool {
	return a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H
}

func lintPanel(b Board, p Panel, variables map[string]string) (problems []string) {
	say := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	g := p.GridPos
	switch {
	case g.X < 0 || g.Y < 0 || g.W <= 0 || g.H <= 0 || g.X+g.W > 24:
		say("it does not stand on the grid")
	case !slices.Contains(panelTypes, p.Type):
		say("type %q is not known", p.Type)
	case p.PluginVersion != grafanaVersion:
		say("pluginVersion is %q, want %q", p.PluginVersion, grafanaVersion)
	case p.Title == "" || p.Description == "" || p.FieldConfig.Defaults.Unit == "":
		say("title, description or unit is missing")
	}
	if p.FieldConfig.Overrides == nil || p.FieldConfig.Defaults.Mappings == nil {
		say("a list is null, which Grafana does not take for an empty one")
	}
	if p.Type == "text" {
		return problems
	}
	if len(p.Targets) == 0 || p.Datasource == nil || *p.Datasource != source {
		say("it asks nothing, or another data source")
	}
	if _, err := substitute(b, p.Title+p.Description, variables); err != nil {
		say("%v", err)
	}
	refs := map[string]bool{}
	for _, t := range p.Targets {
		if refs[t.RefID] {
			say("two queries %s", t.RefID)
		}
		refs[t.RefID] = true
		if t.Datasource != source || !t.Instant || t.Range {
			say("query %s is not an instant query of the data source %s", t.RefID, DataSourceUID)
		}
		expr, err := substitute(b, t.Expr, variables)
		if err != nil {
			say("query %s: %v", t.RefID, err)
			continue
		}
		s, err := parseSelector(expr)
		if err != nil {
			say("query %s: %v", t.RefID, err)
		} else if len(s.metrics()) != 1 {
			say("query %s names no metric", t.RefID)
		}
	}
	return problems
}

// walk follows a panel's transformations over the fields of its queries. It
// returns the fields at the end, and what a step names and does not find.
func walk(p Panel, tables map[string][]string) (fields, problems []string) {
	say := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	for _, step := range p.Transformations {
		switch o := step.Options.(type) {
		case JoinByField:
			for _, ref := range slices.Sorted(maps.Keys(tables)) {
				if !slices.Contains(tables[ref], o.ByField) {
					say("query %s has no field %q to join on", ref, o.ByField)
				}
			}
			fields = join(o.ByField, tables)
		case Organize:
			fields = organized(o, fields, say)
		case SortBy:
			for _, f := range o.Sort {
				if !slices.Contains(fields, f.Field) {
					say("it sorts by %q, which is not there", f.Field)
				}
			}
		case RowNumber:
			fields = append(fields, o.Alias)
		default:
			say("step %s is not known to this test", step.ID)
		}
	}
	return fields, problems
}

// join names fields as Grafana does: one that stands in several tables is
// numbered.
func join(key string, tables map[string][]string) []string {
	count, seen := map[string]int{}, map[string]int{}
	refs := slices.Sorted(maps.Keys(tables))
	for _, ref := range refs {
		for _, f := range tables[ref] {
			count[f]++
		}
	}
	out := []string{key}
	for _, ref := range refs {
		for _, f := range tables[ref] {
			if f == key {
				continue
			}
			seen[f]++
			if count[f] > 1 {
				f = fmt.Sprintf("%s %d", f, seen[f])
			}
			out = append(out, f)
		}
	}
	return out
}

// organized leaves out and renames. Every field must be either left out or
// named: one that is neither would show under its raw name.
func organized(o Organize, fields []string, say func(string, ...any)) []string {
	var out []string
	for _, f := range fields {
		if o.ExcludeByName[f] {
			continue
		}
		name, ok := o.RenameByName[f]
		if !ok || strings.TrimSpace(name) == "" {
			say("field %q is neither named nor left out", f)
		}
		out = append(out, name)
	}
	for from := range o.RenameByName {
		if !slices.Contains(fields, from) {
			say("it renames %q, which is not there", from)
		}
	}
	return out
}
