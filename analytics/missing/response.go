package missing

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/balance"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/effect"
	"github.com/lumbar-health/lumbar/analytics/glm"
	"github.com/lumbar-health/lumbar/analytics/propensity"
)

// Response is an outcome that some people did not report, weighted by the
// inverse of the probability that they did. The Study's arms are those who
// responded (treated) and those who did not; Model is the response model on its
// Score.
type Response struct {
	Study  *effect.Study
	Model  *propensity.Model
	Weight propensity.Weights
}

// ResponseWeights fits the logistic model of response.
//
//	everybody responded, or nobody                 ErrTooFewObservations
//	people who were certain to respond or not to   ErrNotConverged
//
// Seaman and White (2013), doi:10.1177/0962280210395740.
func ResponseWeights(s *effect.Study, opts propensity.Options) (*Response, error) {
	if err := s.Check(); err != nil {
		return nil, fmt.Errorf("missing: response (treated responded, control did not): %w", err)
	}
	m, err := propensity.Fit(s, opts)
	if err != nil {
		return nil, fmt.Errorf("missing: response: %w", err)
	}
	w, err := propensity.NewWeights(s, m.Score, propensity.ATE)
	if err != nil {
		return nil, fmt.Errorf("missing: response: %w", err)
	}
	return &Response{Study: s, Model: m, Weight: w}, nil
}

// ResponseMean is the mean outcome of everybody: CompleteCase that of those who
// responded, Value weighted, with the standard error of the stacked equations of
// response model and mean. Rate is the share that responded; MeanStabilised the
// mean weight times the rate, which is near 1 for a model that fits.
type ResponseMean struct {
	analytics.Estimate
	Rate, CompleteCase float64
	ESS, MaxWeight     float64
	MeanStabilised     float64
	Warnings           []string
}

// Mean returns Σ y/p / Σ 1/p over those who responded. It assumes that, given
// the model's columns, not responding says nothing of the outcome.
// Agrees with golden/lib.R to 1e-6.
func (r *Response) Mean(level float64) (ResponseMean, error) {
	s := r.Study
	value, se, err := propensity.ArmMean(s, r.Model, r.Weight, true)
	if err != nil {
		return ResponseMean{}, err
	}
	result, err := s.NewResult("inverse probability of response", value, 0, se, level)
	if err != nil {
		return ResponseMean{}, err
	}
	out := ResponseMean{Estimate: result.Estimate, Rate: s.Size(true) / s.N(), CompleteCase: s.Mean(true)}
	out.ESS = balance.EffectiveSize(s, r.Weight.Value, true)
	for i, t := range s.Treated {
		if t && s.Count[i] > 0 {
			out.MaxWeight = math.Max(out.MaxWeight, r.Weight.Value[i])
			out.MeanStabilised += s.Count[i] * r.Weight.Value[i] * out.Rate / s.Size(true)
		}
	}
	if out.ESS < 0.5*s.Size(true) {
		out.Warnings = append(out.Warnings, "the effective size is below half of those who responded")
	}
	for i, t := range s.Treated {
		if t && s.Count[i] > 0 && r.Model.Score[i] < 0.05 {
			out.Warnings = append(out.Warnings, "some people who responded had a probability of it below 0.05: the estimate rests on them")
			break
		}
	}
	return out, nil
}

// Regression is a weighted least-squares fit among those who responded. HC0
// takes the weights as known, StdErr counts the estimation of the response model.
type Regression struct {
	Names             []string
	Coef, HC0, StdErr []float64
	CompleteCase      []float64 // coefficients without weights
}

// Regress fits the outcome on columns x, one row a pattern of the Study, over
// the patterns that responded and that `use` keeps (nil keeps all). Errors as
// glm.Fit.
func (r *Response) Regress(x *design.Matrix, use func(i int) bool) (Regression, error) {
	s := r.Study
	if x.N != s.Len() {
		return Regression{}, fmt.Errorf("missing: a design of %d rows for %d patterns: %w", x.N, s.Len(), analytics.ErrInvalidParameter)
	}
	weight := make([]float64, s.Len())
	one := make([]float64, s.Len())
	for i, t := range s.Treated {
		if t && (use == nil || use(i)) {
			weight[i], one[i] = r.Weight.Value[i], 1
		}
	}
	outcome := *s
	outcome.Outcome = x
	data, err := outcome.OutcomeCells()
	if err != nil {
		return Regression{}, err
	}
	plain, err := glm.Fit(data, glm.Gaussian, glm.Options{Weights: one})
	if err != nil {
		return Regression{}, fmt.Errorf("missing: complete cases: %w", err)
	}
	fit, err := glm.Fit(data, glm.Gaussian, glm.Options{Weights: weight})
	if err != nil {
		return Regression{}, fmt.Errorf("missing: weighted regression: %w", err)
	}
	out := Regression{Names: x.Names, Coef: fit.Coef, CompleteCase: plain.Coef}
	robust := fit.HC0()
	for j := range fit.Coef {
		out.HC0 = append(out.HC0, math.Sqrt(robust.At(j, j)))
		out.StdErr = append(out.StdErr, s.StdErr(r.influence(x, fit, weight, j)))
	}
	return out, nil
}

// influence is that on one coefficient of a regression with these weights, the
// response model being estimated.
func (r *Response) influence(x *design.Matrix, fit *glm.Model, weight []float64, coef int) effect.Influence {
	s := r.Study
	row := fit.Unscaled.Row(coef)
	n, along := s.N(), make([]float64, s.Len()) // N·(X′WX)⁻¹x of the coefficient
	for i, w := range weight {
		if w == 0 {
			continue
		}
		for k, c := range x.Row(i) {
			along[i] += n * c * row[k]
		}
	}
	known := effect.NewInfluence(s.Len())
	for i, w := range weight {
		known.Const[i], known.Slope[i] = -w*along[i]*fit.Fitted[i], w*along[i]
	}
	gradient := effect.Gradient(s.Score, func(i int) float64 {
		return along[i] * r.Weight.Slope[i] * (s.Sum[i] - s.Count[i]*fit.Fitted[i])
	})
	return known.Plus(effect.Correction(s.Score, r.Model.Model, gradient, s.TreatmentResiduals(r.Model.Score)), 1)
}
