package linear

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
)

// gridFactor is a factor of the model: its levels with, for one that the table
// holds as numbers, the number of each.
type gridFactor struct {
	column design.Column
	values []float64
}

// grid is the rows at which the model is evaluated: one for each combination of
// the focus and the crossed factors, then one for each level of a factor that
// stands in no interaction (solo).
type grid struct {
	formula, right design.Formula // right is without the response
	people         Profile
	focus          gridFactor
	crossed, solo  []gridFactor
	combinations   int // of the crossed factors
}

// maxCombinations bounds the grid.
const maxCombinations = 100_000

func newGrid(f design.Formula, people Profile, focus string) (*grid, error) {
	right, err := design.Parse("~" + f.String()[strings.Index(f.String(), "~")+1:])
	if err != nil {
		return nil, err
	}
	g := &grid{formula: f, right: right, people: people, combinations: 1}
	for _, name := range right.Columns() {
		c, _ := people.Factors.Column(name)
		if !c.IsFactor() && !madeFactor(f, name) {
			continue
		}
		factor := factorOf(c)
		switch {
		case name == focus:
			g.focus = factor
		case interacts(f, name):
			g.crossed = append(g.crossed, factor)
			g.combinations *= len(factor.column.Levels)
		default:
			g.solo = append(g.solo, factor)
		}
	}
	if g.focus.column.Levels == nil {
		return nil, fmt.Errorf("linear: adjusted means of %q, which is no factor of the formula; write factor(%s) for a column of numbers: %w", focus, focus, analytics.ErrInvalidParameter)
	}
	if g.combinations*len(g.focus.column.Levels) > maxCombinations {
		return nil, fmt.Errorf("linear: %d combinations of levels are too many; drop interactions: %w", g.combinations*len(g.focus.column.Levels), analytics.ErrInvalidParameter)
	}
	return g, nil
}

// madeFactor says whether the formula has the column in factor().
func madeFactor(f design.Formula, name string) bool {
	return strings.Contains(strings.ReplaceAll(f.String(), " ", ""), "factor("+name+")")
}

// interacts says whether a factor stands in a term of several variables.
func interacts(f design.Formula, name string) bool {
	for _, label := range f.Labels() {
		parts := strings.Split(label, ":")
		for _, p := range parts {
			if len(parts) > 1 && (p == name || p == "factor("+name+")" || p == "as.factor("+name+")") {
				return true
			}
		}
	}
	return false
}

func factorOf(c design.Column) gridFactor {
	g := gridFactor{column: design.AsFactor(c)}
	if !c.IsFactor() {
		g.values = make([]float64, len(g.column.Levels))
		for i, code := range g.column.Codes {
			if code >= 0 {
				g.values[code] = c.Values[i]
			}
		}
	}
	return g
}

// rows is the number of rows of the grid, those of the solo factors included.
func (g *grid) rows() int {
	rows := g.combinations * len(g.focus.column.Levels)
	for _, s := range g.solo {
		rows += len(s.column.Levels)
	}
	return rows
}

// level is the level of a factor at a row of the grid.
func (g *grid) level(f gridFactor, row int) int {
	if f.column.Name == g.focus.column.Name {
		return min(row/g.combinations, len(f.column.Levels)-1)
	}
	divide := 1
	for _, c := range g.crossed {
		if c.column.Name == f.column.Name {
			return row / divide % len(f.column.Levels)
		}
		divide *= len(c.column.Levels)
	}
	at := g.combinations * len(g.focus.column.Levels)
	for _, s := range g.solo {
		if s.column.Name == f.column.Name {
			return max(0, min(row-at, len(f.column.Levels)-1))
		}
		at += len(s.column.Levels)
	}
	return 0
}

// build makes the design's rows, the columns of poly() and rcs() as they are
// over the rows used.
func (g *grid) build(used *design.Table) (*design.Matrix, error) {
	below, err := g.rowsOf(g.formula)
	if err != nil {
		return nil, err
	}
	var columns []design.Column
	for _, name := range g.formula.Columns() {
		c, _ := used.Column(name)
		added, _ := below.Column(name)
		out := design.Column{Name: name, Levels: c.Levels, Values: append([]float64(nil), c.Values...), Codes: append([]int(nil), c.Codes...)}
		if g.isResponse(name) && len(c.Values) > 0 {
			for i := range added.Values { // not read, but must be in the domain of a transformation
				added.Values[i] = c.Values[0]
			}
		}
		out.Values, out.Codes = append(out.Values, added.Values...), append(out.Codes, added.Codes...)
		columns = append(columns, out)
	}
	t, err := design.NewTable(columns...)
	if err != nil {
		return nil, err
	}
	n := used.Rows()
	counts := make([]float64, t.Rows()) // the grid's rows are nobody
	for i := range n {
		counts[i] = 1
	}
	if t, err = t.Counted(counts); err != nil {
		return nil, err
	}
	m, err := g.formula.Build(t)
	if err != nil {
		return nil, err
	}
	m.N, m.X = m.N-n, m.X[n*m.P:]
	return m, nil
}

