package bayes

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/dist"
	"github.com/lumbar-health/lumbar/analytics/linear"
	"github.com/lumbar-health/lumbar/analytics/moments"
)

// Gram is what a linear model needs of people: X′X, X′y and y′y over N rows.
type Gram struct {
	Names []string
	XX    linear.Sym
	XY    []float64
	YY    float64
	N     int64
}

// GramOfRows reduces a design to its cross-products. A design without response is
// ErrInvalidParameter.
func GramOfRows(m *design.Matrix) (Gram, error) {
	if m.Y == nil || m.P == 0 {
		return Gram{}, fmt.Errorf("bayes: the formula needs a response and a term: %w", analytics.ErrInvalidParameter)
	}
	g := Gram{Names: m.Names, XX: linear.NewSym(m.P), XY: make([]float64, m.P), N: int64(m.N)}
	for i, y := range m.Y {
		x := m.Row(i)
		g.XX.AddOuter(x, 1)
		for a, v := range x {
			g.XY[a] += v * y
		}
		g.YY += y * y
	}
	return g, nil
}

// GramOfMoments takes the response y and the terms x by their places. A place out
// of range is ErrInvalidParameter.
func GramOfMoments(m moments.Matrix, y int, x []int) (Gram, error) {
	g := Gram{XX: linear.NewSym(len(x)), N: m.N}
	if y < 0 || y >= len(m.Terms) || len(x) == 0 {
		return Gram{}, fmt.Errorf("bayes: response %d of %d columns, %d terms: %w", y, len(m.Terms), len(x), analytics.ErrInvalidParameter)
	}
	for a, i := range x {
		if i < 0 || i >= len(m.Terms) {
			return Gram{}, fmt.Errorf("bayes: column %d of %d: %w", i, len(m.Terms), analytics.ErrInvalidParameter)
		}
		for b, j := range x[:a+1] {
			g.XX.Set(a, b, m.Sum(i, j))
		}
		g.Names, g.XY = append(g.Names, m.Terms[i].Name), append(g.XY, m.Sum(i, y))
	}
	g.YY = m.Sum(y, y)
	return g, nil
}

// LinearPrior is the conjugate prior of a linear model: σ² is inverse gamma with
// Shape and Rate, and every coefficient N(0, σ²·CoefSD²) given σ², the intercept
// too.
type LinearPrior struct{ CoefSD, Shape, Rate float64 }

// Linear is its posterior: coefficients by Student's law about Mean with Scale and
// DF degrees of freedom, σ² inverse gamma with Shape and Rate. LogMarginal is the
// log marginal likelihood, to compare models of the same rows and priors by.
type Linear struct {
	Names           []string
	Mean, Scale     []float64
	DF, Shape, Rate float64
	LogMarginal     float64
	prior           LinearPrior
}

// ConjugateLinear returns the posterior, with Λ₀ = I/CoefSD²,
//
//	Λ = X′X + Λ₀,  mean = Λ⁻¹X′y,  shape = a₀ + n/2,  rate = b₀ + (y′y − mean′X′y)/2
//	scale² = rate/shape · diag Λ⁻¹,  2·shape degrees of freedom
//
// More columns than rows and collinear ones are no obstacle: the prior decides.
//
//	no rows                              ErrTooFewObservations
//	prior parameters that are not above 0   ErrInvalidParameter
//	sums so unequal in size that Λ is singular to rounding   ErrCollinear
//
// Agrees with R's matrix algebra to 1e-9. Gelman et al. (2013), chapter 14.
func ConjugateLinear(g Gram, prior LinearPrior) (Linear, error) {
	for _, v := range []float64{prior.CoefSD, prior.Shape, prior.Rate} {
		if !(v > 0) || math.IsInf(v, 0) {
			return Linear{}, fmt.Errorf("bayes: the prior's parameters must be above 0: %w", analytics.ErrInvalidParameter)
		}
	}
	if g.N < 1 {
		return Linear{}, fmt.Errorf("bayes: no row to fit; widen the filter: %w", analytics.ErrTooFewObservations)
	}
	p, precision := len(g.XY), 1/(prior.CoefSD*prior.CoefSD)
	lambda := mat.NewSymDense(p, nil)
	for i := 0; i < p; i++ {
		for j := 0; j <= i; j++ {
			lambda.SetSym(i, j, g.XX.At(i, j))
		}
		lambda.SetSym(i, i, g.XX.At(i, i)+precision)
	}
	// Columns to unit length, so that their units do not matter.
	scale := make([]float64, p)
	for i := range scale {
		scale[i] = math.Sqrt(lambda.At(i, i))
	}
	unit := mat.NewSymDense(p, nil)
	for i := 0; i < p; i++ {
		for j := 0; j <= i; j++ {
			unit.SetSym(i, j, lambda.At(i, j)/(scale[i]*scale[j]))
		}
	}
	var chol mat.Cholesky
	if !chol.Factorize(unit) {
		return Linear{}, fmt.Errorf("bayes: X′X with the prior is singular to rounding; centre the columns or narrow the prior: %w", analytics.ErrCollinear)
	}
	right := mat.NewVecDense(p, nil)
	for i, v := range g.XY {
		right.SetVec(i, v/scale[i])
	}
	var solved mat.VecDense
	var inverse mat.SymDense
	if chol.SolveVecTo(&solved, right) != nil || chol.InverseTo(&inverse) != nil {
		return Linear{}, fmt.Errorf("bayes: X′X with the prior is singular to rounding; centre the columns or narrow the prior: %w", analytics.ErrCollinear)
	}
	out := Linear{Names: g.Names, Shape: prior.Shape + float64(g.N)/2, prior: prior}
	explained, logDet := 0.0, chol.LogDet()
	for i, s := range scale {
		out.Mean = append(out.Mean, solved.AtVec(i)/s)
		explained += out.Mean[i] * g.XY[i]
		logDet += 2 * math.Log(s)
	}
	out.Rate = prior.Rate + math.Max(g.YY-explained, 0)/2
	out.DF = 2 * out.Shape
	for i, s := range scale {
		out.Scale = append(out.Scale, math.Sqrt(out.Rate/out.Shape*inverse.At(i, i))/s)
	}
	out.LogMarginal = -float64(g.N)/2*math.Log(2*math.Pi) + (float64(p)*math.Log(precision)-logDet)/2 +
		prior.Shape*math.Log(prior.Rate) - out.Shape*math.Log(out.Rate) + logGamma(out.Shape) - logGamma(prior.Shape)
	return out, nil
}

// Interval returns the central interval of a coefficient of that cover; a place
// out of range or a level outside (0,1) is ErrInvalidParameter.
func (l Linear) Interval(place int, level float64) (lower, upper float64, err error) {
	if err := analytics.CheckLevel(level); err != nil || place < 0 || place >= len(l.Mean) {
		return 0, 0, fmt.Errorf("bayes: coefficient %d of %d, level %v: %w", place, len(l.Mean), level, analytics.ErrInvalidParameter)
	}
	half := dist.TCritical(level, l.DF) * l.Scale[place]
	return l.Mean[place] - half, l.Mean[place] + half, nil
}

// Variance is the posterior mean of σ²; ok is false when Shape is not above 1 and
// there is none.
func (l Linear) Variance() (v float64, ok bool) {
	if l.Shape <= 1 {
		return 0, false
	}
	return l.Rate / (l.Shape - 1), true
}
