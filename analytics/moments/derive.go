package moments

import (
	"errors"
	"fmt"
	"math"
	"math/big"
)

// precision of the intermediate sums in bits: products of two 128-bit sums and
// a count fit without rounding.
const precision = 400

// ErrShape says that two matrices do not have the same terms and units.
var ErrShape = errors.New("moments: matrices of different terms or units")

// Index returns the place of the term of that name, or -1.
func (m Matrix) Index(name string) int {
	for i, t := range m.Terms {
		if t.Name == name {
			return i
		}
	}
	return -1
}

// Sum returns Σ xᵢxⱼ in points, rounded once.
func (m Matrix) Sum(i, j int) float64 {
	v, _ := m.sum(i, j).Float64()
	return v
}

// Mean returns the mean of term i in points; ok is false when no row was counted.
func (m Matrix) Mean(i int) (mean float64, ok bool) {
	if m.N == 0 {
		return 0, false
	}
	q := newFloat().Quo(m.sum(i, 0), m.count())
	mean, _ = q.Float64()
	return mean, true
}

// Centred returns Σ (xᵢ−x̄ᵢ)(xⱼ−x̄ⱼ) in points squared, the cross-product about
// the means. Sums of whole units are combined exactly and rounded once, so that
// a large offset costs no digits; Float64 sums keep the digits they have. A sum
// of squares that rounding made negative is 0. Sums beyond the largest Float64 give
// NaN.
func (m Matrix) Centred(i, j int) float64 {
	if m.N == 0 {
		return 0
	}
	a, b, sum := m.sum(i, 0), m.sum(j, 0), m.sum(i, j)
	if a.IsInf() || b.IsInf() || sum.IsInf() {
		return math.NaN()
	}
	product := newFloat().Mul(a, b)
	product.Quo(product, m.count())
	v, _ := product.Sub(sum, product).Float64()
	if i == j && v < 0 {
		return 0
	}
	return v
}

// Variance returns the variance of term i, divisor n−1, in points squared; ok
// is false under two rows.
func (m Matrix) Variance(i int) (variance float64, ok bool) {
	if m.N < 2 {
		return 0, false
	}
	return m.Centred(i, i) / float64(m.N-1), true
}

// AllExact says whether every cell among the terms is an exact integer.
func (m Matrix) AllExact(terms ...int) bool {
	for _, i := range terms {
		if m.Units[i] <= 0 {
			return false
		}
	}
	return true
}

// Merge returns the matrix of the rows of both. Neither argument is modified.
func Merge(a, b Matrix) (Matrix, error) {
	if err := sameShape(a, b); err != nil {
		return Matrix{}, err
	}
	out := New(a.Terms, a.Units)
	out.N = a.N + b.N
	for c := range out.Exact {
		out.Exact[c] = a.Exact[c].Add(b.Exact[c])
		out.Float[c] = a.Float[c] + b.Float[c]
	}
	return out, nil
}

// MergeAll returns the matrix of the rows of all parts; at least one is needed.
func MergeAll(parts []Matrix) (Matrix, error) {
	if len(parts) == 0 {
		return Matrix{}, errors.New("moments: nothing to merge")
	}
	out := parts[0]
	for _, p := range parts[1:] {
		var err error
		if out, err = Merge(out, p); err != nil {
			return Matrix{}, err
		}
	}
	return out, nil
}

// FromRows reduces rows to their moments. x holds the columns of the terms row
// after row, in points and with the intercept's 1; a term with a unit must be a
// whole number of units in every row.
func FromRows(terms []Term, units []int64, x []float64) (Matrix, error) {
	p := len(terms)
	if p == 0 || len(units) != p || len(x)%p != 0 {
		return Matrix{}, fmt.Errorf("moments: %d values for %d terms and %d units", len(x), p, len(units))
	}
	m := New(terms, units)
	counts := make([]int64, p)
	for r := 0; r < len(x); r += p {
		row := x[r : r+p]
		if err := toUnits(counts, row, m); err != nil {
			return Matrix{}, err
		}
		m.N++
		for i := range row {
			for j := 0; j <= i; j++ {
				m.accumulate(i, j, counts, row)
			}
		}
	}
	return m, nil
}

// toUnits fills counts with the row's values as whole units.
func toUnits(counts []int64, row []float64, m Matrix) error {
	for i, v := range row {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("moments: term %s has a value that is not finite", m.Terms[i].Name)
		}
		if m.Units[i] <= 0 {
			continue
		}
		scaled := v * float64(m.Units[i])
		whole := math.Round(scaled)
		if math.Abs(scaled-whole) > 1e-6 || math.Abs(whole) > 1<<53 {
			return fmt.Errorf("moments: term %s has a value that is not a whole number of 1/%d", m.Terms[i].Name, m.Units[i])
		}
		counts[i] = int64(whole)
	}
	return nil
}

// accumulate adds one row's product to cell (i,j).
func (m Matrix) accumulate(i, j int, counts []int64, row []float64) {
	c := Cell(i, j)
	if m.IsExact(i, j) {
		m.Exact[c] = m.Exact[c].Add(product(counts[i], counts[j]))
		return
	}
	m.Float[c] += row[i] * row[j]
}

// sum is Σ xᵢxⱼ in points at full precision.
func (m Matrix) sum(i, j int) *big.Float {
	c := Cell(i, j)
	if !m.IsExact(i, j) {
		return newFloat().SetFloat64(m.Float[c])
	}
	units := newFloat().SetInt(new(big.Int).Mul(big.NewInt(m.Units[i]), big.NewInt(m.Units[j])))
	s := newFloat().SetInt(m.Exact[c].Big())
	return s.Quo(s, units)
}

func (m Matrix) count() *big.Float { return newFloat().SetInt64(m.N) }

func newFloat() *big.Float { return new(big.Float).SetPrec(precision) }

func sameShape(a, b Matrix) error {
	if len(a.Terms) != len(b.Terms) {
		return ErrShape
	}
	for i := range a.Terms {
		if a.Terms[i].Name != b.Terms[i].Name || a.Units[i] != b.Units[i] {
			return ErrShape
		}
	}
	return nil
}

// WithIndicator merges the moments of two groups of people and appends the term
// that is 1 in the second and 0 in the first: its products are the second's own
// sums. Groups of other terms or units are ErrShape. Neither is modified.
func WithIndicator(zero, one Matrix, term Term) (Matrix, error) {
	both, err := Merge(zero, one)
	if err != nil {
		return Matrix{}, err
	}
	p := len(both.Terms)
	out := New(append(append([]Term(nil), both.Terms...), term), append(append([]int64(nil), both.Units...), 1))
	out.N = both.N
	copy(out.Exact, both.Exact)
	copy(out.Float, both.Float)
	for j := range p {
		out.Exact[Cell(p, j)] = one.Exact[Cell(j, 0)]
		out.Float[Cell(p, j)] = one.Float[Cell(j, 0)]
	}
	count := FromInt64(one.N)
	out.Exact[Cell(p, 0)], out.Exact[Cell(p, p)] = count, count
	return out, nil
}
