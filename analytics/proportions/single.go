package proportions

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
)

// Count is a number of people and how many of them had the event.
type Count struct{ Events, N int64 }

// Proportion returns Events/N.
func (c Count) Proportion() float64 { return float64(c.Events) / float64(c.N) }

// check refuses counts that are none.
func (c Count) check() error {
	if c.N < 1 {
		return fmt.Errorf("a group of %d people, need 1: %w", c.N, analytics.ErrTooFewObservations)
	}
	if c.Events < 0 || c.Events > c.N {
		return fmt.Errorf("%d events in %d people: %w", c.Events, c.N, analytics.ErrInvalidParameter)
	}
	return nil
}

// FromRows counts a column of zeros and ones. Other values:
// ErrInvalidParameter.
func FromRows(y []float64) (Count, error) {
	c := Count{N: int64(len(y))}
	for i, v := range y {
		switch v {
		case 1:
			c.Events++
		case 0:
		default:
			return Count{}, fmt.Errorf("proportions: row %d is neither 0 nor 1: code the event as 1 and its absence as 0: %w", i+1, analytics.ErrInvalidParameter)
		}
	}
	return c, nil
}

// Interval is a confidence interval.
type Interval struct{ Low, High float64 }

// Wilson returns the score interval of a proportion
//
//	(p + z²/2n ± z√(p(1−p)/n + z²/4n²)) / (1 + z²/n)
//
// the product's default. It stays within [0,1] and has width with no event or
// with events only.
//
//	n < 1                          ErrTooFewObservations
//	events outside 0…n, level      ErrInvalidParameter
//
// Checked against R's prop.test(correct = FALSE). Wilson (1927),
// doi:10.1080/01621459.1927.10502953; Newcombe (1998),
// doi:10.1002/(SICI)1097-0258(19980430)17:8<857::AID-SIM777>3.0.CO;2-E.
func Wilson(c Count, level float64) (Interval, error) {
	if err := checkAll(level, c); err != nil {
		return Interval{}, fmt.Errorf("proportions: wilson: %w", err)
	}
	return wilson(c, level), nil
}

func wilson(c Count, level float64) Interval {
	z := dist.NormalCritical(level)
	n, p := float64(c.N), c.Proportion()
	half := z * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	i := Interval{(p + z*z/(2*n) - half) / (1 + z*z/n), (p + z*z/(2*n) + half) / (1 + z*z/n)}
	if c.Events == 0 {
		i.Low = 0
	}
	if c.Events == c.N {
		i.High = 1
	}
	return i
}

// checkAll checks a level and the counts.
func checkAll(level float64, counts ...Count) error {
	if err := analytics.CheckLevel(level); err != nil {
		return err
	}
	for _, c := range counts {
		if err := c.check(); err != nil {
			return err
		}
	}
	return nil
}

// Single is a proportion with its intervals, by every method in use. Half is the
// two-sided exact binomial test of a proportion of one half. Wald and
// AgrestiCoull are not cut off at 0 and 1.
type Single struct {
	Count
	P                        float64
	Wilson, WilsonCorrected  Interval
	ClopperPearson, Jeffreys Interval
	AgrestiCoull, Wald       Interval
	HalfP                    float64
	Level                    float64
}

// One returns a proportion with its intervals. The continuity correction of
// WilsonCorrected is that of R's prop.test, the smaller of ½ and |events − n/2|.
// Errors as Wilson. Checked against R's prop.test, binom.test and qbeta.
// Brown, Cai and DasGupta (2001), doi:10.1214/ss/1009213286.
func One(c Count, level float64) (Single, error) {
	if err := checkAll(level, c); err != nil {
		return Single{}, fmt.Errorf("proportions: one: %w", err)
	}
	z := dist.NormalCritical(level)
	n, x, p := float64(c.N), float64(c.Events), c.Proportion()
	s := Single{Count: c, P: p, Level: level, Wilson: wilson(c, level), WilsonCorrected: wilsonCorrected(c, z)}
	tail := (1 - level) / 2
	s.ClopperPearson, s.Jeffreys = Interval{0, 1}, Interval{0, 1}
	if c.Events > 0 {
		s.ClopperPearson.Low, s.Jeffreys.Low = dist.BetaQuantile(tail, x, n-x+1), dist.BetaQuantile(tail, x+0.5, n-x+0.5)
	}
	if c.Events < c.N {
		s.ClopperPearson.High, s.Jeffreys.High = dist.BetaUpper(tail, x+1, n-x), dist.BetaUpper(tail, x+0.5, n-x+0.5)
	}
	nt := n + z*z
	pt := (x + z*z/2) / nt
	half := z * math.Sqrt(pt*(1-pt)/nt)
	s.AgrestiCoull = Interval{pt - half, pt + half}
	half = z * math.Sqrt(p*(1-p)/n)
	s.Wald = Interval{p - half, p + half}
	s.HalfP = evenP(c.Events, c.N)
	return s, nil
}

// wilsonCorrected is the score interval with a continuity correction.
func wilsonCorrected(c Count, z float64) Interval {
	n, p := float64(c.N), c.Proportion()
	yates := math.Min(0.5, math.Abs(float64(c.Events)-n/2)) / n
	bound := func(p, sign float64) float64 {
		return (p + z*z/(2*n) + sign*z*math.Sqrt(p*(1-p)/n+z*z/(4*n*n))) / (1 + z*z/n)
	}
	i := Interval{0, 1}
	if p-yates > 0 {
		i.Low = math.Max(bound(p-yates, -1), 0)
	}
	if p+yates < 1 {
		i.High = math.Min(bound(p+yates, 1), 1)
	}
	return i
}

// evenP is the exact two-sided test that x of n is a half.
func evenP(x, n int64) float64 {
	fewer := min(x, n-x)
	return math.Min(1, 2*dist.BinomialCDF(float64(fewer), float64(n), 0.5))
}
