package ranks

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
	"github.com/lumbar-health/lumbar/analytics/histogram"
)

// Shift is a Hodges–Lehmann estimate, in the values' unit. Its interval goes
// from the K-th smallest to the K-th largest of the pairwise differences (or
// averages); K under 1 says that the sample is too small for the level: the
// interval then is the whole range and covers less.
type Shift struct {
	analytics.Estimate
	K float64
}

// HodgesLehmann returns the exact median of the n₁n₀ differences y₁ − y₀, with
//
//	K = ⌊n₁n₀/2 − z√(n₁n₀(n₁+n₀+1)/12)⌋
//
// for the order statistics of the interval (no correction for ties). It forms no
// pairs: differences are counted under a bound by one walk through both
// histograms. Assumes independent people and equal shapes.
//
//	an empty sample                    ErrTooFewObservations
//	a histogram that is none, level    ErrInvalidParameter
//
// Not R's wilcox.test estimate, which is a root found to 1e-4: see
// HodgesLehmannByTest. Hodges and Lehmann (1963), doi:10.1214/aoms/1177704172;
// Hollander and Wolfe (1999), Nonparametric Statistical Methods, 4.2 and 4.3.
func HodgesLehmann(one, zero histogram.Histogram, level float64) (Shift, error) {
	if err := analytics.CheckLevel(level); err != nil {
		return Shift{}, fmt.Errorf("ranks: hodges-lehmann: %w", err)
	}
	if err := check(one, zero); err != nil {
		return Shift{}, fmt.Errorf("ranks: hodges-lehmann: %w", err)
	}
	n1, n0 := float64(one.N()), float64(zero.N())
	pairs := one.N() * zero.N()
	k := math.Floor(n1*n0/2 - dist.NormalCritical(level)*math.Sqrt(n1*n0*(n1+n0+1)/12))
	return orderStatistics(differences(one, zero), pairs, k, level, one.N()+zero.N(), "Hodges–Lehmann shift"), nil
}

// differences returns the k-th smallest of the differences y₁ − y₀.
func differences(one, zero histogram.Histogram) func(k int64) float64 {
	lo, hi := one.Values[0]-zero.Values[len(zero.Values)-1], one.Values[len(one.Values)-1]-zero.Values[0]
	return func(k int64) float64 {
		return kth(k, lo, hi, func(x float64) int64 { return differencesUpTo(one, zero, x) })
	}
}

// middle is the median of a set of pairs.
func middle(at func(k int64) float64, pairs int64) float64 {
	if pairs%2 == 1 {
		return at((pairs + 1) / 2)
	}
	return (at(pairs/2) + at(pairs/2+1)) / 2
}

// orderStatistics assembles median and limits of a set of pairs.
func orderStatistics(at func(k int64) float64, pairs int64, k, level float64, n int64, method string) Shift {
	from := int64(math.Max(k, 1))
	to := min(pairs-int64(k)+1, pairs)
	s := Shift{K: k}
	s.Estimate = analytics.Estimate{Level: level, N: int(n), Method: method}
	s.Value = middle(at, pairs)
	s.Lower, s.Upper = at(from), at(to)
	return s
}

// differencesUpTo counts the pairs with y₁ − y₀ ≤ x. As y₁ grows, the least y₀
// that still belongs to it grows: one walk through both. The difference is taken
// in floating point, which keeps its order.
func differencesUpTo(one, zero histogram.Histogram, x float64) int64 {
	var total int64
	above, j := zero.N(), 0
	for i, v := range one.Values {
		for j < len(zero.Values) && v-zero.Values[j] > x {
			above -= zero.Counts[j]
			j++
		}
		total += one.Counts[i] * above
	}
	return total
}

