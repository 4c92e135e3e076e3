package glm

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dense"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/linear"
)

// Margins are mean outcomes if everybody had the treatment (Treated) and if
// nobody had it (Control), standardised over the same people.
type Margins struct {
	Treated, Control, Difference float64
	// StdErr is the delta-method error of Difference with the covariates fixed,
	// StdErrM that of M-estimation, which takes the covariates as random and the
	// outcome model as possibly wrong.
	StdErr, StdErrM float64
	// Ratio and StdErrLogRatio are absent (HasRatio false) where a mean is not
	// above zero.
	Ratio, StdErrLogRatio float64
	HasRatio              bool
}

// Standardise returns the margins of a model over its patterns, given the same
// patterns with the treatment set to 1 and to 0 (same columns, same order).
// target says which patterns are averaged over, nil all. cov is the covariance of
// the coefficients for the delta method: Cov, HC0 or a cluster's.
//
//	Δ = Σ n(μ₁−μ₀)/Σ n,   Var = (G₁−G₀)′V(G₁−G₀),   G = Σ nμ′x/Σ n
//
// Prior weights weigh the average too. Nobody in the target:
// ErrTooFewObservations; designs that do not fit: ErrInvalidParameter. Snowden,
// Rose and Mortimer (2011), doi:10.1093/aje/kwq472; Ge and others (2011),
// doi:10.1177/009286151104500409; Stefanski and Boos (2002),
// doi:10.1198/000313002753631330.
func (m *Model) Standardise(treated, control *design.Matrix, target func(i int) bool, cov linear.Sym) (Margins, error) {
	for _, x := range []*design.Matrix{treated, control} {
		if x.N != len(m.Eta) || x.P != m.P || cov.N != m.P {
			return Margins{}, fmt.Errorf("glm: a design of %d rows and %d columns for a model of %d and %d: %w", x.N, x.P, len(m.Eta), m.P, analytics.ErrInvalidParameter)
		}
	}
	one, people := m.average(treated, target)
	zero, _ := m.average(control, target)
	if !(people > 0) {
		return Margins{}, fmt.Errorf("glm: nobody to standardise over: %w", analytics.ErrTooFewObservations)
	}
	g := make([]float64, m.P)
	for j := range g {
		g[j] = one.gradient[j] - zero.gradient[j]
	}
	r := Margins{Treated: one.mean, Control: zero.mean, Difference: one.mean - zero.mean}
	r.StdErr = math.Sqrt(cov.Quadratic(g))
	r.StdErrM = m.standardisedError(one, zero, g, people, target)
	if one.mean > 0 && zero.mean > 0 {
		for j := range g {
			g[j] = one.gradient[j]/one.mean - zero.gradient[j]/zero.mean
		}
		r.Ratio, r.StdErrLogRatio, r.HasRatio = one.mean/zero.mean, math.Sqrt(cov.Quadratic(g)), true
	}
	return r, nil
}

// margin is a mean prediction with its gradient in the coefficients.
type margin struct {
	mean        float64
	predictions []float64
	gradient    []float64
}

func (m *Model) average(x *design.Matrix, target func(i int) bool) (out margin, people float64) {
	out = margin{predictions: make([]float64, x.N), gradient: make([]float64, m.P)}
	for i := range x.N {
		eta := m.opts.offset(i) + dense.Dot(m.Coef, x.Row(i))
		mu, slope := m.Family.Mean(eta)
		out.predictions[i] = mu
		n := m.data.Count[i] * m.opts.weight(i)
		if n <= 0 || target != nil && !target(i) {
			continue
		}
		people += n
		out.mean += n * mu
		for j, v := range x.Row(i) {
			out.gradient[j] += n * slope * v
		}
	}
	out.mean /= people
	for j := range out.gradient {
		out.gradient[j] /= people
	}
	return out, people
}

// standardisedError is the root of Σφ² over people, φ = (μ₁−μ₀−Δ)/N + g′A⁻¹s the
// influence of a person: a + c(y−μ) with a and c the same through a pattern.
func (m *Model) standardisedError(one, zero margin, g []float64, people float64, target func(i int) bool) float64 {
	var total float64
	d := m.data
	direction := m.Unscaled.Times(g)
	for i, n := range d.Count {
		w, ratio, _ := m.factors(i)
		if n <= 0 || w <= 0 {
			continue
		}
		c := w * ratio * dense.Dot(direction, d.Design.Row(i))
		var a float64
		if target == nil || target(i) {
			a = w * (one.predictions[i] - zero.predictions[i] - (one.mean - zero.mean)) / people
		}
		mu := m.Fitted[i]
		total += n*a*a + 2*a*c*(d.Sum[i]-n*mu) + c*c*gaussian{}.kernel(0, mu, n, d.Sum[i], d.SumSq[i])
	}
	return math.Sqrt(total)
}
