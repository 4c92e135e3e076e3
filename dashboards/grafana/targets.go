package grafana

import (
	"fmt"
	"strings"
)

// Question is one query of a board with its variables filled in, for a test
// that runs every one against a running server.
type Question struct {
	Panel   string // title of the panel, or of the variable
	RefID   string
	Expr    string
	Instant bool
}

// Targets returns every query of a board's panels, with $name replaced by its
// value. A variable without a value is an error, as is a query that is not
// instant: answers have no history.
func Targets(b Board, values map[string]string) ([]Question, error) {
	var out []Question
	for _, p := range b.Panels {
		for _, t := range p.Targets {
			expr, err := substitute(b, t.Expr, values)
			if err != nil {
				return nil, fmt.Errorf("board %s, panel %q, query %s: %w", b.UID, p.Title, t.RefID, err)
			}
			out = append(out, Question{p.Title, t.RefID, expr, t.Instant})
		}
	}
	return out, nil
}

// Lookup is one variable of a board: the label whose values it offers, and of
// which series.
type Lookup struct {
	Variable string
	Label    string
	Match    string
}

// Lookups returns the queries behind a board's variables, filled in.
func Lookups(b Board, values map[string]string) ([]Lookup, error) {
	var out []Lookup
	for _, v := range b.Templating.List {
		inner, ok := strings.CutPrefix(v.Query.Query, "label_values(")
		inner, closed := strings.CutSuffix(inner, ")")
		comma := strings.LastIndex(inner, ",")
		if !ok || !closed || comma < 0 {
			return nil, fmt.Errorf("board %s, variable %s: %q is no label_values(series,label)", b.UID, v.Name, v.Query.Query)
		}
		match, err := substitute(b, inner[:comma], values)
		if err != nil {
			return nil, fmt.Errorf("board %s, variable %s: %w", b.UID, v.Name, err)
		}
		out = append(out, Lookup{v.Name, strings.TrimSpace(inner[comma+1:]), match})
	}
	return out, nil
}

// substitute fills in the board's variables.
func substitute(b Board, expr string, values map[string]string) (string, error) {
	for _, v := range b.Templating.List {
		value, known := values[v.Name]
		if strings.Contains(expr, "$"+v.Name) && !known {
			return "", fmt.Errorf("no value for $%s", v.Name)
		}
		expr = strings.ReplaceAll(expr, "$"+v.Name, value)
	}
	if i := strings.IndexByte(expr, '$'); i >= 0 {
		return "", fmt.Errorf("%q names a variable that the board does not declare", expr[i:])
	}
	return expr, nil
}
