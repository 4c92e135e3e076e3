package twosample

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
)

// Standardised is a difference of means in standard deviations with its
// noncentral t interval.
type Standardised struct{ Value, Lower, Upper float64 }

// Effects are standardised mean differences, group 1 − group 0. Cohen divides by
// the pooled standard deviation, Hedges is Cohen times J, the exact small-sample
// factor (JApprox is 1 − 3/(4m−1)), Glass divides by the standard deviation of
// group 0 and is nil where that is zero. HedgesVariance is 1/n₁ + 1/n₀ +
// g²/(2(n₁+n₀)), for meta-analysis.
type Effects struct {
	Cohen, Hedges  Standardised
	Glass          *Standardised
	J, JApprox     float64
	HedgesVariance float64
	Level          float64
}

// EffectSizes standardises a difference of means
//
//	d = (x̄₁−x̄₀)/s_p,   g = J(m)·d,   J(m) = Γ(m/2)/(√(m/2)·Γ((m−1)/2)),  m = n₁+n₀−2
//
// The limits are the noncentralities of which the observed t is a quantile, of m
// degrees of freedom for Cohen, of n₀−1 for Glass with t = Δ/√(1/n₀ +
// s₁²/(n₁s₀²)). Assumes normal values, for Cohen and Hedges of equal variance.
//
//	a group under 2                           ErrTooFewObservations
//	no variance within groups                 ErrZeroVariance
//	variance < 0, NaN, level                  ErrInvalidParameter
//	t beyond 10⁴ (groups far apart or alike within)  ErrNotConverged
//
// Checked against R's effectsize 0.8.3 and metafor 3.8-1 to 1e-6. Hedges (1981),
// doi:10.3102/10769986006002107; Cumming (2014), doi:10.1177/0956797613504966.
func EffectSizes(g1, g0 Group, level float64) (Effects, error) {
	if err := analytics.CheckLevel(level); err != nil {
		return Effects{}, fmt.Errorf("twosample: effect sizes: %w", err)
	}
	if err := check(g1, g0); err != nil {
		return Effects{}, fmt.Errorf("twosample: effect sizes: %w", err)
	}
	n1, n0 := float64(g1.N), float64(g0.N)
	m := n1 + n0 - 2
	pooled := math.Sqrt(((n1-1)*g1.Variance + (n0-1)*g0.Variance) / m)
	difference, scale := g1.Mean-g0.Mean, math.Sqrt(1/n1+1/n0)
	e := Effects{J: SmallSample(m), JApprox: 1 - 3/(4*m-1), Level: level}
	var err error
	if e.Cohen, err = standardise(difference/pooled, scale, m, level); err != nil {
		return Effects{}, err
	}
	e.Hedges = Standardised{e.J * e.Cohen.Value, e.J * e.Cohen.Lower, e.J * e.Cohen.Upper}
	e.HedgesVariance = 1/n1 + 1/n0 + e.Hedges.Value*e.Hedges.Value/(2*(n1+n0))
	if g0.Variance > 0 {
		glass, err := standardise(difference/math.Sqrt(g0.Variance), math.Sqrt(1/n0+g1.Variance/(n1*g0.Variance)), n0-1, level)
		if err != nil {
			return Effects{}, err
		}
		e.Glass = &glass
	}
	return e, nil
}

// standardise gives a standardised difference the interval of its t = d/scale.
func standardise(d, scale, df, level float64) (Standardised, error) {
	low, high, ok := dist.NoncentralTLimits(d/scale, df, level)
	if !ok {
		return Standardised{}, fmt.Errorf("twosample: effect sizes: no noncentrality found for the limits: the groups are too far apart or too much alike within: %w", analytics.ErrNotConverged)
	}
	return Standardised{d, low * scale, high * scale}, nil
}

// SmallSample is Hedges's exact factor Γ(m/2)/(√(m/2)·Γ((m−1)/2)) for m > 1
// degrees of freedom.
func SmallSample(m float64) float64 {
	if m <= 1 {
		return 0
	}
	if x := m / 2; x > 20 {
		// Stirling's series, where the difference of two log-gammas loses digits.
		rest := func(x float64) float64 { return (1 - (1.0/30-1/(105*x*x))/(x*x)) / (12 * x) }
		return math.Exp(-(x-1)*math.Log1p(-1/(2*x)) - 0.5 + rest(x) - rest(x-0.5))
	}
	a, _ := math.Lgamma(m / 2)
	b, _ := math.Lgamma((m - 1) / 2)
	return math.Exp(a-b) / math.Sqrt(m/2)
}

// Balance is how far apart two groups are in a covariate: the difference of
// means, group 1 − group 0, over √((s₁²+s₀²)/2) and over s₁: infinite where group
// 1 does not vary, nil where its mean is that of group 0 as well.
type Balance struct {
	Pooled  float64
	Treated *float64
}

// StandardisedDifference returns the balance of a covariate. Errors as
// EffectSizes. Austin (2009), doi:10.1002/sim.3697.
func StandardisedDifference(g1, g0 Group) (Balance, error) {
	if err := check(g1, g0); err != nil {
		return Balance{}, fmt.Errorf("twosample: standardised difference: %w", err)
	}
	d := g1.Mean - g0.Mean
	b := Balance{Pooled: d / math.Sqrt((g1.Variance+g0.Variance)/2)}
	if g1.Variance > 0 || d != 0 {
		t := d / math.Sqrt(g1.Variance)
		b.Treated = &t
	}
	return b, nil
}

// VarianceRatio is the F test that two variances are equal; F, group 1 over
// group 0, and its limits are nil where group 0 does not vary: F is infinite
// then and P is 0.
type VarianceRatio struct {
	F, Lower, Upper *float64
	P               float64
	DF1, DF0        float64
	Level           float64
}

// CompareVariances tests s₁²/s₀², two-sided by twice the smaller tail. It is
// misled by values that are not normal: see ksample.Levene. Errors as Pooled.
// Checked against R's var.test.
func CompareVariances(g1, g0 Group, level float64) (VarianceRatio, error) {
	if err := analytics.CheckLevel(level); err != nil {
		return VarianceRatio{}, fmt.Errorf("twosample: variances: %w", err)
	}
	if err := check(g1, g0); err != nil {
		return VarianceRatio{}, fmt.Errorf("twosample: variances: %w", err)
	}
	r := VarianceRatio{DF1: float64(g1.N - 1), DF0: float64(g0.N - 1), Level: level}
	if g0.Variance == 0 {
		return r, nil
	}
	f := g1.Variance / g0.Variance
	tail := (1 - level) / 2
	// P(F < f) is the tail of 1/f with the degrees of freedom exchanged.
	r.P = math.Min(2*math.Min(dist.FTail(f, r.DF1, r.DF0), dist.FTail(1/f, r.DF0, r.DF1)), 1)
	low, high := f/dist.FUpper(tail, r.DF1, r.DF0), f*dist.FUpper(tail, r.DF0, r.DF1)
	r.F, r.Lower, r.Upper = &f, &low, &high
	return r, nil
}
