package mixed

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dense"
)

// Repeated is a fitted MMRM. Sigma is the covariance of a person's outcomes,
// Cov the model-based covariance of the coefficients, row after row, and
// Deviance −2·restricted log-likelihood.
type Repeated struct {
	*Visits
	Coef     []float64
	Cov      []float64
	Sigma    dense.Matrix
	Deviance float64

	theta []float64
	at    gls
	v     dense.Matrix // covariance of theta
}

// gls is generalised least squares at one covariance: a is X′V⁻¹X.
type gls struct {
	sigma, l dense.Matrix
	inverse  []dense.Matrix // of each pattern's part of sigma
	a        dense.Factor
	beta     []float64
	value    float64 // of the deviance, but for its constant
}

// FitVisits fits y = Xβ + e by REML, the outcomes of a person having one
// unstructured covariance over the visits and what is missing being missing at
// random. It minimises over the Cholesky factor of the covariance, its diagonal
// on the log scale, with the exact gradient.
//
//	no maximum found, or a covariance that the data do not identify   ErrNotConverged
//
// Checked against R's nlme::gls (corSymm, varIdent) to 1e-6 and the mmrm
// package's published results. Mallinckrodt et al. (2008),
// doi:10.1177/009286150804200402.
func FitVisits(v *Visits, opts Options) (*Repeated, error) {
	t := len(v.Levels)
	begin := dense.New(t, t)
	for i := 0; i < t; i++ {
		for j := 0; j < t; j++ {
			begin.Set(i, j, 0.4*math.Sqrt(v.start[i]*v.start[j]))
		}
		begin.Set(i, i, v.start[i])
	}
	f, at := begin.Cholesky(0)
	if at >= 0 {
		return nil, fmt.Errorf("mixed: MMRM: no spread at visit %s: %w", v.Levels[at], analytics.ErrZeroVariance)
	}
	start := f.Lower()
	for i := 0; i < t; i++ {
		start.Set(i, i, math.Log(start.At(i, i)))
	}
	surface := func(theta []float64) (float64, []float64, bool) {
		g, ok := v.solve(theta)
		if !ok {
			return 0, nil, false
		}
		return g.value, v.byTheta(g, v.slope(g)), true
	}
	theta, err := minimise("MMRM", v.rescale(gather(start), -1), surface, opts)
	if err != nil {
		return nil, err
	}
	m := &Repeated{Visits: v, theta: theta}
	m.at, _ = v.solve(theta)
	m.Sigma = m.at.sigma
	m.Deviance = m.at.value + float64(v.N-len(v.Names))*math.Log(2*math.Pi)
	for _, s := range v.scale {
		m.Deviance += 2 * math.Log(s)
	}
	h, ok := hessian(theta, surface, 1e-3, true)
	if !ok {
		return nil, fmt.Errorf("mixed: MMRM: the likelihood ends beside the estimate: %w", analytics.ErrNotConverged)
	}
	c, at := h.Cholesky(1e-10)
	if at >= 0 {
		return nil, fmt.Errorf("mixed: MMRM: the data do not identify the whole covariance; leave out a sparse visit: %w", analytics.ErrNotConverged)
	}
	m.v = c.Inverse()
	scale(m.v, 2)
	p := len(v.Names)
	inverse := m.at.a.Inverse()
	m.Coef, m.Cov = make([]float64, p), make([]float64, p*p)
	for j := range m.Coef {
		m.Coef[j] = m.at.beta[j] / v.scale[j]
		for k := range m.Coef {
			m.Cov[j*p+k] = inverse.At(j, k) / (v.scale[j] * v.scale[k])
		}
	}
	return m, nil
}

// rescale multiplies the off-diagonal parameters by the visit's starting spread
// to the power of sign, so that all parameters are of the size of 1.
func (v *Visits) rescale(theta []float64, sign float64) []float64 {
	out := append([]float64(nil), theta...)
	at := 0
	for j := range v.Levels {
		for i := j; i < len(v.Levels); i++ {
			if i != j {
				out[at] *= math.Pow(v.start[i], sign/2)
			}
			at++
		}
	}
	return out
}

