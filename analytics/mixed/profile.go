package mixed

import (
	"math"

	"github.com/lumbar-health/lumbar/analytics/dense"
)

// profile is the deviance at one covariance of the random effects, relative to
// the residual variance: D = ΛΛ′, of which lambda is the lower triangle.
//
//	H = I + ZDZ′,  A = X′H⁻¹X,  β = A⁻¹X′H⁻¹y,  rss = (y−Xβ)′H⁻¹(y−Xβ)
type profile struct {
	lambda   dense.Matrix
	logDet   float64 // of H
	a        dense.Factor
	logDetA  float64
	beta     []float64
	rss      float64
	spectrum []solved
}

// solved are, of one group, K with H⁻¹ = I − ZKZ′, and I − Z′ZK.
type solved struct{ k, rest dense.Matrix }

// lower lays out the parameters column after column of the lower triangle.
func lower(theta []float64, q int) dense.Matrix {
	l := dense.New(q, q)
	at := 0
	for j := 0; j < q; j++ {
		for i := j; i < q; i++ {
			l.Set(i, j, theta[at])
			at++
		}
	}
	return l
}

// gather is the inverse of lower.
func gather(m dense.Matrix) []float64 {
	var out []float64
	for j := 0; j < m.Cols; j++ {
		for i := j; i < m.Rows; i++ {
			out = append(out, m.At(i, j))
		}
	}
	return out
}

// at computes the profile; ok is false where A or a group's matrix is not
// positive definite.
func (s *Sums) at(theta []float64) (p profile, ok bool) {
	q := len(s.Random)
	p.lambda = lower(theta, q)
	a, b, c := s.xx.Clone(), append([]float64(nil), s.xy...), s.yy
	p.spectrum = make([]solved, len(s.groups))
	for g := range s.groups {
		sums := &s.groups[g]
		m := p.lambda.TransposedTimes(sums.zz.Times(p.lambda))
		for i := 0; i < q; i++ {
			m.Add(i, i, 1)
		}
		f, singular := m.Cholesky(0)
		if singular >= 0 {
			return p, false
		}
		p.logDet += f.LogDet()
		k := p.lambda.Times(f.SolveMatrix(p.lambda.Transposed()))
		rest := sums.zz.Times(k)
		for i := range rest.Data {
			rest.Data[i] = -rest.Data[i]
		}
		for i := 0; i < q; i++ {
			rest.Add(i, i, 1)
		}
		p.spectrum[g] = solved{k, rest}
		kzx := k.Times(sums.zx)
		a.AddScaled(-1, sums.zx.TransposedTimes(kzx))
		for j := range b {
			for i := 0; i < q; i++ {
				b[j] -= kzx.At(i, j) * sums.zy[i]
			}
		}
		c -= dense.Dot(sums.zy, k.Vector(sums.zy))
	}
	var singular int
	if p.a, singular = a.Cholesky(0); singular >= 0 {
		return p, false
	}
	p.logDetA = p.a.LogDet()
	for _, v := range s.scale {
		p.logDetA += 2 * math.Log(v)
	}
	p.beta = p.a.Solve(b)
	p.rss = c - dense.Dot(p.beta, b)
	return p, p.rss > 0 && finite(p.rss, p.logDet, p.logDetA)
}

// divisor is that of the residual variance.
func (s *Sums) divisor(reml bool) float64 {
	if reml {
		return float64(s.N - len(s.Names))
	}
	return float64(s.N)
}

// deviance is −2·log-likelihood, restricted where reml, at residual variance s2.
func (s *Sums) deviance(p profile, s2 float64, reml bool) float64 {
	d := p.logDet + s.divisor(reml)*math.Log(2*math.Pi*s2) + p.rss/s2
	if reml {
		d += p.logDetA
	}
	return d
}

// slope is the derivative of the deviance by D, at residual variance s2.
func (s *Sums) slope(p profile, s2 float64, reml bool) dense.Matrix {
	q := len(s.Random)
	g := dense.New(q, q)
	for k := range s.groups {
		sums, at := &s.groups[k], p.spectrum[k]
		g.AddScaled(1, at.rest.Times(sums.zz))
		wx := at.rest.Times(sums.zx)
		if reml {
			g.AddScaled(-1, wx.Times(p.a.SolveMatrix(wx.Transposed())))
		}
		u := at.rest.Vector(sums.residual(p.beta))
		g.AddOuter(-1/s2, u, u)
	}
	return g
}

// residual is Z′(y − Xβ).
func (g *groupSums) residual(beta []float64) []float64 {
	out := g.zx.Vector(beta)
	for i, v := range g.zy {
		out[i] = v - out[i]
	}
	return out
}

// chain turns a symmetric derivative by D = ΛΛ′ into that by Λ's parameters.
func chain(byD, lambda dense.Matrix) []float64 {
	out := gather(byD.Times(lambda))
	for i := range out {
		out[i] *= 2
	}
	return out
}
