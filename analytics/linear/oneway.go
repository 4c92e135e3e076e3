package linear

import (
	"fmt"

	"github.com/lumbar-health/lumbar/analytics"
)

// GroupSums is one group of a one-way layout: its size, mean and sum of squares
// about the mean.
type GroupSums struct {
	N           int64
	Mean, SumSq float64
}

// Groups reduces values to the sums of their groups, codes being places 0 to
// count−1; a code out of range is ErrInvalidParameter.
func Groups(values []float64, codes []int, count int) ([]GroupSums, error) {
	if len(codes) != len(values) {
		return nil, fmt.Errorf("linear: %d codes for %d values: %w", len(codes), len(values), analytics.ErrInvalidParameter)
	}
	out := make([]GroupSums, count)
	for i, v := range values {
		if codes[i] < 0 || codes[i] >= count {
			return nil, fmt.Errorf("linear: row %d has no group: %w", i+1, analytics.ErrInvalidParameter)
		}
		g := &out[codes[i]]
		g.N++
		d := v - g.Mean // Welford's update
		g.Mean += d / float64(g.N)
		g.SumSq += d * (v - g.Mean)
	}
	return out, nil
}

// OneWay is a one-way analysis of variance. N0 is the effective group size
// (n − Σn_j²/n)/(k−1); ICC the intraclass correlation by analysis of variance,
// which may be negative.
type OneWay struct {
	Between, Within, N0, ICC, F float64
}

// ICC returns the intraclass correlation (MSB−MSW)/(MSB+(n₀−1)MSW) of the
// groups, those without rows left out. Fewer than two groups, or no group of
// two: ErrTooFewObservations; no spread at all: ErrZeroVariance. Donner (1986),
// doi:10.2307/1403259.
func ICC(groups []GroupSums) (OneWay, error) {
	var n, k, squares, mean, between, within float64
	for _, g := range groups {
		if g.N == 0 {
			continue
		}
		size := float64(g.N)
		n, k, squares, within = n+size, k+1, squares+size*size, within+g.SumSq
		d := g.Mean - mean // Chan, Golub and LeVeque's update of the sum between
		mean += d * size / n
		between += d * (g.Mean - mean) * size
	}
	if k < 2 || n <= k {
		return OneWay{}, fmt.Errorf("linear: %v rows in %v groups: %w", n, k, analytics.ErrTooFewObservations)
	}
	r := OneWay{Between: between / (k - 1), Within: within / (n - k), N0: (n - squares/n) / (k - 1)}
	if !(r.Within > 0) {
		return OneWay{}, fmt.Errorf("linear: every group has one value, so that nothing is left within groups: %w", analytics.ErrZeroVariance)
	}
	r.F = r.Between / r.Within
	r.ICC = (r.Between - r.Within) / (r.Between + (r.N0-1)*r.Within)
	return r, nil
}
