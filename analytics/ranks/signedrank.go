package ranks

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/histogram"
)

// SignedRankResult is Wilcoxon's test. V is the sum of the ranks of |change|
// over the positive changes, among the Nonzero ones; P is without, PCorrected
// with a continuity correction of ½.
type SignedRankResult struct {
	V, Mean, Variance      float64
	Z, P                   float64
	ZCorrected, PCorrected float64
	Nonzero, Zero          int64
}

// SignedRank tests that changes are symmetric about zero
//
//	z = (V − n(n+1)/4)/√(n(n+1)(2n+1)/24 − Σ(t³−t)/48)
//
// two-sided, changes of zero left out (Wilcoxon), ties at their mean rank.
//
//	no change at all             ErrZeroVariance
//	an empty sample              ErrTooFewObservations
//	a histogram that is none     ErrInvalidParameter
//
// Checked against R's wilcox.test(exact = FALSE). Wilcoxon (1945),
// doi:10.2307/3001968.
func SignedRank(changes histogram.Histogram) (SignedRankResult, error) {
	if err := check(changes); err != nil {
		return SignedRankResult{}, fmt.Errorf("ranks: signed rank: %w", err)
	}
	moved := Nonzero(changes)
	r := SignedRankResult{Nonzero: moved.N(), Zero: changes.N() - moved.N()}
	if r.Nonzero == 0 {
		return SignedRankResult{}, fmt.Errorf("ranks: signed rank: nobody changed: %w", analytics.ErrZeroVariance)
	}
	sizes := moved.Map(math.Abs)
	positive := histogram.Align(sizes, above(moved, 0)).Counts[1]
	for i, rank := range sizes.MidRanks() {
		r.V += rank * float64(positive[i])
	}
	n := float64(r.Nonzero)
	r.Mean = n * (n + 1) / 4
	r.Variance = n*(n+1)*(2*n+1)/24 - sizes.Ties()/48
	r.Z, r.P, r.ZCorrected, r.PCorrected = normalTests(r.V-r.Mean, r.Variance)
	return r, nil
}

// Nonzero leaves out the people whose value is zero.
func Nonzero(h histogram.Histogram) histogram.Histogram {
	var out histogram.Histogram
	for i, v := range h.Values {
		if v != 0 {
			out.Values, out.Counts = append(out.Values, v), append(out.Counts, h.Counts[i])
		}
	}
	return out
}

// above keeps the people whose value is over a bound.
func above(h histogram.Histogram, bound float64) histogram.Histogram {
	for i, v := range h.Values {
		if v > bound {
			return histogram.Histogram{Values: h.Values[i:], Counts: h.Counts[i:]}
		}
	}
	return histogram.Histogram{}
}
