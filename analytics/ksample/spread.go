package ksample

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
	"github.com/lumbar-health/lumbar/analytics/histogram"
	"github.com/lumbar-health/lumbar/analytics/twosample"
)

// Levene tests equal spread by the analysis of variance of the distances from
// each group's mean, or from its median, which is the test of Brown and Forsythe
// and the one to use for scores. Nobody at another distance than the others of
// the group: ErrZeroVariance; other errors as KruskalWallis. Checked against R's
// car::leveneTest 3.1-1. Brown and Forsythe (1974), doi:10.2307/2285659.
func Levene(groups []histogram.Histogram, fromMedian bool) (FTest, error) {
	if err := checkGroups(groups); err != nil {
		return FTest{}, fmt.Errorf("ksample: levene: %w", err)
	}
	distances := make([]twosample.Group, len(groups))
	for i, g := range groups {
		centre, _ := g.Mean()
		if fromMedian {
			centre, _ = g.Median()
		}
		distances[i] = Reduce(g.Map(func(v float64) float64 { return math.Abs(v - centre) }))
	}
	a, err := OneWay(distances)
	if err != nil {
		return FTest{}, fmt.Errorf("ksample: levene: distances: %w", err)
	}
	return a.FTest, nil
}

// Reduce takes size, mean and variance off a histogram; the variance of one
// person is 0.
func Reduce(h histogram.Histogram) twosample.Group {
	mean, _ := h.Mean()
	variance, _ := h.Variance()
	return twosample.Group{N: h.N(), Mean: mean, Variance: variance}
}

// Bartlett tests equal variances of normal values by the likelihood ratio with
// Bartlett's correction, k−1 degrees of freedom.
//
//	fewer than 2 groups, a group under 2   ErrTooFewObservations
//	a group that does not vary             ErrZeroVariance
//	variance < 0, NaN                      ErrInvalidParameter
//
// Checked against R's bartlett.test. Bartlett (1937), doi:10.1098/rspa.1937.0109.
func Bartlett(groups []twosample.Group) (ChiTest, error) {
	s, err := sumsOfSquares(groups)
	if err != nil {
		return ChiTest{}, fmt.Errorf("ksample: bartlett: %w", err)
	}
	var logs, inverse float64
	for i, g := range groups {
		if g.N < 2 {
			return ChiTest{}, fmt.Errorf("ksample: bartlett: group %d has one person, need 2: %w", i+1, analytics.ErrTooFewObservations)
		}
		if g.Variance == 0 {
			return ChiTest{}, fmt.Errorf("ksample: bartlett: group %d does not vary; leave it out or use the Brown–Forsythe test: %w", i+1, analytics.ErrZeroVariance)
		}
		logs += float64(g.N-1) * math.Log(g.Variance)
		inverse += 1 / float64(g.N-1)
	}
	k := s.dfBetween
	t := ChiTest{DF: k}
	t.Statistic = (s.dfWithin*math.Log(s.within/s.dfWithin) - logs) / (1 + (inverse-1/s.dfWithin)/(3*k))
	t.P = dist.ChiSquaredTail(t.Statistic, k)
	return t, nil
}

// Fligner tests equal spread by ranks: the normal scores z((1 + r/(N+1))/2) of
// the ranks r of the distances from group medians, k−1 degrees of freedom. Every
// distance the same: ErrZeroVariance; other errors as KruskalWallis. Checked
// against R's fligner.test. Fligner and Killeen (1976), doi:10.2307/2285771.
func Fligner(groups []histogram.Histogram) (ChiTest, error) {
	if err := checkGroups(groups); err != nil {
		return ChiTest{}, fmt.Errorf("ksample: fligner: %w", err)
	}
	distances := make([]histogram.Histogram, len(groups))
	for i, g := range groups {
		centre, _ := g.Median()
		distances[i] = g.Map(func(v float64) float64 { return math.Abs(v - centre) })
	}
	t := histogram.Align(distances...)
	pooled := t.Pooled()
	n := float64(pooled.N())
	scores := pooled.MidRanks()
	var mean, spread float64
	for i := range scores {
		scores[i] = dist.NormalQuantile((1 + scores[i]/(n+1)) / 2)
		mean += float64(pooled.Counts[i]) * scores[i]
	}
	mean /= n
	for i, s := range scores {
		spread += float64(pooled.Counts[i]) * (s - mean) * (s - mean)
	}
	if len(scores) < 2 {
		return ChiTest{}, fmt.Errorf("ksample: fligner: everybody is at the same distance from the median: %w", analytics.ErrZeroVariance)
	}
	r := ChiTest{DF: float64(len(groups) - 1)}
	for g, counts := range t.Counts {
		var off float64
		for i, c := range counts {
			off += float64(c) * (scores[i] - mean)
		}
		r.Statistic += off * off / float64(groups[g].N())
	}
	r.Statistic /= spread / (n - 1)
	r.P = dist.ChiSquaredTail(r.Statistic, r.DF)
	return r, nil
}
