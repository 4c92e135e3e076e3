package survival

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dense"
)

// Censoring is the rule by which Fine and Gray's weights take ties of events and
// censoring.
type Censoring int

// WithEvents keeps those with an event at t in the censoring risk set of t, as
// cmprsk::crr does; AfterEvents takes them out first, as survival::finegray.
const (
	WithEvents Censoring = iota
	AfterEvents
)

// FineGray fits the proportional subdistribution hazards model of the event
// `cause`: people stay at risk after a competing event with the weight
// G(t−)/G(T−), G the Kaplan–Meier curve of the time to censoring. Coefficients
// are log subdistribution hazard ratios. Ties is Breslow where empty.
//
// The model's own Cov takes the weights as exact and one person's terms as
// independent, and is seldom right: use CensoringCovariance for WithEvents (crr)
// or Robust for AfterEvents (coxph on finegray's data, clustered by person).
//
//	strata                          ErrInvalidParameter
//	all else as Cox
//
// Checked against R's cmprsk::crr 2.2-11 and survival::finegray 3.5-3 to 1e-6.
// Fine and Gray (1999), doi:10.1080/01621459.1999.10474144.
func FineGray(c *Cohort, cause int, censoring Censoring, opts Options) (*Model, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	for i := range c.Stratum {
		if c.Stratum[i] != c.Stratum[0] {
			return nil, fmt.Errorf("survival: Fine and Gray's model has no strata here; fit each by itself: %w", analytics.ErrInvalidParameter)
		}
	}
	if opts.Ties == "" {
		opts.Ties = Breslow
	}
	s := layOut(c, cause)
	s.later = laterOf(c, s, censoring)
	return fit(c, s, opts)
}

// laterOf finds G just before every time and the weight 1/G of those with a
// competing event.
func laterOf(c *Cohort, s *sorted, censoring Censoring) *laterRisk {
	l := &laterRisk{entry: make([]float64, s.n), g: make([]float64, s.n), rule: censoring}
	atRisk := 0.0
	for _, v := range s.mass {
		atRisk += v
	}
	g := 1.0
	for k := s.n - 1; k >= 0; { // ascending times
		from := k
		var censored, events float64
		for ; k >= 0 && s.time[k] == s.time[from]; k-- {
			l.g[k] = g
			switch cause := c.Cause[s.order[k]]; {
			case cause == 0:
				censored += s.mass[k]
			default:
				events += s.mass[k]
				if !s.event[k] {
					l.entry[k] = 1 / g
				}
			}
		}
		n := atRisk
		if censoring == AfterEvents {
			n -= events
		}
		if censored > 0 {
			g = after(g, censored, n)
		}
		atRisk -= censored + events
	}
	return l
}

// CensoringCovariance is Fine and Gray's covariance of a Breslow fit of FineGray
// with WithEvents, row after row: I⁻¹·Σ(η+ψ)(η+ψ)′·I⁻¹, η a person's score
// residual and
//
//	ψ_i = Σ_u Q(u)/Y(u)·dM^c_i(u),  Q(u) = Σ_{j: T_j < u} e^η_j Σ_{t≥u} w_j(t)(x_j − x̄(t))dΛ(t)
//
// over those j with a competing event, the part due to G being estimated; the
// bounds at u are crr's. A model of
// another kind: ErrInvalidParameter.
func (m *Model) CensoringCovariance() ([]float64, error) {
	s := m.rows
	if s.later == nil || s.later.rule != WithEvents || m.Ties != Breslow {
		return nil, fmt.Errorf("survival: the censoring covariance is of Fine and Gray's model with Breslow ties and the rule WithEvents; use Robust: %w", analytics.ErrInvalidParameter)
	}
	p := s.p
	u := append([]float64(nil), m.scoreResiduals()...)
	path := m.censoringPath()
	sum := make([]float64, p) // Σ Q/Y² dN^c so far
	next := len(path) - 1
	for k := s.n - 1; k >= 0; { // ascending times
		t := s.time[k]
		var own *censoringStep
		if next >= 0 && path[next].time == t {
			own = &path[next]
			next--
			for j := range sum {
				sum[j] += own.q[j] * own.censored / (own.atRisk * own.atRisk)
			}
		}
		for ; k >= 0 && s.time[k] == t; k-- {
			censored := m.cohort.Cause[s.order[k]] == 0
			for j := range sum {
				u[k*p+j] -= sum[j]
				if own != nil && censored {
					u[k*p+j] += own.q[j] / own.atRisk
				}
			}
		}
	}
	total := dense.New(p, p)
	for k, row := range s.order {
		w := m.cohort.weight(int(row))
		total.AddOuter(s.people[k]*w*w, u[k*p:(k+1)*p], u[k*p:(k+1)*p])
	}
	return m.own(m.cov.Sandwich(total)), nil
}

// censoringStep is a time with censoring: Q, the mass censored and at risk.
type censoringStep struct {
	time, censored, atRisk float64
	q                      []float64
}

// censoringPath lists them, times falling.
func (m *Model) censoringPath() []censoringStep {
	s := m.rows
	p := s.p
	later := newRisk(p) // of the competing events before the time
	for k, w := range s.later.entry {
		if w > 0 {
			later.add(w*s.mass[k]*math.Exp(s.eta(k, m.b)), s.x[k*p:(k+1)*p])
		}
	}
	steps := m.hazards()[0]
	next := len(steps) - 1
	var a, atRisk float64
	b := make([]float64, p)
	var out []censoringStep
	for k := 0; k < s.n; {
		t := s.time[k]
		for ; next >= 0 && steps[next].time >= t; next-- {
			a += steps[next].g * steps[next].a
			for j, v := range steps[next].b {
				b[j] += steps[next].g * v
			}
		}
		c := censoringStep{time: t}
		for ; k < s.n && s.time[k] == t; k++ {
			atRisk += s.mass[k]
			if m.cohort.Cause[s.order[k]] == 0 {
				c.censored += s.mass[k]
			}
			if w := s.later.entry[k]; w > 0 {
				later.add(-w*s.mass[k]*math.Exp(s.eta(k, m.b)), s.x[k*p:(k+1)*p])
			}
		}
		c.atRisk = atRisk
		if c.censored > 0 {
			c.q = make([]float64, p)
			for j := range c.q {
				c.q[j] = later.s1[j]*a - later.s0*b[j]
			}
			out = append(out, c)
		}
	}
	return out
}
