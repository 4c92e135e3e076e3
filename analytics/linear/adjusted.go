package linear

import (
	"fmt"
	"math"
	"strings"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
)

// FactorWeights says how the levels of the other factors are averaged in an
// adjusted mean.
type FactorWeights int

// EqualWeights gives each combination of the other factors' levels the same
// weight; ObservedMargins their frequency among the rows used.
const (
	EqualWeights FactorWeights = iota
	ObservedMargins
)

// Adjusted are the adjusted (least-squares) means of a factor: for each level
// the row of the design at which the model is evaluated. Fit is the model; where
// the formula has poly() its basis is another one of the same polynomials.
type Adjusted struct {
	Fit    *Rows
	Levels []string
	Rows   [][]float64
}

// AdjustedMeans evaluates a linear model at each level of a factor, the numbers
// at their means over the rows used and the other factors averaged. The factor
// must be text, or stand in factor() in the formula, else ErrInvalidParameter;
// other errors as OLS. Agrees with R's emmeans 1.8.4-1 (cov.keep =
// character(0)) to 1e-9. Searle, Speed and Milliken (1980),
// doi:10.1080/00031305.1980.10483031.
func AdjustedMeans(f design.Formula, t *design.Table, factor string, weights FactorWeights) (*Adjusted, error) {
	first, err := f.Build(t)
	if err != nil {
		return nil, err
	}
	g, err := newGrid(f, t.Select(first.Rows), factor)
	if err != nil {
		return nil, err
	}
	whole, err := g.stack()
	if err != nil {
		return nil, err
	}
	m := *whole
	m.N, m.X, m.Y, m.Rows = g.n, whole.X[:g.n*whole.P], whole.Y[:g.n], first.Rows
	fit, err := OLS(&m)
	if err != nil {
		return nil, err
	}
	return &Adjusted{Fit: fit, Levels: g.focus.column.Levels, Rows: g.average(whole, weights)}, nil
}

// Mean returns the adjusted mean of a level.
func (a *Adjusted) Mean(level int, cov Sym, confidence float64) (analytics.Test, error) {
	return a.Fit.Contrast(a.Rows[level], cov, confidence)
}

// Difference returns the adjusted mean of level i less that of level j.
func (a *Adjusted) Difference(i, j int, cov Sym, confidence float64) (analytics.Test, error) {
	weights := make([]float64, len(a.Rows[i]))
	for k, v := range a.Rows[i] {
		weights[k] = v - a.Rows[j][k]
	}
	return a.Fit.Contrast(weights, cov, confidence)
}

// gridFactor is a factor of the model: its levels with, for one that the table
// holds as numbers, the number of each.
type gridFactor struct {
	column design.Column
	values []float64
}

// grid is the rows at which the model is evaluated: after the n rows of the
// table one for each combination of the focus and the crossed factors, then one
// for each level of a factor that stands in no interaction (solo).
type grid struct {
	formula       design.Formula
	table         *design.Table
	n             int
	focus         gridFactor
	crossed, solo []gridFactor
	combinations  int // of the crossed factors
}

// maxCombinations bounds the grid.
const maxCombinations = 100_000

func newGrid(f design.Formula, t *design.Table, focus string) (*grid, error) {
	right, err := design.Parse("~" + f.String()[strings.Index(f.String(), "~")+1:])
	if err != nil {
		return nil, err
	}
	g := &grid{formula: f, table: t, n: t.Rows(), combinations: 1}
	for _, name := range right.Columns() {
		c, _ := t.Column(name)
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

// stack builds the design over the table's rows with the grid below them, so
// that both have the same columns.
func (g *grid) stack() (*design.Matrix, error) {
	var columns []design.Column
	for _, name := range g.formula.Columns() {
		c, _ := g.table.Column(name)
		columns = append(columns, g.extend(c))
	}
	t, err := design.NewTable(columns...)
	if err != nil {
		return nil, err
	}
	return g.formula.Build(t)
}

// extend adds the grid's rows to a column.
func (g *grid) extend(c design.Column) design.Column {
	factors := append(append([]gridFactor{g.focus}, g.crossed...), g.solo...)
	for _, f := range factors {
		if f.column.Name != c.Name {
			continue
		}
		out := design.Column{Name: c.Name, Levels: c.Levels, Values: append([]float64(nil), c.Values...), Codes: append([]int(nil), c.Codes...)}
		for r := range g.rows() {
			level := g.level(f, r)
			if c.IsFactor() {
				out.Codes = append(out.Codes, level)
			} else {
				out.Values = append(out.Values, f.values[level])
			}
		}
		return out
	}
	value := average(c.Values)
	if g.isResponse(c.Name) && len(c.Values) > 0 {
		value = c.Values[0] // is not read, but must be in the domain of a transformation
	}
	out := design.Column{Name: c.Name, Values: append([]float64(nil), c.Values...)}
	for range g.rows() {
		out.Values = append(out.Values, value)
	}
	return out
}

// isResponse says whether a column stands on the left side alone.
func (g *grid) isResponse(name string) bool {
	right, err := design.Parse("~" + g.formula.String()[strings.Index(g.formula.String(), "~")+1:])
	if err != nil {
		return false
	}
	for _, c := range right.Columns() {
		if c == name {
			return false
		}
	}
	return true
}

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
			for j, v := range m.Row(g.n + k*g.combinations + c) {
				out[k][j] += share * v
			}
		}
	}
	at := g.n + g.combinations*len(out)
	for _, s := range g.solo {
		own := g.columnsOf(m, s.column.Name)
		means := make([]float64, len(own))
		for level, share := range levelShares(s, weights) {
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
func levelShares(f gridFactor, weights FactorWeights) []float64 {
	out := make([]float64, len(f.column.Levels))
	for k := range out {
		out[k] = 1 / float64(len(out))
	}
	if weights == ObservedMargins {
		clear(out)
		for _, code := range f.column.Codes {
			out[code] += 1 / float64(len(f.column.Codes))
		}
	}
	return out
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
	for r := range g.n {
		at, times := 0, 1
		for _, c := range g.crossed {
			at += times * c.column.Codes[r]
			times *= len(c.column.Levels)
		}
		out[at] += 1 / float64(g.n)
	}
	return out
}
