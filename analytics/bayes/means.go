package bayes

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
)

// MediumScale is the usual scale √2/2 of the Cauchy prior of TwoSampleFactor.
const MediumScale = math.Sqrt2 / 2

// TwoSampleFactor returns ln BF₁₀ of a difference of two means against none, from
// the pooled t and the group sizes: the standardised difference has a Cauchy prior
// of the scale r (Jeffreys, Zellner and Siow), mean and variance Jeffreys' prior
//
//	BF₁₀ = ∫ (1+Ng)^(−½)·(1 + t²/((1+Ng)ν))^(−(ν+1)/2) p(g) dg / (1 + t²/ν)^(−(ν+1)/2)
//
// with N = n₁n₂/(n₁+n₂), ν = n₁+n₂−2, p(g) the inverse gamma law of ½ and r²/2.
// Above 0 the data speak for a difference. Assumes normal values of one variance.
//
//	under 2 in a group      ErrTooFewObservations
//	t not finite, r ≤ 0     ErrInvalidParameter
//
// Agrees with R's BayesFactor::ttestBF to its own accuracy (1e-5). Rouder et al.
// (2009), doi:10.3758/PBR.16.2.225.
func TwoSampleFactor(t float64, n1, n0 int, r float64) (float64, error) {
	if n1 < 2 || n0 < 2 {
		return 0, fmt.Errorf("bayes: groups of %d and %d, need 2 in each: %w", n1, n0, analytics.ErrTooFewObservations)
	}
	if math.IsNaN(t) || math.Abs(t) > 1e100 || !(r > 0) || math.IsInf(r, 0) {
		return 0, fmt.Errorf("bayes: t must be finite and the scale above 0: %w", analytics.ErrInvalidParameter)
	}
	size, df := float64(n1)*float64(n0)/float64(n1+n0), float64(n1+n0-2)
	square := t * t / df
	null := -(df + 1) / 2 * math.Log1p(square)
	f := func(u float64) float64 { // u = ln g
		g := math.Exp(u)
		grown := 1 + size*g
		prior := math.Log(r) - 0.5*math.Log(2*math.Pi) - 1.5*u - r*r/(2*g)
		return -0.5*math.Log(grown) - (df+1)/2*math.Log1p(square/grown) + prior + u
	}
	start := highest(f, 2*math.Log(r)-20, 2*math.Log(r)+60, 800)
	value, _, ok := integrate(f, start, 1./64)
	if !ok {
		return 0, fmt.Errorf("bayes: the integral over the effect size: %w", analytics.ErrNotConverged)
	}
	return value - null, nil
}

// Normal is a normal law.
type Normal struct{ Mean, StdDev float64 }

// Update returns the posterior of a mean with this prior after an estimate of it
// with a known standard error: weights 1/sd² and 1/se². A standard deviation or
// error that is not above 0, or a number that is not finite: ErrInvalidParameter.
// Gelman et al. (2013), Bayesian Data Analysis, section 2.5.
func (prior Normal) Update(estimate, stdErr float64) (Normal, error) {
	for _, v := range []float64{prior.Mean, prior.StdDev, estimate, stdErr} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return Normal{}, fmt.Errorf("bayes: prior and estimate must be finite: %w", analytics.ErrInvalidParameter)
		}
	}
	if !(prior.StdDev > 0) || !(stdErr > 0) {
		return Normal{}, fmt.Errorf("bayes: the prior's standard deviation and the standard error must be above 0: %w", analytics.ErrInvalidParameter)
	}
	share := 1 / (1 + stdErr/prior.StdDev*stdErr/prior.StdDev) // of the data
	return Normal{Mean: share*estimate + (1-share)*prior.Mean, StdDev: math.Sqrt(share) * stdErr}, nil
}

// Below is P(X < x).
func (n Normal) Below(x float64) float64 { return dist.NormalTail((n.Mean - x) / n.StdDev) }

// Above is P(X > x).
func (n Normal) Above(x float64) float64 { return dist.NormalTail((x - n.Mean) / n.StdDev) }

// Within is P(lo < X < hi), computed from the tail that keeps its digits.
func (n Normal) Within(lo, hi float64) float64 {
	if lo > n.Mean {
		return n.Above(lo) - n.Above(hi)
	}
	return n.Below(hi) - n.Below(lo)
}

// Interval returns the central interval of that cover; level as CheckLevel.
func (n Normal) Interval(level float64) (lower, upper float64, err error) {
	if err := analytics.CheckLevel(level); err != nil {
		return 0, 0, fmt.Errorf("bayes: %w", err)
	}
	half := dist.NormalCritical(level) * n.StdDev
	return n.Mean - half, n.Mean + half, nil
}
