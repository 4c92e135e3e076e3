package mixed

import (
	"fmt"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dense"
)

// KenwardRoger tests contrasts with the small-sample covariance and degrees of
// freedom of Kenward and Roger, for which the covariance of the outcomes is
// linear in its parameters: the (co)variances of the random effects and the
// residual one, at their expected information.
type KenwardRoger struct {
	model    *Model
	phi      dense.Matrix   // the model-based covariance, in the sums' units
	adjusted dense.Matrix   // Kenward and Roger's
	w        dense.Matrix   // covariance of the parameters
	p        []dense.Matrix // derivative of X′V⁻¹X by each of them
}

// KenwardRoger computes what every contrast needs, from a REML fit.
//
//	a fit by ML                       ErrInvalidParameter
//	an information without inverse    ErrNotConverged
//
// Checked against R's pbkrtest 0.5.2 to 1e-6. Kenward and Roger (1997),
// doi:10.2307/2533558.
func (m *Model) KenwardRoger() (*KenwardRoger, error) {
	if !m.REML {
		return nil, fmt.Errorf("mixed: Kenward and Roger's errors need a REML fit: %w", analytics.ErrInvalidParameter)
	}
	i := m.ingredients()
	r := &KenwardRoger{model: m, p: i.p}
	r.phi = m.fit.a.Inverse()
	for k := range r.phi.Data {
		r.phi.Data[k] *= m.Residual
	}
	n := len(i.p)
	information := dense.New(n, n)
	phiP := make([]dense.Matrix, n)
	for a := range i.p {
		phiP[a] = r.phi.Times(i.p[a])
	}
	for a := 0; a < n; a++ {
		for b := 0; b < n; b++ {
			information.Set(a, b, i.trace.At(a, b)-2*r.phi.TraceOfProduct(i.q[a][b])+phiP[a].TraceOfProduct(phiP[b]))
		}
	}
	f, at := information.Cholesky(1e-10)
	if at >= 0 {
		return nil, fmt.Errorf("mixed: Kenward and Roger: the variances can not be told apart; use Satterthwaite: %w", analytics.ErrNotConverged)
	}
	r.w = f.Inverse()
	for k := range r.w.Data {
		r.w.Data[k] *= 2
	}
	u := dense.New(r.phi.Rows, r.phi.Rows)
	for a := 0; a < n; a++ {
		for b := 0; b < n; b++ {
			u.AddScaled(r.w.At(a, b), i.q[a][b])
			u.AddScaled(-r.w.At(a, b), i.p[a].Times(phiP[b]))
		}
	}
	r.adjusted = r.phi.Clone()
	r.adjusted.AddScaled(2, r.phi.Sandwich(u))
	return r, nil
}

// ingredients are, for parameters a and b with V_a = ∂V/∂a,
//
//	p_a = −X′V⁻¹V_aV⁻¹X,  q_ab = X′V⁻¹V_aV⁻¹V_bV⁻¹X,  trace = tr(V⁻¹V_aV⁻¹V_b).
type ingredients struct {
	p     []dense.Matrix
	q     [][]dense.Matrix
	trace dense.Matrix
}

// ingredients sums them over the groups. With H⁻¹ = I − ZKZ′ the powers of H⁻¹
// are I − ZK₂Z′ and I − ZK₃Z′, so that nothing but Z′Z, Z′X and X′X is needed.
func (m *Model) ingredients() ingredients {
	directions := m.directions()
	n := len(directions) + 1 // the residual variance is the last
	coef := len(m.Names)
	out := ingredients{trace: dense.New(n, n)}
	for a := 0; a < n; a++ {
		out.p = append(out.p, dense.New(coef, coef))
		row := make([]dense.Matrix, n)
		for b := range row {
			row[b] = dense.New(coef, coef)
		}
		out.q = append(out.q, row)
	}
	last := n - 1
	out.p[last].AddScaled(-1, m.xx)
	out.q[last][last].AddScaled(1, m.xx)
	out.trace.Add(last, last, float64(m.N))
	for g := range m.groups {
		m.addGroup(g, directions, out)
	}
	s4 := m.Residual * m.Residual
	for a := range out.p {
		scale(out.p[a], 1/s4)
		for b := range out.q[a] {
			scale(out.q[a][b], 1/(s4*m.Residual))
		}
	}
	scale(out.trace, 1/s4)
	return out
}

