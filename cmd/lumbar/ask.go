package main

import (
	"errors"
	"fmt"
	"io"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/lumbar-health/lumbar/queries"
	"github.com/lumbar-health/lumbar/queries/disclosure"
)

// newAskCommand makes a subcommand of every registered question. openDesk is
// called once the question is known, and what it returns is closed at the end.
func newAskCommand(openDesk func(cmd *cobra.Command) (asker, func() error, error)) *cobra.Command {
	ask := &cobra.Command{
		Use:   "ask QUESTION",
		Short: "Ask a question of the data, as the API does",
		Long:  "Ask a question of the data, as the API does. Lists are comma separated. Values of too few people are shown as *.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("there is no question %q: ask one of %s", args[0], strings.Join(questionNames(), ", "))
			}
			return nil
		},
		RunE: func(*cobra.Command, []string) error {
			return usageError{fmt.Errorf("ask one of %s", strings.Join(questionNames(), ", "))}
		},
	}
	for _, spec := range queries.Questions() {
		ask.AddCommand(newQuestionCommand(spec, openDesk))
	}
	return ask
}

func questionNames() (names []string) {
	for _, q := range queries.Questions() {
		names = append(names, q.Name)
	}
	return names
}

// newQuestionCommand is one question; its flags are the question's parameters.
func newQuestionCommand(spec queries.Spec, openDesk func(cmd *cobra.Command) (asker, func() error, error)) *cobra.Command {
	cmd := &cobra.Command{Use: spec.Name, Short: spec.Title, Long: spec.Description, Args: cobra.NoArgs}
	values := map[string]*[]string{}
	for _, p := range spec.Params {
		values[p.Name] = cmd.Flags().StringArray(p.Name, nil, usageOf(p))
		if p.Kind == queries.BoolParam {
			cmd.Flags().Lookup(p.Name).NoOptDefVal = "true"
		}
	}
	undisclosed := cmd.Flags().Bool("undisclosed", false, "full precision, nothing withheld: for whoever holds the data directory")
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		q := queries.Question{Name: spec.Name, Params: map[string][]string{}, Actor: whoAsks(), Undisclosed: *undisclosed}
		for _, p := range spec.Params {
			if !cmd.Flags().Changed(p.Name) {
				continue
			}
			q.Params[p.Name] = *values[p.Name]
			if p.Kind == queries.ListParam {
				q.Params[p.Name] = queries.SplitList(strings.Join(*values[p.Name], ","))
			}
		}
		if err := queries.Check(q); err != nil {
			return usageError{err}
		}
		desk, closeDesk, err := openDesk(cmd)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, closeDesk()) }()
		answer, err := desk.Ask(cmd.Context(), q)
		if err != nil {
			return err
		}
		if asJSON(cmd) {
			return writeJSON(cmd.OutOrStdout(), answer)
		}
		return writeTable(cmd.OutOrStdout(), answer)
	}
	return cmd
}

// usageOf is a flag's line of help.
func usageOf(p queries.Param) string {
	text := p.Description
	if len(p.Values) > 0 && len(p.Values) <= 16 {
		text += ": " + strings.Join(p.Values, ", ")
	}
	if p.Default != "" {
		text += " (default " + p.Default + ")"
	}
	return text
}

// whoAsks is the actor of a receipt written by a command.
func whoAsks() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return "command:" + u.Username
	}
	return "command"
}

// writeTable prints an answer in aligned columns, * where a value is withheld,
// then its notes and receipt.
func writeTable(w io.Writer, a *queries.Answer) error {
	cells := [][]string{nil}
	for _, c := range a.Columns {
		cells[0] = append(cells[0], c.Name)
	}
	for _, row := range a.Rows {
		var line []string
		for i, c := range a.Columns {
			line = append(line, cellText(row, i, c))
		}
		cells = append(cells, line)
	}
	widths := make([]int, len(a.Columns))
	for _, line := range cells {
		for i, text := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
		}
	}
	var b strings.Builder
	for _, line := range cells {
		var out []string
		for i, text := range line {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text))
			if isWord(a.Columns[i].Kind) {
				out = append(out, text+pad)
			} else {
				out = append(out, pad+text)
			}
		}
		b.WriteString(strings.TrimRight(strings.Join(out, "  "), " ") + "\n")
	}
	for _, note := range a.Notes {
		b.WriteString("\n" + note)
	}
	if len(a.Notes) > 0 {
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "\nreceipt %s\n", a.Receipt)
	_, err := io.WriteString(w, b.String())
	return err
}

func isWord(k disclosure.Kind) bool {
	return k == disclosure.KindDimension || k == disclosure.KindText || k == disclosure.KindFlag || k == disclosure.KindWord
}

func cellText(row disclosure.Row, i int, c disclosure.Column) string {
	switch v := row.Values[i].(type) {
	case nil:
		if slices.Contains(row.Suppressed, c.Name) {
			return "*"
		}
		return "-"
	case float64:
		return strconv.FormatFloat(v, 'g', 12, 64)
	default:
		return fmt.Sprint(v)
	}
}
