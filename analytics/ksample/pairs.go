package ksample

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
	"github.com/lumbar-health/lumbar/analytics/twosample"
)

// Pair compares two groups, given by their places: Difference is the mean of
// group Later − that of group Earlier. StdErr is that of the difference, T its
// ratio, P two-sided.
type Pair struct {
	Earlier, Later        int
	Difference, StdErr, T float64
	DF, P, Lower, Upper   float64
}

// eachPair visits the pairs: second against first, third against first and so
// on, then third against second.
func eachPair(k int, visit func(i, j int) error) error {
	for i := 0; i < k; i++ {
		for j := i + 1; j < k; j++ {
			if err := visit(i, j); err != nil {
				return err
			}
		}
	}
	return nil
}

// Tukey compares all pairs of means with a common variance; P and the limits
// hold for all pairs together
//
//	q = |d|/√(MSw/2·(1/nᵢ+1/nⱼ))
//
// by the studentised range of k groups and N−k degrees of freedom (Tukey–Kramer).
// Errors as OneWay; level outside (0,1): ErrInvalidParameter. Checked against R's
// TukeyHSD to 1e-6. Tukey (1949), doi:10.2307/3001913; Kramer (1956),
// doi:10.2307/3001469.
func Tukey(groups []twosample.Group, level float64) ([]Pair, error) {
	if err := analytics.CheckLevel(level); err != nil {
		return nil, fmt.Errorf("ksample: tukey: %w", err)
	}
	a, err := OneWay(groups)
	if err != nil {
		return nil, fmt.Errorf("ksample: tukey: %w", err)
	}
	critical := dist.StudentisedRangeUpper(1-level, len(groups), a.DF2) / math.Sqrt2
	var out []Pair
	err = eachPair(len(groups), func(i, j int) error {
		p := Pair{Earlier: i, Later: j, Difference: groups[j].Mean - groups[i].Mean, DF: a.DF2}
		p.StdErr = math.Sqrt(a.Within * (1/float64(groups[i].N) + 1/float64(groups[j].N)))
		p.ranged(len(groups), critical)
		out = append(out, p)
		return nil
	})
	return out, err
}

// ranged fills in statistic, p and limits by the studentised range.
func (p *Pair) ranged(k int, critical float64) {
	p.T = p.Difference / p.StdErr
	p.P = dist.StudentisedRangeTail(math.Abs(p.T)*math.Sqrt2, k, p.DF)
	p.Lower, p.Upper = p.Difference-critical*p.StdErr, p.Difference+critical*p.StdErr
}

// GamesHowell compares all pairs of means without a common variance: Welch's t
// and degrees of freedom for each pair, P and limits by the studentised range of
// k groups. A group under 2: ErrTooFewObservations; two groups that do not vary:
// ErrZeroVariance; other errors as Tukey. Checked against R's rstatix 0.7.2 and
// ptukey. Games and Howell (1976), doi:10.3102/10769986001002113.
func GamesHowell(groups []twosample.Group, level float64) ([]Pair, error) {
	pairs, err := WelchPairs(groups, level)
	if err != nil {
		return nil, err
	}
	for i := range pairs {
		p := &pairs[i]
		p.ranged(len(groups), dist.StudentisedRangeUpper(1-level, len(groups), p.DF)/math.Sqrt2)
	}
	return pairs, nil
}

// WelchPairs compares all pairs of means by Welch's t test, each for itself:
// adjust the p-values for their number. Errors as GamesHowell.
func WelchPairs(groups []twosample.Group, level float64) ([]Pair, error) {
	if len(groups) < 2 {
		return nil, fmt.Errorf("ksample: pairs: %d groups, need 2: %w", len(groups), analytics.ErrTooFewObservations)
	}
	var out []Pair
	err := eachPair(len(groups), func(i, j int) error {
		w, err := twosample.WelchTest(groups[j], groups[i], twosample.Options{Level: level})
		if err != nil {
			return fmt.Errorf("ksample: groups %d and %d: %w", i+1, j+1, err)
		}
		out = append(out, Pair{Earlier: i, Later: j, Difference: w.Difference, StdErr: w.StdErr, T: w.T, DF: w.DF, P: w.P, Lower: w.Lower, Upper: w.Upper})
		return nil
	})
	return out, err
}

// Dunnett compares every group with one control, common variance; P and the
// limits hold for all comparisons together, by the multivariate t law with
// correlations λᵢλⱼ, λᵢ = √(nᵢ/(nᵢ+n₀)), integrated numerically to 1e-10. control
// is its place; outside the groups: ErrInvalidParameter; other errors as Tukey.
// Checked against R's multcomp 1.4-22, whose p-values are simulated to 1e-3.
// Dunnett (1955), doi:10.1080/01621459.1955.10501294.
func Dunnett(groups []twosample.Group, control int, level float64) ([]Pair, error) {
	if err := analytics.CheckLevel(level); err != nil {
		return nil, fmt.Errorf("ksample: dunnett: %w", err)
	}
	if control < 0 || control >= len(groups) {
		return nil, fmt.Errorf("ksample: dunnett: control %d of %d groups: %w", control, len(groups), analytics.ErrInvalidParameter)
	}
	a, err := OneWay(groups)
	if err != nil {
		return nil, fmt.Errorf("ksample: dunnett: %w", err)
	}
	n0 := float64(groups[control].N)
	var lambda []float64
	for i, g := range groups {
		if i != control {
			lambda = append(lambda, math.Sqrt(float64(g.N)/(float64(g.N)+n0)))
		}
	}
	critical := dist.MaxTUpper(1-level, lambda, a.DF2)
	var out []Pair
	for i, g := range groups {
		if i == control {
			continue
		}
		p := Pair{Earlier: control, Later: i, Difference: g.Mean - groups[control].Mean, DF: a.DF2}
		p.StdErr = math.Sqrt(a.Within * (1/float64(g.N) + 1/n0))
		p.T = p.Difference / p.StdErr
		p.P = dist.MaxTTail(math.Abs(p.T), lambda, a.DF2)
		p.Lower, p.Upper = p.Difference-critical*p.StdErr, p.Difference+critical*p.StdErr
		out = append(out, p)
	}
	return out, nil
}
