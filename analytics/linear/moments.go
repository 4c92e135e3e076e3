package linear

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/moments"
)

// pivotTolerance is the share of a column's own variation that must be left
// after the columns before it are projected out. It is the square of what rows
// are held to, kept above the rounding of the decomposition.
const pivotTolerance = 1e-12

// FromMoments fits term y on the terms x, places in m.Terms, of which the
// intercept (place 0) may be one. With an intercept the other columns are
// centred first, exactly where they count whole units, then scaled to unit
// length and decomposed by Cholesky; without one the raw sums are.
//
//	no more rows than columns        ErrTooFewObservations
//	a constant column or a combination of others   ErrCollinear, naming it
//	a place out of range or twice    ErrInvalidParameter
//
// Equal to OLS on the same rows to 1e-10 for designs of ordinary condition.
func FromMoments(m moments.Matrix, y int, x []int) (*Fit, error) {
	intercept, others, err := placesOf(m, y, x)
	if err != nil {
		return nil, err
	}
	if m.N <= int64(len(x)) {
		return nil, fmt.Errorf("linear: %d rows for %d coefficients: %w", m.N, len(x), analytics.ErrTooFewObservations)
	}
	cross := m.Sum
	if intercept >= 0 {
		cross = m.Centred
	}
	d, err := decompose(m, cross, y, others)
	if err != nil {
		return nil, err
	}
	inv, b := inverseGram(d.r, d.scale), d.coefficients()
	f := &Fit{N: int(m.N), P: len(x), RSS: d.rss, TSS: d.tss, HasIntercept: intercept >= 0}
	f.MeanY, _ = m.Mean(y)
	f.Sigma2 = f.RSS / float64(f.DF())
	f.assemble(m, x, intercept, others, inv, b)
	return f, nil
}

// placesOf checks the places and tells the intercept's position in x, or -1.
func placesOf(m moments.Matrix, y int, x []int) (intercept int, others []int, err error) {
	intercept = -1
	seen := map[int]bool{}
	for k, i := range x {
		if i < 0 || i >= len(m.Terms) || seen[i] || i == y {
			return 0, nil, fmt.Errorf("linear: column %d of %d is out of range or twice: %w", i, len(m.Terms), analytics.ErrInvalidParameter)
		}
		seen[i] = true
		if i == 0 {
			intercept = k
		} else {
			others = append(others, i)
		}
	}
	if y < 0 || y >= len(m.Terms) || len(x) == 0 {
		return 0, nil, fmt.Errorf("linear: response %d of %d columns, %d terms: %w", y, len(m.Terms), len(x), analytics.ErrInvalidParameter)
	}
	return intercept, others, nil
}

// decomposed is the triangle r of columns divided by scale, r′r their
// cross-products, with effects = r⁻ᵀ times those with the response.
type decomposed struct {
	r              [][]float64
	scale, effects []float64
	rss, tss       float64
}

// coefficients are those of the columns in their own units.
func (d decomposed) coefficients() []float64 {
	b := backSolve(d.r, d.effects)
	for k := range b {
		b[k] /= d.scale[k]
	}
	return b
}

// decompose takes the scaled cross-products of the columns apart.
func decompose(m moments.Matrix, cross func(i, j int) float64, y int, x []int) (d decomposed, err error) {
	p := len(x)
	scale := make([]float64, p)
	for k, i := range x {
		scale[k] = math.Sqrt(cross(i, i))
		if raw := m.Sum(i, i); !(scale[k]*scale[k] > 1e-14*raw) {
			return d, &Collinear{Place: i, Name: m.Terms[i].Name, why: "does not vary"}
		}
	}
	r := make([][]float64, p) // upper triangle, R′R = scaled cross-products
	for i := range r {
		r[i] = make([]float64, p)
		for j := i; j < p; j++ {
			v := cross(x[i], x[j]) / (scale[i] * scale[j])
			for k := 0; k < i; k++ {
				v -= r[k][i] * r[k][j]
			}
			if j > i {
				r[i][j] = v / r[i][i]
				continue
			}
			if v < pivotTolerance {
				return d, &Collinear{Place: x[i], Name: m.Terms[x[i]].Name, why: "is a combination of those before it"}
			}
			r[i][i] = math.Sqrt(v)
		}
	}
	effects := make([]float64, p) // R⁻ᵀ X′y
	tss := cross(y, y)
	rss := tss
	for i := range effects {
		v := cross(x[i], y) / scale[i]
		for k := 0; k < i; k++ {
			v -= r[k][i] * effects[k]
		}
		effects[i] = v / r[i][i]
		rss -= effects[i] * effects[i]
	}
	if rss < 1e-14*tss { // what rounding leaves of a perfect fit
		rss = 0
	}
	return decomposed{r: r, scale: scale, effects: effects, rss: rss, tss: tss}, nil
}

// assemble puts the intercept back: b₀ = ȳ − Σ bⱼx̄ⱼ.
func (f *Fit) assemble(m moments.Matrix, x []int, intercept int, others []int, inv Sym, b []float64) {
	f.Names, f.Coef, f.Inv = make([]string, len(x)), make([]float64, len(x)), NewSym(len(x))
	means := make([]float64, len(others))
	for k, i := range others {
		means[k], _ = m.Mean(i)
	}
	shift := inv.Times(means)
	place := map[int]int{} // column to its place among others
	for k, i := range others {
		place[i] = k
	}
	for a, i := range x {
		f.Names[a] = m.Terms[i].Name
		if a == intercept {
			continue
		}
		f.Coef[a] = b[place[i]]
		for c, j := range x[:a+1] {
			if c != intercept {
				f.Inv.Set(a, c, inv.At(place[i], place[j]))
			}
		}
	}
	if intercept < 0 {
		return
	}
	f.Coef[intercept] = f.MeanY
	corner := 1 / float64(m.N)
	for k := range others {
		f.Coef[intercept] -= b[k] * means[k]
		corner += means[k] * shift[k]
	}
	f.Inv.Set(intercept, intercept, corner)
	for a, i := range x {
		if a != intercept {
			f.Inv.Set(a, intercept, -shift[place[i]])
		}
	}
}

// WithinSlopes fits term y on the terms x with an effect for every group, by the
// cross-products about the groups' own means, and returns the slopes in the
// order of x; the intercept's place, if there, holds 0. Groups without rows
// count for nothing. Errors as FromMoments.
func WithinSlopes(groups []moments.Matrix, y int, x []int) ([]float64, error) {
	total, err := moments.MergeAll(groups)
	if err != nil {
		return nil, fmt.Errorf("linear: %v: %w", err, analytics.ErrInvalidParameter)
	}
	_, others, err := placesOf(total, y, x)
	if err != nil {
		return nil, err
	}
	if total.N <= int64(len(groups)+len(others)) {
		return nil, fmt.Errorf("linear: %d rows for %d groups and %d slopes: %w", total.N, len(groups), len(others), analytics.ErrTooFewObservations)
	}
	cross := func(i, j int) float64 {
		var s float64
		for _, g := range groups {
			s += g.Centred(i, j)
		}
		return s
	}
	d, err := decompose(total, cross, y, others)
	if err != nil {
		return nil, err
	}
	b := d.coefficients()
	out := make([]float64, len(x))
	k := 0
	for a, i := range x {
		if i != 0 {
			out[a] = b[k]
			k++
		}
	}
	return out, nil
}
