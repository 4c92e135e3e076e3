package bootstrap

import (
	"fmt"
	"math"
	"sort"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
)

// Limits are the two ends of an interval.
type Limits struct{ Lower, Upper float64 }

// Intervals are what replicates say of an estimate. Bias is their mean minus the
// estimate, StdErr their standard deviation (n−1). Normal is corrected for bias.
// BCa is nil without influence values, or where every replicate lies on one side
// of the estimate. Warnings say that an end is among the outermost replicates.
type Intervals struct {
	Estimate, Bias, StdErr       float64
	Level                        float64
	Normal, Percentile, Basic    Limits
	BCa                          *Limits
	BiasCorrection, Acceleration float64 // z₀ and a of BCa
	Warnings                     []string
}

// Of returns the intervals of an estimate from its replicates and, for BCa, its
// influence values L (jackknife, one a person)
//
//	percentile  order statistic (R+1)α of the replicates
//	basic       2t₀ − that of 1−α
//	BCa         α* = Φ(z₀ + (z₀+z_α)/(1 − a(z₀+z_α))),  z₀ = Φ⁻¹(share below t₀),  a = ΣL³/(6(ΣL²)^1.5)
//
// Between order statistics it interpolates on the scale of normal quantiles.
//
//	fewer than two replicates                ErrTooFewObservations
//	replicates that are all the same         ErrZeroVariance
//	NaN, a level outside (0,1)               ErrInvalidParameter
//
// Inputs are not modified. Agrees with R's boot::boot.ci 1.3-28.1 to 1e-12.
// Davison and Hinkley (1997), doi:10.1017/CBO9780511802843.
func Of(estimate float64, replicates, influence []float64, level float64) (Intervals, error) {
	if err := analytics.CheckLevel(level); err != nil {
		return Intervals{}, fmt.Errorf("bootstrap: %w", err)
	}
	if len(replicates) < 2 {
		return Intervals{}, fmt.Errorf("bootstrap: %d replicates, need 2 and better 999: %w", len(replicates), analytics.ErrTooFewObservations)
	}
	for name, v := range map[string][]float64{"estimate": {estimate}, "replicates": replicates, "influence values": influence} {
		if err := analytics.CheckFinite("bootstrap: "+name, v); err != nil {
			return Intervals{}, err
		}
	}
	out := Intervals{Estimate: estimate, Level: level}
	n := float64(len(replicates))
	var mean, squares, below float64
	for _, t := range replicates {
		mean += t / n
		if t < estimate {
			below++
		}
	}
	for _, t := range replicates {
		squares += (t - mean) * (t - mean)
	}
	out.Bias, out.StdErr = mean-estimate, math.Sqrt(squares/(n-1))
	if !(out.StdErr > 0) {
		return out, fmt.Errorf("bootstrap: every replicate is the same: %w", analytics.ErrZeroVariance)
	}
	half := dist.NormalCritical(level) * out.StdErr
	out.Normal = Limits{estimate - out.Bias - half, estimate - out.Bias + half}
	sorted := append([]float64(nil), replicates...)
	sort.Float64s(sorted)
	lower, upper := (1-level)/2, (1+level)/2
	out.Percentile = Limits{out.order(sorted, lower), out.order(sorted, upper)}
	out.Basic = Limits{2*estimate - out.Percentile.Upper, 2*estimate - out.Percentile.Lower}
	out.accelerate(sorted, influence, below/n, lower, upper)
	return out, nil
}

// accelerate adds the BCa interval.
func (out *Intervals) accelerate(sorted, influence []float64, below, lower, upper float64) {
	if influence == nil {
		return
	}
	if below <= 0 || below >= 1 {
		out.warn("every replicate lies on one side of the estimate: there is no BCa interval")
		return
	}
	var squares, cubes float64
	for _, l := range influence {
		squares += l * l
		cubes += l * l * l
	}
	if squares == 0 {
		out.warn("the influence values are all zero: there is no BCa interval")
		return
	}
	z0, a := dist.NormalQuantile(below), cubes/(6*math.Pow(squares, 1.5))
	out.BiasCorrection, out.Acceleration = z0, a
	adjusted := func(p float64) (float64, bool) {
		z := z0 + dist.NormalQuantile(p)
		q := dist.NormalTail(-(z0 + z/(1-a*z)))
		return q, 1-a*z > 0 && q > 0 && q < 1
	}
	low, okLow := adjusted(lower)
	high, okHigh := adjusted(upper)
	if !okLow || !okHigh {
		out.warn("the acceleration is too great for a BCa interval")
		return
	}
	out.BCa = &Limits{out.order(sorted, low), out.order(sorted, high)}
}

func (out *Intervals) warn(text string) {
	for _, w := range out.Warnings {
		if w == text {
			return
		}
	}
	out.Warnings = append(out.Warnings, text)
}

// order is the order statistic (R+1)α, between two of them interpolated on the
// scale of normal quantiles.
func (out *Intervals) order(sorted []float64, alpha float64) float64 {
	r := len(sorted)
	rank := float64(r+1) * alpha
	k := int(rank)
	if !(rank > 1 && rank < float64(r)) {
		out.warn("an end of an interval is an outermost replicate: use more replicates")
	}
	switch {
	case k <= 0:
		return sorted[0]
	case k >= r:
		return sorted[r-1]
	case rank == float64(k):
		return sorted[k-1]
	}
	at := dist.NormalQuantile(alpha)
	from := dist.NormalQuantile(float64(k) / float64(r+1))
	to := dist.NormalQuantile(float64(k+1) / float64(r+1))
	return sorted[k-1] + (at-from)/(to-from)*(sorted[k]-sorted[k-1])
}
