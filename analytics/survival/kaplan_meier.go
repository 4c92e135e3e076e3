package survival

import (
	"fmt"
	"math"
	"sort"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
)

// Band is the scale on which a survival curve's limits are symmetric.
type Band string

// The bands: of log S (R's default), of log(−log S), which stays within 0 and
// 1, and of S itself.
const (
	Log    Band = "log"
	LogLog Band = "log-log"
	Plain  Band = "plain"
)

// Curve is a Kaplan–Meier curve, one place a time at which someone left: AtRisk
// just before, Survival and CumHazard (Nelson–Aalen) just after, Greenwood the
// variance of log S, infinite once S is 0.
type Curve struct {
	Group                                string
	People, Events                       float64
	Times, AtRisk                        []float64
	Survival, CumHazard, Greenwood, died []float64
}

// Point is a curve at a time. StdErr is on the scale of S; it and the limits
// are nil where S is 0, and log-log limits also where S is 1 after someone left.
type Point struct {
	Time, AtRisk, Survival, CumHazard float64
	StdErr, Lower, Upper              *float64
}

// KaplanMeier returns the curve of a group over all its strata,
//
//	S(t) = Π(1 − d/n),  var log S = Σ d/(n(n−d)),  H(t) = Σ d/n,
//
// d the events of cause, n the people at risk; other causes count as censored,
// so that S is then of the event's own hazard and no probability of staying
// free of it: use CumulativeIncidence where causes compete. Weighted counts
// give the weighted curve; Greenwood's variance takes weights for people.
//
//	a group that nobody is in   ErrTooFewObservations
//	no such group or cause      ErrInvalidParameter
//
// A curve without events is 1 throughout. Checked against R's survival 3.5-3 to
// 1e-9. Kaplan and Meier (1958), doi:10.1080/01621459.1958.10501452.
func KaplanMeier(t *Table, group, cause int) (*Curve, error) {
	if group < 0 || group >= len(t.Groups) || cause < 1 || cause > t.Causes {
		return nil, fmt.Errorf("survival: no such group or cause: %w", analytics.ErrInvalidParameter)
	}
	h := t.group(group)
	if len(h) == 0 {
		return nil, fmt.Errorf("survival: nobody is in group %q: %w", t.Groups[group], analytics.ErrTooFewObservations)
	}
	c := &Curve{Group: t.Groups[group], People: h[0].AtRisk}
	s, v, hazard := 1.0, 0.0, 0.0
	for _, st := range h {
		d, n := st.Events[cause-1], st.AtRisk
		if d > 0 {
			c.Events += d
			hazard += d / n
			if left := n - d; left > 1e-12*n {
				s *= left / n
				v += d / (n * left)
			} else {
				s, v = 0, math.Inf(1)
			}
		}
		c.Times, c.AtRisk = append(c.Times, st.Time), append(c.AtRisk, n)
		c.Survival, c.Greenwood, c.CumHazard = append(c.Survival, s), append(c.Greenwood, v), append(c.CumHazard, hazard)
		c.died = append(c.died, d)
	}
	return c, nil
}

// limits are those of place k, NaN where there are none.
func (c *Curve) limits(k int, band Band, z float64) (lower, upper float64) {
	return limitsOf(c.Survival[k], math.Sqrt(c.Greenwood[k]), band, z)
}

func limitsOf(s, se float64, band Band, z float64) (lower, upper float64) {
	if s == 0 || s == 1 && band == LogLog {
		return math.NaN(), math.NaN()
	}
	switch band {
	case LogLog:
		step := z * se / math.Log(s)
		at := math.Log(-math.Log(s))
		return math.Exp(-math.Exp(at - step)), math.Exp(-math.Exp(at + step))
	case Plain:
		return math.Max(s-z*se*s, 0), math.Min(s+z*se*s, 1)
	}
	return s * math.Exp(-z*se), math.Min(s*math.Exp(z*se), 1)
}

// At returns the curve at a time, with limits of the level on the band. AtRisk
// is the people still followed at that time; after the last one the curve goes
// on flat with nobody at risk.
func (c *Curve) At(time float64, band Band, level float64) (Point, error) {
	if err := checkBand(band, level); err != nil {
		return Point{}, err
	}
	if math.IsNaN(time) {
		return Point{}, fmt.Errorf("survival: a time is missing: %w", analytics.ErrInvalidParameter)
	}
	p := Point{Time: time, Survival: 1}
	if k := sort.SearchFloat64s(c.Times, time); k < len(c.Times) {
		p.AtRisk = c.AtRisk[k]
	}
	var greenwood float64
	k := sort.Search(len(c.Times), func(k int) bool { return c.Times[k] > time }) - 1
	if k < 0 { // nobody has left yet
		zero, one := 0.0, 1.0
		p.StdErr, p.Lower, p.Upper = &zero, &one, &one
		return p, nil
	}
	p.Survival, p.CumHazard, greenwood = c.Survival[k], c.CumHazard[k], c.Greenwood[k]
	if p.Survival > 0 {
		se := p.Survival * math.Sqrt(greenwood)
		p.StdErr = &se
	}
	lower, upper := limitsOf(p.Survival, math.Sqrt(greenwood), band, dist.NormalCritical(level))
	if !math.IsNaN(lower) {
		p.Lower, p.Upper = &lower, &upper
	}
	return p, nil
}

func checkBand(band Band, level float64) error {
	if band != Log && band != LogLog && band != Plain {
		return fmt.Errorf("survival: band %q, have log, log-log and plain: %w", band, analytics.ErrInvalidParameter)
	}
	return analytics.CheckLevel(level)
}

// Crossing is a time with its limits, each nil where the curve, or its band,
// does not come that far.
type Crossing struct {
	Value, Lower, Upper *float64
}

// Quantile returns the time by which a share p of people had the event (0.5:
// the median), with the limits where the band crosses 1 − p. Where S stays at
// exactly 1 − p for a while it is the middle of that interval.
// Brookmeyer and Crowley (1982), doi:10.2307/2530286.
func (c *Curve) Quantile(p float64, band Band, level float64) (Crossing, error) {
	if err := checkBand(band, level); err != nil {
		return Crossing{}, err
	}
	if !(p > 0 && p < 1) {
		return Crossing{}, fmt.Errorf("survival: a quantile must be between 0 and 1: %w", analytics.ErrInvalidParameter)
	}
	z := dist.NormalCritical(level)
	n := len(c.Times)
	lower, upper := make([]float64, n), make([]float64, n)
	for k := range c.Times {
		lower[k], upper[k] = c.limits(k, band, z)
	}
	return Crossing{crossing(c.Times, c.Survival, p), crossing(c.Times, lower, p), crossing(c.Times, upper, p)}, nil
}

// crossing is where 1 − curve reaches p: the mean of the times at which it does
// so with and without the slack of rounding. A limit that turns back is read as
// R reads it, at the height next to p and not at the first crossing.
func crossing(times, curve []float64, p float64) *float64 {
	const slack = 1.4901161193847656e-08 // √2⁻⁵², R's
	at := func(reached float64) (time float64, ok bool) {
		lowest := math.Inf(1)
		for k, s := range curve {
			if h := 1 - s; h >= reached && h < lowest {
				lowest, time, ok = h, times[k], true
			}
		}
		return time, ok
	}
	from, ok := at(p - slack)
	if !ok {
		return nil
	}
	to, ok := at(p + slack)
	if n := len(curve); math.Abs(1-curve[n-1]-p) < slack {
		to, ok = times[n-1], true // flat at p until the end
	}
	if !ok {
		return nil
	}
	out := (from + to) / 2
	return &out
}