// solve is generalised least squares at the parameters.
func (v *Visits) solve(theta []float64) (g gls, ok bool) {
	t, p := len(v.Levels), len(v.Names)
	g.l = lower(v.rescale(theta, 1), t)
	for i := 0; i < t; i++ {
		g.l.Set(i, i, math.Exp(g.l.At(i, i)))
	}
	g.sigma = g.l.TimesTransposed(g.l)
	a, b, yy := dense.New(p, p), make([]float64, p), 0.0
	for _, s := range v.patterns {
		f, singular := g.sigma.Pick(s.visits).Cholesky(0)
		if singular >= 0 {
			return g, false
		}
		w := f.Inverse()
		g.inverse = append(g.inverse, w)
		g.value += s.n * f.LogDet()
		for i := range s.visits {
			for j := range s.visits {
				c := w.At(i, j)
				a.AddScaled(c, s.xx[i][j])
				for k, x := range s.xy[i][j] {
					b[k] += c * x
				}
				yy += c * s.yy.At(i, j)
			}
		}
	}
	var singular int
	if g.a, singular = a.Cholesky(0); singular >= 0 {
		return g, false
	}
	g.beta = g.a.Solve(b)
	g.value += g.a.LogDet() + yy - dense.Dot(g.beta, b)
	return g, finite(g.value)
}

// slope is the derivative of the deviance by the covariance:
// Σ_patterns nW − W·C·W, C_ab = tr(A⁻¹X_a′X_b) + r_a′r_b.
func (v *Visits) slope(g gls) dense.Matrix {
	inverse := g.a.Inverse()
	out := dense.New(len(v.Levels), len(v.Levels))
	for k, s := range v.patterns {
		c := dense.New(len(s.visits), len(s.visits))
		for a := range s.visits {
			for b := range s.visits {
				xx := s.xx[a][b]
				r := s.yy.At(a, b) - dense.Dot(g.beta, s.xy[a][b]) - dense.Dot(g.beta, s.xy[b][a]) + dense.Dot(g.beta, xx.Vector(g.beta))
				c.Set(a, b, r+inverse.TraceOfProduct(xx))
			}
		}
		w := g.inverse[k]
		own := w.Sandwich(c)
		for a, i := range s.visits {
			for b, j := range s.visits {
				out.Add(i, j, s.n*w.At(a, b)-own.At(a, b))
			}
		}
	}
	return out
}

// byTheta turns a symmetric derivative by the covariance into that by the
// parameters.
func (v *Visits) byTheta(g gls, bySigma dense.Matrix) []float64 {
	byL := bySigma.Times(g.l)
	for i := range v.Levels {
		byL.Set(i, i, byL.At(i, i)*g.l.At(i, i))
	}
	out := gather(byL)
	for i := range out {
		out[i] *= 2
	}
	return v.rescale(out, 1)
}

// Test tests a contrast of the coefficients against zero with Satterthwaite's
// degrees of freedom from the observed REML information, 2v²/(g′Vg), as the
// mmrm package does; errors are model-based.
func (m *Repeated) Test(contrast []float64, level float64) (analytics.Test, error) {
	p := len(m.Names)
	if len(contrast) != p || dense.Largest(contrast) == 0 || !finite(contrast...) {
		return analytics.Test{}, fmt.Errorf("mixed: MMRM: a contrast needs %d finite weights, not all zero: %w", p, analytics.ErrInvalidParameter)
	}
	own := make([]float64, p)
	for j, c := range contrast {
		own[j] = c / m.scale[j]
	}
	k := m.at.a.Solve(own)
	variance := dense.Dot(own, k)
	bySigma := dense.New(len(m.Levels), len(m.Levels))
	for i, s := range m.patterns {
		e := dense.New(len(s.visits), len(s.visits))
		for a := range s.visits {
			for b := range s.visits {
				e.Set(a, b, dense.Dot(k, s.xx[a][b].Vector(k)))
			}
		}
		part := m.at.inverse[i].Sandwich(e)
		for a, x := range s.visits {
			for b, y := range s.visits {
				bySigma.Add(x, y, part.At(a, b))
			}
		}
	}
	g := m.byTheta(m.at, bySigma)
	return test(dense.Dot(contrast, m.Coef), variance, 2*variance*variance/dense.Dot(g, m.v.Vector(g)), level, m.N, "MMRM, Satterthwaite")
}
