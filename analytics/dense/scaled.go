package dense

import "math"

// Scaled is the Cholesky factor of a symmetric matrix scaled to a unit diagonal,
// A = D·L·L′·D, so that the units of columns do not matter. L is lower, packed by
// row: cell (i,j), j ≤ i, at i(i+1)/2 + j.
type Scaled struct {
	l, d []float64
}

// FactorScaled factors a matrix of order n, of which the lower triangle is given
// packed by row. singular is the first column of which no more than the share
// tolerance is left after those before it, −1 where there is none; the factor is
// of use only then.
func FactorScaled(packed []float64, n int, tolerance float64) (f Scaled, singular int) {
	f = Scaled{l: make([]float64, len(packed)), d: make([]float64, n)}
	for i := range f.d {
		f.d[i] = math.Sqrt(packed[i*(i+3)/2])
		if !(f.d[i] > 0) || math.IsInf(f.d[i], 0) {
			return f, i
		}
	}
	for i := range f.d {
		row, given := f.row(i), packed[i*(i+1)/2:]
		for j := 0; j <= i; j++ {
			v := given[j] / (f.d[i] * f.d[j])
			other := f.row(j)
			for k, u := range row[:j] {
				v -= u * other[k]
			}
			if j < i {
				row[j] = v / other[j]
				continue
			}
			if !(v > tolerance) {
				return f, i
			}
			row[i] = math.Sqrt(v)
		}
	}
	return f, -1
}

// row is row i of L up to its diagonal.
func (f Scaled) row(i int) []float64 {
	start := i * (i + 1) / 2
	return f.l[start : start+i+1]
}

// Solve returns A⁻¹b.
func (f Scaled) Solve(b []float64) []float64 {
	x := make([]float64, len(b))
	f.Forward(b, x)
	return f.Backward(x)
}

// Forward writes (DL)⁻¹b to x, which may be b.
func (f Scaled) Forward(b, x []float64) {
	row := f.l
	for i, v := range b {
		v /= f.d[i]
		for k, u := range x[:i] {
			v -= row[k] * u
		}
		x[i] = v / row[i]
		row = row[i+1:]
	}
}

// Backward overwrites x with (DL)⁻ᵀx and returns it.
func (f Scaled) Backward(x []float64) []float64 {
	for i := len(x) - 1; i >= 0; i-- {
		for k := i + 1; k < len(x); k++ {
			x[i] -= f.row(k)[i] * x[k]
		}
		x[i] /= f.row(i)[i]
	}
	for i := range x {
		x[i] /= f.d[i]
	}
	return x
}

// Inverse returns A⁻¹, packed as A was.
func (f Scaled) Inverse() []float64 {
	out := make([]float64, len(f.l))
	unit := make([]float64, len(f.d))
	for j := range unit {
		clear(unit)
		unit[j] = 1
		f.Forward(unit, unit)
		for i, v := range f.Backward(unit) {
			if i >= j {
				out[i*(i+1)/2+j] = v
			}
		}
	}
	return out
}

// Least is the smallest share of a column that is left after those before it.
func (f Scaled) Least() float64 {
	least := 1.0
	for i := range f.d {
		left := f.row(i)[i]
		least = math.Min(least, left*left)
	}
	return least
}

// LogDet is log|A|.
func (f Scaled) LogDet() float64 {
	var v float64
	for i, d := range f.d {
		v += 2 * math.Log(d*f.row(i)[i])
	}
	return v
}
