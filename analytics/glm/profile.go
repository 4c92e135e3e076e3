package glm

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/dist"
)

// ProfileInterval returns the limits of a coefficient at which the likelihood,
// maximised over the others, has fallen by half the χ² quantile of the level.
// It is not symmetric, and holds its coverage with few outcomes. A binomial or a
// Poisson model only (ErrInvalidParameter). A limit at infinity: ErrNotConverged.
// Agrees with R's MASS confint, which interpolates, to 1e-3. Venzon and Moolgavkar (1988),
// doi:10.2307/2347496.
func (m *Model) ProfileInterval(coef int, level float64) (lower, upper float64, err error) {
	if coef < 0 || coef >= m.P || m.Family == Gaussian {
		return 0, 0, fmt.Errorf("glm: profile of coefficient %d of %d of a %v model: %w", coef, m.P, m.Family, analytics.ErrInvalidParameter)
	}
	if err := analytics.CheckLevel(level); err != nil {
		return 0, 0, fmt.Errorf("glm: %w", err)
	}
	p := m.profile(coef)
	limit := dist.NormalCritical(level)
	if lower, err = p.limit(-1, limit); err != nil {
		return 0, 0, err
	}
	upper, err = p.limit(1, limit)
	return lower, upper, err
}

// profile is a model with one coefficient held.
type profile struct {
	whole *Model
	coef  int
	held  []float64 // the column held, a pattern each
	rest  *Model
	best  float64 // kernel of the whole model
	start []float64
	slope []float64 // of start per unit of the coefficient held
}

func (m *Model) profile(coef int) *profile {
	d := *m.data.Design
	p := &profile{whole: m, coef: coef, held: d.Column(coef)}
	keep := make([]int, 0, m.P-1)
	for j := range m.P {
		if j != coef {
			keep = append(keep, j)
			p.start = append(p.start, m.Coef[j])
			p.slope = append(p.slope, m.Unscaled.At(j, coef)/m.Unscaled.At(coef, coef))
		}
	}
	p.best = m.kernelAt(func(i int) float64 { return m.Eta[i] })
	data := m.data
	data.Design = columns(&d, keep)
	opts := m.opts
	opts.Offset = make([]float64, data.Len())
	p.rest = &Model{
		Family: m.Family, Names: data.Design.Names, P: data.Design.P, Dispersion: 1,
		Eta: make([]float64, data.Len()), Fitted: make([]float64, data.Len()), data: data, opts: opts,
	}
	return p
}

// columns returns the design of some columns.
func columns(m *design.Matrix, keep []int) *design.Matrix {
	out := *m
	out.P, out.X = len(keep), make([]float64, 0, m.N*len(keep))
	out.Names, out.Assign = nil, nil
	for _, j := range keep {
		out.Names, out.Assign = append(out.Names, m.Names[j]), append(out.Assign, m.Assign[j])
	}
	for i := range m.N {
		x := m.Row(i)
		for _, j := range keep {
			out.X = append(out.X, x[j])
		}
	}
	return &out
}

// limit finds where the signed root of the fall reaches the value on one side.
func (p *profile) limit(side, value float64) (float64, error) {
	centre, se := p.whole.Coef[p.coef], math.Sqrt(p.whole.Cov.At(p.coef, p.coef))
	near, far := centre, centre+side*value*se
	var failed error
	excess := func(b float64) float64 {
		root, err := p.root(b)
		if err != nil {
			failed = err
			return 0
		}
		return root - value
	}
	for k := 0; ; k++ {
		if e := excess(far); failed != nil {
			return 0, failed
		} else if e > 0 {
			break
		}
		if k == 20 {
			return 0, fmt.Errorf("glm: the profile likelihood of %s has no limit on that side; use logistic_firth: %w", p.whole.Names[p.coef], analytics.ErrNotConverged)
		}
		near, far = far, far+side*value*se
	}
	limit, ok := dist.Root(excess, math.Min(near, far), math.Max(near, far))
	if failed != nil {
		return 0, failed
	}
	if !ok {
		return 0, fmt.Errorf("glm: the profile likelihood of %s: %w", p.whole.Names[p.coef], analytics.ErrNotConverged)
	}
	return limit, nil
}

// root is the square root of twice the fall of the likelihood at b.
func (p *profile) root(b float64) (float64, error) {
	kernel := 0.0
	m := p.rest
	for i, x := range p.held {
		m.opts.Offset[i] = p.whole.opts.offset(i) + b*x
	}
	if m.P == 0 {
		kernel = m.kernelAt(m.opts.offset)
	} else {
		s := newScoring(m)
		start := append([]float64(nil), p.start...)
		for j, slope := range p.slope { // along the ridge of the likelihood
			start[j] += slope * (b - p.whole.Coef[p.coef])
		}
		s.begin(start)
		if err := s.run(); err != nil {
			return 0, err
		}
		kernel = s.kernel
	}
	return math.Sqrt(math.Max(kernel-p.best, 0)), nil
}
