package spc

import (
	"fmt"
	"math"
	"slices"

	"github.com/lumbar-health/lumbar/analytics"
)

// The constants of an XmR chart as they are printed in the NHS's guides:
// limits are 2.66 mean moving ranges from the mean, a moving range beyond 3.267
// times their mean is an outlier, and 1.128 turns a mean moving range of two
// points into a standard deviation.
const (
	LimitFactor      = 2.66
	RangeLimitFactor = 3.267
	RangeToSigma     = 1.128
)

// DefaultRun is how many points in a row make a trend or a shift.
const DefaultRun = 7

// TrialPoints is how many points limits should rest on; fewer make trial limits.
const TrialPoints = 12

// Options choose the variant of an XmR chart; the zero value is that of
// NHSRplotthedots: outlying moving ranges are screened, runs are of seven points,
// and the limits rest on all points.
type Options struct {
	// Unscreened keeps outlying moving ranges in their mean, as the official
	// spreadsheet does: limits are wider.
	Unscreened bool
	// FixAfter makes mean and limits rest on the first so many points; 0: on all.
	FixAfter int
	// Run is how many points in a row make a trend or a shift; 0: DefaultRun.
	Run int
	// Gaps are the places (0-based) of points before which periods are missing.
	// No moving range and no run goes across a gap.
	Gaps []int
}

// Limits are those of an XmR chart, in the unit of its values.
type Limits struct {
	Mean float64
	// MeanRangeAll is the mean of all moving ranges, MeanRange that of those
	// which were not screened, from which the limits are made.
	MeanRangeAll, MeanRange float64
	Lower, Upper            float64 // process limits
	NearLower, NearUpper    float64 // two thirds of the way from the mean to them
	RangeUpper              float64 // upper limit of the moving ranges
	Sigma                   float64 // MeanRange / 1.128
	N                       int     // points that mean and limits rest on
}

// Chart is an XmR chart. The rules list all points (0-based, rising) that each
// holds for; Signals has for each point the first of them that does.
type Chart struct {
	Limits
	Signals                           []Signal
	Outside, Trend, TwoOfThree, Shift []int
}

// XmR draws a chart of single values and their moving ranges
//
//	mR_i = |x_i − x_{i−1}|,   limits = mean ± 2.66·amR,   near = mean ± ⅔·2.66·amR
//
// amR is the mean moving range after those of 3.267·amR and more are left out
// once. Values are in the unit of what is charted and limits in the same; a lower
// limit may lie below what the values can be. Assumes values of consecutive,
// equally long periods that do not follow one another's errors. The rules are
// those of Signal. A value that differs from the mean by less than 1e-12 of
// their size is on it.
//
//	fewer than two points, or no two without a gap, to rest on   ErrTooFewObservations
//	all of these equal                                           ErrZeroVariance
//	a value that is not finite, FixAfter or Gaps beyond the
//	points, a run under three                                    ErrInvalidParameter
//
// Inputs are not modified. Agrees with testdata/r/spc.R to 1e-12 and with
// NHSRplotthedots 0.2.2 on its vignette's example. Provost and Murray
// (2011), The Health Care Data Guide; Shewhart (1931).
func XmR(values []float64, o Options) (Chart, error) {
	if o.Run == 0 {
		o.Run = DefaultRun
	}
	if err := o.check(values); err != nil {
		return Chart{}, err
	}
	limits, err := limitsOf(values, o)
	if err != nil {
		return Chart{}, err
	}
	c := Chart{Limits: limits}
	c.apply(values, o)
	return c, nil
}

func (o Options) check(values []float64) error {
	if err := analytics.CheckFinite("spc: xmr", values); err != nil {
		return err
	}
	if o.FixAfter < 0 || o.FixAfter > len(values) {
		return fmt.Errorf("spc: xmr: limits fixed after %d points of %d: %w", o.FixAfter, len(values), analytics.ErrInvalidParameter)
	}
	if o.Run < 3 {
		return fmt.Errorf("spc: xmr: a run of %d points, need 3 or more: %w", o.Run, analytics.ErrInvalidParameter)
	}
	for _, at := range o.Gaps {
		if at < 0 || at >= len(values) {
			return fmt.Errorf("spc: xmr: a gap before point %d of %d: %w", at+1, len(values), analytics.ErrInvalidParameter)
		}
	}
	return nil
}

