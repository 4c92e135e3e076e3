package design

import (
	"fmt"
	"math"
	"sort"
	"strconv"

	"github.com/lumbar-health/lumbar/analytics"
)

// Column is a variable: numbers in Values (NaN is missing), or, with Levels, a
// factor whose Codes are places in Levels (−1 is missing).
type Column struct {
	Name   string
	Values []float64
	Codes  []int
	Levels []string
}

// IsFactor says whether the column is a factor.
func (c Column) IsFactor() bool { return c.Levels != nil }

// Len is the number of rows.
func (c Column) Len() int {
	if c.IsFactor() {
		return len(c.Codes)
	}
	return len(c.Values)
}

// Missing says whether row r has no value.
func (c Column) Missing(r int) bool {
	if c.IsFactor() {
		return c.Codes[r] < 0
	}
	return math.IsNaN(c.Values[r])
}

// Table is columns of equal length.
type Table struct {
	columns []Column
	index   map[string]int
	rows    int
	counts  []float64 // people a row; nil: one each
}

// NewTable returns a table of the columns; different lengths or a name twice is
// ErrInvalidParameter.
func NewTable(columns ...Column) (*Table, error) {
	t := &Table{columns: columns, index: make(map[string]int, len(columns))}
	for i, c := range columns {
		if _, twice := t.index[c.Name]; twice {
			return nil, fmt.Errorf("design: column %q twice: %w", c.Name, analytics.ErrInvalidParameter)
		}
		if i == 0 {
			t.rows = c.Len()
		}
		if c.Len() != t.rows {
			return nil, fmt.Errorf("design: column %q has %d rows, others %d: %w", c.Name, c.Len(), t.rows, analytics.ErrInvalidParameter)
		}
		t.index[c.Name] = i
	}
	return t, nil
}

// Rows is the number of rows.
func (t *Table) Rows() int { return t.rows }

// Columns returns the columns in order; they must not be modified.
func (t *Table) Columns() []Column { return t.columns }

// Column returns the column of that name.
func (t *Table) Column(name string) (Column, bool) {
	i, ok := t.index[name]
	if !ok {
		return Column{}, false
	}
	return t.columns[i], true
}

// Counted returns the table as one of patterns: each row stands for that many
// people, to whom poly() and rcs() are fitted. A count a row, none negative, or
// ErrInvalidParameter.
func (t *Table) Counted(counts []float64) (*Table, error) {
	if len(counts) != t.rows {
		return nil, fmt.Errorf("design: %d counts for %d rows: %w", len(counts), t.rows, analytics.ErrInvalidParameter)
	}
	for i, n := range counts {
		if !(n >= 0) {
			return nil, fmt.Errorf("design: row %d has no count: %w", i+1, analytics.ErrInvalidParameter)
		}
	}
	out := *t
	out.counts = counts
	return &out, nil
}

// Select returns a table of the rows at the places given, with factor levels
// that none of them has left out.
func (t *Table) Select(rows []int) *Table {
	out := &Table{columns: make([]Column, len(t.columns)), index: t.index, rows: len(rows)}
	for i, c := range t.columns {
		out.columns[i] = c.at(rows)
	}
	if t.counts != nil {
		out.counts = make([]float64, len(rows))
		for i, r := range rows {
			out.counts[i] = t.counts[r]
		}
	}
	return out
}

// With returns a table with one column added or replaced.
func (t *Table) With(c Column) (*Table, error) {
	columns := append([]Column(nil), t.columns...)
	if i, ok := t.index[c.Name]; ok {
		columns[i] = c
	} else {
		columns = append(columns, c)
	}
	out, err := NewTable(columns...)
	if err != nil {
		return nil, err
	}
	out.counts = t.counts
	return out, nil
}

// at picks rows and drops the levels that none has.
func (c Column) at(rows []int) Column {
	if !c.IsFactor() {
		values := make([]float64, len(rows))
		for i, r := range rows {
			values[i] = c.Values[r]
		}
		return Column{Name: c.Name, Values: values}
	}
	codes := make([]int, len(rows))
	used := make([]bool, len(c.Levels))
	for i, r := range rows {
		codes[i] = c.Codes[r]
		if codes[i] >= 0 {
			used[codes[i]] = true
		}
	}
	return dropLevels(Column{Name: c.Name, Codes: codes, Levels: c.Levels}, used)
}

// dropLevels keeps the used levels, in order.
func dropLevels(c Column, used []bool) Column {
	place := make([]int, len(c.Levels))
	levels := make([]string, 0, len(c.Levels))
	for k, u := range used {
		place[k] = len(levels)
		if u {
			levels = append(levels, c.Levels[k])
		}
	}
	for i, k := range c.Codes {
		if k >= 0 {
			c.Codes[i] = place[k]
		}
	}
	c.Levels = levels
	return c
}

// AsFactor returns the column as a factor: a factor as it is, numbers with their
// distinct values as levels, ascending; missing values stay missing.
func AsFactor(c Column) Column {
	if c.IsFactor() {
		return c
	}
	place := map[float64]int{}
	var values []float64
	for _, v := range c.Values {
		if _, seen := place[v]; !seen && !math.IsNaN(v) {
			place[v] = 0
			values = append(values, v)
		}
	}
	sort.Float64s(values)
	f := Column{Name: c.Name, Levels: make([]string, len(values)), Codes: make([]int, len(c.Values))}
	for k, v := range values {
		place[v] = k
		f.Levels[k] = strconv.FormatFloat(v+0, 'g', 15, 64) // -0 is written 0
	}
	for i, v := range c.Values {
		f.Codes[i] = -1
		if !math.IsNaN(v) {
			f.Codes[i] = place[v]
		}
	}
	return f
}
