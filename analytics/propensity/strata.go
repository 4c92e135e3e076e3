package propensity

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/effect"
)

// Stratum is one class of the score: its people by arm and the difference of
// their means; Variance is nil when an arm has fewer than two people.
type Stratum struct {
	N, Treated, Difference float64
	Variance               *float64
}

// Strata is a comparison within classes of the score. ATE weights them by their
// people and ATT by their treated; StdErr is that of ATE, nil when a class has
// none.
type Strata struct {
	Classes  []Stratum
	ATE, ATT float64
	StdErr   *float64
	Warnings []string
}

// Stratify cuts the scores at their quantiles (type 7, both arms together) into
// classes, right ends in, and compares the arms within each. Equal cuts join
// their classes. Fewer than two classes asked: ErrInvalidParameter; a class
// without one of the arms: ErrTooFewObservations.
// Rosenbaum and Rubin (1984), doi:10.1080/01621459.1984.10478078.
func Stratify(s *effect.Study, score []float64, classes int) (Strata, error) {
	if classes < 2 || len(score) != s.Len() {
		return Strata{}, fmt.Errorf("propensity: %d classes of %d scores: %w", classes, len(score), analytics.ErrInvalidParameter)
	}
	var out Strata
	cuts, err := cutsOf(s, score, classes)
	if err != nil {
		return out, err
	}
	if len(cuts) < classes-1 {
		out.Warnings = append(out.Warnings, "so many people share a score that classes were joined")
	}
	sides := make([][2]side, len(cuts)+1)
	for i, e := range score {
		k := 0
		for k < len(cuts) && e > cuts[k] {
			k++
		}
		a := &sides[k][arm(s.Treated[i])]
		a.n, a.sum, a.squares = a.n+s.Count[i], a.sum+s.Sum[i], a.squares+s.SumSq[i]
	}
	return out, out.compare(sides)
}

// cutsOf are the upper ends of the classes, the last one left open; equal ones
// come once.
func cutsOf(s *effect.Study, score []float64, classes int) ([]float64, error) {
	ps := make([]float64, classes)
	for k := range ps {
		ps[k] = float64(k) / float64(classes)
	}
	q, err := s.Quantiles(score, ps, nil)
	if err != nil {
		return nil, err
	}
	var cuts []float64
	for k := 1; k < classes; k++ {
		if q[k] != q[k-1] {
			cuts = append(cuts, q[k])
		}
	}
	return cuts, nil
}

// side is the people of a class in one arm with the sums of their outcomes.
type side struct{ n, sum, squares float64 }

// compare fills the classes and what they add up to.
func (out *Strata) compare(sides [][2]side) error {
	var n, n1, variance float64
	complete := true
	for k, c := range sides {
		if c[0].n == 0 || c[1].n == 0 {
			return fmt.Errorf("propensity: class %d of the score has nobody in one arm; use fewer classes or weights: %w", k+1, analytics.ErrTooFewObservations)
		}
		st := Stratum{N: c[0].n + c[1].n, Treated: c[1].n, Difference: c[1].sum/c[1].n - c[0].sum/c[0].n}
		if c[0].n > 1 && c[1].n > 1 {
			var v float64
			for _, a := range c {
				v += math.Max(a.squares-a.sum*a.sum/a.n, 0) / (a.n - 1) / a.n
			}
			st.Variance = &v
			variance += st.N * st.N * v
		} else {
			complete = false
		}
		out.Classes = append(out.Classes, st)
		out.ATE += st.N * st.Difference
		out.ATT += st.Treated * st.Difference
		n, n1 = n+st.N, n1+st.Treated
	}
	out.ATE, out.ATT = out.ATE/n, out.ATT/n1
	if complete {
		se := math.Sqrt(variance) / n
		out.StdErr = &se
	}
	return nil
}
