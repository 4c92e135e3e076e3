package design

import "math"

// maxCells and maxColumns bound a design that is built in memory.
const (
	maxCells   = 20_000_000
	maxColumns = 1000
)

// Matrix is a design over rows. X is row after row; Assign gives for each
// column the place of its term in Labels plus one, 0 for the intercept; Rows
// are the places in the table of the rows used, those without a missing value.
type Matrix struct {
	Names    []string
	Labels   []string
	Assign   []int
	N, P     int
	X        []float64
	Y        []float64 // nil when the formula has no response
	Response string
	Rows     []int
	sets     []termSet
}

// Row returns row i of the design; it must not be modified.
func (m *Matrix) Row(i int) []float64 { return m.X[i*m.P : (i+1)*m.P] }

// Column returns a copy of column j.
func (m *Matrix) Column(j int) []float64 {
	out := make([]float64, m.N)
	for i := range out {
		out[i] = m.X[i*m.P+j]
	}
	return out
}

// Place returns the column of that name, or -1.
func (m *Matrix) Place(name string) int {
	for j, n := range m.Names {
		if n == name {
			return j
		}
	}
	return -1
}

// part is one column that a variable contributes to a term.
type part struct {
	suffix string
	values []float64
}

// bound is a variable of the formula with its values over the used rows.
type bound struct {
	variable
	factor *Column
	parts  []part // of a variable that is not a factor
}

// Build returns the design of the formula over the table's rows, those with a
// missing value in a variable of the formula left out. An unknown column, text
// where a number is needed, no rows: ErrInvalidParameter.
func (f Formula) Build(t *Table) (*Matrix, error) {
	rows, err := t.complete(f.Columns())
	if err != nil {
		return nil, err
	}
	used := t.Select(rows)
	m := &Matrix{N: len(rows), Rows: rows, Labels: f.Labels(), Response: f.ResponseName(), sets: f.terms}
	if f.response != nil {
		if m.Y, err = used.evaluate(f.response); err != nil {
			return nil, err
		}
		if err := finite(m.Response, m.Y); err != nil {
			return nil, err
		}
	}
	vars := make([]bound, len(f.variables))
	for i, v := range f.variables {
		if vars[i], err = used.bind(v); err != nil {
			return nil, err
		}
	}
	columns, err := f.columns(vars, m)
	if err != nil {
		return nil, err
	}
	m.fill(columns)
	return m, nil
}

// complete lists the rows without a missing value in the columns.
func (t *Table) complete(names []string) ([]int, error) {
	var columns []Column
	for _, name := range names {
		c, ok := t.Column(name)
		if !ok {
			return nil, syntax("there is no column %q", name)
		}
		columns = append(columns, c)
	}
	rows := make([]int, 0, t.rows)
next:
	for r := 0; r < t.rows; r++ {
		for _, c := range columns {
			if c.Missing(r) {
				continue next
			}
		}
		rows = append(rows, r)
	}
	if len(rows) == 0 {
		return nil, syntax("no row has a value in every variable")
	}
	return rows, nil
}

// bind evaluates a variable over the used rows.
func (t *Table) bind(v variable) (bound, error) {
	b := bound{variable: v}
	n := v.expr
	if n.op == "name" {
		c, ok := t.Column(n.text)
		if ok && c.IsFactor() {
			b.factor = &c
			return b, nil
		}
	}
	switch {
	case n.op == "call" && (n.text == "factor" || n.text == "as.factor"):
		c, _ := t.Column(n.args[0].text)
		c = AsFactor(c)
		b.factor = &c
		return b, nil
	case n.isCurved():
		x, err := t.numeric(n.args[0].text)
		if err != nil {
			return b, err
		}
		b.parts, err = n.bases(x, frequencies(x, t.counts))
		return b, err
	}
	x, err := t.evaluate(n)
	if err != nil {
		return b, err
	}
	if err := finite(v.name, x); err != nil {
		return b, err
	}
	if n.isLogical() {
		b.factor = logical(v.name, x)
		return b, nil
	}
	b.parts = []part{{values: x}}
	return b, nil
}

// logical is a factor of the levels FALSE and TRUE that occur, from 0 and 1.
func logical(name string, x []float64) *Column {
	c := AsFactor(Column{Name: name, Values: x})
	for k, l := range c.Levels {
		c.Levels[k] = map[string]string{"0": "FALSE", "1": "TRUE"}[l]
	}
	return &c
}

// columns lists the columns of every term, naming them in m.
func (f Formula) columns(vars []bound, m *Matrix) ([][]float64, error) {
	var out [][]float64
	if f.intercept {
		m.Names, m.Assign = append(m.Names, "(Intercept)"), append(m.Assign, 0)
		ones := make([]float64, m.N)
		for i := range ones {
			ones[i] = 1
		}
		out = append(out, ones)
	}
	codings := f.codings(func(i int) bool { return vars[i].factor != nil })
	for k, t := range f.terms {
		products := []part{{}}
		for i := range vars {
			if !t.has(i) {
				continue
			}
			own, err := vars[i].columns(codings[k][i] == full)
			if err != nil {
				return nil, err
			}
			if wide := len(out) + len(products)*len(own); wide > maxColumns || wide*m.N > maxCells {
				return nil, syntax("%d columns of %d rows are more than can be built: at most %d columns and %d cells", wide, m.N, maxColumns, maxCells)
			}
			products = multiply(products, own)
		}
		for _, p := range products {
			out = append(out, p.values)
			m.Names, m.Assign = append(m.Names, p.suffix), append(m.Assign, k+1)
		}
	}
	return out, nil
}

// columns returns the columns that the variable brings to a term, named.
func (b bound) columns(everyLevel bool) ([]part, error) {
	var out []part
	if b.factor != nil && len(b.factor.Levels) > maxColumns {
		return nil, syntax("%s has %d levels, at most %d", b.name, len(b.factor.Levels), maxColumns)
	}
	if b.factor == nil {
		for _, p := range b.parts {
			out = append(out, part{suffix: b.name + p.suffix, values: p.values})
		}
		return out, nil
	}
	first := 1
	if everyLevel {
		first = 0
	} else if len(b.factor.Levels) < 2 {
		return nil, syntax("%s has one level among the rows used: contrasts need two", b.name)
	}
	for k := first; k < len(b.factor.Levels); k++ {
		v := make([]float64, len(b.factor.Codes))
		for i, c := range b.factor.Codes {
			if c == k {
				v[i] = 1
			}
		}
		out = append(out, part{suffix: b.name + b.factor.Levels[k], values: v})
	}
	return out, nil
}

// multiply crosses two lists of columns, the first varying fastest.
func multiply(a, b []part) []part {
	out := make([]part, 0, len(a)*len(b))
	for _, y := range b {
		for _, x := range a {
			if x.values == nil {
				out = append(out, y)
				continue
			}
			v := make([]float64, len(x.values))
			for i := range v {
				v[i] = x.values[i] * y.values[i]
			}
			out = append(out, part{suffix: x.suffix + ":" + y.suffix, values: v})
		}
	}
	return out
}

// fill lays the columns out row after row.
func (m *Matrix) fill(columns [][]float64) {
	m.P = len(columns)
	m.X = make([]float64, m.N*m.P)
	for j, c := range columns {
		for i, v := range c {
			m.X[i*m.P+j] = v
		}
	}
}

func finite(name string, x []float64) error {
	for _, v := range x {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return syntax("%s is not a finite number in every row", name)
		}
	}
	return nil
}
