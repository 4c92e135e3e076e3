package glm

import (
	"math"

	"github.com/lumbar-health/lumbar/analytics/linear"
)

// triangle is the lower Cholesky factor L of a symmetric matrix scaled to a unit
// diagonal: A = D·L·L′·D.
type triangle struct {
	l linear.Sym // only cells j ≤ i are read
	d []float64
}

// cholesky factorises a; bad is the first column of which less than the
// tolerance is left after those before it, or −1.
func cholesky(a linear.Sym, tolerance float64) (t triangle, bad int) {
	t = triangle{l: linear.NewSym(a.N), d: make([]float64, a.N)}
	for i := range t.d {
		t.d[i] = math.Sqrt(a.At(i, i))
		if !(t.d[i] > 0) || math.IsInf(t.d[i], 0) {
			return t, i
		}
	}
	for i := range t.d {
		for j := 0; j <= i; j++ {
			v := a.At(i, j) / (t.d[i] * t.d[j])
			for k := 0; k < j; k++ {
				v -= t.l.At(i, k) * t.l.At(j, k)
			}
			if j < i {
				t.l.Set(i, j, v/t.l.At(j, j))
				continue
			}
			if !(v > tolerance) {
				return t, i
			}
			t.l.Set(i, i, math.Sqrt(v))
		}
	}
	return t, -1
}

// solve returns A⁻¹b.
func (t triangle) solve(b []float64) []float64 {
	x := make([]float64, len(b))
	t.forward(b, x)
	return t.backward(x)
}

// forward writes (DL)⁻¹b to x.
func (t triangle) forward(b, x []float64) {
	row := t.l.Data
	for i, v := range b {
		v /= t.d[i]
		for k, u := range x[:i] {
			v -= row[k] * u
		}
		x[i] = v / row[i]
		row = row[i+1:]
	}
}

// backward overwrites x with (DL)⁻ᵀx and returns it.
func (t triangle) backward(x []float64) []float64 {
	for i := len(x) - 1; i >= 0; i-- {
		for k := i + 1; k < len(x); k++ {
			x[i] -= t.l.At(k, i) * x[k]
		}
		x[i] /= t.l.At(i, i)
	}
	for i := range x {
		x[i] /= t.d[i]
	}
	return x
}

// inverse returns A⁻¹.
func (t triangle) inverse() linear.Sym {
	out := linear.NewSym(t.l.N)
	for j := range t.d {
		unit := make([]float64, t.l.N)
		unit[j] = 1
		for i, v := range t.solve(unit) {
			if i >= j {
				out.Set(i, j, v)
			}
		}
	}
	return out
}

// least is the smallest share of a column that is left after those before it.
func (t triangle) least() float64 {
	least := 1.0
	for i := range t.d {
		least = math.Min(least, t.l.At(i, i)*t.l.At(i, i))
	}
	return least
}

// logDet is the log determinant of A.
func (t triangle) logDet() float64 {
	var v float64
	for i, d := range t.d {
		v += 2 * math.Log(d*t.l.At(i, i))
	}
	return v
}

func dot(a, b []float64) float64 {
	var v float64
	for i, x := range a {
		v += x * b[i]
	}
	return v
}
