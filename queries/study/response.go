package study

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/bootstrap"
	"github.com/lumbar-health/lumbar/analytics/cells"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/effect"
	"github.com/lumbar-health/lumbar/analytics/glm"
	"github.com/lumbar-health/lumbar/queries/estimator"
)

// defaultReplicates is how many resamples give the errors of ipcw.
const defaultReplicates = 500

// responding are the people of both arms who have every covariate, whether or
// not they have an outcome: those who have are weighted by the inverse of the
// probability that people alike have.
type responding struct {
	design   *design.Matrix // of the response model and of ancova: treatment and terms
	answered []bool
	y        []float64     // 0 where not answered
	study    *effect.Study // everybody
	left     []string      // columns that stay out of every model
	few      []string      // columns that few of an arm differ in
	cluster  []int         // nil: people are resampled one by one
}

// responding reads and divides the people.
func (e *estimation) responding(ctx context.Context) (*responding, error) {
	everybody, err := e.source.everybody(ctx)
	if err != nil {
		return nil, err
	}
	formula, err := design.Parse(e.formula())
	if err != nil {
		return nil, fmt.Errorf("study: covariates: %w", err)
	}
	t, err := e.withKnown(everybody, formula, func(_ *design.Table, column string) bool { return column != e.Outcome.Column })
	if err != nil {
		return nil, err
	}
	t = e.shuffled(t, formula)
	terms, err := design.Parse("~ " + treatedTerm + " + " + e.propensityFormula()[2:])
	if err != nil {
		return nil, fmt.Errorf("study: covariates: %w", err)
	}
	r := &responding{}
	if r.design, err = terms.Build(t); err != nil {
		return nil, fmt.Errorf("study: %w", err)
	}
	y, ok := t.Column(e.Outcome.Column)
	if !ok || y.IsFactor() {
		return nil, fmt.Errorf("study: the outcome needs a column %q of numbers", e.Outcome.Column)
	}
	treated, _ := t.Column(treatedTerm)
	p := estimator.Patterns{Table: t, Treated: make([]bool, t.Rows()), Count: make([]float64, t.Rows()), Sum: make([]float64, t.Rows()), SumSq: make([]float64, t.Rows())}
	for i, v := range y.Values {
		p.Treated[i], p.Count[i] = treated.Values[i] == 1, 1
		r.answered = append(r.answered, !math.IsNaN(v))
		if math.IsNaN(v) {
			v = 0
		}
		r.y = append(r.y, v)
	}
	if r.study, r.left, err = p.Study(e.propensityFormula()); err != nil {
		return nil, err
	}
	r.design = r.design.Keep(r.without(r.left))
	if !e.to.exposed {
		r.few = p.Few(r.study.Score, smallCount)
	}
	if e.Variance.Kind == clusterVariance {
		c, _ := t.Column(e.Cluster)
		f := design.AsFactor(c)
		r.cluster = f.Codes
	}
	return r, e.checkClusters(p.Treated, r.cluster)
}

// without are the places of the response model's columns but those left out.
func (r *responding) without(left []string) []int {
	var out []int
	for j, name := range r.design.Names {
		if !slices.Contains(left, name) {
			out = append(out, j)
		}
	}
	return out
}

// weights are those of each person under draws (how often each stands in a
// resample): draws over the probability of a response, 0 without one. Where
// everybody has answered that is 1.
func (r *responding) weights(draws []float64) ([]float64, error) {
	if r.everybodyAnswered(draws) {
		return slices.Clone(draws), nil
	}
	c := cells.Cells{Design: r.design, Count: draws, Sum: make([]float64, len(draws))}
	for i, n := range draws {
		if r.answered[i] {
			c.Sum[i] = n
		}
	}
	c.SumSq = c.Sum
	model, err := glm.Fit(c, glm.Binomial, glm.Options{})
	if err != nil {
		return nil, fmt.Errorf("response model: %w", err)
	}
	out := make([]float64, len(draws))
	for i, n := range draws {
		if r.answered[i] {
			out[i] = n / model.Fitted[i]
		}
	}
	return out, nil
}

// everybodyAnswered says whether all who were drawn have an outcome.
func (r *responding) everybodyAnswered(draws []float64) bool {
	for i, n := range draws {
		if n > 0 && !r.answered[i] {
			return false
		}
	}
	return true
}

