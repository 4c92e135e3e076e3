package dense

import "math"

// Matrix holds cell (i,j) at i·Cols + j.
type Matrix struct {
	Rows, Cols int
	Data       []float64
}

// New returns a matrix of zeros.
func New(rows, cols int) Matrix { return Matrix{rows, cols, make([]float64, rows*cols)} }

// Unpack returns the symmetric matrix of a lower triangle packed by row.
func Unpack(packed []float64, n int) Matrix {
	out := New(n, n)
	at := 0
	for i := 0; i < n; i++ {
		for j := 0; j <= i; j++ {
			out.Set(i, j, packed[at])
			out.Set(j, i, packed[at])
			at++
		}
	}
	return out
}

// At returns cell (i,j).
func (m Matrix) At(i, j int) float64 { return m.Data[i*m.Cols+j] }

// Set sets cell (i,j).
func (m Matrix) Set(i, j int, v float64) { m.Data[i*m.Cols+j] = v }

// Add adds v to cell (i,j).
func (m Matrix) Add(i, j int, v float64) { m.Data[i*m.Cols+j] += v }

// Row returns row i; changing it changes the matrix.
func (m Matrix) Row(i int) []float64 { return m.Data[i*m.Cols : (i+1)*m.Cols] }

// Clone returns a copy.
func (m Matrix) Clone() Matrix { return Matrix{m.Rows, m.Cols, append([]float64(nil), m.Data...)} }

// AddScaled adds f times b.
func (m Matrix) AddScaled(f float64, b Matrix) {
	for i, v := range b.Data {
		m.Data[i] += f * v
	}
}

// AddOuter adds w·xy′.
func (m Matrix) AddOuter(w float64, x, y []float64) {
	for i, a := range x {
		row := m.Row(i)
		for j, b := range y {
			row[j] += w * a * b
		}
	}
}

// Pick returns the rows and columns at the places.
func (m Matrix) Pick(places []int) Matrix {
	out := New(len(places), len(places))
	for i, a := range places {
		for j, b := range places {
			out.Set(i, j, m.At(a, b))
		}
	}
	return out
}

// Transposed returns m′.
func (m Matrix) Transposed() Matrix {
	out := New(m.Cols, m.Rows)
	for i := 0; i < m.Rows; i++ {
		for j := 0; j < m.Cols; j++ {
			out.Set(j, i, m.At(i, j))
		}
	}
	return out
}

// Times returns m·b.
func (m Matrix) Times(b Matrix) Matrix {
	out := New(m.Rows, b.Cols)
	for i := 0; i < m.Rows; i++ {
		row := out.Row(i)
		for k, v := range m.Row(i) {
			if v == 0 {
				continue
			}
			for j, w := range b.Row(k) {
				row[j] += v * w
			}
		}
	}
	return out
}

// TimesTransposed returns m·b′.
func (m Matrix) TimesTransposed(b Matrix) Matrix {
	out := New(m.Rows, b.Rows)
	for i := 0; i < m.Rows; i++ {
		for j := 0; j < b.Rows; j++ {
			out.Set(i, j, Dot(m.Row(i), b.Row(j)))
		}
	}
	return out
}

// TransposedTimes returns m′·b.
func (m Matrix) TransposedTimes(b Matrix) Matrix {
	out := New(m.Cols, b.Cols)
	for k := 0; k < m.Rows; k++ {
		out.AddOuter(1, m.Row(k), b.Row(k))
	}
	return out
}

// Vector returns m·x.
func (m Matrix) Vector(x []float64) []float64 {
	out := make([]float64, m.Rows)
	for i := range out {
		out[i] = Dot(m.Row(i), x)
	}
	return out
}

// Sandwich returns m·b·m′.
func (m Matrix) Sandwich(b Matrix) Matrix { return m.Times(b).TimesTransposed(m) }

// Trace is the sum of the diagonal.
func (m Matrix) Trace() float64 {
	var v float64
	for i := 0; i < m.Rows; i++ {
		v += m.At(i, i)
	}
	return v
}

// TraceOfProduct is tr(m·b).
func (m Matrix) TraceOfProduct(b Matrix) float64 {
	var v float64
	for i := 0; i < m.Rows; i++ {
		for j := 0; j < m.Cols; j++ {
			v += m.At(i, j) * b.At(j, i)
		}
	}
	return v
}

// Dot is the sum of products.
func Dot(a, b []float64) float64 {
	var v float64
	for i, x := range a {
		v += x * b[i]
	}
	return v
}

// Largest is the largest absolute value, 0 of none.
func Largest(x []float64) float64 {
	var v float64
	for _, y := range x {
		v = math.Max(v, math.Abs(y))
	}
	return v
}
