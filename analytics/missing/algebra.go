package missing

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/linear"
)

// factor is a Cholesky factor L of a symmetric matrix scaled to a unit diagonal:
// A = D·L·L′·D.
type factor struct {
	l [][]float64
	d []float64
}

// share is what must be left of a column's own variation after those before it.
const share = 1e-12

// factorise decomposes a; bad is the first column that those before it
// determine, or −1.
func factorise(a linear.Sym) (f factor, bad int) {
	n := a.N
	f = factor{l: make([][]float64, n), d: make([]float64, n)}
	for i := range n {
		f.d[i] = math.Sqrt(a.At(i, i))
		if !(f.d[i] > 0) || math.IsInf(f.d[i], 0) {
			return f, i
		}
	}
	for i := range n {
		f.l[i] = make([]float64, i+1)
		for j := 0; j <= i; j++ {
			v := a.At(i, j) / (f.d[i] * f.d[j])
			for k := 0; k < j; k++ {
				v -= f.l[i][k] * f.l[j][k]
			}
			if j < i {
				f.l[i][j] = v / f.l[j][j]
				continue
			}
			if !(v > share) {
				return f, i
			}
			f.l[i][i] = math.Sqrt(v)
		}
	}
	return f, -1
}

// solve returns A⁻¹b.
func (f factor) solve(b []float64) []float64 {
	x := make([]float64, len(b))
	for i, v := range b {
		v /= f.d[i]
		for k := 0; k < i; k++ {
			v -= f.l[i][k] * x[k]
		}
		x[i] = v / f.l[i][i]
	}
	return f.back(x)
}

// back returns D⁻¹L′⁻¹z: of independent standard normals a draw with covariance
// A⁻¹. z is overwritten.
func (f factor) back(z []float64) []float64 {
	for i := len(z) - 1; i >= 0; i-- {
		for k := i + 1; k < len(z); k++ {
			z[i] -= f.l[k][i] * z[k]
		}
		z[i] /= f.l[i][i]
	}
	for i := range z {
		z[i] /= f.d[i]
	}
	return z
}

// invert returns A⁻¹.
func invert(a linear.Sym) (linear.Sym, error) {
	f, bad := factorise(a)
	if bad >= 0 {
		return linear.Sym{}, fmt.Errorf("missing: coefficient %d is a combination of those before it: %w", bad+1, analytics.ErrCollinear)
	}
	out := linear.NewSym(a.N)
	for j := range a.N {
		unit := make([]float64, a.N)
		unit[j] = 1
		for i, v := range f.solve(unit) {
			if i >= j {
				out.Set(i, j, v)
			}
		}
	}
	return out, nil
}
