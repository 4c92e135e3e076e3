package funnel

import (
	"fmt"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
)

// BinomialLimit returns the limit of a proportion at cumulative probability p
// around a target for n people
//
//	(r − α)/n,   r = smallest with F(r) ≥ p,   α = (F(r) − p)/f(r)
//
// interpolated so that the funnel is smooth; for tiny n it may fall slightly
// below 0, which only a drawing should clip. target or p outside (0,1), n < 1:
// ErrInvalidParameter. Spiegelhalter (2005), A.1.1, doi:10.1002/sim.1970.
func BinomialLimit(target float64, n int64, p float64) (float64, error) {
	if !(target > 0 && target < 1 && p > 0 && p < 1) || n < 1 {
		return 0, fmt.Errorf("funnel: binomial limit of target %v, n %d, p %v: %w", target, n, p, analytics.ErrInvalidParameter)
	}
	size := float64(n)
	r := dist.BinomialQuantile(p, size, target)
	alpha := (dist.BinomialCDF(r, size, target) - p) / dist.BinomialPoint(r, size, target)
	return (r - alpha) / size, nil
}

// PoissonLimit returns the limit of an observed to expected ratio at cumulative
// probability p for expected events, interpolated as BinomialLimit.
func PoissonLimit(expected, p float64) (float64, error) {
	if !(expected > 0 && expected < 1e9 && p > 0 && p < 1) {
		return 0, fmt.Errorf("funnel: Poisson limit of %v expected, p %v: %w", expected, p, analytics.ErrInvalidParameter)
	}
	r := dist.PoissonQuantile(p, expected)
	alpha := (dist.PoissonCDF(r, expected) - p) / dist.PoissonPoint(r, expected)
	return (r - alpha) / expected, nil
}
