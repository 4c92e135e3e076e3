package glm

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/cells"
	"github.com/lumbar-health/lumbar/analytics/dist"
	"github.com/lumbar-health/lumbar/analytics/linear"
)

// Options are what a fit may be given; the zero value is a plain fit.
type Options struct {
	// Weights multiplies each pattern's contribution (a prior weight a person of
	// the pattern), such as an inverse propensity; nil is 1.
	Weights []float64
	// Offset is added to the linear predictor of each pattern; nil is 0.
	Offset []float64
	// MaxIterations is 100 when 0.
	MaxIterations int
	// Interrupt is asked before each iteration; its error stops the fit.
	Interrupt func() error
}

// Model is a fitted generalised linear model.
type Model struct {
	Family   Family
	Names    []string
	Coef     []float64  // per unit of the column, on the scale of the link
	Unscaled linear.Sym // (X′WX)⁻¹, W the expected information of a unit dispersion
	// Dispersion is 1 for binomial and counts, RSS/(N−P) for Gaussian; Cov is
	// Dispersion·Unscaled.
	Dispersion  float64
	Cov         linear.Sym
	Eta, Fitted []float64 // linear predictor and mean of each pattern
	// Deviance is −2·(log-likelihood − that of the saturated model), of a
	// Gaussian the residual sum of squares; NullDeviance that of the model of the
	// intercept alone (of none, when the model has none). Of counts that are not
	// 0 or 1 they need Cells.YLogY, else HasDeviance is false and both are 0.
	Deviance, NullDeviance float64
	HasDeviance            bool
	N                      float64 // people of a weight above zero
	P                      int
	HasIntercept           bool
	Iterations             int

	data cells.Cells
	opts Options
}

// Fit fits the family's regression of the outcome on the cells' columns by
// Fisher scoring with step halving,
//
//	b ← b + (X′WX)⁻¹·X′(y−μ)·μ′/V,   W = μ′²/V
//
// over columns centred and scaled, until the step is below 1e-8 of a standard
// error (and, being taken, leaves the square of that). The coefficients are in
// units of the link per unit of the column.
//
//	no more people than columns                        ErrTooFewObservations
//	a column that others determine                     ErrCollinear, naming it
//	every outcome the same (0 or 1, or all 0)          ErrZeroVariance
//	separation: fitted values that run to 0 or 1       ErrNotConverged
//	an outcome outside the family's range, a weight
//	below zero, lengths that differ, NaN or Inf        ErrInvalidParameter
//
// Inputs are not modified. Agrees with R's glm (epsilon 1e-14) to 1e-9.
// McCullagh and Nelder (1989), doi:10.1007/978-1-4899-3242-6.
func Fit(data cells.Cells, family Family, opts Options) (*Model, error) {
	if err := check(data, family, opts); err != nil {
		return nil, err
	}
	m := &Model{
		Family: family, Names: data.Design.Names, P: data.Design.P, Dispersion: 1,
		Eta: make([]float64, data.Len()), Fitted: make([]float64, data.Len()),
		data: data, opts: opts,
	}
	s := newScoring(m)
	m.N, m.HasIntercept = s.people, s.intercept >= 0
	if m.N <= float64(m.P) && !(m.N == float64(m.P) && family != Gaussian) {
		return nil, fmt.Errorf("glm: %v people for %d coefficients; collect more or drop terms: %w", m.N, m.P, analytics.ErrTooFewObservations)
	}
	if err := s.varies(); err != nil {
		return nil, err
	}
	if err := s.run(); err != nil {
		return nil, err
	}
	m.Coef, m.Unscaled = s.unscale()
	return m, m.finish(s)
}

// check refuses what can not be fitted.
func check(data cells.Cells, family Family, opts Options) error {
	if err := data.Check(); err != nil {
		return err
	}
	if f, ok := family.(negativeBinomial); ok && !(f.theta > 0) {
		return fmt.Errorf("glm: theta %v, need above zero: %w", f.theta, analytics.ErrInvalidParameter)
	}
	for _, s := range []struct {
		name   string
		values []float64
	}{{"weights", opts.Weights}, {"offset", opts.Offset}} {
		if s.values == nil {
			continue
		}
		if len(s.values) != data.Len() {
			return fmt.Errorf("glm: %d %s for %d patterns: %w", len(s.values), s.name, data.Len(), analytics.ErrInvalidParameter)
		}
		if err := analytics.CheckFinite("glm: "+s.name, s.values); err != nil {
			return err
		}
	}
	for i, w := range opts.Weights {
		if w < 0 {
			return fmt.Errorf("glm: the weight of pattern %d is below zero: %w", i+1, analytics.ErrInvalidParameter)
		}
	}
	lo, hi := family.Range()
	for i, n := range data.Count {
		slack := 1e-12 * n // of sums of weighted outcomes
		if n > 0 && (data.Sum[i] < lo*n-slack || data.Sum[i] > hi*n+slack) {
			return fmt.Errorf("glm: an outcome of pattern %d lies outside %v to %v, the range of the %v family: %w", i+1, lo, hi, family, analytics.ErrInvalidParameter)
		}
	}
	return nil
}

