package dense

import "math"

// Factor is a lower Cholesky factor L of LL′.
type Factor struct{ l Matrix }

// Cholesky factors a symmetric matrix, of which the lower triangle is read.
// singular is the first row whose diagonal falls to the share tolerance of what
// it was, −1 where none does; the factor is of use only then.
func (m Matrix) Cholesky(tolerance float64) (f Factor, singular int) {
	l := New(m.Rows, m.Rows)
	for i := 0; i < m.Rows; i++ {
		for j := 0; j <= i; j++ {
			v := m.At(i, j) - Dot(l.Row(i)[:j], l.Row(j)[:j])
			if i != j {
				l.Set(i, j, v/l.At(j, j))
				continue
			}
			if !(v > tolerance*m.At(i, i)) || !(v > 0) {
				return Factor{l}, i
			}
			l.Set(i, i, math.Sqrt(v))
		}
	}
	return Factor{l}, -1
}

// Lower returns L.
func (f Factor) Lower() Matrix { return f.l.Clone() }

// Forward returns L⁻¹b.
func (f Factor) Forward(b []float64) []float64 {
	x := append([]float64(nil), b...)
	for i := range x {
		x[i] = (x[i] - Dot(f.l.Row(i)[:i], x[:i])) / f.l.At(i, i)
	}
	return x
}

// Solve returns (LL′)⁻¹b.
func (f Factor) Solve(b []float64) []float64 { return f.Backward(f.Forward(b)) }

// Backward returns L′⁻¹b: of independent standard normals b a draw of covariance
// (LL′)⁻¹.
func (f Factor) Backward(b []float64) []float64 {
	x := append([]float64(nil), b...)
	for i := len(x) - 1; i >= 0; i-- {
		for k := i + 1; k < len(x); k++ {
			x[i] -= f.l.At(k, i) * x[k]
		}
		x[i] /= f.l.At(i, i)
	}
	return x
}

// Inverse returns (LL′)⁻¹.
func (f Factor) Inverse() Matrix {
	n := f.l.Rows
	out := New(n, n)
	unit := make([]float64, n)
	for j := range unit {
		unit[j] = 1
		for i, v := range f.Solve(unit) {
			out.Set(i, j, v)
		}
		unit[j] = 0
	}
	for i := 0; i < n; i++ {
		for j := 0; j < i; j++ {
			v := (out.At(i, j) + out.At(j, i)) / 2
			out.Set(i, j, v)
			out.Set(j, i, v)
		}
	}
	return out
}

// LogDet is log|LL′|.
func (f Factor) LogDet() float64 {
	var v float64
	for i := 0; i < f.l.Rows; i++ {
		v += 2 * math.Log(f.l.At(i, i))
	}
	return v
}

// QuadraticInverse returns x′m⁻¹x of a symmetric matrix; ok is false where it is
// singular.
func (m Matrix) QuadraticInverse(x []float64) (v float64, ok bool) {
	f, singular := m.Cholesky(1e-12)
	if singular >= 0 {
		return 0, false
	}
	y := f.Forward(x)
	return Dot(y, y), true
}
