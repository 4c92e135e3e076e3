package ksample

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
	"github.com/lumbar-health/lumbar/analytics/histogram"
)

// ChiTest is a statistic that is χ² with DF degrees of freedom.
type ChiTest struct{ Statistic, DF, P float64 }

// KruskalResult is the rank test with the share of rank variance between groups,
// Epsilon2 = H/(N−1).
type KruskalResult struct {
	ChiTest
	Epsilon2 float64
}

// KruskalWallis compares several groups by mid-ranks
//
//	H = [12/(N(N+1))·ΣRᵢ²/nᵢ − 3(N+1)] / (1 − Σ(t³−t)/(N³−N))
//
// with k−1 degrees of freedom. Assumes independent people.
//
//	fewer than 2 groups, an empty one   ErrTooFewObservations
//	every value the same                ErrZeroVariance
//	a histogram that is none            ErrInvalidParameter
//
// Checked against R's kruskal.test. Kruskal and Wallis (1952),
// doi:10.1080/01621459.1952.10483441.
func KruskalWallis(groups []histogram.Histogram) (KruskalResult, error) {
	if err := checkGroups(groups); err != nil {
		return KruskalResult{}, fmt.Errorf("ksample: kruskal-wallis: %w", err)
	}
	t := histogram.Align(groups...)
	pooled := t.Pooled()
	if len(pooled.Values) < 2 {
		return KruskalResult{}, fmt.Errorf("ksample: kruskal-wallis: every value is the same: %w", analytics.ErrZeroVariance)
	}
	n := float64(pooled.N())
	ranks, middle := pooled.MidRanks(), (n+1)/2
	var h float64
	for g, counts := range t.Counts {
		var off float64
		for i, c := range counts {
			off += float64(c) * (ranks[i] - middle)
		}
		h += off * off / float64(groups[g].N())
	}
	var r KruskalResult
	r.Statistic = 12 * h / (n * (n + 1)) / (1 - pooled.Ties()/(n*(n-1)*(n+1)))
	r.DF = float64(len(groups) - 1)
	r.P = dist.ChiSquaredTail(r.Statistic, r.DF)
	r.Epsilon2 = r.Statistic / (n - 1)
	return r, nil
}

// checkGroups refuses groups of which no comparison can be made.
func checkGroups(groups []histogram.Histogram) error {
	if len(groups) < 2 {
		return fmt.Errorf("%d groups, need 2: %w", len(groups), analytics.ErrTooFewObservations)
	}
	for i, g := range groups {
		if err := g.Check(); err != nil {
			return fmt.Errorf("group %d: %w", i+1, err)
		}
		if len(g.Values) == 0 {
			return fmt.Errorf("group %d is empty: %w", i+1, analytics.ErrTooFewObservations)
		}
	}
	return nil
}

// Ordered is the Jonckheere–Terpstra test: J counts the pairs of people in which
// the one of the later group has the larger value, ties half.
type Ordered struct{ J, Mean, Variance, Z, P float64 }

// JonckheereTerpstra tests that values rise or fall over groups in the order
// given; two-sided, variance corrected for ties, no continuity correction.
// Errors as KruskalWallis, and ErrTooFewObservations under 3 people. Hollander
// and Wolfe (1999), Nonparametric Statistical Methods, 6.2; Jonckheere (1954),
// doi:10.1093/biomet/41.1-2.133.
func JonckheereTerpstra(groups []histogram.Histogram) (Ordered, error) {
	if err := checkGroups(groups); err != nil {
		return Ordered{}, fmt.Errorf("ksample: jonckheere: %w", err)
	}
	t := histogram.Align(groups...)
	pooled := t.Pooled()
	n := float64(pooled.N())
	if n < 3 {
		return Ordered{}, fmt.Errorf("ksample: jonckheere: %v people, need 3: %w", n, analytics.ErrTooFewObservations)
	}
	if len(pooled.Values) < 2 {
		return Ordered{}, fmt.Errorf("ksample: jonckheere: every value is the same: %w", analytics.ErrZeroVariance)
	}
	var o Ordered
	below := make([]float64, len(groups))
	for i := range t.Values {
		var earlier float64
		for g := range groups {
			c := float64(t.Counts[g][i])
			// Pairs with the people of earlier groups, below or tied.
			o.J += c * earlier
			earlier += below[g] + c/2
		}
		for g := range groups {
			below[g] += float64(t.Counts[g][i])
		}
	}
	o.Mean = n * n
	var g1, g2, g3 float64
	for _, g := range groups {
		m := float64(g.N())
		o.Mean -= m * m
		g1, g2, g3 = g1+m*(m-1)*(2*m+5), g2+m*(m-1)*(m-2), g3+m*(m-1)
	}
	o.Mean /= 4
	var t1, t2, t3 float64
	for _, c := range pooled.Counts {
		m := float64(c)
		t1, t2, t3 = t1+m*(m-1)*(2*m+5), t2+m*(m-1)*(m-2), t3+m*(m-1)
	}
	o.Variance = (n*(n-1)*(2*n+5)-g1-t1)/72 + g2*t2/(36*n*(n-1)*(n-2)) + g3*t3/(8*n*(n-1))
	o.Z = (o.J - o.Mean) / math.Sqrt(o.Variance)
	o.P = dist.NormalTwoSided(o.Z)
	return o, nil
}
