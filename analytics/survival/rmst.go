package survival

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
)

// RestrictedMean returns the mean time free of the event up to tau,
//
//	∫₀^τ S(t)dt,  variance Σ A_j²·d_j/(n_j(n_j−d_j)),
//
// A_j the area from t_j to tau; in the unit of time. A curve that ends before
// tau goes on flat, which the caller should say. tau not above 0:
// ErrInvalidParameter. Checked against R's survival:::survmean to 1e-8.
// Uno et al. (2014), doi:10.1200/JCO.2014.55.2208.
func (c *Curve) RestrictedMean(tau, level float64) (analytics.Estimate, error) {
	if !(tau > 0) || math.IsInf(tau, 0) {
		return analytics.Estimate{}, fmt.Errorf("survival: restricted mean: tau must be above 0: %w", analytics.ErrInvalidParameter)
	}
	if err := analytics.CheckLevel(level); err != nil {
		return analytics.Estimate{}, err
	}
	var after, variance float64 // area from the time at hand to tau
	end := tau
	for k := len(c.Times) - 1; k >= 0; k-- {
		if c.Times[k] > tau {
			continue
		}
		after += (end - c.Times[k]) * c.Survival[k]
		end = c.Times[k]
		if d, n := c.died[k], c.AtRisk[k]; d > 0 && n-d > 1e-12*n {
			variance += after * after * d / (n * (n - d))
		}
	}
	e := analytics.Estimate{Value: after + end, StdErr: math.Sqrt(variance), Level: level, N: int(math.Round(c.People)), Method: "restricted mean"}
	z := dist.NormalCritical(level)
	e.Lower, e.Upper = e.Value-z*e.StdErr, e.Value+z*e.StdErr
	return e, nil
}

// MeanContrast compares two restricted means: the difference b − a with its
// normal test, and the ratio b/a with the standard error of its logarithm.
type MeanContrast struct {
	Difference     analytics.Test
	Ratio          float64
	StdErrLogRatio float64
}

// CompareMeans contrasts the restricted means of two groups of different
// people. Two means without any spread: ErrZeroVariance.
func CompareMeans(a, b analytics.Estimate, level float64) (MeanContrast, error) {
	if err := analytics.CheckLevel(level); err != nil {
		return MeanContrast{}, err
	}
	se := math.Hypot(a.StdErr, b.StdErr)
	if !(se > 0) || !(a.Value > 0) || !(b.Value > 0) {
		return MeanContrast{}, fmt.Errorf("survival: restricted means: no event in either group up to tau: %w", analytics.ErrZeroVariance)
	}
	d := b.Value - a.Value
	z := dist.NormalCritical(level)
	m := MeanContrast{Ratio: b.Value / a.Value, StdErrLogRatio: math.Hypot(a.StdErr/a.Value, b.StdErr/b.Value)}
	m.Difference.Estimate = analytics.Estimate{Value: d, StdErr: se, Lower: d - z*se, Upper: d + z*se, Level: level, N: a.N + b.N, Method: "restricted mean, difference"}
	m.Difference.Statistic, m.Difference.P = d/se, dist.NormalTwoSided(d/se)
	return m, nil
}
