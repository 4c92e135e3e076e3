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
// positive definite. Nothing is allocated a group.
func (s *Sums) at(theta []float64) (p profile, ok bool) {
	q, coef := len(s.Random), len(s.Names)
	p.lambda = lower(theta, q)
	a, b, c := s.xx.Clone(), append([]float64(nil), s.xy...), s.yy
	p.spectrum = make([]solved, len(s.groups))
	cells := make([]float64, 2*q*q*len(s.groups))
	t, u, v := dense.New(q, q), dense.New(q, coef), make([]float64, q)
	for g := range s.groups {
		sums := &s.groups[g]
		at := solved{dense.Matrix{Rows: q, Cols: q, Data: cells[2*q*q*g : 2*q*q*g+q*q]}, dense.Matrix{Rows: q, Cols: q, Data: cells[2*q*q*g+q*q : 2*q*q*(g+1)]}}
		p.spectrum[g] = at
		logDet, ok := sums.whiten(p.lambda, at, t)
		if !ok {
			return p, false
		}
		p.logDet += logDet
		multiply(t, sums.zx, u)
		multiply(t, dense.Matrix{Rows: q, Cols: 1, Data: sums.zy}, dense.Matrix{Rows: q, Cols: 1, Data: v})
		for i := 0; i < q; i++ {
			row := u.Row(i)
			for j, x := range row {
				b[j] -= x * v[i]
				to := a.Row(j)
				for k := 0; k <= j; k++ {
					to[k] -= x * row[k]
				}
			}
			c -= v[i] * v[i]
		}
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

// multiply sets to to a·b.
func multiply(a, b, to dense.Matrix) {
	clear(to.Data)
	for i := 0; i < a.Rows; i++ {
		row := to.Row(i)
		for k, v := range a.Row(i) {
			if v == 0 {
				continue
			}
			for j, w := range b.Row(k) {
				row[j] += v * w
			}
		}
	}
}

// whiten fills in, of one group, T with K = T′T: T = L⁻¹Λ′ for LL′ = I + Λ′Z′ZΛ;
// then K and I − Z′ZK. It returns log|LL′|.
func (g *groupSums) whiten(lambda dense.Matrix, at solved, t dense.Matrix) (logDet float64, ok bool) {
	q := lambda.Rows
	l := at.rest // its cells hold L for now
	multiply(g.zz, lambda, at.k)
	for i := 0; i < q; i++ {
		for j := 0; j <= i; j++ {
			v := 0.0
			if i == j {
				v = 1
			}
			for k := 0; k < q; k++ {
				v += lambda.At(k, i) * at.k.At(k, j)
			}
			for k := 0; k < j; k++ {
				v -= l.At(i, k) * l.At(j, k)
			}
			if i != j {
				l.Set(i, j, v/l.At(j, j))
				continue
			}
			if !(v > 0) {
				return 0, false
			}
			l.Set(i, i, math.Sqrt(v))
			logDet += math.Log(v)
		}
	}
	for i := 0; i < q; i++ {
		for j := 0; j < q; j++ {
			v := lambda.At(j, i)
			for k := 0; k < i; k++ {
				v -= l.At(i, k) * t.At(k, j)
			}
			t.Set(i, j, v/l.At(i, i))
		}
	}
	clear(at.k.Data)
	for i := 0; i < q; i++ {
		at.k.AddOuter(1, t.Row(i), t.Row(i))
	}
	multiply(g.zz, at.k, at.rest)
	for i := range at.rest.Data {
		at.rest.Data[i] = -at.rest.Data[i]
	}
	for i := 0; i < q; i++ {
		at.rest.Add(i, i, 1)
	}
	return logDet, true
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
	q, coef := len(s.Random), len(s.Names)
	out := dense.New(q, q)
	inverse := p.a.Inverse()
	w, wx, half := dense.New(q, q), dense.New(q, coef), dense.New(q, coef)
	residual, u := make([]float64, q), make([]float64, q)
	for k := range s.groups {
		sums, at := &s.groups[k], p.spectrum[k]
		multiply(at.rest, sums.zz, w)
		out.AddScaled(1, w)
		if reml {
			multiply(at.rest, sums.zx, wx)
			multiply(wx, inverse, half)
			for i := 0; i < q; i++ {
				for j := 0; j < q; j++ {
					out.Add(i, j, -dense.Dot(half.Row(i), wx.Row(j)))
				}
			}
		}
		for i := range residual {
			residual[i] = sums.zy[i] - dense.Dot(sums.zx.Row(i), p.beta)
		}
		for i := range u {
			u[i] = dense.Dot(at.rest.Row(i), residual)
		}
		out.AddOuter(-1/s2, u, u)
	}
	return out
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