// under is the study of those who answered, each standing for as many people as
// the weight says.
func (r *responding) under(w []float64) *effect.Study {
	s := *r.study
	s.Count, s.Sum, s.SumSq, s.Cluster = w, make([]float64, len(w)), make([]float64, len(w)), nil
	for i, n := range w {
		s.Sum[i], s.SumSq[i] = n*r.y[i], n*r.y[i]*r.y[i]
	}
	return &s
}

// value is a method's estimate under the weights. The result of a method that
// models neither treatment nor outcome by arm has no more than that.
func (r *responding) value(method string, of estimator.Estimand, w []float64) (estimator.Result, error) {
	var out estimator.Result
	s := r.under(w)
	switch method {
	case methodCrude:
		if s.Size(true) == 0 || s.Size(false) == 0 {
			return out, fmt.Errorf("an arm without people: %w", analytics.ErrTooFewObservations)
		}
		out.Value = s.Mean(true) - s.Mean(false)
		return out, nil
	case methodANCOVA:
		m, err := glm.Fit(cells.Cells{Design: r.design, Count: w, Sum: s.Sum, SumSq: s.SumSq}, glm.Gaussian, glm.Options{})
		if err != nil {
			return out, err
		}
		out.Value = m.Coef[slices.Index(m.Names, treatedTerm)]
		return out, nil
	}
	return estimator.Estimate(s, estimator.Method(method), estimator.Options{Estimand: of, Influence: true})
}

// weighted estimates by a method among those who have an outcome, weighted for
// those who have none; the errors are of a bootstrap that refits every model.
func (e *estimation) weighted(ctx context.Context, r *responding, method string) (fitted, error) {
	ones := make([]float64, len(r.y))
	for i := range ones {
		ones[i] = 1
	}
	w, err := r.weights(ones)
	if err != nil {
		return fitted{}, err
	}
	of := estimator.Estimand(e.Estimand)
	result, err := r.value(method, of, w)
	if err != nil {
		return fitted{}, err
	}
	stdErr, warnings, err := e.resampled(ctx, r, method, result.Value)
	if err != nil {
		return fitted{}, err
	}
	out := fitted{estimate: result.Value, stdErr: stdErr, left: r.left, few: r.few, warnings: append(result.Warnings, warnings...)}
	for _, answered := range r.answered {
		if answered {
			out.n++
		}
	}
	own := result.Weight
	if method == string(estimator.AIPW) { // whose weights are those of ipw
		ipw, err := r.value(string(estimator.IPW), of, w)
		if err != nil {
			return fitted{}, err
		}
		own = ipw.Weight
	}
	out.ess = r.effective(w, own)
	if result.Weight != nil {
		out.weighted = &weighting{overlap: result.Overlap}
		out.weighted.smd, err = after(r.under(w), result.Weight)
	}
	return out, err
}

// resampled is the standard error of a bootstrap of people, or of clusters.
func (e *estimation) resampled(ctx context.Context, r *responding, method string, value float64) (stdErr float64, warnings []string, err error) {
	units := make([]float64, len(r.y))
	for i := range units {
		units[i] = 1
	}
	var worker bootstrap.Worker = func() bootstrap.Statistic {
		return func(people []float64) (float64, error) {
			w, err := r.weights(people)
			if err != nil {
				return 0, err
			}
			result, err := r.value(method, estimator.Estimand(e.Estimand), w)
			return result.Value, err
		}
	}
	if r.cluster != nil {
		if units, worker, err = bootstrap.ByCluster(r.cluster, units, worker); err != nil {
			return 0, nil, err
		}
	}
	runs, err := bootstrap.Run(units, worker, bootstrap.Options{Replicates: e.replicates(), Seed: e.Seed, Interrupt: ctx.Err})
	if err != nil {
		return 0, nil, err
	}
	ci, err := bootstrap.Of(value, runs.Values, nil, e.Level)
	return ci.StdErr, runs.Warnings, err
}

// effective is the effective number of people, of both arms together, under the
// weights of non-response and of a method (nil where it has none).
func (r *responding) effective(w, own []float64) float64 {
	var sum, squares [2]float64
	for i, v := range w {
		if own != nil {
			v *= own[i]
		}
		arm := 0
		if r.study.Treated[i] {
			arm = 1
		}
		sum[arm], squares[arm] = sum[arm]+v, squares[arm]+v*v
	}
	return sum[0]*sum[0]/squares[0] + sum[1]*sum[1]/squares[1]
}

func (e *estimation) replicates() int {
	if n := e.Missing.Replicates; n > 0 {
		return n
	}
	return defaultReplicates
}
