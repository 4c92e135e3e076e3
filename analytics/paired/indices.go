package paired

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/describe"
	"github.com/lumbar-health/lumbar/analytics/dist"
	"github.com/lumbar-health/lumbar/analytics/twosample"
)

// Responsiveness holds standardised changes, second − first, all without unit
// but HalfSD (half a baseline standard deviation, in points). SRM divides by the
// standard deviation of the change, EffectSize by that at baseline, DAverage by
// the root mean of both variances, DRepeated is SRM·√(2(1−r)). J is the
// small-sample factor of n−1; SMCR and SMCC are the bias-corrected forms of
// EffectSize and SRM with their large-sample variances.
type Responsiveness struct {
	SRM, EffectSize, DAverage, DRepeated float64
	J                                    float64
	SMCR, SMCRVariance                   float64
	SMCC, SMCCVariance                   float64
	HalfSD                               float64
}

// Indices returns the standardised changes.
//
//	J(m) = Γ(m/2)/(√(m/2)·Γ((m−1)/2))
//
// Errors as TTest, and ErrTooFewObservations under 3 pairs; a baseline or a
// follow-up that does not vary: ErrZeroVariance. Checked against R's
// metafor::escalc 3.8-1. Kazis, Anderson and Meenan (1989),
// doi:10.1097/00005650-198903001-00015; Becker (1988),
// doi:10.1111/j.2044-8317.1988.tb00901.x.
func Indices(first, second []float64) (Responsiveness, error) {
	c, err := TTest(first, second, 0.95)
	if err != nil {
		return Responsiveness{}, err
	}
	if c.N < 3 {
		return Responsiveness{}, fmt.Errorf("paired: responsiveness: %d pairs, need 3: %w", c.N, analytics.ErrTooFewObservations)
	}
	if c.Correlation == nil {
		return Responsiveness{}, fmt.Errorf("paired: responsiveness: one measurement does not vary: %w", analytics.ErrZeroVariance)
	}
	_, s0, err := describe.MeanSD(first)
	if err != nil {
		return Responsiveness{}, err
	}
	_, s1, err := describe.MeanSD(second)
	if err != nil {
		return Responsiveness{}, err
	}
	n, r := float64(c.N), *c.Correlation
	out := Responsiveness{SRM: c.Value / c.StdDev, EffectSize: c.Value / s0, DAverage: c.Value / math.Sqrt((s0*s0+s1*s1)/2), J: twosample.SmallSample(n - 1), HalfSD: s0 / 2}
	out.DRepeated = out.SRM * math.Sqrt(2*(1-r))
	out.SMCR, out.SMCC = out.J*out.EffectSize, out.J*out.SRM
	out.SMCRVariance = 2*(1-r)/n + out.SMCR*out.SMCR/(2*n)
	out.SMCCVariance = 1/n + out.SMCC*out.SMCC/(2*n)
	return out, nil
}

// Reliable counts people whose change is more than measurement error. SEM is
// the standard error of measurement, MDC95 the minimal detectable change with
// z = 1.96 and MDC95Exact with 1.959964, StdErrDiff that of a difference of two
// measurements, all in points.
type Reliable struct {
	StdErrMeasurement, StdErrDiff, MDC95, MDC95Exact float64
	Improved, Worse, Unchanged                       int
}

// ReliableChange classifies each person by Jacobson and Truax's index
//
//	RCI = (second − first)/(√2·SEM),   SEM = sd(first)·√(1 − reliability)
//
// beyond ±1.96. sign is +1 where a higher score is better, −1 where a lower one
// is; reliability is that of test and retest, 0 ≤ reliability < 1. Assumes equal,
// normal measurement error at both times.
//
//	sign, reliability, lengths, NaN   ErrInvalidParameter
//	fewer than 2 pairs                ErrTooFewObservations
//	first does not vary               ErrZeroVariance
//
// Jacobson and Truax (1991), doi:10.1037/0022-006X.59.1.12.
func ReliableChange(first, second []float64, reliability, sign float64) (Reliable, error) {
	if !(reliability >= 0 && reliability < 1) || sign != 1 && sign != -1 || len(first) != len(second) {
		return Reliable{}, fmt.Errorf("paired: reliable change: reliability %v must be from 0 to under 1, sign %v 1 or -1, lengths equal: %w", reliability, sign, analytics.ErrInvalidParameter)
	}
	if err := analytics.CheckFinite("second", second); err != nil {
		return Reliable{}, fmt.Errorf("paired: reliable change: %w", err)
	}
	_, sd, err := describe.MeanSD(first)
	if err != nil {
		return Reliable{}, fmt.Errorf("paired: reliable change: %w", err)
	}
	if sd == 0 {
		return Reliable{}, fmt.Errorf("paired: reliable change: the first measurement does not vary: %w", analytics.ErrZeroVariance)
	}
	r := Reliable{StdErrMeasurement: sd * math.Sqrt(1-reliability)}
	r.StdErrDiff = r.StdErrMeasurement * math.Sqrt2
	r.MDC95, r.MDC95Exact = 1.96*r.StdErrDiff, dist.NormalCritical(0.95)*r.StdErrDiff
	for i := range first {
		switch rci := sign * (second[i] - first[i]) / r.StdErrDiff; {
		case rci > 1.96:
			r.Improved++
		case rci < -1.96:
			r.Worse++
		default:
			r.Unchanged++
		}
	}
	return r, nil
}

// Signs counts the changes that are not zero and tests that up and down are
// equally likely.
type Signs struct {
	Up, Nonzero int
	P           float64
}

// SignTest is the exact binomial test of the signs of second − first, two-sided;
// changes of zero count for nothing. No change at all: ErrZeroVariance; lengths
// or NaN: ErrInvalidParameter. As R's binom.test.
func SignTest(first, second []float64) (Signs, error) {
	if len(first) != len(second) {
		return Signs{}, fmt.Errorf("paired: sign test: %d and %d values: %w", len(first), len(second), analytics.ErrInvalidParameter)
	}
	for name, x := range map[string][]float64{"first": first, "second": second} {
		if err := analytics.CheckFinite(name, x); err != nil {
			return Signs{}, fmt.Errorf("paired: sign test: %w", err)
		}
	}
	var s Signs
	for i := range first {
		if first[i] == second[i] {
			continue
		}
		s.Nonzero++
		if second[i] > first[i] {
			s.Up++
		}
	}
	if s.Nonzero == 0 {
		return Signs{}, fmt.Errorf("paired: sign test: no pair changed: %w", analytics.ErrZeroVariance)
	}
	fewer := min(s.Up, s.Nonzero-s.Up)
	s.P = math.Min(1, 2*dist.BinomialCDF(float64(fewer), float64(s.Nonzero), 0.5))
	return s, nil
}