// weight is the prior weight of a pattern's people.
func (o Options) weight(i int) float64 {
	if o.Weights == nil {
		return 1
	}
	return o.Weights[i]
}

func (o Options) offset(i int) float64 {
	if o.Offset == nil {
		return 0
	}
	return o.Offset[i]
}

// finish computes what follows from the coefficients: deviances, dispersion and
// covariance.
func (m *Model) finish(s *scoring) error {
	m.Iterations = s.iterations
	if saturated, ok := m.saturated(); ok {
		null, err := m.null(s)
		if err != nil {
			return err
		}
		m.HasDeviance = true
		m.Deviance, m.NullDeviance = math.Max(s.kernel-saturated, 0), math.Max(null-saturated, 0)
	}
	if m.Family == Gaussian {
		m.Dispersion = s.kernel / (m.N - float64(m.P))
		if s.kernel < 1e-22*s.total { // what rounding leaves of a perfect fit
			m.Dispersion = 0
		}
	}
	m.Cov = m.Unscaled.Scale(m.Dispersion)
	return nil
}

// saturated is the kernel of a model that fits every outcome.
func (m *Model) saturated() (value float64, ok bool) {
	yLogY := m.data.YLogY
	if yLogY == nil && m.Family == Poisson && !m.data.Binary() {
		return 0, false
	}
	for i, sum := range m.data.Sum {
		var y float64
		if yLogY != nil {
			y = yLogY[i]
		}
		v, ok := m.Family.saturated(sum, y)
		if !ok {
			return 0, false
		}
		value += m.opts.weight(i) * v
	}
	return value, true
}

// null is the kernel of the model without the columns.
func (m *Model) null(s *scoring) (float64, error) {
	if !m.HasIntercept {
		return m.kernelAt(func(i int) float64 { return m.opts.offset(i) }), nil
	}
	if m.opts.Offset == nil {
		eta := m.Family.Link(s.mean())
		return m.kernelAt(func(int) float64 { return eta }), nil
	}
	constant := *m.data.Design
	constant.P, constant.Names, constant.Assign = 1, []string{"(Intercept)"}, []int{0}
	constant.X = make([]float64, constant.N)
	for i := range constant.X {
		constant.X[i] = 1
	}
	data := m.data
	data.Design = &constant
	only := &Model{Family: m.Family, P: 1, Names: constant.Names, Eta: make([]float64, data.Len()), Fitted: make([]float64, data.Len()), data: data, opts: m.opts}
	inner := newScoring(only)
	err := inner.run()
	return inner.kernel, err
}

// LikelihoodRatio tests the model against one of a constant alone: twice the
// difference of the log-likelihoods referred to χ² with P − 1 degrees of freedom.
// A model of one column or with an offset, and counts whose deviance is unknown:
// ErrInvalidParameter.
func (m *Model) LikelihoodRatio() (linear.ChiTest, error) {
	if m.P < 2 || m.opts.Offset != nil || !m.HasDeviance || m.Family == Gaussian {
		return linear.ChiTest{}, fmt.Errorf("glm: no likelihood ratio of a %v model of %d columns: %w", m.Family, m.P, analytics.ErrInvalidParameter)
	}
	var sum, n float64
	for i, v := range m.data.Sum {
		sum += m.opts.weight(i) * v
		n += m.opts.weight(i) * m.data.Count[i]
	}
	eta := m.Family.Link(sum / n)
	null := m.kernelAt(func(int) float64 { return eta })
	t := linear.ChiTest{Statistic: null - m.kernelAt(func(i int) float64 { return m.Eta[i] }), DF: float64(m.P - 1)}
	t.Statistic = math.Max(t.Statistic, 0)
	t.P = dist.ChiSquaredTail(t.Statistic, t.DF)
	return t, nil
}

// kernelAt sums the kernel over the patterns at given linear predictors.
func (m *Model) kernelAt(eta func(i int) float64) float64 {
	var total float64
	d := m.data
	for i, n := range d.Count {
		e := eta(i)
		mu, _ := m.Family.Mean(e)
		if w := m.opts.weight(i); w > 0 && n > 0 {
			total += w * m.Family.kernel(e, mu, n, d.Sum[i], d.SumSq[i])
		}
	}
	return total
}
