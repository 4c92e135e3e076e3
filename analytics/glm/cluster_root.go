package glm

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dense"
)

// Settings of the quadrature of an inverse square root: the trapezoid rule in
// s = log t leaves exp(−π²/step) and exp(−margin).
const (
	rootStep   = 0.36
	rootMargin = 26.0
	ownCluster = 1e-10 // 1 − eigenvalue of a direction that one cluster determines
)

// block is one cluster for CR2: B = diag(v²) − Y·S·Y′, of which
// A = V^½·B^(−½)·V^½ adjusts the residuals. People of one pattern enter as one
// row of √n, since what they differ in has no part in the score.
type block struct {
	y *mat.Dense // rows √(n·v)·μ′·x, then the directions that B does not see
	s *mat.Dense
	v []float64 // variance of an outcome
	b []float64 // √v·(Σy−nμ)/√n
	p int
}

// adjust returns Σ x·μ′/V·(A·residual) of a cluster, clubSandwich's CR2. B is of
// the size of the cluster, but diagonal plus p columns: its inverse root is
//
//	B^(−½) = (2/π)·∫ (B + t²)⁻¹ dt,
//
// each point of which needs p×p matrices only.
func (c *Clusters) adjust(rows []int, root *mat.TriDense) ([]float64, error) {
	blk := c.block(rows)
	own, floor, err := blk.own(c.model, rows, root)
	if err != nil {
		return nil, err
	}
	least, most := math.Inf(1), 0.0
	for _, v := range blk.v {
		least, most = math.Min(least, v), math.Max(most, v)
	}
	blk.extend(own, most*most)
	out := make([]float64, blk.p)
	low, high := math.Log(least*math.Sqrt(floor))-rootMargin, math.Log(most)+rootMargin
	for at := low; at <= high; at += rootStep {
		if err := blk.point(math.Exp(at), out); err != nil {
			return nil, err
		}
	}
	for _, u := range own { // take out what extend put in
		var part float64
		for i, b := range blk.b {
			part += u[i] * b
		}
		for i, v := range blk.v {
			f := part * u[i] / (most * v)
			for j := range out {
				out[j] -= f * blk.y.At(i, j)
			}
		}
	}
	return out, nil
}

// block lists what the cluster's patterns contribute.
func (c *Clusters) block(rows []int) *block {
	m := c.model
	b := &block{p: m.P, v: make([]float64, len(rows)), b: make([]float64, len(rows)), y: mat.NewDense(len(rows), m.P, nil)}
	for k, i := range rows {
		n := m.data.Count[i]
		w, _, slope := m.factors(i)
		v := math.Max(m.Family.Variance(m.Fitted[i])/w, math.SmallestNonzeroFloat64)
		b.v[k] = v
		b.b[k] = math.Sqrt(v/n) * (m.data.Sum[i] - n*m.Fitted[i])
		f := math.Sqrt(n*v) * slope
		for j, x := range m.data.Design.Row(i) {
			b.y.Set(k, j, f*x)
		}
	}
	b.s = mat.DenseCopyOf(m.Unscaled.Dense())
	return b
}

// own returns the unit directions u with B·u = 0, those of coefficients that the
// cluster alone determines, and the least share that is left in the others.
func (b *block) own(m *Model, rows []int, root *mat.TriDense) (own [][]float64, floor float64, err error) {
	gram := mat.NewSymDense(b.p, nil)
	for k := range rows {
		for i := range b.p {
			for j := range i + 1 {
				gram.SetSym(i, j, gram.At(i, j)+b.y.At(k, i)*b.y.At(k, j)/(b.v[k]*b.v[k]))
			}
		}
	}
	var half, full mat.Dense
	half.Mul(gram, root)
	full.Mul(root.T(), &half)
	share := mat.NewSymDense(b.p, nil)
	for i := range b.p {
		for j := range i + 1 {
			share.SetSym(i, j, (full.At(i, j)+full.At(j, i))/2)
		}
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(share, true) {
		return nil, 0, fmt.Errorf("glm: eigenvalues of a cluster of %d patterns: %w", len(rows), analytics.ErrNotConverged)
	}
	var vectors, directions mat.Dense
	eigen.VectorsTo(&vectors)
	directions.Mul(root, &vectors)
	floor = 1
	for j, value := range eigen.Values(nil) {
		if left := 1 - value; left > ownCluster {
			floor = math.Min(floor, left)
			continue
		}
		u := make([]float64, len(b.v))
		for k, v := range b.v {
			for i := range b.p {
				u[k] += b.y.At(k, i) * directions.At(i, j) / (v * v)
			}
		}
		own = append(own, orthogonal(u, own))
	}
	return own, floor, nil
}

// orthogonal returns u, of unit length, without what the others have of it.
func orthogonal(u []float64, others [][]float64) []float64 {
	for _, o := range others {
		f := dense.Dot(u, o)
		for k := range u {
			u[k] -= f * o[k]
		}
	}
	length := math.Sqrt(dense.Dot(u, u))
	for k := range u {
		u[k] /= length
	}
	return u
}

// extend adds size·uu′ to B for each direction, so that it can be inverted.
func (b *block) extend(own [][]float64, size float64) {
	if len(own) == 0 {
		return
	}
	wide, s := mat.NewDense(len(b.v), b.p+len(own), nil), mat.NewDense(b.p+len(own), b.p+len(own), nil)
	wide.Slice(0, len(b.v), 0, b.p).(*mat.Dense).Copy(b.y)
	s.Slice(0, b.p, 0, b.p).(*mat.Dense).Copy(b.s)
	for k, u := range own {
		wide.SetCol(b.p+k, u)
		s.Set(b.p+k, b.p+k, -size)
	}
	b.y, b.s = wide, s
}

// point adds one point of the quadrature: with D = 1/(v²+t²), Woodbury's
// (B+t²)⁻¹b = Db + DY·S(I − Y′DY·S)⁻¹·Y′Db.
func (b *block) point(t float64, out []float64) error {
	_, r := b.y.Dims()
	gram, across := mat.NewDense(r, r, nil), mat.NewDense(b.p, r, nil)
	right, direct := mat.NewVecDense(r, nil), make([]float64, b.p)
	for k, v := range b.v {
		d := 1 / (v*v + t*t)
		y := b.y.RawRowView(k)
		for i, a := range y {
			f := d * a
			right.SetVec(i, right.AtVec(i)+f*b.b[k])
			row := gram.RawRowView(i)
			for j, c := range y {
				row[j] += f * c
			}
			if i >= b.p {
				continue
			}
			f /= v
			direct[i] += f * b.b[k]
			row = across.RawRowView(i)
			for j, c := range y {
				row[j] += f * c
			}
		}
	}
	var inner mat.Dense
	inner.Mul(gram, b.s)
	inner.Scale(-1, &inner)
	for i := range r {
		inner.Set(i, i, inner.At(i, i)+1)
	}
	var solved, scaled, moved mat.VecDense
	if err := solved.SolveVec(&inner, right); err != nil && math.IsInf(conditionOf(err), 1) {
		return fmt.Errorf("glm: a cluster's residuals can not be adjusted; drop terms that one cluster determines: %w", analytics.ErrCollinear)
	}
	scaled.MulVec(b.s, &solved)
	moved.MulVec(across, &scaled)
	weight := 2 / math.Pi * rootStep * t
	for i := range out {
		out[i] += weight * (direct[i] + moved.AtVec(i))
	}
	return nil
}

// conditionOf is the condition number in a solver's error.
func conditionOf(err error) float64 {
	if c, ok := err.(mat.Condition); ok {
		return float64(c)
	}
	return math.Inf(1)
}
