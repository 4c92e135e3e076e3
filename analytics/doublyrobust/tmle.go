package doublyrobust

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics/balance"
	"github.com/lumbar-health/lumbar/analytics/cells"
	"github.com/lumbar-health/lumbar/analytics/dense"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/effect"
	"github.com/lumbar-health/lumbar/analytics/glm"
	"github.com/lumbar-health/lumbar/analytics/propensity"
)

// TMLE is a targeted comparison of the probability of an outcome. Epsilon are
// the fluctuations of the treated and the control prediction; Ratio is Mean1 over
// Mean0, nil where that is zero. The Result's error is that of the influence
// curve, sd/√n.
type TMLE struct {
	effect.Result
	Epsilon [2]float64
	Ratio   *float64
}

// Targeted returns the targeted maximum likelihood estimate of the average
// effect on an outcome of 0 and 1: a logistic model with the treatment as a
// column is fluctuated along 1/e and 1/(1−e)
//
//	logit q*ₐ = logit qₐ + εₐ/P(A=a|x)
//
// until the propensity-weighted residuals of each arm sum to zero. Scores are
// not bounded.
//
//	an outcome other than 0 and 1            ErrInvalidParameter
//	separation of either model               ErrNotConverged
//
// Own implementation: no kept library has one. Agrees with golden/lib.R to 1e-6.
// Van der Laan and Rose (2011), doi:10.1007/978-1-4419-9782-1.
func Targeted(s *effect.Study, opts propensity.Options) (TMLE, error) {
	if err := binary(s); err != nil {
		return TMLE{}, err
	}
	one, zero, err := jointModel(s, false, glm.Binomial, opts)
	if err != nil {
		return TMLE{}, err
	}
	m, err := propensity.Fit(s, opts)
	if err != nil {
		return TMLE{}, err
	}
	w, err := propensity.NewWeights(s, m.Score, propensity.ATE)
	if err != nil {
		return TMLE{}, err
	}
	step, err := fluctuate(s, w, one.model.Eta, opts)
	if err != nil {
		return TMLE{}, err
	}
	return target(s, m, w, step, one.model.Coef, one.x, zero.x, opts)
}

// fluctuate regresses the outcome on the two clever covariates, the first
// model's linear predictor being an offset.
func fluctuate(s *effect.Study, w propensity.Weights, offset []float64, opts propensity.Options) ([]float64, error) {
	clever := &design.Matrix{Names: []string{"treated", "control"}, Labels: []string{"treated", "control"}, Assign: []int{1, 2}, N: s.Len(), P: 2, X: make([]float64, 2*s.Len())}
	for i, t := range s.Treated {
		at := 2 * i
		if !t {
			at++
		}
		clever.X[at] = w.Value[i]
	}
	data := cells.Cells{Design: clever, Count: s.Count, Sum: s.Sum, SumSq: s.SumSq}
	m, err := glm.Fit(data, glm.Binomial, glm.Options{Offset: offset, Interrupt: opts.Interrupt})
	if err != nil {
		return nil, fmt.Errorf("targeting: %w", err)
	}
	return m.Coef, nil
}

// target evaluates the fluctuated predictions.
func target(s *effect.Study, m *propensity.Model, w propensity.Weights, step, coef []float64, x1, x0 *design.Matrix, opts propensity.Options) (TMLE, error) {
	n := s.N()
	q1, q0 := make([]float64, s.Len()), make([]float64, s.Len())
	var mean1, mean0 float64
	for i, e := range m.Score {
		q1[i], _ = glm.Binomial.Mean(dense.Dot(x1.Row(i), coef) + step[0]/e)
		q0[i], _ = glm.Binomial.Mean(dense.Dot(x0.Row(i), coef) + step[1]/(1-e))
		mean1 += s.Count[i] * q1[i] / n
		mean0 += s.Count[i] * q0[i] / n
	}
	curve := effect.NewInfluence(s.Len())
	for i, t := range s.Treated {
		curve.Const[i] = q1[i] - q0[i] - (mean1 - mean0)
		if t {
			curve.Const[i] -= w.Value[i] * q1[i]
			curve.Slope[i] = w.Value[i]
		} else {
			curve.Const[i] += w.Value[i] * q0[i]
			curve.Slope[i] = -w.Value[i]
		}
	}
	se := math.Sqrt(s.Variance(curve) * n / (n - 1))
	r, err := s.NewResult("targeted maximum likelihood", mean1, mean0, se, opts.Confidence())
	if err != nil {
		return TMLE{}, err
	}
	out := TMLE{Result: r, Epsilon: [2]float64{step[0], step[1]}}
	if mean0 > 0 {
		ratio := mean1 / mean0
		out.Ratio = &ratio
	}
	out.ESS1, out.ESS0 = balance.EffectiveSize(s, w.Value, true), balance.EffectiveSize(s, w.Value, false)
	out.Warnings = append(propensity.Positivity(s, m.Score, w), balance.SizeWarnings(s, out.ESS1, out.ESS0)...)
	return out, nil
}
