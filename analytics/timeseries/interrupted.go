package timeseries

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/linear"
)

// Series is one value a period, in any order. Time counts periods, Post is 1 from
// the interruption on and 0 before, Since the periods since it (0 before). Value
// is in its own unit.
type Series struct {
	Time, Value, Post, Since []float64
}

// names are the coefficients of a segmented model, in order.
var names = []string{"intercept", "trend", "level_change", "trend_change", "sin", "cos"}

// Segmented is an interrupted time series fitted by least squares
//
//	y = b₀ + b₁·time + b₂·post + b₃·since [+ b₄·sin(2πt/s) + b₅·cos(2πt/s)]
//
// with rows in the order of time.
type Segmented struct {
	*linear.Rows
}

// Interrupted fits the segmented model. season is the length of a yearly or other
// cycle in periods, 0 for none. Inputs are not modified.
//
//	columns of different length, NaN, season < 0 or a cycle of one or two periods   ErrInvalidParameter
//	no more periods than coefficients     ErrTooFewObservations
//	no period before or after, a trend that can not be told from the level   ErrCollinear
//	a series that the model fits without error   ErrZeroVariance
//
// Bernal, Cummins and Gasparrini (2017), doi:10.1093/ije/dyw098.
func Interrupted(s Series, season float64) (Segmented, error) {
	m, err := s.design(season)
	if err != nil {
		return Segmented{}, err
	}
	fit, err := linear.OLS(m)
	if err != nil {
		return Segmented{}, fmt.Errorf("timeseries: segmented model: %w", err)
	}
	if exactFit(fit) {
		return Segmented{}, fmt.Errorf("timeseries: the model fits without error, so that nothing is left to estimate errors from: %w", analytics.ErrZeroVariance)
	}
	return Segmented{fit}, nil
}

// exactFit says whether only rounding is left of the residuals.
func exactFit(o *linear.Rows) bool {
	var size float64
	for _, y := range o.Design.Y {
		size += y * y
	}
	return !(o.RSS > 1e-24*size)
}

// design lays the model out in the order of time.
func (s Series) design(season float64) (*design.Matrix, error) {
	n := len(s.Value)
	for _, column := range []struct {
		name   string
		values []float64
	}{{"time", s.Time}, {"value", s.Value}, {"post", s.Post}, {"since", s.Since}} {
		if len(column.values) != n {
			return nil, fmt.Errorf("timeseries: %d of %s for %d values: %w", len(column.values), column.name, n, analytics.ErrInvalidParameter)
		}
		if err := analytics.CheckFinite(column.name, column.values); err != nil {
			return nil, fmt.Errorf("timeseries: %w", err)
		}
	}
	if n == 0 {
		return nil, fmt.Errorf("timeseries: no period: %w", analytics.ErrTooFewObservations)
	}
	if season != 0 && !(season > 2) || math.IsInf(season, 0) {
		return nil, fmt.Errorf("timeseries: a season of %v periods, need 0 for none or above 2: %w", season, analytics.ErrInvalidParameter)
	}
	p := 4
	if season > 0 {
		p = 6
	}
	m := &design.Matrix{Names: names[:p], N: n, P: p, Response: "value", Assign: []int{0, 1, 2, 3, 4, 5}[:p]}
	for _, i := range s.order() {
		t := s.Time[i]
		m.X = append(m.X, 1, t, s.Post[i], s.Since[i])
		if season > 0 {
			m.X = append(m.X, math.Sin(2*math.Pi*t/season), math.Cos(2*math.Pi*t/season))
		}
		m.Y = append(m.Y, s.Value[i])
		m.Rows = append(m.Rows, i)
	}
	return m, nil
}

// order lists the places by time.
func (s Series) order() []int {
	at := make([]int, len(s.Time))
	for i := range at {
		at[i] = i
	}
	slices.SortStableFunc(at, func(a, b int) int { return cmp.Compare(s.Time[a], s.Time[b]) })
	return at
}