// limitsOf rests on the points up to FixAfter.
func limitsOf(values []float64, o Options) (Limits, error) {
	if o.FixAfter > 0 {
		values = values[:o.FixAfter]
	}
	ranges := movingRanges(values, o.Gaps)
	if len(ranges) == 0 {
		return Limits{}, fmt.Errorf("spc: xmr: %d points without two in a row, need 2: %w", len(values), analytics.ErrTooFewObservations)
	}
	l := Limits{Mean: mean(values), MeanRangeAll: mean(ranges), N: len(values)}
	if l.MeanRangeAll == 0 {
		return Limits{}, fmt.Errorf("spc: xmr: no point differs from the one before it, so that limits have no width: %w", analytics.ErrZeroVariance)
	}
	l.MeanRange = l.MeanRangeAll
	if !o.Unscreened {
		ranges = slices.DeleteFunc(ranges, func(r float64) bool { return r >= RangeLimitFactor*l.MeanRangeAll })
		l.MeanRange = mean(ranges)
	}
	if l.MeanRange == 0 {
		return Limits{}, fmt.Errorf("spc: xmr: but for outliers no point differs from the one before it, so that limits have no width: %w", analytics.ErrZeroVariance)
	}
	l.Lower, l.Upper = l.Mean-LimitFactor*l.MeanRange, l.Mean+LimitFactor*l.MeanRange
	near := 2 * LimitFactor / 3 * l.MeanRange
	l.NearLower, l.NearUpper = l.Mean-near, l.Mean+near
	l.RangeUpper, l.Sigma = RangeLimitFactor*l.MeanRange, l.MeanRange/RangeToSigma
	return l, nil
}

// movingRanges are the distances of neighbours without a gap between them.
func movingRanges(values []float64, gaps []int) []float64 {
	var ranges []float64
	for i := 1; i < len(values); i++ {
		if !slices.Contains(gaps, i) {
			ranges = append(ranges, math.Abs(values[i]-values[i-1]))
		}
	}
	return ranges
}

// mean sums twice, the second time what the first left, as R does; 0 of none.
func mean(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	var sum, rest float64
	n := float64(len(values))
	for _, v := range values {
		sum += v
	}
	first := sum / n
	for _, v := range values {
		rest += v - first
	}
	return first + rest/n
}

// Exact are the limits of an XmR chart by the exact constants of the normal law
// instead of the printed ones.
type Exact struct {
	// D2 is the expected range of two standard normal values, 2/√π.
	D2              float64
	Sigma           float64
	Lower, Upper    float64
	RangeUpper      float64
	Mean, MeanRange float64
}

// ExactXmR is XmR's limits, unscreened, with the exact constants of the normal
// law
//
//	d₂ = 2/√π,  σ = amR/d₂,  limits mean ± 3σ,  of ranges (1 + 3·√(2(1 − 2/π))/d₂)·amR
//
// Errors as XmR. Montgomery (2009), appendix VI.
func ExactXmR(values []float64) (Exact, error) {
	l, err := limits(values)
	if err != nil {
		return Exact{}, err
	}
	d2 := 2 / math.Sqrt(math.Pi)
	e := Exact{D2: d2, Sigma: l.MeanRange / d2, Mean: l.Mean, MeanRange: l.MeanRange}
	e.Lower, e.Upper = l.Mean-3*e.Sigma, l.Mean+3*e.Sigma
	e.RangeUpper = (1 + 3*math.Sqrt(2*(1-2/math.Pi))/d2) * l.MeanRange
	return e, nil
}

// limits are the unscreened ones of all points.
func limits(values []float64) (Limits, error) {
	o := Options{Unscreened: true, Run: DefaultRun}
	if err := o.check(values); err != nil {
		return Limits{}, err
	}
	return limitsOf(values, o)
}
