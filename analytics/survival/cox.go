package survival

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dense"
	"github.com/lumbar-health/lumbar/analytics/dist"
	"github.com/lumbar-health/lumbar/analytics/linear"
)

// Ties is how events at the same time share the people at risk.
type Ties string

// Efron is the default of Cox; Breslow the coarser one, and that of crr.
const (
	Efron   Ties = "efron"
	Breslow Ties = "breslow"
)

// Options steer a fit. Ties is Efron where empty; Interrupt, where set, is asked
// at every iteration and ends the fit with its error.
type Options struct {
	Ties      Ties
	Interrupt func() error
}

// Model is a fitted proportional hazards model. Coef are log hazard ratios per
// unit of the covariate and Cov their model-based covariance, row after row;
// LogLik and LogLikNull the partial log-likelihood at Coef and at 0; Score and
// Wald the χ² tests of all coefficients, len(Coef) degrees of freedom.
type Model struct {
	Names              []string
	Coef               []float64
	Cov                []float64
	LogLik, LogLikNull float64
	Score, Wald        float64
	People, Events     float64
	Iterations         int
	Ties               Ties
	cohort             *Cohort
	rows               *sorted
	b                  []float64    // on the scale of rows
	cov                dense.Matrix // on the scale of rows
	residuals          []float64    // score residuals by the cohort's rows, once asked for
}

const (
	maxIterations = 60
	// decrement and step end the iteration: the Newton decrement relative to the
	// log-likelihood, and the last step per standard deviation of a covariate.
	smallDecrement = 1e-16
	smallStep      = 1e-9
	// collinear is the share of a column's information that must be its own.
	collinear = 1e-11
	// flat is the share of a coefficient's information at 0, as a root, below
	// which its likelihood is flat, and farthest the largest log hazard ratio per
	// standard deviation: beyond either the likelihood is monotone.
	flat     = 1e-5
	farthest = 40
)

// Cox fits the proportional hazards model of the event `cause`, other causes
// counting as censored (the cause-specific hazard), by Newton–Raphson on the
// partial likelihood with one time-sorted pass an iteration:
//
//	ℓ = Σ_events w·η − Σ_times Σ_k w̄·log(Σ_risk w·e^η − (k/d)·Σ_dead w·e^η)
//
// with k = 0 … d−1 under Efron and the last term left out under Breslow. Strata
// have their own baseline hazards. A cell of Count people counts as that many
// people in ties; Weight weighs each of them.
//
//	no event, or no covariate               ErrTooFewObservations, ErrInvalidParameter
//	a column of one value at all events or a sum of others   ErrCollinear (linear.Collinear names it)
//	a coefficient running to infinity, since a covariate splits those with the
//	event from those without                ErrNotConverged, naming it
//
// The cohort is not modified. Checked against R's survival::coxph 3.5-3 to 1e-8.
// Cox (1972), doi:10.1111/j.2517-6161.1972.tb00899.x; Efron (1977),
// doi:10.1080/01621459.1977.10480613.
func Cox(c *Cohort, cause int, opts Options) (*Model, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	return fit(c, layOut(c, cause), opts)
}

// fit runs Newton–Raphson over rows laid out.
func fit(c *Cohort, s *sorted, opts Options) (*Model, error) {
	if opts.Ties == "" {
		opts.Ties = Efron
	}
	m := &Model{Names: c.Names, Ties: opts.Ties, cohort: c, rows: s, b: make([]float64, s.p)}
	if err := m.admit(); err != nil {
		return nil, err
	}
	at := m.evaluate(m.b)
	m.LogLikNull = at.loglik
	var first dense.Factor
	for {
		if opts.Interrupt != nil {
			if err := opts.Interrupt(); err != nil {
				return nil, err
			}
		}
		l, singular := at.information.Cholesky(collinear)
		if singular >= 0 {
			return nil, m.singular(singular)
		}
		step := l.Solve(at.score)
		decrement := dense.Dot(step, at.score)
		if m.Iterations == 0 {
			m.Score, first = decrement, l
		}
		if j := vanished(first, l); j >= 0 {
			return nil, m.monotone(j)
		}
		if decrement <= smallDecrement*math.Max(1, math.Abs(at.loglik)) && dense.Largest(step) <= smallStep*(1+dense.Largest(m.b)) {
			m.finish(at, l)
			return m, nil
		}
		if m.Iterations == maxIterations || dense.Largest(m.b) > farthest {
			return nil, m.monotone(m.farthest(step))
		}
		m.Iterations++
		next, ok := m.advance(at, step)
		if !ok {
			if decrement <= 1e-9 { // no digit left to gain
				m.finish(at, l)
				return m, nil
			}
			return nil, m.monotone(m.farthest(step))
		}
		at = next
	}
}

