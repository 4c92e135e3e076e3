package spc

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
)

// PChart is a chart of proportions of groups of different size, with the limits
// of the binomial law, those corrected for spread beyond it (Laney), and those of
// counts of events per unit (u chart).
type PChart struct {
	Proportion float64 // of all groups together
	Lower      []float64
	Upper      []float64
	Z          []float64 // of each group, in binomial standard errors
	// SigmaZ is the spread of Z by its mean moving range: 1 where the binomial
	// law holds, above 1 under over-dispersion.
	SigmaZ                 float64
	LaneyLower, LaneyUpper []float64
	RateLower, RateUpper   []float64
}

// Proportions draws the charts of x events among n, in order
//
//	p̄ = Σx/Σn,  s = √(p̄(1−p̄)/n),  p: p̄ ± 3s within [0,1]
//	z = (x/n − p̄)/s,  σ_z = mean |z_i − z_{i−1}| / 1.128
//	Laney: p̄ ± 3sσ_z, not below 0;  u: p̄ ± 3√(p̄/n), not below 0
//
// Laney's and the u chart's upper limits are not cut at 1, as in qicharts2.
// Assumes groups in the order of time without gaps.
//
//	fewer than two groups                     ErrTooFewObservations
//	no event at all, or nothing else          ErrZeroVariance
//	n ≤ 0, x outside [0, n], or not finite,
//	lists of different length                 ErrInvalidParameter
//
// Inputs are not modified. Agrees with testdata/r/spc.R to 1e-12. Laney (2002),
// doi:10.1081/QEN-120006708.
func Proportions(x, n []float64) (PChart, error) {
	if len(x) != len(n) {
		return PChart{}, fmt.Errorf("spc: p chart: %d counts of events and %d of people: %w", len(x), len(n), analytics.ErrInvalidParameter)
	}
	if len(x) < 2 {
		return PChart{}, fmt.Errorf("spc: p chart: %d groups, need 2: %w", len(x), analytics.ErrTooFewObservations)
	}
	var events, people float64
	for i := range x {
		if !(n[i] > 0 && x[i] >= 0 && x[i] <= n[i]) || math.IsInf(n[i], 0) {
			return PChart{}, fmt.Errorf("spc: p chart: group %d: need more than 0 people and from 0 to all of them with the event: %w", i+1, analytics.ErrInvalidParameter)
		}
		events, people = events+x[i], people+n[i]
	}
	p := PChart{Proportion: events / people}
	if events == 0 || events == people {
		return PChart{}, fmt.Errorf("spc: p chart: every group has only events, or none: %w", analytics.ErrZeroVariance)
	}
	for i := range x {
		p.Z = append(p.Z, (x[i]/n[i]-p.Proportion)/p.stdErr(n[i]))
	}
	p.SigmaZ = mean(movingRanges(p.Z, nil)) / RangeToSigma
	for _, size := range n {
		half, rate := 3*p.stdErr(size), 3*math.Sqrt(p.Proportion/size)
		p.Lower = append(p.Lower, math.Max(0, p.Proportion-half))
		p.Upper = append(p.Upper, math.Min(1, p.Proportion+half))
		p.LaneyLower = append(p.LaneyLower, math.Max(0, p.Proportion-half*p.SigmaZ))
		p.LaneyUpper = append(p.LaneyUpper, p.Proportion+half*p.SigmaZ)
		p.RateLower = append(p.RateLower, math.Max(0, p.Proportion-rate))
		p.RateUpper = append(p.RateUpper, p.Proportion+rate)
	}
	return p, nil
}

func (p PChart) stdErr(n float64) float64 { return math.Sqrt(p.Proportion * (1 - p.Proportion) / n) }
