package describe

import (
	"fmt"
	"math"
	"sort"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/histogram"
)

// Kind is a definition of a sample quantile after Hyndman and Fan (1996).
type Kind int

// The definitions in use: Type7 is R's default and the product's, Type6 that of
// SAS and SPSS, Type1 the inverse of the empirical distribution.
const (
	Type1 Kind = 1
	Type6 Kind = 6
	Type7 Kind = 7
)

// Quantile returns the p-quantile of the values, 0 ≤ p ≤ 1, by one of the
// definitions of Hyndman and Fan (1996), doi:10.2307/2684934. Type 7 is
//
//	h = (n−1)p;   x₍⌊h⌋₎ + (h−⌊h⌋)(x₍⌊h⌋+1₎ − x₍⌊h⌋₎)
//
// The input is not modified. No values: ErrTooFewObservations; p outside [0,1],
// an unknown kind, NaN: ErrInvalidParameter. Agrees with R's quantile exactly.
func Quantile(x []float64, p float64, kind Kind) (float64, error) {
	if err := analytics.CheckFinite("values", x); err != nil {
		return 0, fmt.Errorf("describe: quantile: %w", err)
	}
	sorted := append([]float64(nil), x...)
	sort.Float64s(sorted)
	return SortedQuantile(sorted, p, kind)
}

// SortedQuantile is Quantile for values that are already in ascending order.
func SortedQuantile(sorted []float64, p float64, kind Kind) (float64, error) {
	return quantile(len(sorted), func(k int) float64 { return sorted[k] }, p, kind)
}

// CountsQuantile is Quantile of a histogram.
func CountsQuantile(h histogram.Histogram, p float64, kind Kind) (float64, error) {
	return quantile(int(h.N()), func(k int) float64 { return h.At(int64(k)) }, p, kind)
}

// quantile is of n values of which at is the k-th from below.
func quantile(n int, at func(k int) float64, p float64, kind Kind) (float64, error) {
	if n == 0 {
		return 0, fmt.Errorf("describe: quantile: no values: %w", analytics.ErrTooFewObservations)
	}
	if !(p >= 0 && p <= 1) {
		return 0, fmt.Errorf("describe: quantile: p = %v, need 0 to 1: %w", p, analytics.ErrInvalidParameter)
	}
	// A position short of a whole number by rounding counts as that number.
	const fuzz = 4 * 2.220446049250313e-16
	switch kind {
	case Type7:
		h := float64(n-1) * p
		return between(n, at, math.Floor(h+fuzz), h, fuzz), nil
	case Type6:
		h := float64(n+1)*p - 1
		return between(n, at, math.Floor(h+fuzz), h, fuzz), nil
	case Type1:
		k := int(math.Ceil(float64(n)*p-fuzz)) - 1
		return at(clamp(k, n)), nil
	}
	return 0, fmt.Errorf("describe: quantile: type %d, have 1, 6 and 7: %w", kind, analytics.ErrInvalidParameter)
}

// between interpolates at position h of the zero-based list.
func between(n int, at func(k int) float64, floor, h, fuzz float64) float64 {
	k := int(floor)
	lo, hi := at(clamp(k, n)), at(clamp(k+1, n))
	w := h - floor
	if math.Abs(w) < fuzz {
		return lo
	}
	return (1-w)*lo + w*hi
}

func clamp(k, n int) int { return max(0, min(k, n-1)) }
