package linear

import (
	"fmt"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/moments"
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
// the row of the design at which the model is evaluated. Fit is the model.
type Adjusted struct {
	Fit    *Fit
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
	used := t.Select(first.Rows)
	people := Profile{Factors: used, Means: map[string]float64{}}
	for _, name := range f.Columns() {
		if c, _ := used.Column(name); !c.IsFactor() {
			people.Means[name] = average(c.Values)
		}
	}
	g, err := newGrid(f, people, factor)
	if err != nil {
		return nil, err
	}
	fit, err := OLS(first)
	if err != nil {
		return nil, err
	}
	rows, err := g.build(used)
	if err != nil {
		return nil, err
	}
	return &Adjusted{Fit: fit.Fit, Levels: g.focus.column.Levels, Rows: g.average(rows, weights)}, nil
}

// Profile is what adjusted means need of people beside the cross-products: the
// factors of the formula (also those that factor() makes of numbers), a row for
// each combination that occurs with the number of people in Count (one each when
// nil), and the means of the other columns.
type Profile struct {
	Factors *design.Table
	Count   []float64
	Means   map[string]float64
}

// AdjustedMoments is AdjustedMeans on cross-products: term y on the intercept, if
// any, and the terms of s, places in m as in FromMoments, of the formula f of
// which s was made. Equal to AdjustedMeans on the same rows to 1e-10.
func AdjustedMoments(f design.Formula, s *design.Summed, m moments.Matrix, y int, x []int, people Profile, factor string, weights FactorWeights) (*Adjusted, error) {
	fit, err := FromMoments(m, y, x)
	if err != nil {
		return nil, err
	}
	if people.Factors == nil || people.Count != nil && len(people.Count) != people.Factors.Rows() || s.P != fit.P {
		return nil, fmt.Errorf("linear: adjusted means need the factors with a count each, and the design of the moments: %w", analytics.ErrInvalidParameter)
	}
	g, err := newGrid(f, people, factor)
	if err != nil {
		return nil, err
	}
	t, err := g.rowsOf(g.right)
	if err != nil {
		return nil, err
	}
	rows, err := s.At(t)
	if err != nil {
		return nil, err
	}
	return &Adjusted{Fit: fit, Levels: g.focus.column.Levels, Rows: g.average(rows, weights)}, nil
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
