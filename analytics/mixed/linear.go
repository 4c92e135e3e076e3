package mixed

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dense"
	"github.com/lumbar-health/lumbar/analytics/dist"
)

// Model is a fitted linear mixed model. Coef are the fixed coefficients and Cov
// their model-based covariance, row after row; Variance is the covariance of
// the random effects in the order of Sums.Random and Residual the residual
// variance. Deviance is −2·log-likelihood, the restricted one under REML.
// Singular says that a variance is zero, or a correlation ±1.
type Model struct {
	*Sums
	REML     bool
	Coef     []float64
	Cov      []float64
	Variance dense.Matrix
	Residual float64
	Deviance float64
	Singular bool

	theta []float64
	fit   profile
}

// singular is the relative standard deviation below which one is called zero.
const singular = 1e-4

// Fit fits y = Xβ + Zb + e, b normal with an unstructured covariance within each
// group and e with one variance, by maximising the profiled likelihood (reml:
// the restricted one) over the relative Cholesky factor of b's covariance, with
// its exact gradient.
//
//	no maximum found    ErrNotConverged
//
// A maximum at a variance of zero is returned with Singular set. Checked
// against R's lme4 1.1-31 to 1e-6. Bates, Mächler, Bolker and Walker (2015),
// doi:10.18637/jss.v067.i01.
func Fit(s *Sums, reml bool, opts Options) (*Model, error) {
	q := len(s.Random)
	start := dense.New(q, q)
	for i := 0; i < q; i++ {
		start.Set(i, i, 1)
	}
	profiled := func(theta []float64) (float64, []float64, bool) {
		p, ok := s.at(theta)
		if !ok {
			return 0, nil, false
		}
		s2 := p.rss / s.divisor(reml)
		return s.deviance(p, s2, reml), chain(s.slope(p, s2, reml), p.lambda), true
	}
	theta, err := minimise("linear model", gather(start), profiled, opts)
	if err != nil {
		return nil, err
	}
	m := &Model{Sums: s, REML: reml, theta: upright(theta, q)}
	m.fit, _ = s.at(m.theta)
	m.Residual = m.fit.rss / s.divisor(reml)
	m.Deviance = s.deviance(m.fit, m.Residual, reml)
	m.Coef = s.coefficients(m.fit.beta)
	m.Cov = m.covariance()
	m.Variance = m.fit.lambda.TimesTransposed(m.fit.lambda)
	own := dense.New(q, q)
	for i := 0; i < q; i++ {
		for j := 0; j < q; j++ {
			own.Set(i, j, m.Variance.At(i, j)/(s.zScale[i]*s.zScale[j]))
		}
	}
	f, at := own.Cholesky(0)
	m.Singular = at >= 0
	for i := 0; i < q && !m.Singular; i++ {
		m.Singular = f.Lower().At(i, i) < singular
	}
	for i := range own.Data {
		own.Data[i] *= m.Residual
	}
	m.Variance = own
	return m, nil
}

// upright turns the columns of Λ so that its diagonal is not negative.
func upright(theta []float64, q int) []float64 {
	l := lower(theta, q)
	for j := 0; j < q; j++ {
		if l.At(j, j) < 0 {
			for i := j; i < q; i++ {
				l.Set(i, j, -l.At(i, j))
			}
		}
	}
	return gather(l)
}

// covariance is that of the coefficients in their own units.
func (m *Model) covariance() []float64 {
	p := len(m.Names)
	rows := make([][]float64, p)
	for j := range rows {
		unit := make([]float64, p)
		unit[j] = 1
		rows[j] = m.toOwn(unit)
	}
	out := make([]float64, p*p)
	for i := range rows {
		half := m.fit.a.Solve(rows[i])
		for j := range rows {
			out[i*p+j] = m.Residual * dense.Dot(half, rows[j])
		}
	}
	return out
}

// LogLik is the log-likelihood, restricted under REML, with Akaike's and
// Schwarz's criteria; variances count as parameters and n is the rows.
func (m *Model) LogLik() (value, aic, bic float64) {
	q := len(m.Random)
	k := float64(len(m.Names) + q*(q+1)/2 + 1)
	return -m.Deviance / 2, m.Deviance + 2*k, m.Deviance + k*math.Log(float64(m.N))
}

// ICC is the share of the outcome's variance that lies between groups, for a
// random intercept: the correlation of two rows of one group.
func (m *Model) ICC() float64 { return m.Variance.At(0, 0) / (m.Variance.At(0, 0) + m.Residual) }

// Varies says whether random coefficient j differs between groups by more than
// rounding: whether its correlations mean anything.
func (m *Model) Varies(j int) bool {
	return m.Variance.At(j, j)*m.zScale[j]*m.zScale[j] > 1e-8*m.Residual
}

// Effect is a group's predicted deviation: one value a random coefficient, with
// its standard deviation given the data and the estimated parameters.
type Effect struct {
	Group         string
	N             int
	Value, StdDev []float64
}

// Effects are the best linear unbiased predictions, b = DZ′H⁻¹(y−Xβ), with
// conditional standard deviations that take β and the variances as known, as
// lme4's ranef(condVar = TRUE). Groups in the order given.
func (m *Model) Effects() []Effect {
	out := make([]Effect, len(m.groups))
	for g := range m.groups {
		k := m.fit.spectrum[g].k
		e := Effect{Group: m.Groups[g], N: m.groups[g].n, Value: k.Vector(m.groups[g].residual(m.fit.beta))}
		for i := range e.Value {
			e.Value[i] /= m.zScale[i]
			e.StdDev = append(e.StdDev, math.Sqrt(m.Residual*math.Max(k.At(i, i), 0))/m.zScale[i])
		}
		out[g] = e
	}
	return out
}

// contrast checks a linear combination of the fixed coefficients.
func (m *Model) contrast(c []float64) error {
	if len(c) != len(m.Names) || dense.Largest(c) == 0 || !finite(c...) {
		return fmt.Errorf("mixed: a contrast needs %d finite weights, not all zero: %w", len(m.Names), analytics.ErrInvalidParameter)
	}
	return nil
}

// Unit is the contrast that picks coefficient j.
func (m *Model) Unit(j int) []float64 {
	c := make([]float64, len(m.Names))
	if j >= 0 && j < len(c) {
		c[j] = 1
	}
	return c
}

// test is an estimate with Student's t.
func test(value, variance, df, level float64, n int, method string) (analytics.Test, error) {
	if err := analytics.CheckLevel(level); err != nil {
		return analytics.Test{}, err
	}
	if !(variance > 0) || !(df > 0) || math.IsInf(df, 0) {
		return analytics.Test{}, fmt.Errorf("mixed: no variance or degrees of freedom to test with; some variance may be zero: %w", analytics.ErrZeroVariance)
	}
	se := math.Sqrt(variance)
	t := analytics.Test{Statistic: value / se, DF: df, P: dist.TTwoSided(value/se, df)}
	c := dist.TCritical(level, df)
	t.Estimate = analytics.Estimate{Value: value, StdErr: se, Lower: value - c*se, Upper: value + c*se, Level: level, N: n, Method: method}
	return t, nil
}
