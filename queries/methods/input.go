package methods

import (
	"fmt"
	"math"
	"strconv"

	"github.com/lumbar-health/lumbar/analytics/design"
)

// Input hands a method its columns and params, checked.
type Input struct {
	method  Method
	table   *design.Table
	roles   map[string]string
	params  map[string]any
	leftOut int
	kept    []int // places in the request's table of the rows kept; nil: all
}

// newInput checks that the required roles and params are there, and leaves out
// the rows that miss a value in a role's column. Roles and params that the
// method does not know are ignored.
func newInput(m Method, req Request) (*Input, error) {
	in := &Input{method: m, table: req.Table, roles: req.Roles, params: req.Params}
	for _, p := range m.Params {
		if v, ok := req.Params[p.Name]; !ok || v == nil {
			if !p.Optional {
				return nil, fmt.Errorf("param %s is missing: %s: %w", p.Name, p.Help, ErrRequest)
			}
			continue
		}
		if err := p.check(req.Params[p.Name]); err != nil {
			return nil, err
		}
	}
	if in.needsTable() && in.table == nil {
		return nil, fmt.Errorf("needs a table: %w", ErrRequest)
	}
	return in, in.dropMissing()
}

// needsTable says whether the method has a role or a formula to fill.
func (in *Input) needsTable() bool {
	for _, p := range in.method.Params {
		if p.Kind == Formula {
			return true
		}
	}
	return len(in.method.Roles) > 0
}

// dropMissing keeps the rows complete in every role's column.
func (in *Input) dropMissing() error {
	var columns []design.Column
	for _, r := range in.method.Roles {
		name, given := in.roles[r.Name]
		if !given {
			if r.Optional {
				continue
			}
			return fmt.Errorf("role %s is missing: %s: %w", r.Name, r.Help, ErrRequest)
		}
		c, ok := in.table.Column(name)
		if !ok {
			return fmt.Errorf("role %s: there is no column %q: %w", r.Name, name, ErrRequest)
		}
		if r.Kind == Numeric && c.IsFactor() {
			return fmt.Errorf("role %s: column %q holds text, need numbers: %w", r.Name, name, ErrRequest)
		}
		if !r.Gaps {
			columns = append(columns, c)
		}
	}
	if in.table == nil {
		return nil
	}
	keep := make([]int, 0, in.table.Rows())
next:
	for r := 0; r < in.table.Rows(); r++ {
		for _, c := range columns {
			if c.Missing(r) {
				continue next
			}
		}
		keep = append(keep, r)
	}
	in.leftOut = in.table.Rows() - len(keep)
	if in.leftOut > 0 {
		in.table, in.kept = in.table.Select(keep), keep
	}
	return nil
}

// row is the place in the request's table of a row of the Input's.
func (in *Input) row(i int) int {
	if in.kept == nil {
		return i
	}
	return in.kept[i]
}

// Numbers returns the column in a numeric role.
func (in *Input) Numbers(role string) []float64 {
	c, _ := in.table.Column(in.roles[role])
	return c.Values
}

// Labels returns the column in a role as a factor: text as it is, numbers by
// their value.
func (in *Input) Labels(role string) design.Column {
	c, _ := in.table.Column(in.roles[role])
	return design.AsFactor(c)
}

// Has says whether an optional role was given.
func (in *Input) Has(role string) bool { return in.roles[role] != "" }

// Split returns the numbers in role y of the rows whose label in role g is the
// level named by the param.
func (in *Input) Split(y, g, param string) ([]float64, error) {
	labels := in.Labels(g)
	level := text(in.params[param])
	for k, l := range labels.Levels {
		if !sameValue(l, level) {
			continue
		}
		var out []float64
		for i, v := range in.Numbers(y) {
			if labels.Codes[i] == k {
				out = append(out, v)
			}
		}
		return out, nil
	}
	return nil, fmt.Errorf("%s: column %q has no row with that level: %w", param, in.roles[g], ErrRequest)
}

