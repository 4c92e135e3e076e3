package ksample

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
	"github.com/lumbar-health/lumbar/analytics/twosample"
)

// FTest is a statistic with its degrees of freedom.
type FTest struct{ F, DF1, DF2, P float64 }

// Anova compares the means of several groups. The shares of variance are Eta2 =
// SSb/SSt, Omega2 = (SSb − (k−1)·MSw)/(SSt + MSw) and Epsilon2 = (SSb −
// (k−1)·MSw)/SSt; the last two may be negative. Welch is Welch's test for unequal
// variances, nil where a group has one person or does not vary. Within is the
// pooled variance MSw.
type Anova struct {
	FTest
	Eta2, Omega2, Epsilon2 float64
	Welch                  *FTest
	Within                 float64
}

// OneWay compares group means
//
//	F = (Σnᵢ(x̄ᵢ−x̄)²/(k−1)) / (Σ(nᵢ−1)sᵢ²/(N−k))
//
// Assumes independent people, and for F, not for Welch, equal variances.
//
//	fewer than 2 groups, an empty one, N ≤ k   ErrTooFewObservations
//	no variance within groups                  ErrZeroVariance
//	variance < 0, NaN                          ErrInvalidParameter
//
// Checked against R's anova(lm) and oneway.test. Fisher (1925), Statistical
// Methods for Research Workers; Welch (1951), doi:10.1093/biomet/38.3-4.330.
func OneWay(groups []twosample.Group) (Anova, error) {
	s, err := sumsOfSquares(groups)
	if err != nil {
		return Anova{}, fmt.Errorf("ksample: anova: %w", err)
	}
	a := Anova{Within: s.within / s.dfWithin, Welch: welch(groups)}
	k := s.dfBetween
	a.FTest = FTest{F: s.between / k / a.Within, DF1: k, DF2: s.dfWithin}
	a.P = dist.FTail(a.F, a.DF1, a.DF2)
	total := s.between + s.within
	a.Eta2 = s.between / total
	a.Omega2 = (s.between - k*a.Within) / (total + a.Within)
	a.Epsilon2 = (s.between - k*a.Within) / total
	return a, nil
}

// squares are sums of squares between and within groups.
type squares struct{ between, within, dfBetween, dfWithin float64 }

func sumsOfSquares(groups []twosample.Group) (squares, error) {
	var s squares
	if len(groups) < 2 {
		return s, fmt.Errorf("%d groups, need 2: %w", len(groups), analytics.ErrTooFewObservations)
	}
	var n, mean float64
	for i, g := range groups {
		if g.N < 1 {
			return s, fmt.Errorf("group %d is empty: %w", i+1, analytics.ErrTooFewObservations)
		}
		if math.IsNaN(g.Mean) || math.IsInf(g.Mean, 0) || !(g.Variance >= 0) || math.IsInf(g.Variance, 0) {
			return s, fmt.Errorf("group %d: mean or variance is not finite: %w", i+1, analytics.ErrInvalidParameter)
		}
		n += float64(g.N)
		mean += float64(g.N) * (g.Mean - groups[0].Mean)
		s.within += float64(g.N-1) * g.Variance
	}
	mean = groups[0].Mean + mean/n
	for _, g := range groups {
		s.between += float64(g.N) * (g.Mean - mean) * (g.Mean - mean)
	}
	s.dfBetween, s.dfWithin = float64(len(groups)-1), n-float64(len(groups))
	if s.dfWithin < 1 {
		return s, fmt.Errorf("%v people in %d groups, need more people than groups: %w", n, len(groups), analytics.ErrTooFewObservations)
	}
	if s.within == 0 {
		return s, fmt.Errorf("nobody differs from the others of a group: %w", analytics.ErrZeroVariance)
	}
	return s, nil
}

// welch is the test with weights nᵢ/sᵢ².
func welch(groups []twosample.Group) *FTest {
	var sum, mean, off, between float64
	for _, g := range groups {
		if g.N < 2 || g.Variance == 0 {
			return nil
		}
		w := float64(g.N) / g.Variance
		sum += w
		mean += w * g.Mean
	}
	mean /= sum
	for _, g := range groups {
		w := float64(g.N) / g.Variance
		off += (1 - w/sum) * (1 - w/sum) / float64(g.N-1)
		between += w * (g.Mean - mean) * (g.Mean - mean)
	}
	k := float64(len(groups))
	off /= k*k - 1
	t := FTest{F: between / (k - 1) / (1 + 2*(k-2)*off), DF1: k - 1, DF2: 1 / (3 * off)}
	t.P = dist.FTail(t.F, t.DF1, t.DF2)
	return &t
}