// admit refuses what has no fit.
func (m *Model) admit() error {
	s := m.rows
	if m.Ties != Efron && m.Ties != Breslow {
		return fmt.Errorf("survival: ties by %q, have efron and breslow: %w", m.Ties, analytics.ErrInvalidParameter)
	}
	if s.p == 0 {
		return fmt.Errorf("survival: the model has no covariate: %w", analytics.ErrInvalidParameter)
	}
	for k := range s.event {
		m.People += s.people[k]
		if s.event[k] {
			m.Events += s.people[k]
		}
	}
	if m.Ties == Efron {
		for k := range s.event {
			if s.event[k] && s.people[k] != math.Trunc(s.people[k]) {
				return fmt.Errorf("survival: Efron's ties need whole counts of people; put weights in Weight: %w", analytics.ErrInvalidParameter)
			}
		}
	}
	if m.Events == 0 {
		return fmt.Errorf("survival: no event of this cause, everybody is censored: %w", analytics.ErrTooFewObservations)
	}
	for j, v := range s.scale {
		if v == 0 {
			return m.singular(j)
		}
	}
	return nil
}

func (m *Model) singular(j int) error {
	return linear.NewCollinear(j, m.Names[j], "has one value among those at risk, or is a combination of those before it")
}

func (m *Model) monotone(j int) error {
	return fmt.Errorf("survival: the coefficient of %s runs to infinity: no event, or every event, has one value of it; merge levels or leave it out: %w", m.Names[j], analytics.ErrNotConverged)
}

// farthest is the coefficient that is, or would next be, the largest.
func (m *Model) farthest(step []float64) int {
	worst := 0
	for j, v := range m.b {
		if math.Abs(v)+math.Abs(step[j]) > math.Abs(m.b[worst])+math.Abs(step[worst]) {
			worst = j
		}
	}
	return worst
}

// vanished is a coefficient of which hardly any information is left, compared
// with that at 0: its likelihood has gone flat. −1 where there is none.
func vanished(first, now dense.Factor) int {
	a, b := first.Lower(), now.Lower()
	for j := 0; j < a.Rows; j++ {
		if b.At(j, j) < flat*a.At(j, j) {
			return j
		}
	}
	return -1
}

// evaluation is the log-likelihood with its derivatives, on the rows' scale.
type evaluation struct {
	loglik      float64
	score       []float64
	information dense.Matrix
}

func (m *Model) evaluate(b []float64) evaluation {
	s := m.rows
	e := evaluation{score: make([]float64, s.p)}
	packed := make([]float64, s.p*(s.p+1)/2)
	for k, event := range s.event {
		if event {
			e.loglik += s.mass[k] * s.eta(k, b)
			for j, x := range s.x[k*s.p : (k+1)*s.p] {
				e.score[j] += s.mass[k] * x
			}
		}
	}
	s.pass(b, func(d *deaths) {
		t := d.ties(m.Ties == Efron)
		e.loglik -= t.logs
		for j := range e.score {
			e.score[j] -= d.meanSum(t, j)
		}
		d.information(t, 1, packed)
	})
	e.information = dense.Unpack(packed, s.p)
	return e
}

// advance takes the step, halved until the likelihood no longer falls.
func (m *Model) advance(from evaluation, step []float64) (evaluation, bool) {
	factor := 1.0
	for try := 0; try < 30; try++ {
		b := make([]float64, len(m.b))
		for j := range b {
			b[j] = m.b[j] + factor*step[j]
		}
		e := m.evaluate(b)
		if e.loglik >= from.loglik-1e-12*math.Abs(from.loglik) && !math.IsInf(e.loglik, 0) {
			m.b = b
			return e, true
		}
		factor /= 2
	}
	return from, false
}

// finish brings the fit back to the covariates' own units.
func (m *Model) finish(at evaluation, l dense.Factor) {
	p := m.rows.p
	m.LogLik, m.cov = at.loglik, l.Inverse()
	m.Wald = dense.Dot(m.b, at.information.Vector(m.b))
	m.Coef = make([]float64, p)
	for j := range m.Coef {
		m.Coef[j] = m.b[j] / m.rows.scale[j]
	}
	m.Cov = m.own(m.cov)
}

// own brings a covariance to the covariates' units.
func (m *Model) own(v dense.Matrix) []float64 {
	out := make([]float64, len(v.Data))
	for i := 0; i < v.Rows; i++ {
		for j := 0; j < v.Rows; j++ {
			out[i*v.Rows+j] = v.At(i, j) / (m.rows.scale[i] * m.rows.scale[j])
		}
	}
	return out
}

// Estimate is coefficient j, a log hazard ratio, under a covariance such as
// m.Cov or m.Robust(), with its normal test and limits.
func (m *Model) Estimate(j int, cov []float64, level float64) (analytics.Test, error) {
	if err := analytics.CheckLevel(level); err != nil {
		return analytics.Test{}, err
	}
	p := len(m.Coef)
	if j < 0 || j >= p || len(cov) != p*p {
		return analytics.Test{}, fmt.Errorf("survival: no such coefficient, or the covariance is of another model: %w", analytics.ErrInvalidParameter)
	}
	se := math.Sqrt(cov[j*p+j])
	if !(se > 0) {
		return analytics.Test{}, fmt.Errorf("survival: the coefficient of %s has no variance: %w", m.Names[j], analytics.ErrZeroVariance)
	}
	z := dist.NormalCritical(level)
	t := analytics.Test{Statistic: m.Coef[j] / se}
	t.Estimate = analytics.Estimate{Value: m.Coef[j], StdErr: se, Lower: m.Coef[j] - z*se, Upper: m.Coef[j] + z*se, Level: level, N: int(math.Round(m.People)), Method: "Cox, " + string(m.Ties)}
	t.P = dist.NormalTwoSided(t.Statistic)
	return t, nil
}