func scale(m dense.Matrix, f float64) {
	for i := range m.Data {
		m.Data[i] *= f
	}
}

// directions are the derivatives of the random effects' covariance by its cells.
func (m *Model) directions() []dense.Matrix {
	q := len(m.Random)
	var out []dense.Matrix
	for i := 0; i < q; i++ {
		for j := 0; j <= i; j++ {
			e := dense.New(q, q)
			e.Set(i, j, 1)
			e.Set(j, i, 1)
			out = append(out, e)
		}
	}
	return out
}

// addGroup adds one group, in units of the residual variance.
func (m *Model) addGroup(g int, directions []dense.Matrix, out ingredients) {
	sums, at := &m.groups[g], m.fit.spectrum[g]
	last := len(directions)
	k2 := at.k.Clone()
	k2.AddScaled(1, at.k.Times(at.rest)) // K + K(I − SK)
	k3 := at.k.Clone()
	k3.AddScaled(1, k2)
	k3.AddScaled(-1, at.k.Times(sums.zz.Times(k2)))
	second := sums.zz.Times(k2) // S·K₂
	x1 := at.rest.Times(sums.zx)
	x2 := sums.zx.Clone()
	x2.AddScaled(-1, second.Times(sums.zx))
	z1 := at.rest.Times(sums.zz)
	z2 := sums.zz.Clone()
	z2.AddScaled(-1, second.Times(sums.zz))
	for a, e := range directions {
		left := x1.TransposedTimes(e)
		out.p[a].AddScaled(-1, left.Times(x1))
		cross := left.Times(x2)
		out.q[a][last].AddScaled(1, cross)
		out.q[last][a].AddScaled(1, cross.Transposed())
		t := z2.TraceOfProduct(e)
		out.trace.Add(a, last, t)
		out.trace.Add(last, a, t)
		for b, d := range directions {
			out.q[a][b].AddScaled(1, left.Times(z1).Times(d).Times(x1))
			out.trace.Add(a, b, z1.Times(e).TraceOfProduct(z1.Times(d)))
		}
	}
	out.p[last].AddScaled(1, sums.zx.TransposedTimes(k2.Times(sums.zx)))
	out.q[last][last].AddScaled(-1, sums.zx.TransposedTimes(k3.Times(sums.zx)))
	out.trace.Add(last, last, -second.Trace())
}

// Test tests the contrast against zero.
func (r *KenwardRoger) Test(contrast []float64, level float64) (analytics.Test, error) {
	m := r.model
	if err := m.contrast(contrast); err != nil {
		return analytics.Test{}, err
	}
	c := m.toOwn(contrast)
	phiC := r.phi.Vector(c)
	v := dense.Dot(c, phiC)
	// Of one contrast, Θ = cc′/v: tr(ΘΦP_aΦ) = (Φc)′P_a(Φc)/v.
	t := make([]float64, len(r.p))
	for a, p := range r.p {
		t[a] = dense.Dot(phiC, p.Vector(phiC)) / v
	}
	a2 := dense.Dot(t, r.w.Vector(t))
	return test(dense.Dot(contrast, m.Coef), dense.Dot(c, r.adjusted.Vector(c)), rogerDF(a2), level, m.N, "linear mixed model, Kenward–Roger")
}

// rogerDF is the denominator degrees of freedom of one contrast, for which A₁
// and A₂ are the same.
func rogerDF(a float64) float64 {
	b := 7 * a / 2
	g := (2*a - 5*a) / (3 * a)
	d := 3 + 2*(1-g)
	c1, c2, c3 := g/d, (1-g)/d, (3-g)/d
	expected := 1 / (1 - a)
	variance := 2 * (1 + c1*b) / ((1 - c2*b) * (1 - c2*b) * (1 - c3*b))
	ratio := variance / (2 * expected * expected)
	return 4 + 3/(ratio-1)
}
