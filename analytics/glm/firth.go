package glm

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/cells"
	"github.com/lumbar-health/lumbar/analytics/dense"
	"github.com/lumbar-health/lumbar/analytics/linear"
)

// Firth fits a logistic regression with Firth's penalty ½·log|X′WX|, which has
// finite estimates under separation and less bias with few outcomes. Cov is
// (X′WX)⁻¹ at the estimate. The score is
//
//	Σ (y − μ + h(½ − μ))·x,   h = μ(1−μ)·x′(X′WX)⁻¹x
//
// Errors as Fit, but separation is none of them. Agrees with R's brglm2 0.9
// (type "AS_mean") to 1e-8. Firth (1993), doi:10.1093/biomet/80.1.27; Heinze
// and Schemper (2002), doi:10.1002/sim.1047.
func Firth(data cells.Cells, opts Options) (*Model, error) {
	if err := check(data, Binomial, opts); err != nil {
		return nil, err
	}
	m := &Model{
		Family: Binomial, Names: data.Design.Names, P: data.Design.P, Dispersion: 1,
		Eta: make([]float64, data.Len()), Fitted: make([]float64, data.Len()), data: data, opts: opts,
	}
	s := newScoring(m)
	m.N, m.HasIntercept = s.people, s.intercept >= 0
	if m.N <= float64(m.P) {
		return nil, fmt.Errorf("glm: %v people for %d coefficients; collect more or drop terms: %w", m.N, m.P, analytics.ErrTooFewObservations)
	}
	if err := s.runPenalised(); err != nil {
		return nil, err
	}
	m.Coef, m.Unscaled = s.unscale()
	m.Iterations = s.iterations
	m.Cov = m.Unscaled
	return m, nil
}

// runPenalised iterates to the maximum of the penalised likelihood.
func (s *scoring) runPenalised() error {
	limit := s.m.opts.MaxIterations
	if limit == 0 {
		limit = 10 * maxIterations
	}
	s.kernel = s.pass()
	for s.iterations = 1; s.iterations <= limit; s.iterations++ {
		if s.m.opts.Interrupt != nil {
			if err := s.m.opts.Interrupt(); err != nil {
				return err
			}
		}
		if err := s.factorise(); err != nil {
			return err
		}
		penalised := s.kernel - s.factor.LogDet()
		score := s.penalisedScore()
		step := s.factor.Solve(score)
		if dense.Dot(step, score) <= 1e-22 {
			return nil
		}
		if err := s.advancePenalised(step, penalised); err != nil {
			return err
		}
	}
	return fmt.Errorf("glm: Firth's estimates do not settle in %d iterations; drop terms: %w", limit, analytics.ErrNotConverged)
}

// advancePenalised takes the step, at most 5 scaled units, halved until the
// penalised likelihood does not fall.
func (s *scoring) advancePenalised(step []float64, old float64) error {
	before := append([]float64(nil), s.gamma...)
	var longest float64
	for _, v := range step {
		longest = math.Max(longest, math.Abs(v))
	}
	for share := math.Min(1, 5/longest); share > 1e-10; share /= 2 {
		for j, v := range step {
			s.gamma[j] = before[j] + share*v
		}
		s.kernel = s.pass()
		factor, bad := dense.FactorScaled(s.information.Data, s.information.N, pivotTolerance)
		if bad < 0 && s.kernel-factor.LogDet() <= old+1e-10*(math.Abs(old)+1) {
			return nil
		}
	}
	return fmt.Errorf("glm: no step improves the penalised likelihood after %d iterations; drop terms: %w", s.iterations, analytics.ErrNotConverged)
}

// penalisedScore adds Σ n·h(½−μ)·z to the score.
func (s *scoring) penalisedScore() []float64 {
	out := append([]float64(nil), s.score...)
	inverse := linear.Sym{N: s.information.N, Data: s.factor.Inverse()}
	d := s.m.data
	for i, n := range d.Count {
		w := s.m.opts.weight(i) * n
		if w <= 0 {
			continue
		}
		for j, v := range d.Design.Row(i) {
			s.z[j] = (v - s.centre[j]) * s.share[j]
		}
		mu, slope := s.m.Family.Mean(s.m.Eta[i])
		h := w * slope * inverse.Quadratic(s.z)
		for j, v := range s.z {
			out[j] += h * (0.5 - mu) * v
		}
	}
	return out
}
