package linear

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/dist"
)

// TermTest is one line of an analysis of variance.
type TermTest struct {
	Term  string
	SumSq float64
	DF    int
	F, P  float64
}

// TypeII tests each term against the model without it and without the terms that
// contain it, the error variance from the whole model. Errors as OLS; no
// residual variation: ErrZeroVariance. As R's car::Anova(type = 2).
func TypeII(o *Compact) ([]TermTest, error) {
	if !(o.Sigma2 > 0) {
		return nil, fmt.Errorf("linear: the terms give every outcome exactly; drop those that are part of it: %w", analytics.ErrZeroVariance)
	}
	var out []TermTest
	for t, label := range o.Design.Labels {
		above := map[int]bool{} // terms that contain this one
		for u := range o.Design.Labels {
			if u != t && o.Design.Contains(u+1, t+1) {
				above[u+1] = true
			}
		}
		larger, p, err := rss(o.Design.Without(above))
		if err != nil {
			return nil, err
		}
		above[t+1] = true
		smaller, q, err := rss(o.Design.Without(above))
		if err != nil {
			return nil, err
		}
		test, err := newFTest((smaller-larger)/float64(p-q), o.Sigma2, float64(p-q), float64(o.DF()))
		if err != nil {
			return nil, err
		}
		out = append(out, TermTest{Term: label, SumSq: smaller - larger, DF: p - q, F: test.F, P: test.P})
	}
	return out, nil
}

// rss fits a design, which may have no column, and returns its residual sum of
// squares and number of columns.
func rss(m *design.Matrix) (value float64, columns int, err error) {
	if m.P == 0 {
		for _, y := range m.Y {
			value += y * y
		}
		return value, 0, nil
	}
	fit, err := OLS(m)
	if err != nil {
		return 0, 0, err
	}
	return fit.RSS, fit.P, nil
}

// Inflation is how much a term's variance is inflated by the other terms: the
// generalised variance inflation factor, with the term's number of columns.
type Inflation struct {
	Term string
	GVIF float64
	DF   int
}

// VIF returns it for each term of a model with an intercept and two terms or
// more (else ErrInvalidParameter). Fox and Monette (1992),
// doi:10.1080/01621459.1992.10475190; as R's car::vif.
func VIF(o *Compact) ([]Inflation, error) {
	if !o.HasIntercept || len(o.Design.Labels) < 2 {
		return nil, fmt.Errorf("linear: variance inflation needs an intercept and two terms: %w", analytics.ErrInvalidParameter)
	}
	var all []int
	for j := 1; j < o.P; j++ {
		all = append(all, j)
	}
	whole := logDet(o.Inv, all)
	var out []Inflation
	for t, label := range o.Design.Labels {
		own := o.Design.Assigned(t + 1)
		var rest []int
		for _, j := range all {
			if o.Design.Assign[j] != t+1 {
				rest = append(rest, j)
			}
		}
		out = append(out, Inflation{Term: label, GVIF: math.Exp(logDet(o.Inv, own) + logDet(o.Inv, rest) - whole), DF: len(own)})
	}
	return out, nil
}

// logDet is the log determinant of the correlations among the places.
func logDet(s Sym, places []int) float64 {
	m := mat.NewDense(len(places), len(places), nil)
	for a, i := range places {
		for b, j := range places {
			m.Set(a, b, s.At(i, j)/math.Sqrt(s.At(i, i)*s.At(j, j)))
		}
	}
	v, _ := mat.LogDet(m)
	return v
}

// ChiTest is a test referred to χ².
type ChiTest struct {
	Statistic, DF, P float64
}

// BreuschPagan tests for residual variance that follows the design, studentised
// after Koenker: n·R² of the squared residuals on the design, p−1 degrees of
// freedom. A model of an intercept alone: ErrInvalidParameter. Koenker (1981),
// doi:10.1016/0304-4076(81)90062-2; as R's lmtest::bptest.
func BreuschPagan(o *Rows) (ChiTest, error) {
	if o.P < 2 || !o.HasIntercept {
		return ChiTest{}, fmt.Errorf("linear: Breusch–Pagan needs an intercept and a term: %w", analytics.ErrInvalidParameter)
	}
	squares := *o.Design
	squares.Y = make([]float64, o.N)
	for i, e := range o.Residuals {
		squares.Y[i] = e * e
	}
	fit, err := OLS(&squares)
	if err != nil {
		return ChiTest{}, err
	}
	r2, ok := fit.RSquared()
	if !ok {
		return ChiTest{}, fmt.Errorf("linear: every residual has the same size, so there is nothing to explain: %w", analytics.ErrZeroVariance)
	}
	c := ChiTest{Statistic: float64(o.N) * r2, DF: float64(o.P - 1)}
	c.P = dist.ChiSquaredTail(c.Statistic, c.DF)
	return c, nil
}

// RESET tests for curvature by adding the squares and cubes of the fitted
// values. Ramsey (1969), doi:10.1111/j.2517-6161.1969.tb00796.x; as R's
// lmtest::resettest(power = 2:3).
func RESET(o *Rows) (FTest, error) {
	square, third := make([]float64, o.N), make([]float64, o.N)
	for i, v := range o.Fitted {
		square[i], third[i] = v*v, v*v*v
	}
	larger, err := OLS(o.Design.Append("fitted^2", square).Append("fitted^3", third))
	if err != nil {
		return FTest{}, err
	}
	return Compare(o.Fit, larger.Fit)
}

// Wald tests that the coefficients at the places are all zero, under a
// covariance of Covariance, HC or a cluster's: b′V⁻¹b referred to χ². A singular
// covariance: ErrCollinear; no place or one out of range: ErrInvalidParameter.
func (f *Fit) Wald(places []int, cov Sym) (ChiTest, error) {
	if len(places) == 0 || cov.N != f.P {
		return ChiTest{}, fmt.Errorf("linear: no coefficient to test: %w", analytics.ErrInvalidParameter)
	}
	v, b := mat.NewSymDense(len(places), nil), mat.NewVecDense(len(places), nil)
	for a, i := range places {
		if i < 0 || i >= f.P {
			return ChiTest{}, fmt.Errorf("linear: coefficient %d of %d: %w", i, f.P, analytics.ErrInvalidParameter)
		}
		b.SetVec(a, f.Coef[i])
		for c, j := range places {
			v.SetSym(a, c, cov.At(i, j))
		}
	}
	var chol mat.Cholesky
	if !chol.Factorize(v) {
		return ChiTest{}, fmt.Errorf("linear: the covariance is singular; test fewer coefficients: %w", analytics.ErrCollinear)
	}
	var solved mat.VecDense
	if err := chol.SolveVecTo(&solved, b); err != nil {
		return ChiTest{}, fmt.Errorf("linear: the covariance is singular; test fewer coefficients: %w", analytics.ErrCollinear)
	}
	t := ChiTest{Statistic: mat.Dot(b, &solved), DF: float64(len(places))}
	t.P = dist.ChiSquaredTail(t.Statistic, t.DF)
	return t, nil
}
