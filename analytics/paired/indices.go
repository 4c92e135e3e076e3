package paired

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
	"github.com/lumbar-health/lumbar/analytics/histogram"
	"github.com/lumbar-health/lumbar/analytics/moments"
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
	s, err := spreadsOf(first, second)
	if err != nil {
		return Responsiveness{}, err
	}
	return s.indices()
}

// IndicesFromMoments is Indices on moments, as FromMoments.
func IndicesFromMoments(m moments.Matrix, first, second int) (Responsiveness, error) {
	s, err := spreadsFromMoments(m, first, second)
	if err != nil {
		return Responsiveness{}, err
	}
	return s.indices()
}

func (s spreads) indices() (Responsiveness, error) {
	c, err := s.change(0.95)
	if err != nil {
		return Responsiveness{}, err
	}
	if c.N < 3 {
		return Responsiveness{}, fmt.Errorf("paired: responsiveness: %d pairs, need 3: %w", c.N, analytics.ErrTooFewObservations)
	}
	if c.Correlation == nil {
		return Responsiveness{}, fmt.Errorf("paired: responsiveness: one measurement is the same for everybody; check which columns were chosen: %w", analytics.ErrZeroVariance)
	}
	n, r := float64(c.N), *c.Correlation
	out := Responsiveness{SRM: c.Value / c.StdDev, EffectSize: c.Value / s.s0, DAverage: c.Value / math.Sqrt((s.s0*s.s0+s.s1*s.s1)/2), J: twosample.SmallSample(n - 1), HalfSD: s.s0 / 2}
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
	Improved, Worse, Unchanged                       int64
}

// Counts reduces pairs to the histograms of the first measurement and of the
// change, second − first; counts says how many people have each pair, one each
// when nil. Lengths that differ, a negative count, NaN or Inf:
// ErrInvalidParameter.
func Counts(first, second []float64, counts []int64) (baseline, changes histogram.Histogram, err error) {
	if len(first) != len(second) || counts != nil && len(counts) != len(first) {
		return baseline, changes, fmt.Errorf("paired: %d and %d values: %w", len(first), len(second), analytics.ErrInvalidParameter)
	}
	d := make([]float64, len(first))
	for i := range d {
		d[i] = second[i] - first[i]
	}
	if counts == nil {
		if baseline, err = histogram.FromRows(first); err == nil {
			changes, err = histogram.FromRows(d)
		}
		return baseline, changes, err
	}
	if baseline, err = histogram.New(first, counts); err == nil {
		changes, err = histogram.New(d, counts)
	}
	return baseline, changes, err
}

// ReliableChange classifies each change by Jacobson and Truax's index
//
//	RCI = (second − first)/(√2·SEM),   SEM = sd(first)·√(1 − reliability)
//
// beyond ±1.96, of the histograms that Counts makes. sign is +1 where a higher score is better, −1 where a lower one
// is; reliability is that of test and retest, 0 ≤ reliability < 1. Assumes equal,
// normal measurement error at both times.
//
//	sign, reliability, samples of different size   ErrInvalidParameter
//	fewer than 2 pairs                ErrTooFewObservations
//	first does not vary               ErrZeroVariance
//
// Jacobson and Truax (1991), doi:10.1037/0022-006X.59.1.12.
func ReliableChange(first, changes histogram.Histogram, reliability, sign float64) (Reliable, error) {
	if !(reliability >= 0 && reliability < 1) || sign != 1 && sign != -1 || first.N() != changes.N() {
		return Reliable{}, fmt.Errorf("paired: reliable change: reliability %v must be from 0 to under 1, sign %v 1 or -1, as many changes as people: %w", reliability, sign, analytics.ErrInvalidParameter)
	}
	variance, ok := first.Variance()
	if !ok {
		return Reliable{}, fmt.Errorf("paired: reliable change: %d pairs, need 2: %w", first.N(), analytics.ErrTooFewObservations)
	}
	sd := math.Sqrt(variance)
	if sd == 0 {
		return Reliable{}, fmt.Errorf("paired: reliable change: the first measurement is the same for everybody; check which columns were chosen: %w", analytics.ErrZeroVariance)
	}
	r := Reliable{StdErrMeasurement: sd * math.Sqrt(1-reliability)}
	r.StdErrDiff = r.StdErrMeasurement * math.Sqrt2
	r.MDC95, r.MDC95Exact = 1.96*r.StdErrDiff, dist.NormalCritical(0.95)*r.StdErrDiff
	for i, d := range changes.Values {
		switch rci := sign * d / r.StdErrDiff; {
		case rci > 1.96:
			r.Improved += changes.Counts[i]
		case rci < -1.96:
			r.Worse += changes.Counts[i]
		default:
			r.Unchanged += changes.Counts[i]
		}
	}
	return r, nil
}

// Signs counts the changes that are not zero and tests that up and down are
// equally likely.
type Signs struct {
	Up, Nonzero int64
	P           float64
}

// SignTest is the exact binomial test of the signs of the changes, two-sided;
// changes of zero count for nothing. No change at all: ErrZeroVariance. As R's
// binom.test.
func SignTest(changes histogram.Histogram) (Signs, error) {
	var s Signs
	for i, d := range changes.Values {
		if d != 0 {
			s.Nonzero += changes.Counts[i]
		}
		if d > 0 {
			s.Up += changes.Counts[i]
		}
	}
	if s.Nonzero == 0 {
		return Signs{}, fmt.Errorf("paired: sign test: no pair changed: %w", analytics.ErrZeroVariance)
	}
	fewer := min(s.Up, s.Nonzero-s.Up)
	s.P = math.Min(1, 2*dist.BinomialCDF(float64(fewer), float64(s.Nonzero), 0.5))
	return s, nil
}
