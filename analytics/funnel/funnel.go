package funnel

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
)

// The z values of the 95 % (alert) and 99.8 % (alarm) limits.
const (
	AlertZ = 1.9599639845400542
	AlarmZ = 3.0902323061678135
)

// Flag says where a unit stands against its limits.
type Flag string

// The flags: an alert lies outside the 95 % limits, an alarm outside the 99.8 %
// limits; low and high are on the scale given.
const (
	None      Flag = "none"
	AlertLow  Flag = "alert_low"
	AlertHigh Flag = "alert_high"
	AlarmLow  Flag = "alarm_low"
	AlarmHigh Flag = "alarm_high"
)

// Classify flags a z score.
func Classify(z float64) Flag {
	switch {
	case z > AlarmZ:
		return AlarmHigh
	case z > AlertZ:
		return AlertHigh
	case z < -AlarmZ:
		return AlarmLow
	case z < -AlertZ:
		return AlertLow
	}
	return None
}

// Unit is one provider: N people, Value on the scale of the target and its
// standard error under the common spread, σ/√N.
type Unit struct {
	N             int64
	Value, StdErr float64
}

// Count is one provider's events among N people.
type Count struct {
	Events, N int64
}

// Limits are the control limits of one unit.
type Limits struct {
	Lower95, Upper95, Lower998, Upper998 float64
}

// UnitResult is a unit with its limits and flags, without and with
// over-dispersion.
type UnitResult struct {
	N     int64
	Value float64
	Z     float64
	Limits
	Overdispersed        Limits
	Outlier              Flag
	OutlierOverdispersed Flag
}

// Result is a funnel. Phi and Tau2 are as in Dispersion, on the scale of the
// values for means and of arcsine square roots for proportions.
type Result struct {
	Target, Phi, Tau2 float64
	Units             []UnitResult
	Method            string
}

// Options choose how z scores are trimmed; the zero value winsorises.
type Options struct {
	Trim Trim
}

// Means draws the funnel of means about a target
//
//	θ ± z·s_j   and with over-dispersion   θ ± z·√(s_j² + τ²)
//
// z = 1.959964 and 3.090232. Errors as Overdispersion; vector funnel_mean of
// the domain's examples.
func Means(units []Unit, target float64, opts Options) (Result, error) {
	values, stdErrs := make([]float64, len(units)), make([]float64, len(units))
	for i, u := range units {
		values[i], stdErrs[i] = u.Value, u.StdErr
	}
	d, err := Overdispersion(values, stdErrs, target, opts.Trim)
	if err != nil {
		return Result{}, err
	}
	r := Result{Target: target, Phi: d.Phi, Tau2: d.Tau2, Method: "means, additive over-dispersion"}
	same := func(v float64) float64 { return v }
	for i, u := range units {
		r.Units = append(r.Units, unitResult(u.N, u.Value, d, i, u.StdErr, target, same))
	}
	return r, nil
}

// Proportions draws the funnel of proportions about the overall one, on the
// variance-stabilising scale
//
//	y = asin √(r/n),   s = 1/(2√n),   limits sin²(asin √θ ± z·√(s² + τ²))
//
// clipped to 0 and 1. A count outside 0…N or N = 0: ErrInvalidParameter; no
// units, or none with events or without: the target is still defined.
// FunnelPlotR's PR; vector funnel_pr of the domain's examples.
func Proportions(counts []Count, opts Options) (Result, error) {
	values, stdErrs := make([]float64, len(counts)), make([]float64, len(counts))
	var events, n int64
	for i, c := range counts {
		if c.N <= 0 || c.Events < 0 || c.Events > c.N {
			return Result{}, fmt.Errorf("funnel: unit %d has %d events of %d: %w", i+1, c.Events, c.N, analytics.ErrInvalidParameter)
		}
		values[i], stdErrs[i] = math.Asin(math.Sqrt(float64(c.Events)/float64(c.N))), 1/(2*math.Sqrt(float64(c.N)))
		events, n = events+c.Events, n+c.N
	}
	if n == 0 {
		return Result{}, fmt.Errorf("funnel: no units: %w", analytics.ErrTooFewObservations)
	}
	theta := float64(events) / float64(n)
	centre := math.Asin(math.Sqrt(theta))
	d, err := Overdispersion(values, stdErrs, centre, opts.Trim)
	if err != nil {
		return Result{}, err
	}
	r := Result{Target: theta, Phi: d.Phi, Tau2: d.Tau2, Method: "proportions, arcsine, additive over-dispersion"}
	back := func(v float64) float64 {
		s := math.Sin(math.Min(math.Max(v, 0), math.Pi/2))
		return s * s
	}
	for i, c := range counts {
		r.Units = append(r.Units, unitResult(c.N, float64(c.Events)/float64(c.N), d, i, stdErrs[i], centre, back))
	}
	return r, nil
}

// unitResult makes the limits of one unit and takes them back to the scale.
func unitResult(n int64, value float64, d Dispersion, i int, s, target float64, back func(float64) float64) UnitResult {
	limits := func(s float64) Limits {
		return Limits{back(target - AlertZ*s), back(target + AlertZ*s), back(target - AlarmZ*s), back(target + AlarmZ*s)}
	}
	return UnitResult{
		N: n, Value: value, Z: d.Z[i], Limits: limits(s), Overdispersed: limits(math.Sqrt(s*s + d.Tau2)),
		Outlier: Classify(d.Z[i]), OutlierOverdispersed: Classify(d.Additive[i]),
	}
}
