package propensity

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/effect"
)

// Refit fits the propensity model again and again to the same patterns with
// other counts, as the bootstrap does: from the coefficients of the first fit, in
// scratch space of its own. It is not safe for concurrent use: make one a thread.
type Refit struct {
	study       *effect.Study
	x           []float64 // columns about their mean in standard deviations
	n, p        int
	start, coef []float64
	score       []float64
	gradient    []float64
	hessian     [][]float64
	step        []float64
}

// refitIterations and refitDone end a refit: from a start so near, Newton's
// method needs three or four steps, and a decrement of refitDone before the last
// step leaves its square after it.
const (
	refitIterations = 25
	refitDone       = 1e-9
)

// NewRefit prepares to refit a model of the study. Errors as effect.Study.ScoreCells.
func NewRefit(s *effect.Study, m *Model) (*Refit, error) {
	if _, err := s.ScoreCells(); err != nil {
		return nil, err
	}
	r := &Refit{study: s, n: s.Len(), p: s.Score.P, x: append([]float64(nil), s.Score.X...)}
	for _, to := range []*[]float64{&r.start, &r.coef, &r.gradient, &r.step} {
		*to = make([]float64, r.p)
	}
	r.score, r.hessian = make([]float64, r.n), make([][]float64, r.p)
	for j := range r.hessian {
		r.hessian[j] = make([]float64, j+1)
	}
	copy(r.start, m.Coef)
	r.scale()
	return r, nil
}

// scale centres and scales the columns, and the start with them. Without a
// constant column they are only scaled.
func (r *Refit) scale() {
	constant := -1
	for j := range r.p {
		same := true
		for i := range r.n {
			same = same && r.x[i*r.p+j] == r.x[j]
		}
		if same && r.x[j] != 0 {
			constant = j
			break
		}
	}
	for j := range r.p {
		if j == constant {
			continue
		}
		var centre, squares float64
		if constant >= 0 {
			for i := range r.n {
				centre += r.x[i*r.p+j] / float64(r.n)
			}
			r.start[constant] += r.start[j] * centre / r.x[constant]
		}
		for i := range r.n {
			v := r.x[i*r.p+j] - centre
			squares += v * v / float64(r.n)
		}
		unit := math.Sqrt(squares)
		if unit == 0 {
			unit = 1
		}
		for i := range r.n {
			r.x[i*r.p+j] = (r.x[i*r.p+j] - centre) / unit
		}
		r.start[j] *= unit
	}
}

// Fit returns the score of each pattern of the model fitted to other counts, in
// a slice that the next call overwrites. Patterns of nobody have a score too.
// A sample in which the model separates or a column no longer varies:
// ErrNotConverged.
func (r *Refit) Fit(count []float64) ([]float64, error) {
	copy(r.coef, r.start)
	previous := math.Inf(1)
	for range refitIterations {
		r.pass(count)
		if !r.solve() {
			return nil, r.stuck()
		}
		var decrement float64
		for j, v := range r.step {
			decrement += v * r.gradient[j]
			r.coef[j] += v
		}
		if !(decrement < 1e6) || decrement > 4*previous && decrement > 1 {
			return nil, r.stuck()
		}
		if decrement < refitDone {
			r.predict()
			return r.score, nil
		}
		previous = decrement
	}
	return nil, r.stuck()
}

func (r *Refit) stuck() error {
	return fmt.Errorf("propensity: a resample separates or has a column that does not vary: %w", analytics.ErrNotConverged)
}

// pass sums gradient and information over the patterns that anybody is in.
func (r *Refit) pass(count []float64) {
	clear(r.gradient)
	for _, row := range r.hessian {
		clear(row)
	}
	for i, c := range count {
		if c == 0 {
			continue
		}
		x := r.x[i*r.p : (i+1)*r.p]
		var eta float64
		for j, v := range x {
			eta += v * r.coef[j]
		}
		e := 1 / (1 + math.Exp(-eta))
		left := -c * e
		if r.study.Treated[i] {
			left = c - c*e
		}
		w := c * e * (1 - e)
		for a, v := range x {
			r.gradient[a] += left * v
			f := w * v
			row := r.hessian[a]
			for b, u := range x[:a+1] {
				row[b] += f * u
			}
		}
	}
}

// solve puts the Newton step in r.step, decomposing the information in place.
func (r *Refit) solve() bool {
	for i, row := range r.hessian {
		whole := row[i]
		for j := range row {
			v := row[j]
			other := r.hessian[j]
			for k := range j {
				v -= row[k] * other[k]
			}
			if j < i {
				row[j] = v / other[j]
				continue
			}
			if !(v > 1e-10*whole) {
				return false
			}
			row[j] = math.Sqrt(v)
		}
	}
	copy(r.step, r.gradient)
	for i, row := range r.hessian {
		for k := range i {
			r.step[i] -= row[k] * r.step[k]
		}
		r.step[i] /= row[i]
	}
	for i := r.p - 1; i >= 0; i-- {
		for k := i + 1; k < r.p; k++ {
			r.step[i] -= r.hessian[k][i] * r.step[k]
		}
		r.step[i] /= r.hessian[i][i]
	}
	return true
}

// predict fills the scores.
func (r *Refit) predict() {
	for i := range r.score {
		var eta float64
		for j, v := range r.x[i*r.p : (i+1)*r.p] {
			eta += v * r.coef[j]
		}
		r.score[i] = 1 / (1 + math.Exp(-eta))
	}
}
