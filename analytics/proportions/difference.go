package proportions

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
)

// Difference is p₁ − p₀ with its intervals. ScoreAtZero is Miettinen and
// Nurminen's score of no difference, nil where nobody or everybody had the
// event.
type Difference struct {
	One, Zero         Count
	Value, StdErr     float64
	Wald, Newcombe    Interval
	MiettinenNurminen Interval
	Mee               Interval
	ScoreAtZero       *float64
	NNT               NNT
	Level             float64
}

// NNT is the number needed to treat, 1/Difference, with the reciprocals of the
// Newcombe limits. Where Disjoint, the interval of the difference has zero
// inside: the numbers run from FromLow through infinity to FromHigh. Kind is
// "benefit" where the event is more frequent in group 1, "harm" where it is
// less frequent, "both" where Disjoint; the event is taken to be a good one.
type NNT struct {
	Value             float64
	Kind              string
	FromLow, FromHigh float64
	Disjoint          bool
}

// RiskDifference compares two proportions, one.Proportion() −
// zero.Proportion().
//
//	Wald       d ± z√(p₁q₁/n₁ + p₀q₀/n₀)
//	Newcombe   d − √((p₁−l₁)² + (u₀−p₀)²), d + √((u₁−p₁)² + (p₀−l₀)²), Wilson limits l, u
//	MN         the δ with |d−δ| ≤ z·√(V(δ)·N/(N−1)), V at the restricted estimates
//	Mee        the same without N/(N−1)
//
//	a group of 0                      ErrTooFewObservations
//	events outside 0…n, level         ErrInvalidParameter
//
// Newcombe, MN and Mee agree with Table II of Newcombe (1998),
// doi:10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I.
// Miettinen and Nurminen (1985), doi:10.1002/sim.4780040211; Altman (1998),
// doi:10.1136/bmj.317.7168.1309, for the number needed to treat.
func RiskDifference(one, zero Count, level float64) (Difference, error) {
	if err := checkAll(level, one, zero); err != nil {
		return Difference{}, fmt.Errorf("proportions: risk difference: %w", err)
	}
	z := dist.NormalCritical(level)
	p1, p0 := one.Proportion(), zero.Proportion()
	r := Difference{One: one, Zero: zero, Value: p1 - p0, Level: level}
	r.StdErr = math.Sqrt(p1*(1-p1)/float64(one.N) + p0*(1-p0)/float64(zero.N))
	r.Wald = Interval{r.Value - z*r.StdErr, r.Value + z*r.StdErr}
	w1, w0 := wilson(one, level), wilson(zero, level)
	r.Newcombe = Interval{r.Value - math.Hypot(p1-w1.Low, w0.High-p0), r.Value + math.Hypot(w1.High-p1, p0-w0.Low)}
	r.MiettinenNurminen = scoreInterval(one, zero, z, true)
	r.Mee = scoreInterval(one, zero, z, false)
	if s, ok := scoreDifference(one, zero, 0, true); ok {
		r.ScoreAtZero = &s
	}
	r.NNT = needed(r.Value, r.Newcombe)
	return r, nil
}

// needed turns a difference into numbers needed to treat.
func needed(d float64, i Interval) NNT {
	n := NNT{Value: 1 / math.Abs(d), FromLow: 1 / i.Low, FromHigh: 1 / i.High, Disjoint: i.Low < 0 && i.High > 0}
	if d < 0 {
		n.Value = -n.Value
	}
	switch {
	case n.Disjoint:
		n.Kind = "both"
	case d > 0:
		n.Kind = "benefit"
	default:
		n.Kind = "harm"
	}
	return n
}

// ScoreDifference is the score statistic of p₁ − p₀ = delta, −1 < delta < 1,
// with the variance at the restricted maximum-likelihood estimates, times
// N/(N−1) where corrected (Miettinen and Nurminen), as it is where not
// (Farrington and Manning, doi:10.1002/sim.4780091208). No variance at that
// delta: ErrZeroVariance.
func ScoreDifference(one, zero Count, delta float64, corrected bool) (float64, error) {
	if err := checkAll(0.5, one, zero); err != nil {
		return 0, fmt.Errorf("proportions: score: %w", err)
	}
	if !(delta > -1 && delta < 1) {
		return 0, fmt.Errorf("proportions: score: difference %v, need between -1 and 1: %w", delta, analytics.ErrInvalidParameter)
	}
	s, ok := scoreDifference(one, zero, delta, corrected)
	if !ok {
		return 0, fmt.Errorf("proportions: score: nobody or everybody had the event: %w", analytics.ErrZeroVariance)
	}
	return s, nil
}

func scoreDifference(one, zero Count, delta float64, corrected bool) (float64, bool) {
	p1, p0 := restricted(one, zero, delta)
	n1, n0 := float64(one.N), float64(zero.N)
	v := p1*(1-p1)/n1 + p0*(1-p0)/n0
	if corrected {
		v *= (n1 + n0) / (n1 + n0 - 1)
	}
	if !(v > 0) {
		return 0, false
	}
	return (one.Proportion() - zero.Proportion() - delta) / math.Sqrt(v), true
}

// restricted returns the maximum-likelihood estimates under p₁ − p₀ = delta:
// the root of Miettinen and Nurminen's cubic that lies in the parameter space,
// by the cosine formula and two steps of Newton's method.
func restricted(one, zero Count, delta float64) (p1, p0 float64) {
	n1, n0, x0 := float64(one.N), float64(zero.N), float64(zero.Events)
	n, c := n1+n0, float64(one.Events)+x0
	l3, l2, l1, l0 := n, (n1+2*n0)*delta-n-c, (n0*delta-n-2*x0)*delta+c, x0*delta*(1-delta)
	q := l2*l2*l2/(27*l3*l3*l3) - l1*l2/(6*l3*l3) + l0/(2*l3)
	p := math.Sqrt(math.Max(0, l2*l2/(9*l3*l3)-l1/(3*l3)))
	if q < 0 {
		p = -p
	}
	lo, hi := math.Max(0, -delta), math.Min(1, 1-delta)
	p0 = -l2 / (3 * l3)
	if p != 0 {
		a := (math.Pi + math.Acos(math.Max(-1, math.Min(1, q/(p*p*p))))) / 3
		p0 += 2 * p * math.Cos(a)
	}
	p0 = math.Min(math.Max(p0, lo), hi)
	for range 2 {
		slope := (3*l3*p0+2*l2)*p0 + l1
		if slope == 0 {
			break
		}
		next := p0 - (((l3*p0+l2)*p0+l1)*p0+l0)/slope
		if !(next >= lo && next <= hi) || math.Abs(next-p0) > 1e-6 {
			break
		}
		p0 = next
	}
	return math.Min(math.Max(p0+delta, 0), 1), p0
}

// scoreInterval inverts the score test. Where the observed difference is −1 or 1
// that end is the limit.
func scoreInterval(one, zero Count, z float64, corrected bool) Interval {
	d := one.Proportion() - zero.Proportion()
	const edge = 1e-12
	score := func(target float64) func(float64) float64 {
		return func(delta float64) float64 {
			s, ok := scoreDifference(one, zero, delta, corrected)
			if !ok {
				s = 0
			}
			return s - target
		}
	}
	i := Interval{-1, 1}
	if d > -1+edge {
		if root, ok := dist.Root(score(z), -1+edge, math.Min(d, 1-edge)); ok {
			i.Low = root
		}
	}
	if d < 1-edge {
		if root, ok := dist.Root(score(-z), math.Max(d, -1+edge), 1-edge); ok {
			i.High = root
		}
	}
	return i
}
