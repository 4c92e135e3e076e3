package methods

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/lumbar-health/lumbar/analytics/design"
)

// Filter is a list of [column, operator, value…], applied in order. in, eq and
// ne compare values as written (1 equals "1"); le, ge, lt, gt compare numbers;
// notnull takes no value. A missing value passes none of them.
type Filter [][]any

// ParseFilter reads a filter from JSON; "" is no filter.
func ParseFilter(raw string) (Filter, error) {
	if raw == "" {
		return nil, nil
	}
	var f Filter
	if err := json.Unmarshal([]byte(raw), &f); err != nil {
		return nil, fmt.Errorf(`filter must be a list such as [["age","ge",18]]: %w`, ErrRequest)
	}
	return f, nil
}

// Apply returns the table of the rows that pass every condition; levels that
// none of them has are dropped.
func (f Filter) Apply(t *design.Table) (*design.Table, error) {
	rows := make([]int, t.Rows())
	for i := range rows {
		rows[i] = i
	}
	for _, condition := range f {
		if len(condition) < 2 {
			return nil, fmt.Errorf("filter: a condition is [column, operator, value…]: %w", ErrRequest)
		}
		name, op := text(condition[0]), text(condition[1])
		c, ok := t.Column(name)
		if !ok {
			return nil, fmt.Errorf("filter: there is no column %q: %w", name, ErrRequest)
		}
		passes, err := test(c, op, condition[2:])
		if err != nil {
			return nil, err
		}
		kept := rows[:0]
		for _, r := range rows {
			if !c.Missing(r) && passes(r) {
				kept = append(kept, r)
			}
		}
		rows = kept
	}
	return t.Select(rows), nil
}

// test returns what a row with a value must satisfy.
func test(c design.Column, op string, values []any) (func(row int) bool, error) {
	switch op {
	case "notnull":
		return func(int) bool { return true }, nil
	case "in", "eq", "ne":
		if op != "in" && len(values) != 1 {
			return nil, fmt.Errorf("filter: %s takes one value: %w", op, ErrRequest)
		}
		among := oneOf(c, values)
		if op == "ne" {
			return func(r int) bool { return !among(r) }, nil
		}
		return among, nil
	case "le", "ge", "lt", "gt":
		if len(values) != 1 || c.IsFactor() {
			return nil, fmt.Errorf("filter: %s takes one value and a numeric column: %w", op, ErrRequest)
		}
		limit, err := strconv.ParseFloat(text(values[0]), 64)
		if err != nil {
			return nil, fmt.Errorf("filter: %s takes a number: %w", op, ErrRequest)
		}
		compare := map[string]func(a, b float64) bool{
			"le": func(a, b float64) bool { return a <= b }, "ge": func(a, b float64) bool { return a >= b },
			"lt": func(a, b float64) bool { return a < b }, "gt": func(a, b float64) bool { return a > b },
		}[op]
		return func(r int) bool { return compare(c.Values[r], limit) }, nil
	}
	return nil, fmt.Errorf("filter: operator %q, have in, notnull, eq, ne, le, ge, lt, gt: %w", op, ErrRequest)
}

// oneOf says whether a row's value is among those listed; a list within the
// condition counts as its values.
func oneOf(c design.Column, values []any) func(int) bool {
	var flat []string
	for _, v := range values {
		if list, ok := v.([]any); ok {
			for _, inner := range list {
				flat = append(flat, text(inner))
			}
			continue
		}
		flat = append(flat, text(v))
	}
	if c.IsFactor() {
		wanted := make([]bool, len(c.Levels))
		for k, l := range c.Levels {
			for _, v := range flat {
				wanted[k] = wanted[k] || sameValue(l, v)
			}
		}
		return func(r int) bool { return wanted[c.Codes[r]] }
	}
	numbers := map[float64]bool{}
	for _, v := range flat {
		if x, err := strconv.ParseFloat(v, 64); err == nil {
			numbers[x] = true
		}
	}
	return func(r int) bool { return numbers[c.Values[r]] }
}
