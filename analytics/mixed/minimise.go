package mixed

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dense"
)

// Options steer a fit. Interrupt, where set, is asked at every iteration and
// ends the fit with its error.
type Options struct {
	Interrupt func() error
}

// surface is a function with its gradient; ok is false outside its domain.
type surface func(x []float64) (value float64, gradient []float64, ok bool)

const (
	maxIterations = 200
	smallStep     = 1e-9
	// noise is the share of the value below which a fall is not to be seen.
	noise = 1e-9
)

// minimise runs Newton's method, the Hessian by differences of the gradient and
// raised to be positive definite, each step halved until the value falls.
func minimise(what string, start []float64, f surface, opts Options) ([]float64, error) {
	x := append([]float64(nil), start...)
	value, gradient, ok := f(x)
	if !ok {
		return nil, fmt.Errorf("mixed: %s: no likelihood at the start; the data may be too thin for the model: %w", what, analytics.ErrNotConverged)
	}
	for iteration := 0; iteration < maxIterations; iteration++ {
		if opts.Interrupt != nil {
			if err := opts.Interrupt(); err != nil {
				return nil, err
			}
		}
		h, ok := hessian(x, f, 1e-4, false)
		if !ok {
			return nil, fmt.Errorf("mixed: %s: the likelihood ends beside the estimate: %w", what, analytics.ErrNotConverged)
		}
		step := descend(h, gradient)
		if step == nil {
			break
		}
		decrement := -dense.Dot(step, gradient)
		if dense.Largest(step) <= smallStep*(1+dense.Largest(x)) {
			j, hill := crest(h)
			if !hill {
				return x, nil
			}
			// A variance of zero is stationary even where the likelihood rises from it.
			x[j] += 0.05 * math.Max(1, math.Abs(x[j]))
			if value, gradient, ok = f(x); !ok {
				break
			}
			continue
		}
		var next []float64
		if decrement <= noise*(1+math.Abs(value)) {
			// The value has no digit left to tell by: the gradient has.
			if next, ok = polish(h, x, step, decrement, f); !ok {
				return x, nil
			}
		} else if next, ok = lineSearch(x, step, value, decrement, f); !ok {
			break
		}
		x = next
		value, gradient, _ = f(x)
	}
	return nil, fmt.Errorf("mixed: %s: the iteration did not settle; the data may not identify every variance: %w", what, analytics.ErrNotConverged)
}

// crest finds the direction in which a stationary point is a maximum, if any.
func crest(h dense.Matrix) (j int, hill bool) {
	for i := 0; i < h.Rows; i++ {
		if h.At(i, i) < h.At(j, j) {
			j = i
		}
	}
	return j, h.At(j, j) < -1e-6*dense.Largest(h.Data)
}

// descend solves H·step = −gradient, H raised on its diagonal until it is
// positive definite; nil where it is not finite.
func descend(h dense.Matrix, gradient []float64) []float64 {
	if !finite(h.Data...) || !finite(gradient...) {
		return nil
	}
	for raise := 0.0; ; raise = math.Max(2*raise, 1e-6*(1+dense.Largest(h.Data))) {
		m := h.Clone()
		for i := range gradient {
			m.Add(i, i, raise)
		}
		if f, singular := m.Cholesky(1e-12); singular < 0 {
			step := f.Solve(gradient)
			for i := range step {
				step[i] = -step[i]
			}
			return step
		}
	}
}

// lineSearch halves the step until the value falls by a share of what it promised.
func lineSearch(x, step []float64, value, decrement float64, f surface) ([]float64, bool) {
	factor := math.Min(1, 0.7*(1+dense.Largest(x))/math.Max(dense.Largest(step), 1e-300))
	for try := 0; try < 40; try++ {
		next := make([]float64, len(x))
		for i := range x {
			next[i] = x[i] + factor*step[i]
		}
		if v, _, ok := f(next); ok && v <= value-1e-4*factor*decrement {
			return next, true
		}
		factor /= 2
	}
	return nil, false
}

// polish takes the whole step if the gradient's decrement falls to half.
func polish(h dense.Matrix, x, step []float64, decrement float64, f surface) ([]float64, bool) {
	next := make([]float64, len(x))
	for i := range x {
		next[i] = x[i] + step[i]
	}
	_, gradient, ok := f(next)
	if !ok {
		return nil, false
	}
	again := descend(h, gradient)
	return next, again != nil && -dense.Dot(again, gradient) < decrement/2
}

// hessian differences the gradient over ±h (relative to 1 or the size of x);
// extrapolated combines h and h/2 to cancel the error of second order.
func hessian(x []float64, f surface, h float64, extrapolated bool) (dense.Matrix, bool) {
	n := len(x)
	out := dense.New(n, n)
	for j := range x {
		column, ok := difference(x, j, h*math.Max(1, math.Abs(x[j])), f)
		if !ok {
			return out, false
		}
		if extrapolated {
			half, ok := difference(x, j, h/2*math.Max(1, math.Abs(x[j])), f)
			if !ok {
				return out, false
			}
			for i := range column {
				column[i] = (4*half[i] - column[i]) / 3
			}
		}
		for i, v := range column {
			out.Set(i, j, v)
		}
	}
	for i := 0; i < n; i++ {
		for j := 0; j < i; j++ {
			v := (out.At(i, j) + out.At(j, i)) / 2
			out.Set(i, j, v)
			out.Set(j, i, v)
		}
	}
	return out, true
}

func difference(x []float64, j int, h float64, f surface) ([]float64, bool) {
	at := append([]float64(nil), x...)
	at[j] = x[j] + h
	_, up, ok := f(at)
	if !ok {
		return nil, false
	}
	at[j] = x[j] - h
	_, down, ok := f(at)
	if !ok {
		return nil, false
	}
	out := make([]float64, len(up))
	for i := range out {
		out[i] = (up[i] - down[i]) / (2 * h)
	}
	return out, true
}
