package sequential

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
)

// OptimalRho returns the mixing parameter of MixtureRadius that makes the
// sequence narrowest at t observations
//
//	ρ = √((−2 ln α + ln(−2 ln α) + 1)/t)
//
// alpha outside (0,1) or so near 1 that ρ is not real, t not above 0:
// ErrInvalidParameter. Waudby-Smith et al. (2021), arXiv:2103.06476.
func OptimalRho(t, alpha float64) (float64, error) {
	if err := analytics.CheckLevel(alpha); err != nil {
		return 0, fmt.Errorf("sequential: alpha: %w", err)
	}
	l := -2 * math.Log(alpha)
	v := (l + math.Log(l) + 1) / t
	if !(v > 0) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("sequential: ρ needs a size above 0 and an alpha below 0.8: %w", analytics.ErrInvalidParameter)
	}
	return math.Sqrt(v), nil
}

// MixtureRadius returns half the width of the two-sided confidence sequence of a
// mean after t observations, in their unit:
//
//	σ·√(2(tρ²+1)/(t²ρ²)·ln(√(tρ²+1)/α))
//
// With probability 1−α the mean lies within it of the running mean at every t at
// once, so that one may look as often as one likes. sd is the known standard
// deviation of one observation; with the running one in its place the cover is
// asymptotic. Assumes independent observations, normal or many.
//
//	t < 1, sd, rho ≤ 0, alpha outside (0,1)   ErrInvalidParameter
//
// Robbins (1970), doi:10.1214/aoms/1177696786; Howard et al. (2021),
// doi:10.1214/20-AOS1991; Waudby-Smith et al. (2021), arXiv:2103.06476.
func MixtureRadius(t, sd, rho, alpha float64) (float64, error) {
	if err := analytics.CheckLevel(alpha); err != nil {
		return 0, fmt.Errorf("sequential: alpha: %w", err)
	}
	if !(t >= 1) || !(sd > 0) || !(rho > 0) || math.IsInf(t, 0) || math.IsInf(sd, 0) || math.IsInf(rho, 0) {
		return 0, fmt.Errorf("sequential: a size from 1, a standard deviation and ρ above 0 are needed: %w", analytics.ErrInvalidParameter)
	}
	v := t * rho * rho
	return sd * math.Sqrt(2*(v+1)/(t*v)*(math.Log1p(v)/2-math.Log(alpha))), nil
}

// MixtureRatio returns the natural logarithm of the mixture likelihood ratio of a
// running mean after n observations against a mean of 0
//
//	Λ = √(V/(V+τ²))·exp(τ²·mean²/(2V(V+τ²))),   V = σ²/n
//
// the effect mixed over N(0, τ²). sd is the known standard deviation of one
// observation. 1/Λ, or the least of it so far, is a p that may be read at every
// moment. Errors as MixtureRadius. Johari, Koomen, Pekelis and Walsh (2022),
// doi:10.1287/opre.2021.2135.
func MixtureRatio(n, mean, sd, tau2 float64) (float64, error) {
	if !(n >= 1) || !(sd > 0) || !(tau2 > 0) || math.IsInf(n, 0) || math.IsInf(sd, 0) || math.IsInf(tau2, 0) || math.IsNaN(mean) || math.IsInf(mean, 0) {
		return 0, fmt.Errorf("sequential: a size from 1, a standard deviation and τ² above 0 and a mean are needed: %w", analytics.ErrInvalidParameter)
	}
	v := sd * sd / n
	return 0.5*math.Log(v/(v+tau2)) + tau2*mean*mean/(2*v*(v+tau2)), nil
}

// AlwaysValid follows observations: LogRatio is ln Λ after each, P the least of
// min(1, 1/Λ) up to it.
type AlwaysValid struct {
	LogRatio, P []float64
}

// Follow returns it for observations in the order of time. Only the running mean
// is used, so that sums by day give the same at the day's end. Observations are
// not modified. None: ErrTooFewObservations; others as MixtureRatio.
func Follow(x []float64, sd, tau2 float64) (AlwaysValid, error) {
	if len(x) == 0 {
		return AlwaysValid{}, fmt.Errorf("sequential: no observation: %w", analytics.ErrTooFewObservations)
	}
	var a AlwaysValid
	least := 1.0
	for i, mean := range RunningMeans(x) {
		l, err := MixtureRatio(float64(i+1), mean, sd, tau2)
		if err != nil {
			return AlwaysValid{}, err
		}
		least = math.Min(least, math.Exp(-l))
		a.LogRatio, a.P = append(a.LogRatio, l), append(a.P, least)
	}
	return a, nil
}

// RunningMeans returns the mean of the first i+1 values at each place i.
func RunningMeans(x []float64) []float64 {
	out := make([]float64, len(x))
	var total float64
	for i, v := range x {
		total += v
		out[i] = total / float64(i+1)
	}
	return out
}