// PseudoMedian returns the exact median of the n(n+1)/2 Walsh averages
// (xᵢ + xⱼ)/2, i ≤ j, of one sample, such as the changes of people, with
//
//	K = ⌊M/2 − z√(n(n+1)(2n+1)/24)⌋,   M = n(n+1)/2
//
// Values of zero are kept: leave them out beforehand to agree with a signed rank
// test. Assumes a symmetric law. Errors as HodgesLehmann. Hollander and Wolfe
// (1999), Nonparametric Statistical Methods, 3.2 and 3.3.
func PseudoMedian(h histogram.Histogram, level float64) (Shift, error) {
	if err := analytics.CheckLevel(level); err != nil {
		return Shift{}, fmt.Errorf("ranks: pseudo-median: %w", err)
	}
	if err := check(h); err != nil {
		return Shift{}, fmt.Errorf("ranks: pseudo-median: %w", err)
	}
	n := float64(h.N())
	pairs := h.N() * (h.N() + 1) / 2
	k := math.Floor(float64(pairs)/2 - dist.NormalCritical(level)*math.Sqrt(n*(n+1)*(2*n+1)/24))
	at := func(k int64) float64 {
		return kth(k, h.Values[0], h.Values[len(h.Values)-1], func(x float64) int64 { return averagesUpTo(h, x) })
	}
	return orderStatistics(at, pairs, k, level, h.N(), "Hodges–Lehmann pseudo-median"), nil
}

// averagesUpTo counts the pairs i ≤ j of people with (xᵢ + xⱼ)/2 ≤ x: ordered
// pairs, then each unordered pair once and each person with himself.
func averagesUpTo(h histogram.Histogram, x float64) int64 {
	var ordered, selves int64
	below, j := h.N(), len(h.Values)-1
	for i, v := range h.Values {
		for j >= 0 && (v+h.Values[j])/2 > x {
			below -= h.Counts[j]
			j--
		}
		ordered += h.Counts[i] * below
		if (v+v)/2 <= x {
			selves += h.Counts[i]
		}
	}
	return (ordered + selves) / 2
}

// HodgesLehmannByTest is R's asymptotic estimate: the shifts at which the
// Mann–Whitney statistic of y₁ − shift against y₀ passes 0 and, with a continuity
// correction of ½, ±z, its variance corrected for the ties within the samples. R
// looks for them by a root finder that stops within 1e-4; these are exact: the
// differences of rank n₁n₀/2 ± (zσ + ½). Errors as HodgesLehmann, and
// ErrZeroVariance where neither sample varies. K is that of the lower limit.
// Bauer (1972), doi:10.1080/01621459.1972.10481279.
func HodgesLehmannByTest(one, zero histogram.Histogram, level float64) (Shift, error) {
	if err := analytics.CheckLevel(level); err != nil {
		return Shift{}, fmt.Errorf("ranks: hodges-lehmann by test: %w", err)
	}
	if err := check(one, zero); err != nil {
		return Shift{}, fmt.Errorf("ranks: hodges-lehmann by test: %w", err)
	}
	if len(one.Values) == 1 && len(zero.Values) == 1 {
		return Shift{}, fmt.Errorf("ranks: hodges-lehmann by test: neither sample varies: %w", analytics.ErrZeroVariance)
	}
	n1, n0 := float64(one.N()), float64(zero.N())
	pairs := one.N() * zero.N()
	n := n1 + n0
	sigma := math.Sqrt(n1 * n0 / 12 * (n + 1 - (one.Ties()+zero.Ties())/(n*(n-1))))
	reach := dist.NormalCritical(level)*sigma + 0.5
	at := differences(one, zero)
	from := int64(math.Max(math.Ceil(n1*n0/2-reach), 1))
	to := min(int64(math.Ceil(n1*n0/2+reach)), pairs)
	s := Shift{K: float64(from)}
	s.Estimate = analytics.Estimate{Level: level, N: int(n), Method: "root of the Mann–Whitney statistic"}
	s.Value = middle(at, pairs)
	s.Lower, s.Upper = at(from), at(to)
	return s, nil
}
