package glm

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dense"
	"github.com/lumbar-health/lumbar/analytics/linear"
)

// likelihood is a concave log-likelihood of several sets of coefficients.
type likelihood struct {
	// pass returns −2·log-likelihood, the score and the information; ok is false
	// outside the domain.
	pass func(theta []float64) (kernel float64, score []float64, information linear.Sym, ok bool)
	// name says which coefficient a place is, for errors.
	name func(place int) string
}

// summit is the maximum of a likelihood.
type summit struct {
	theta      []float64
	kernel     float64
	inverse    linear.Sym // of the information
	iterations int
}

// maximise runs Newton's method with step halving from a start in the domain,
// until the step is below 1e-8 of a standard error. Collinear columns:
// ErrCollinear; no maximum: ErrNotConverged.
func (l likelihood) maximise(start []float64, opts Options) (summit, error) {
	limit := opts.MaxIterations
	if limit == 0 {
		limit = maxIterations
	}
	s := summit{theta: append([]float64(nil), start...)}
	kernel, score, information, _ := l.pass(s.theta)
	previous, slow := math.Inf(1), 0
	for s.iterations = 1; s.iterations <= limit; s.iterations++ {
		if opts.Interrupt != nil {
			if err := opts.Interrupt(); err != nil {
				return s, err
			}
		}
		factor, bad := dense.FactorScaled(information.Data, information.N, pivotTolerance)
		if bad >= 0 && s.iterations == 1 {
			return s, fmt.Errorf("glm: column %s is constant or a combination of others; drop it: %w", l.name(bad), analytics.ErrCollinear)
		} else if bad >= 0 {
			return s, l.endless(s.theta)
		}
		step := factor.Solve(score)
		decrement := dense.Dot(step, score)
		before, old := append([]float64(nil), s.theta...), kernel
		for share := 1.0; ; share /= 2 {
			if share < 1e-10 {
				return s, fmt.Errorf("glm: no step improves the likelihood after %d iterations; scale the columns: %w", s.iterations, analytics.ErrNotConverged)
			}
			for j, v := range step {
				s.theta[j] = before[j] + share*v
			}
			var ok bool
			if kernel, score, information, ok = l.pass(s.theta); ok && kernel <= old+1e-10*(math.Abs(old)+1) {
				break
			}
		}
		if decrement <= decrementDone {
			return l.top(s, kernel, information)
		}
		if slow++; !(decrement < 1e-3 && decrement > 0.05*previous) {
			slow = 0
		}
		if slow == 3 {
			return s, l.endless(s.theta)
		}
		previous = decrement
	}
	return s, l.endless(s.theta)
}

// top completes the summit.
func (l likelihood) top(s summit, kernel float64, information linear.Sym) (summit, error) {
	factor, bad := dense.FactorScaled(information.Data, information.N, pivotTolerance)
	if bad >= 0 {
		return s, l.endless(s.theta)
	}
	s.kernel, s.inverse = kernel, linear.Sym{N: information.N, Data: factor.Inverse()}
	return s, nil
}

// endless explains an iteration without an end.
func (l likelihood) endless(theta []float64) error {
	at := 0
	for j, v := range theta {
		if math.Abs(v) > math.Abs(theta[at]) {
			at = j
		}
	}
	return fmt.Errorf("glm: separation: %s (or a combination with it) tells the outcome without error in some group, so its coefficient grows without end; join groups or categories, or drop the term: %w", l.name(at), analytics.ErrNotConverged)
}

// transformed returns T·v·T′.
func transformed(t [][]float64, v linear.Sym) linear.Sym {
	p := v.N
	half := make([][]float64, p)
	for i := range half {
		half[i] = v.Times(t[i])
	}
	out := linear.NewSym(p)
	for i := range p {
		for j := range i + 1 {
			out.Set(i, j, dense.Dot(t[j], half[i]))
		}
	}
	return out
}

// applied returns T·x.
func applied(t [][]float64, x []float64) []float64 {
	out := make([]float64, len(t))
	for i := range t {
		out[i] = dense.Dot(t[i], x)
	}
	return out
}

// square returns a zero matrix.
func square(n int) [][]float64 {
	out := make([][]float64, n)
	for i := range out {
		out[i] = make([]float64, n)
	}
	return out
}