// Number returns a numeric param, or the default.
func (in *Input) Number(name string, otherwise float64) float64 {
	if v, ok := in.params[name].(float64); ok {
		return v
	}
	return otherwise
}

// Text returns a text param, or the default.
func (in *Input) Text(name, otherwise string) string {
	if v, ok := in.params[name].(string); ok {
		return v
	}
	return otherwise
}

// List returns a param that is a list of numbers, nil where it is absent.
func (in *Input) List(name string) []float64 {
	out, _ := numberList(in.params[name])
	return out
}

// Texts returns a param that is a list of texts, nil where it is absent.
func (in *Input) Texts(name string) []string {
	out, _ := textList(in.params[name])
	return out
}

// Flag returns a param that is true or false, false where it is absent.
func (in *Input) Flag(name string) bool {
	v, _ := in.params[name].(bool)
	return v
}

// Record returns a param that is an object, nil where it is absent.
func (in *Input) Record(name string) map[string]any {
	v, _ := in.params[name].(map[string]any)
	return v
}

// numberList reads a list of finite numbers; a bare number is a list of one.
func numberList(v any) ([]float64, bool) {
	return listOf(v, func(n float64) bool { return !math.IsNaN(n) && !math.IsInf(n, 0) })
}

// textList reads a list of texts; a bare text is a list of one.
func textList(v any) ([]string, bool) { return listOf(v, func(string) bool { return true }) }

func listOf[T any](v any, allowed func(T) bool) ([]T, bool) {
	items, isList := v.([]any)
	if !isList {
		items = []any{v}
	}
	out := make([]T, len(items))
	for i, item := range items {
		x, ok := item.(T)
		if !ok || !allowed(x) {
			return nil, false
		}
		out[i] = x
	}
	return out, true
}

// Design builds the design of a formula param over the table; rows that miss a
// value in the formula's variables are left out and counted.
func (in *Input) Design(param string) (*design.Matrix, error) {
	f, err := design.Parse(in.Text(param, ""))
	if err != nil {
		return nil, err
	}
	return in.build(f)
}

func (in *Input) build(f design.Formula) (*design.Matrix, error) {
	m, err := f.Build(in.table)
	if err != nil {
		return nil, err
	}
	in.leftOut += in.table.Rows() - m.N
	return m, nil
}

// check refuses a param of the wrong kind.
func (p Param) check(v any) error {
	ok := false
	switch p.Kind {
	case Number:
		n, isNumber := v.(float64)
		ok = isNumber && !math.IsNaN(n) && !math.IsInf(n, 0)
	case NumberList:
		_, ok = numberList(v)
	case TextList:
		_, ok = textList(v)
	case Flag:
		_, ok = v.(bool)
	case Record:
		_, ok = v.(map[string]any)
	case Text, Formula:
		_, ok = v.(string)
	case Level:
		switch v.(type) {
		case string, float64, bool:
			ok = true
		}
	}
	if !ok {
		return fmt.Errorf("param %s must be a %s: %w", p.Name, p.Kind, ErrRequest)
	}
	if len(p.OneOf) == 0 {
		return nil
	}
	for _, allowed := range p.OneOf {
		if v == allowed {
			return nil
		}
	}
	return fmt.Errorf("param %s must be one of %v: %w", p.Name, p.OneOf, ErrRequest)
}

// text writes a JSON scalar as a table cell would hold it.
func text(v any) string {
	switch x := v.(type) {
	case string:
		return x
	case float64:
		return strconv.FormatFloat(x, 'g', 15, 64)
	case bool:
		return strconv.FormatBool(x)
	}
	return ""
}

// sameValue says whether two cells are equal, as texts or as numbers.
func sameValue(a, b string) bool {
	if a == b {
		return true
	}
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	return errX == nil && errY == nil && x == y
}
