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
	cluster  []int         // nil: people are resampled one by one
	clusters int
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
	var left []string
	if r.study, left, err = p.Study(e.propensityFormula()); err != nil {
		return nil, err
	}
	r.design = r.design.Keep(r.without(left))
	if e.Variance.Kind == clusterVariance {
		c, _ := t.Column(e.Cluster)
		f := design.AsFactor(c)
		r.cluster, r.clusters = f.Codes, len(f.Levels)
	}
	return r, nil
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
// resample): draws over the probability of a response, 0 without one.
func (r *responding) weights(draws []float64) ([]float64, error) {
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

// value is a method's estimate under the weights.
func (r *responding) value(method string, of estimator.Estimand, w []float64) (float64, error) {
	s := *r.study
	s.Count, s.Sum, s.SumSq, s.Cluster = w, make([]float64, len(w)), make([]float64, len(w)), nil
	for i, n := range w {
		s.Sum[i], s.SumSq[i] = n*r.y[i], n*r.y[i]*r.y[i]
	}
	switch method {
	case methodCrude:
		if s.Size(true) == 0 || s.Size(false) == 0 {
			return 0, fmt.Errorf("an arm without people: %w", analytics.ErrTooFewObservations)
		}
		return s.Mean(true) - s.Mean(false), nil
	case methodANCOVA:
		m, err := glm.Fit(cells.Cells{Design: r.design, Count: w, Sum: s.Sum, SumSq: s.SumSq}, glm.Gaussian, glm.Options{})
		if err != nil {
			return 0, err
		}
		return m.Coef[slices.Index(m.Names, treatedTerm)], nil
	}
	result, err := estimator.Estimate(&s, estimator.Method(method), estimator.Options{Estimand: of})
	return result.Value, err
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
	value, err := r.value(method, of, w)
	if err != nil {
		return fitted{}, err
	}
	units := ones
	if r.cluster != nil {
		units = ones[:r.clusters]
	}
	worker := func() bootstrap.Statistic {
		people := make([]float64, len(r.y))
		return func(draws []float64) (float64, error) {
			for i := range people {
				unit := i
				if r.cluster != nil {
					unit = r.cluster[i]
				}
				people[i] = draws[unit]
			}
			w, err := r.weights(people)
			if err != nil {
				return 0, err
			}
			return r.value(method, of, w)
		}
	}
	runs, err := bootstrap.Run(units, worker, bootstrap.Options{Replicates: e.replicates(), Seed: e.Seed, Interrupt: ctx.Err})
	if err != nil {
		return fitted{}, err
	}
	ci, err := bootstrap.Of(value, runs.Values, nil, e.Level)
	if err != nil {
		return fitted{}, err
	}
	var sum, squares float64
	n := int64(0)
	for i, v := range w {
		if r.answered[i] {
			sum, squares, n = sum+v, squares+v*v, n+1
		}
	}
	return fitted{estimate: value, stdErr: ci.StdErr, n: n, ess: sum * sum / squares, warnings: runs.Warnings}, nil
}

func (e *estimation) replicates() int {
	if n := e.Missing.Replicates; n > 0 {
		return n
	}
	return defaultReplicates
}