// rowsOf is the grid as a table of the formula's columns.
func (g *grid) rowsOf(f design.Formula) (*design.Table, error) {
	factors := append(append([]gridFactor{g.focus}, g.crossed...), g.solo...)
	var columns []design.Column
	for _, name := range f.Columns() {
		out := design.Column{Name: name}
		at := slices.IndexFunc(factors, func(f gridFactor) bool { return f.column.Name == name })
		mean, known := g.people.Means[name]
		if at < 0 && !known {
			return nil, fmt.Errorf("linear: adjusted means: the mean of %q is not known: %w", name, analytics.ErrInvalidParameter)
		}
		for r := range g.rows() {
			switch {
			case at < 0:
				out.Values = append(out.Values, mean)
			case factors[at].values != nil:
				out.Values = append(out.Values, factors[at].values[g.level(factors[at], r)])
			default:
				out.Codes = append(out.Codes, g.level(factors[at], r))
			}
		}
		if at >= 0 && factors[at].values == nil {
			out.Levels = factors[at].column.Levels
		}
		columns = append(columns, out)
	}
	return design.NewTable(columns...)
}

// isResponse says whether a column stands on the left side alone.
func (g *grid) isResponse(name string) bool { return !slices.Contains(g.right.Columns(), name) }

func average(x []float64) float64 {
	var s float64
	for _, v := range x {
		s += v
	}
	return s / math.Max(float64(len(x)), 1)
}

// average returns for each level of the focus the weighted mean of its rows,
// with the columns of the solo factors replaced by their own means.
func (g *grid) average(m *design.Matrix, weights FactorWeights) [][]float64 {
	shares := g.shares(weights)
	out := make([][]float64, len(g.focus.column.Levels))
	for k := range out {
		out[k] = make([]float64, m.P)
		for c, share := range shares {
			for j, v := range m.Row(k*g.combinations + c) {
				out[k][j] += share * v
			}
		}
	}
	at := g.combinations * len(out)
	for _, s := range g.solo {
		own := g.columnsOf(m, s.column.Name)
		means := make([]float64, len(own))
		for level, share := range g.levelShares(s, weights) {
			row := m.Row(at + level)
			for i, j := range own {
				means[i] += share * row[j]
			}
		}
		for k := range out {
			for i, j := range own {
				out[k][j] = means[i]
			}
		}
		at += len(s.column.Levels)
	}
	return out
}

// columnsOf lists the columns of a factor that stands in one term alone.
func (g *grid) columnsOf(m *design.Matrix, name string) []int {
	for t, label := range m.Labels {
		if label == name || label == "factor("+name+")" || label == "as.factor("+name+")" {
			return m.Assigned(t + 1)
		}
	}
	return nil
}

// levelShares are the weights of a factor's levels.
func (g *grid) levelShares(f gridFactor, weights FactorWeights) []float64 {
	out := make([]float64, len(f.column.Levels))
	for k := range out {
		out[k] = 1 / float64(len(out))
	}
	if weights == ObservedMargins {
		clear(out)
		for r, code := range f.column.Codes {
			out[code] += g.people.count(r)
		}
		toShares(out)
	}
	return out
}

// count is the number of people in a row of the factors.
func (p Profile) count(row int) float64 {
	if p.Count == nil {
		return 1
	}
	return p.Count[row]
}

// toShares divides counts by their sum.
func toShares(counts []float64) {
	var n float64
	for _, c := range counts {
		n += c
	}
	for k := range counts {
		counts[k] /= n
	}
}

// shares are the weights of the combinations of the crossed factors.
func (g *grid) shares(weights FactorWeights) []float64 {
	out := make([]float64, g.combinations)
	for k := range out {
		out[k] = 1 / float64(len(out))
	}
	if weights == EqualWeights {
		return out
	}
	clear(out)
	for r := range g.people.Factors.Rows() {
		at, times := 0, 1
		for _, c := range g.crossed {
			at += times * c.column.Codes[r]
			times *= len(c.column.Levels)
		}
		out[at] += g.people.count(r)
	}
	toShares(out)
	return out
}
