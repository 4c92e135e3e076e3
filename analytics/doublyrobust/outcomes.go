package doublyrobust

import (
	"fmt"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/cells"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/effect"
	"github.com/lumbar-health/lumbar/analytics/glm"
	"github.com/lumbar-health/lumbar/analytics/propensity"
)

// ParseFamily reads the outcome model's family: gaussian (linear), binomial
// (logistic) or poisson (log-linear); anything else is ErrInvalidParameter.
func ParseFamily(name string) (glm.Family, error) {
	switch name {
	case "", "gaussian":
		return glm.Gaussian, nil
	case "binomial":
		return glm.Binomial, nil
	case "poisson":
		return glm.Poisson, nil
	}
	return nil, fmt.Errorf("doublyrobust: family %q, have gaussian, binomial and poisson: %w", name, analytics.ErrInvalidParameter)
}

// predicted is an outcome model with its prediction for every pattern of the
// study under a treatment: mean and slope by the linear predictor, from columns
// x. own are the columns it was fitted to, with its residuals.
type predicted struct {
	model       *glm.Model
	x, own      *design.Matrix
	residuals   effect.Residuals
	mean, slope []float64
}

// predict evaluates a model on columns x.
func predict(m *glm.Model, x *design.Matrix) predicted {
	p := predicted{model: m, x: x, mean: make([]float64, x.N), slope: make([]float64, x.N)}
	for i := range p.mean {
		var eta float64
		for j, v := range x.Row(i) {
			eta += v * m.Coef[j]
		}
		p.mean[i], p.slope[i] = m.Family.Mean(eta)
	}
	return p
}

// correction is what estimating the model adds to an influence.
func (p predicted) correction(gradient []float64) effect.Influence {
	return effect.Correction(p.own, p.model, gradient, p.residuals)
}

// armModel fits the outcome on the study's Outcome columns in one arm and
// predicts it for everybody.
func armModel(s *effect.Study, treated bool, family glm.Family, opts propensity.Options) (predicted, error) {
	data, err := s.OutcomeCells()
	if err != nil {
		return predicted{}, err
	}
	m, err := glm.Fit(data.Select(s.Places(treated)), family, glm.Options{Interrupt: opts.Interrupt})
	if err != nil {
		name := "control"
		if treated {
			name = "treated"
		}
		return predicted{}, fmt.Errorf("outcome model of the %s arm: %w", name, err)
	}
	p := predict(m, s.Outcome)
	p.own, p.residuals = s.Outcome, s.OutcomeResiduals(p.mean, func(own bool) bool { return own == treated })
	return p, nil
}

// withTreatment appends to the Outcome columns the treatment set to each
// pattern's own value or to one value for all; interacted adds its products with
// every other column.
func withTreatment(s *effect.Study, interacted bool, value func(own bool) bool) *design.Matrix {
	m := s.Outcome
	out := &design.Matrix{Names: append(append([]string(nil), m.Names...), "treatment"), Labels: m.Labels, Assign: append(append([]int(nil), m.Assign...), -1), N: m.N, Rows: m.Rows}
	varying := varyingColumns(m)
	if interacted {
		for _, j := range varying {
			out.Names, out.Assign = append(out.Names, "treatment:"+m.Names[j]), append(out.Assign, -1)
		}
	}
	out.P = len(out.Names)
	out.X = make([]float64, 0, out.N*out.P)
	for i, own := range s.Treated {
		var t float64
		if value(own) {
			t = 1
		}
		x := m.Row(i)
		out.X = append(append(out.X, x...), t)
		if interacted {
			for _, j := range varying {
				out.X = append(out.X, t*x[j])
			}
		}
	}
	return out
}

// varyingColumns lists the columns that are not the same in every pattern.
func varyingColumns(m *design.Matrix) []int {
	var out []int
	for j := range m.P {
		for i := 1; i < m.N; i++ {
			if m.X[i*m.P+j] != m.X[j] {
				out = append(out, j)
				break
			}
		}
	}
	return out
}

// jointModel fits one outcome model of treatment and covariates and predicts it
// under treatment and under control.
func jointModel(s *effect.Study, interacted bool, family glm.Family, opts propensity.Options) (one, zero predicted, err error) {
	if s.Outcome == nil {
		return one, zero, fmt.Errorf("doublyrobust: the study has no columns for an outcome model: %w", analytics.ErrInvalidParameter)
	}
	data := cells.Cells{Design: withTreatment(s, interacted, func(own bool) bool { return own }), Count: s.Count, Sum: s.Sum, SumSq: s.SumSq}
	m, err := glm.Fit(data, family, glm.Options{Interrupt: opts.Interrupt})
	if err != nil {
		return one, zero, fmt.Errorf("outcome model: %w", err)
	}
	one = predict(m, withTreatment(s, interacted, func(bool) bool { return true }))
	zero = predict(m, withTreatment(s, interacted, func(bool) bool { return false }))
	one.own, one.residuals = data.Design, s.OutcomeResiduals(m.Fitted, func(bool) bool { return true })
	zero.own, zero.residuals = one.own, one.residuals
	return one, zero, nil
}
