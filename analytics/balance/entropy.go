package balance

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dense"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/effect"
)

// Settings of the Newton iteration: standardised means are equal to the last
// digits at done, and equal enough to be called so at near.
const (
	maxIterations = 200
	done          = 1e-13
	near          = 1e-9
	pivot         = 1e-12 // what must be left of a column after those before it
)

// Tilt is weights proportional to exp(λ′x) on one arm. Weight is that of one
// person of each pattern, zero outside the arm, Σ count·weight = 1. Columns are
// the places balanced in the study's Score and Lambda their multipliers, per
// standard deviation of the column; Target the means reached.
type Tilt struct {
	Weight          []float64
	Columns         []int
	Lambda, Target  []float64
	Iterations      int
	z               [][]float64 // standardised columns about the target
	treated, onThem bool
}

// EntropyTilt returns the weights on one arm nearest to equal ones, in
// Kullback–Leibler distance, that give every column of the study's Score the
// mean it has among the treated (onTreated) or among everybody,
//
//	w ∝ exp(λ′x),   minimising log Σ count·exp(λ′(x − target))
//
// by Newton's method with halving, columns in standard deviations of the study.
// A constant column needs no balance and is left out.
//
//	no weights reach the means                    ErrNotConverged
//	a column that others of the arm determine     ErrCollinear, naming it
//	a study without Score                         ErrInvalidParameter
//
// Agrees with survey::calibrate (raking) of R to 1e-12.
// Hainmueller (2012), doi:10.1093/pan/mpr025.
func EntropyTilt(s *effect.Study, treated, onTreated bool) (*Tilt, error) {
	if s.Score == nil {
		return nil, fmt.Errorf("balance: the study has no columns to balance: %w", analytics.ErrInvalidParameter)
	}
	t := &Tilt{Weight: make([]float64, s.Len()), treated: treated, onThem: onTreated}
	if err := t.standardise(s); err != nil {
		return nil, err
	}
	t.Lambda = make([]float64, len(t.Columns))
	return t, t.solve(s)
}

// standardise picks the columns that vary in the arm and centres them at their
// target, in standard deviations.
func (t *Tilt) standardise(s *effect.Study) error {
	for j := range s.Score.P {
		x := s.Score.Column(j)
		all := momentsOf(s, x, func(bool) bool { return true })
		arm := momentsOf(s, x, func(v bool) bool { return v == t.treated })
		target := all.mean
		if t.onThem {
			target = momentsOf(s, x, func(v bool) bool { return v }).mean
		}
		if all.sd == 0 {
			continue
		}
		if arm.sd == 0 {
			if math.Abs(arm.mean-target) > 1e-12*all.sd {
				return unreachable(s.Score, j)
			}
			continue
		}
		z := make([]float64, len(x))
		low, high := math.Inf(1), math.Inf(-1)
		for i, v := range x {
			z[i] = (v - target) / all.sd
			if s.Treated[i] == t.treated && s.Count[i] > 0 {
				low, high = math.Min(low, z[i]), math.Max(high, z[i])
			}
		}
		if low >= 0 || high <= 0 {
			return unreachable(s.Score, j)
		}
		t.Columns, t.Target, t.z = append(t.Columns, j), append(t.Target, target), append(t.z, z)
	}
	return nil
}

func unreachable(m *design.Matrix, column int) error {
	return fmt.Errorf("balance: no weights give %s the mean it must have: nobody in the arm lies beyond it; drop the column or restrict the study to people both arms have: %w", m.Names[column], analytics.ErrNotConverged)
}

// momentsOf is the mean and standard deviation (divisor n−1) of some arms.
func momentsOf(s *effect.Study, x []float64, of func(treated bool) bool) (m struct{ mean, sd float64 }) {
	var n, sum, squares float64
	for i, v := range x {
		if of(s.Treated[i]) {
			n += s.Count[i]
			sum += s.Count[i] * v
		}
	}
	m.mean = sum / n
	for i, v := range x {
		if of(s.Treated[i]) {
			squares += s.Count[i] * (v - m.mean) * (v - m.mean)
		}
	}
	if n > 1 && squares > 1e-24*n*m.mean*m.mean {
		m.sd = math.Sqrt(squares / (n - 1))
	}
	return m
}

// solve iterates to the weights.
func (t *Tilt) solve(s *effect.Study) error {
	dual := t.weigh(s, t.Lambda)
	for t.Iterations = 1; t.Iterations <= maxIterations; t.Iterations++ {
		gradient, hessian := t.moments(s)
		if dense.Largest(gradient) < done {
			return nil
		}
		factor, bad := hessian.Cholesky(pivot)
		if bad >= 0 {
			if t.Iterations == 1 {
				return fmt.Errorf("balance: column %s is a combination of those before it within the arm; drop it: %w", s.Score.Names[t.Columns[bad]], analytics.ErrCollinear)
			}
			break
		}
		step := factor.Solve(gradient)
		before := append([]float64(nil), t.Lambda...)
		moved := false
		for share := 1.0; share > 1e-10; share /= 2 {
			for k := range t.Lambda {
				t.Lambda[k] = before[k] - share*step[k]
			}
			if next := t.weigh(s, t.Lambda); next <= dual+1e-14*(1+math.Abs(dual)) {
				dual, moved = next, true
				break
			}
		}
		if !moved {
			t.weigh(s, before)
			break
		}
	}
	if gradient, _ := t.moments(s); dense.Largest(gradient) < near {
		return nil
	}
	return fmt.Errorf("balance: no weights on the %s make the means of all columns equal: too few people are alike in both arms; drop columns or restrict the study: %w", armName(t.treated), analytics.ErrNotConverged)
}

func armName(treated bool) string {
	if treated {
		return "treated"
	}
	return "controls"
}

// weigh sets the weights at a λ and returns the dual, log Σ count·exp(λ′z).
func (t *Tilt) weigh(s *effect.Study, lambda []float64) float64 {
	top := math.Inf(-1)
	for i := range t.Weight {
		t.Weight[i] = 0
		if s.Treated[i] != t.treated || s.Count[i] <= 0 {
			continue
		}
		var v float64
		for k, l := range lambda {
			v += l * t.z[k][i]
		}
		t.Weight[i] = v
		top = math.Max(top, v)
	}
	var sum float64
	for i, v := range t.Weight {
		if s.Treated[i] == t.treated && s.Count[i] > 0 {
			t.Weight[i] = math.Exp(v - top)
			sum += s.Count[i] * t.Weight[i]
		}
	}
	for i := range t.Weight {
		t.Weight[i] /= sum
	}
	return top + math.Log(sum)
}

// moments are the weighted means of the columns and, in the lower triangle, of
// their products.
func (t *Tilt) moments(s *effect.Study) (first []float64, second dense.Matrix) {
	k := len(t.Columns)
	first, second = make([]float64, k), dense.New(k, k)
	for i, w := range t.Weight {
		if w == 0 {
			continue
		}
		w *= s.Count[i]
		for a := range k {
			f := w * t.z[a][i]
			first[a] += f
			row := second.Row(a)
			for b := range a + 1 {
				row[b] += f * t.z[b][i]
			}
		}
	}
	return first, second
}
