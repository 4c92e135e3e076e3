package paired

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/describe"
	"github.com/lumbar-health/lumbar/analytics/dist"
	"github.com/lumbar-health/lumbar/analytics/moments"
)

// Change is the mean change with its test. StdDev is that of the change,
// divisor n−1; Correlation is Pearson's between the two measurements, nil where
// one of them does not vary.
type Change struct {
	analytics.Test
	StdDev      float64
	Correlation *float64
}

// TTest returns the mean of second − first with its t interval and test
//
//	t = d̄/(s_d/√n),   df = n − 1
//
// in the values' unit. Assumes independent people and a mean change that is
// nearly normal.
//
//	lengths differ, NaN or Inf, level   ErrInvalidParameter
//	fewer than 2 pairs                  ErrTooFewObservations
//	every change the same               ErrZeroVariance
//
// Inputs are not modified. Checked against R's t.test(paired = TRUE) to 1e-9.
func TTest(first, second []float64, level float64) (Change, error) {
	s, err := spreadsOf(first, second)
	if err != nil {
		return Change{}, err
	}
	return s.change(level)
}

// spreads is what pairs are reduced to: the mean change and its standard
// deviation, the covariance and the standard deviations of the measurements.
type spreads struct {
	n                     int
	mean, sd, cov, s0, s1 float64
}

// spreadsOf reduces rows.
func spreadsOf(first, second []float64) (spreads, error) {
	if len(first) != len(second) {
		return spreads{}, fmt.Errorf("paired: %d and %d values: %w", len(first), len(second), analytics.ErrInvalidParameter)
	}
	d := make([]float64, len(first))
	for i := range d {
		d[i] = second[i] - first[i]
	}
	mean, sd, err := describe.MeanSD(d)
	if err != nil {
		return spreads{}, fmt.Errorf("paired: %w", err)
	}
	m0, s0, err := describe.MeanSD(first)
	if err != nil {
		return spreads{}, fmt.Errorf("paired: %w", err)
	}
	m1, s1, err := describe.MeanSD(second)
	if err != nil {
		return spreads{}, fmt.Errorf("paired: %w", err)
	}
	var cross float64
	for i := range first {
		cross += (first[i] - m0) * (second[i] - m1)
	}
	return spreads{len(d), mean, sd, cross / float64(len(d)-1), s0, s1}, nil
}

// FromMoments is TTest on moments: first and second are places in m.Terms. The
// variance of the change is s₁² + s₀² − 2s₀₁ from sums centred exactly.
func FromMoments(m moments.Matrix, first, second int, level float64) (Change, error) {
	s, err := spreadsFromMoments(m, first, second)
	if err != nil {
		return Change{}, err
	}
	return s.change(level)
}

func spreadsFromMoments(m moments.Matrix, first, second int) (spreads, error) {
	for _, c := range []int{first, second} {
		if c < 0 || c >= len(m.Terms) {
			return spreads{}, fmt.Errorf("paired: column %d of %d: %w", c, len(m.Terms), analytics.ErrInvalidParameter)
		}
	}
	if m.N < 2 {
		return spreads{}, fmt.Errorf("paired: %d pairs, need 2: %w", m.N, analytics.ErrTooFewObservations)
	}
	m0, _ := m.Mean(first)
	m1, _ := m.Mean(second)
	below := float64(m.N - 1)
	v0, v1, cov := m.Centred(first, first)/below, m.Centred(second, second)/below, m.Centred(first, second)/below
	variance := math.Max(v0+v1-2*cov, 0)
	if variance < 1e-14*(v0+v1) {
		variance = 0
	}
	return spreads{int(m.N), m1 - m0, math.Sqrt(variance), cov, math.Sqrt(v0), math.Sqrt(v1)}, nil
}

// change assembles the test of a mean change.
func (s spreads) change(level float64) (Change, error) {
	if err := analytics.CheckLevel(level); err != nil {
		return Change{}, fmt.Errorf("paired: %w", err)
	}
	if s.sd == 0 {
		return Change{}, fmt.Errorf("paired: every change is the same: %w", analytics.ErrZeroVariance)
	}
	mean, df := s.mean, float64(s.n-1)
	se := s.sd / math.Sqrt(float64(s.n))
	half := dist.TCritical(level, df) * se
	c := Change{StdDev: s.sd}
	c.Estimate = analytics.Estimate{Value: mean, StdErr: se, Lower: mean - half, Upper: mean + half, Level: level, N: s.n, Method: "paired t test"}
	c.Statistic, c.DF, c.P = mean/se, df, dist.TTwoSided(mean/se, df)
	if s.s0 > 0 && s.s1 > 0 {
		r := s.cov / (s.s0 * s.s1)
		c.Correlation = &r
	}
	return c, nil
}
