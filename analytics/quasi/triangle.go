package quasi

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
)

// pivot is the share of a column's own sum of squares that must be left after the
// columns before it are projected out.
const pivot = 1e-12

// triangle is the Cholesky decomposition of cross-products whose columns were
// scaled to unit length: scale·l·l′·scale.
type triangle struct {
	l     [][]float64 // lower
	scale []float64
}

// factor decomposes the cross-products of n columns; name says which column has no
// spread of its own (ErrCollinear).
func factor(n int, cross func(i, j int) float64, name func(int) string) (triangle, error) {
	t := triangle{scale: make([]float64, n)}
	for i := 0; i < n; i++ {
		t.scale[i] = math.Sqrt(cross(i, i))
		if !(t.scale[i] > 0) {
			return t, fmt.Errorf("quasi: column %s does not vary: %w", name(i), analytics.ErrCollinear)
		}
		row := make([]float64, i+1)
		for j := 0; j <= i; j++ {
			v := cross(i, j) / (t.scale[i] * t.scale[j])
			for k := 0; k < j; k++ {
				v -= row[k] * t.at(j, k, row, i)
			}
			if j < i {
				row[j] = v / t.l[j][j]
				continue
			}
			if v < pivot {
				return t, fmt.Errorf("quasi: column %s is a combination of those before it: %w", name(i), analytics.ErrCollinear)
			}
			row[i] = math.Sqrt(v)
		}
		t.l = append(t.l, row)
	}
	return t, nil
}

// at is cell (j,k), of the row being made when j is its place.
func (t triangle) at(j, k int, row []float64, making int) float64 {
	if j == making {
		return row[k]
	}
	return t.l[j][k]
}

// effects solves l·e = b for a vector of cross-products: the parts of a column
// along each direction in turn.
func (t triangle) effects(b func(i int) float64) []float64 {
	e := make([]float64, len(t.l))
	for i, row := range t.l {
		v := b(i) / t.scale[i]
		for k := 0; k < i; k++ {
			v -= row[k] * e[k]
		}
		e[i] = v / row[i]
	}
	return e
}

// coefficients turns effects into coefficients.
func (t triangle) coefficients(e []float64) []float64 {
	b := append([]float64(nil), e...)
	for i := len(b) - 1; i >= 0; i-- {
		for j := i + 1; j < len(b); j++ {
			b[i] -= t.l[j][i] * b[j]
		}
		b[i] /= t.l[i][i]
	}
	for i := range b {
		b[i] /= t.scale[i]
	}
	return b
}

// inverse returns cell (i,j) of the inverse for all i, j.
func (t triangle) inverse() [][]float64 {
	out := make([][]float64, len(t.l))
	for j := range out {
		out[j] = t.coefficients(t.effects(func(i int) float64 {
			if i == j {
				return 1
			}
			return 0
		}))
	}
	return out
}

func dot(a, b []float64) float64 {
	var v float64
	for i := range a {
		v += a[i] * b[i]
	}
	return v
}
