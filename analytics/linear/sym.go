package linear

import (
	"gonum.org/v1/gonum/mat"

	"github.com/lumbar-health/lumbar/analytics/moments"
)

// Sym is a symmetric matrix, packed by row of the lower triangle: cell (i,j),
// j ≤ i, stands at i(i+1)/2 + j.
type Sym struct {
	N    int
	Data []float64
}

// NewSym returns a zero matrix of order n.
func NewSym(n int) Sym { return Sym{N: n, Data: make([]float64, n*(n+1)/2)} }

// At returns cell (i,j).
func (s Sym) At(i, j int) float64 { return s.Data[moments.Cell(i, j)] }

// Row returns a copy of row i.
func (s Sym) Row(i int) []float64 {
	out := make([]float64, s.N)
	for j := range out {
		out[j] = s.At(i, j)
	}
	return out
}

// Set sets cells (i,j) and (j,i).
func (s Sym) Set(i, j int, v float64) { s.Data[moments.Cell(i, j)] = v }

// Scale returns the matrix times c.
func (s Sym) Scale(c float64) Sym {
	out := NewSym(s.N)
	for i, v := range s.Data {
		out.Data[i] = c * v
	}
	return out
}

// AddOuter adds in place w·x·x′.
func (s Sym) AddOuter(x []float64, w float64) {
	at := 0
	for i := range x {
		f := w * x[i]
		for j := 0; j <= i; j++ {
			s.Data[at] += f * x[j]
			at++
		}
	}
}

// Times returns the product with a vector.
func (s Sym) Times(x []float64) []float64 {
	out := make([]float64, s.N)
	for i := range out {
		for j := range x {
			out[i] += s.At(i, j) * x[j]
		}
	}
	return out
}

// Sandwich returns s·m·s.
func (s Sym) Sandwich(m Sym) Sym {
	half := make([][]float64, s.N) // rows of s·m
	for i := range half {
		row := make([]float64, s.N)
		for j := range row {
			for k := 0; k < s.N; k++ {
				row[j] += s.At(i, k) * m.At(k, j)
			}
		}
		half[i] = row
	}
	out := NewSym(s.N)
	for i := 0; i < s.N; i++ {
		for j := 0; j <= i; j++ {
			var v float64
			for k := 0; k < s.N; k++ {
				v += half[i][k] * s.At(k, j)
			}
			out.Set(i, j, v)
		}
	}
	return out
}

// Quadratic returns x′·s·x.
func (s Sym) Quadratic(x []float64) float64 {
	var v float64
	left := s.Data
	for i, y := range x {
		var off float64
		for j, u := range x[:i] {
			off += left[j] * u
		}
		v += y * (2*off + left[i]*y)
		left = left[i+1:]
	}
	return v
}

// Dense copies the matrix for gonum.
func (s Sym) Dense() *mat.SymDense {
	d := mat.NewSymDense(s.N, nil)
	for i := 0; i < s.N; i++ {
		for j := 0; j <= i; j++ {
			d.SetSym(i, j, s.At(i, j))
		}
	}
	return d
}

// Root returns L, lower, with s = L·L′; ok is false where s is not positive
// definite.
func (s Sym) Root() (l *mat.TriDense, ok bool) {
	var chol mat.Cholesky
	if !chol.Factorize(s.Dense()) {
		return nil, false
	}
	l = mat.NewTriDense(s.N, mat.Lower, nil)
	chol.LTo(l)
	return l, true
}
