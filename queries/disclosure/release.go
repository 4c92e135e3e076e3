package disclosure

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Table is an exact answer before disclosure control. It does not leave queries.
type Table struct {
	Question string   // names the registered columns
	By       []string // the dimensions in front of them
	Rows     []Record
	Notes    []string
	Exact    bool // every sum was a sum of whole numbers
	// Cohorts are those that the rows tell of, in the order in which the ledger
	// is to compare them.
	Cohorts []Cohorts
	// Derive, where set, makes the derived columns from the rows as they are
	// shown: a map of cells for each, and notes. It sees nothing that is withheld.
	Derive func(rows []Shown) (cells []map[string]any, notes []string, err error)
}

// Shown is one row as it is shown: its values by column, nil where there is none.
type Shown map[string]any

// Of names a cell of one of the table's cohorts.
type Of struct {
	Cohorts int // place in Table.Cohorts
	Cell    string
}

// Record is one exact row: its group, and a cell for each column that has a
// value. A cell is nil, a string, a bool, an int64 (counts), a float64, or what
// Lower, Upper, StdErr, PValue, Share and Difference return. Ratios and derived columns are
// left out: they are made of what is released.
type Record struct {
	Key   []any // one for each of By; nil where unknown
	Cells map[string]any
	Scale Scale
	// Of are the cohorts whose people the row tells of: where the ledger
	// withholds one of them the whole row is suppressed.
	Of []Of

	withheld bool
}

// Release compares the table's cohorts with those of other questions, applies
// the rules and returns what may be shown.
func Release(ctx context.Context, t *Table, l *Ledger, count Counter) (*Answer, error) {
	withheld, err := l.Admit(ctx, t.Cohorts, count)
	if err != nil {
		return nil, err
	}
	for i := range t.Rows {
		r := &t.Rows[i]
		r.withheld = slices.ContainsFunc(r.Of, func(of Of) bool { return withheld[of.Cohorts][of.Cell] })
	}
	return t.answer(true)
}

// Expose returns the table at full precision, nothing withheld: for whoever
// holds the data directory.
func Expose(t *Table) (*Answer, error) { return t.answer(false) }

func (t *Table) answer(disclosed bool) (*Answer, error) {
	measures, ok := registered()[t.Question]
	if !ok {
		return nil, fmt.Errorf("disclosure: no columns are registered for %q", t.Question)
	}
	if disclosed && len(t.By) > MaxDimensions {
		return nil, fmt.Errorf("disclosure: %d dimensions, at most %d", len(t.By), MaxDimensions)
	}
	a := &Answer{Notes: slices.Clone(t.Notes), Rows: make([]Row, 0, len(t.Rows))}
	for _, name := range t.By {
		a.Columns = append(a.Columns, Column{Name: name, Kind: KindDimension})
	}
	for _, m := range measures {
		a.Columns = append(a.Columns, Column{Name: m.Name, Kind: m.Kind})
	}
	for _, r := range t.Rows {
		row := Row{Values: make([]any, 0, len(a.Columns))}
		row.Values = append(row.Values, r.Key...)
		for _, m := range measures {
			v, withheld, err := r.cell(m, disclosed)
			if err != nil {
				return nil, fmt.Errorf("disclosure: %s.%s: %w", t.Question, m.Name, err)
			}
			row.Values = append(row.Values, v)
			if strings.HasPrefix(m.N, "_") && !disclosed {
				row.rests(m.N, r.Cells[m.N])
			}
			if withheld {
				row.Suppressed = append(row.Suppressed, m.Name)
			}
		}
		a.Rows = append(a.Rows, row)
	}
	return a, t.derive(a, measures, disclosed)
}

