package proportions

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
)

// Pairs counts people by whether they had a state before and after.
type Pairs struct{ Both, Gained, Lost, Neither int64 }

// PairsFromRows counts two columns of zeros and ones. Lengths that differ or
// other values: ErrInvalidParameter.
func PairsFromRows(before, after []float64) (Pairs, error) {
	if len(before) != len(after) {
		return Pairs{}, fmt.Errorf("proportions: pairs: %d and %d values: %w", len(before), len(after), analytics.ErrInvalidParameter)
	}
	for _, column := range [][]float64{before, after} {
		if _, err := FromRows(column); err != nil {
			return Pairs{}, err
		}
	}
	var p Pairs
	for i := range before {
		switch {
		case before[i] == 1 && after[i] == 1:
			p.Both++
		case after[i] == 1:
			p.Gained++
		case before[i] == 1:
			p.Lost++
		default:
			p.Neither++
		}
	}
	return p, nil
}

// Change is the change of a proportion in the same people, after − before.
// ConditionalOR is Gained/Lost, infinite where nobody lost the state.
type Change struct {
	Pairs
	ChiSquared, P         float64
	Corrected, CorrectedP float64
	ExactP, MidP          float64
	Value                 float64
	Newcombe              Interval
	ConditionalOR         float64
	Level                 float64
}

// McNemar tests that as many people gained a state as lost it
//
//	χ² = (g−l)²/(g+l),  with correction (|g−l|−1)²/(g+l)
//
// exactly by the binomial law of g out of g+l at ½ (two-sided; MidP takes off the
// probability of g), with Newcombe's interval 10 of the difference of the two
// proportions: Wilson limits of each, φ corrected for continuity.
//
//	a negative count, level    ErrInvalidParameter
//	no people                  ErrTooFewObservations
//	nobody changed             ErrZeroVariance
//
// Checked against R's mcnemar.test and binom.test. McNemar (1947),
// doi:10.1007/BF02295996; Newcombe (1998),
// doi:10.1002/(SICI)1097-0258(19981130)17:22<2635::AID-SIM954>3.0.CO;2-C.
func McNemar(p Pairs, level float64) (Change, error) {
	if err := analytics.CheckLevel(level); err != nil {
		return Change{}, fmt.Errorf("proportions: mcnemar: %w", err)
	}
	if min(p.Both, p.Gained, p.Lost, p.Neither) < 0 {
		return Change{}, fmt.Errorf("proportions: mcnemar: a negative count: %w", analytics.ErrInvalidParameter)
	}
	n := p.Both + p.Gained + p.Lost + p.Neither
	switch {
	case n == 0:
		return Change{}, fmt.Errorf("proportions: mcnemar: no pairs: %w", analytics.ErrTooFewObservations)
	case p.Gained+p.Lost == 0:
		return Change{}, fmt.Errorf("proportions: mcnemar: nobody changed: %w", analytics.ErrZeroVariance)
	}
	g, l, changed := float64(p.Gained), float64(p.Lost), float64(p.Gained+p.Lost)
	c := Change{Pairs: p, Value: (g - l) / float64(n), ConditionalOR: g / l, Level: level}
	c.ChiSquared = (g - l) * (g - l) / changed
	off := math.Max(math.Abs(g-l)-1, 0)
	c.Corrected = off * off / changed
	c.P, c.CorrectedP = dist.ChiSquaredTail(c.ChiSquared, 1), dist.ChiSquaredTail(c.Corrected, 1)
	c.ExactP = evenP(p.Gained, p.Gained+p.Lost)
	c.MidP = c.ExactP - dist.BinomialPoint(g, changed, 0.5)
	c.Newcombe = newcombePaired(p, c.Value, level)
	return c, nil
}

// newcombePaired is method 10 of Newcombe (1998).
func newcombePaired(p Pairs, d, level float64) Interval {
	n := p.Both + p.Gained + p.Lost + p.Neither
	after, before := Count{p.Both + p.Gained, n}, Count{p.Both + p.Lost, n}
	w1, w0 := wilson(after, level), wilson(before, level)
	dl1, du1 := after.Proportion()-w1.Low, w1.High-after.Proportion()
	dl0, du0 := before.Proportion()-w0.Low, w0.High-before.Proportion()
	phi := correctedPhi(p)
	half := func(x, y float64) float64 { return math.Sqrt(math.Max(x*x-2*phi*x*y+y*y, 0)) }
	return Interval{d - half(dl1, du0), d + half(du1, dl0)}
}

// correctedPhi is the correlation of before and after, drawn towards zero by
// half a person where it is positive; 0 where a margin is empty.
func correctedPhi(p Pairs) float64 {
	a, b, c, d := float64(p.Both), float64(p.Gained), float64(p.Lost), float64(p.Neither)
	margins := (a + b) * (c + d) * (a + c) * (b + d)
	if margins == 0 {
		return 0
	}
	top := a*d - b*c
	if top > 0 {
		top = math.Max(top-(a+b+c+d)/2, 0)
	}
	return top / math.Sqrt(margins)
}
