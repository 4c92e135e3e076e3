package simulate

import (
	"errors"
	"math"
)

// fit is an ordinary least squares fit with HC3 standard errors, by the normal
// equations: the tests must not lean on the product's own statistics.
type fit struct {
	beta, se []float64
}

func leastSquares(x [][]float64, y []float64) (fit, error) {
	p := len(x[0])
	gram := make([][]float64, p)
	xy := make([]float64, p)
	for i := range gram {
		gram[i] = make([]float64, p)
	}
	for r, row := range x {
		for i, a := range row {
			xy[i] += a * y[r]
			for j, b := range row {
				gram[i][j] += a * b
			}
		}
	}
	inverse, err := invert(gram)
	if err != nil {
		return fit{}, err
	}
	f := fit{beta: times(inverse, xy), se: make([]float64, p)}
	meat := make([]float64, p)
	for r, row := range x {
		residual := y[r]
		for i, a := range row {
			residual -= a * f.beta[i]
		}
		pulled := times(inverse, row)
		leverage := 0.0
		for i, a := range row {
			leverage += a * pulled[i]
		}
		residual /= 1 - leverage
		for i, a := range pulled {
			meat[i] += a * a * residual * residual
		}
	}
	for i := range meat {
		f.se[i] = math.Sqrt(meat[i])
	}
	return f, nil
}

// covers reports whether the 95 % interval of a coefficient holds the value.
func (f fit) covers(i int, value float64) bool {
	return math.Abs(f.beta[i]-value) <= 1.959964*f.se[i]
}

func times(m [][]float64, v []float64) []float64 {
	out := make([]float64, len(m))
	for i, row := range m {
		for j, a := range row {
			out[i] += a * v[j]
		}
	}
	return out
}

// invert inverts a matrix by Gauss–Jordan elimination with row pivots.
func invert(m [][]float64) ([][]float64, error) {
	n := len(m)
	work := make([][]float64, n)
	for i := range work {
		work[i] = append(append([]float64(nil), m[i]...), make([]float64, n)...)
		work[i][n+i] = 1
	}
	for c := range n {
		pivot := c
		for r := c; r < n; r++ {
			if math.Abs(work[r][c]) > math.Abs(work[pivot][c]) {
				pivot = r
			}
		}
		if math.Abs(work[pivot][c]) < 1e-9 {
			return nil, errors.New("singular")
		}
		work[c], work[pivot] = work[pivot], work[c]
		scale := work[c][c]
		for j := range work[c] {
			work[c][j] /= scale
		}
		for r := range n {
			factor := work[r][c]
			if r == c || factor == 0 {
				continue
			}
			for j := range work[r] {
				work[r][j] -= factor * work[c][j]
			}
		}
	}
	for i := range work {
		work[i] = work[i][n:]
	}
	return work, nil
}