// cell returns the value of one column as shown, or that it is withheld.
func (r *Record) cell(m Measure, disclosed bool) (value any, withheld bool, err error) {
	if m.Kind == KindText {
		return r.Cells[m.Name], false, nil
	}
	if m.Kind.derived() {
		return nil, false, nil // made when all else is shown
	}
	if !disclosed {
		v, err := r.exact(m)
		return v, false, err
	}
	if r.withheld && !(m.Kind == KindNumber && m.N == "") {
		return nil, true, nil
	}
	base, err := r.base(m)
	if err != nil {
		return nil, false, err
	}
	if small(base) && !(m.Zero && r.Cells[m.Name] == int64(0)) {
		return nil, true, nil
	}
	if m.Kind == KindRatio {
		return r.ratio(m)
	}
	return r.shown(m, base)
}

// base is the exact count that a column rests on.
func (r *Record) base(m Measure) (int64, error) {
	if m.N == "" {
		return 0, nil
	}
	n, ok := r.Cells[m.N].(int64)
	if !ok && r.Cells[m.N] != nil {
		return 0, fmt.Errorf("%s is no count", m.N)
	}
	if !ok && strings.HasPrefix(m.N, "_") && r.Cells[m.Name] != nil {
		return 0, fmt.Errorf("the count %s is not known", m.N)
	}
	return n, nil
}

// exact is a cell at full precision.
func (r *Record) exact(m Measure) (any, error) {
	if m.Kind == KindRatio {
		a, _ := r.Cells[m.Of[0]].(int64)
		b, ok := r.Cells[m.Of[1]].(int64)
		if !ok || b == 0 {
			return nil, nil
		}
		return float64(a) / float64(b), nil
	}
	switch v := r.Cells[m.Name].(type) {
	case derived:
		x, ok := v.part(v.of)
		return finite(x, ok), nil
	case share:
		return finite(float64(v.part)/float64(v.whole), true), nil
	case imbalances:
		x, ok := v.value()
		return finite(x, ok), nil
	case float64:
		return finite(v, true), nil
	case nil, string, bool, int64:
		return v, nil
	default:
		return nil, fmt.Errorf("a cell of type %T", v)
	}
}

// shown is a cell that passes, rounded by its kind.
func (r *Record) shown(m Measure, base int64) (any, bool, error) {
	switch v := r.Cells[m.Name].(type) {
	case nil:
		return nil, false, nil
	case int64:
		if m.Kind != KindCount {
			return nil, false, fmt.Errorf("a count in a column of kind %s", m.Kind)
		}
		n, ok := Count(v)
		if !ok {
			return nil, true, nil
		}
		return n, false, nil
	case string, bool:
		if m.Kind != KindFlag {
			return nil, false, fmt.Errorf("a word in a column of kind %s", m.Kind)
		}
		return v, false, nil
	case float64:
		return r.rounded(m.Kind, v, base), false, nil
	case share:
		return v.released(m.Sensitive)
	case imbalances:
		x, ok := v.released()
		if !ok {
			return nil, true, nil
		}
		return r.rounded(m.Kind, x, base), false, nil
	case derived:
		n, _ := Count(base)
		x, ok := v.released(r.Scale.Decimals(n))
		if !ok {
			return nil, false, nil
		}
		return r.rounded(m.Kind, x, base), false, nil
	default:
		return nil, false, fmt.Errorf("a cell of type %T", v)
	}
}

func (r *Record) rounded(kind Kind, x float64, base int64) any {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	switch kind {
	case KindMean, KindBound, KindEstimate:
		n, _ := Count(base)
		return Round(x, r.Scale.Decimals(n))
	case KindPValue:
		return pValue(x)
	case KindNumber:
		return Significant(x, 3)
	}
	return Significant(x, 2)
}

// ratio divides the counts as released.
func (r *Record) ratio(m Measure) (any, bool, error) {
	a, aok := r.Cells[m.Of[0]].(int64)
	b, bok := r.Cells[m.Of[1]].(int64)
	if !aok || !bok || b == 0 {
		return nil, false, nil
	}
	return share{a, b}.released(m.Sensitive)
}

func finite(x float64, ok bool) any {
	if !ok || math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return x
}
