package study

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/balance"
	"github.com/lumbar-health/lumbar/analytics/effect"
	"github.com/lumbar-health/lumbar/analytics/twosample"
	"github.com/lumbar-health/lumbar/queries/disclosure"
	"github.com/lumbar-health/lumbar/queries/estimator"
	"github.com/lumbar-health/lumbar/store/read"
)

// estimation runs the methods of a protocol and gathers what they say.
type estimation struct {
	*Protocol
	source source
	arms   [2]arm
	answer *Answer
	to     audience
	after  map[string]float64 // standardised differences under the first method's weights
	rows   *rows              // those analysed, one by one, once a method has asked for them
}

// way runs a method in the way that the protocol has with people who have no
// outcome; delta is for imputed ones.
type way func(ctx context.Context, method string, delta float64) (fitted, error)

// records has a row a method, and one for each delta. One that has no estimate
// here has a row without.
func (e *estimation) records(ctx context.Context) ([]disclosure.Record, error) {
	run, err := e.way(ctx)
	if err != nil {
		return nil, err
	}
	var out []disclosure.Record
	var without []error
	for _, method := range e.Methods {
		for _, delta := range e.deltas() {
			r, err := e.record(ctx, run, method, delta)
			if noEstimate(err) {
				without = append(without, err)
				e.warnWithout(method, err)
			} else if err != nil {
				return nil, err
			}
			out = append(out, r)
		}
	}
	if len(without) > 0 && len(without) == len(out) {
		return nil, without[0]
	}
	return out, nil
}

// noEstimate says whether an error is of one method with these people, which
// another may still have an answer for.
func noEstimate(err error) bool {
	return errors.Is(err, analytics.ErrNotConverged) || errors.Is(err, analytics.ErrTooFewObservations) || errors.Is(err, analytics.ErrZeroVariance)
}

// warnWithout says that a method has no estimate, and why to whoever may know it:
// the words of an error tell of terms that few people differ in.
func (e *estimation) warnWithout(method string, err error) {
	if e.to.exposed {
		e.warn("No estimate by %s: %s", method, strings.TrimPrefix(err.Error(), "study: "+method+": "))
		return
	}
	e.warn("No estimate by %s: the people who were selected do not allow it.", method)
}

func (e *estimation) record(ctx context.Context, run way, method string, delta float64) (disclosure.Record, error) {
	n := e.arms[0].outcome.N + e.arms[1].outcome.N
	cells := map[string]any{"method": method, "estimand": e.estimandOf(method), "n": n, "ess": n, "_n_smaller_arm": min(e.arms[0].outcome.N, e.arms[1].outcome.N)}
	if e.Missing.Method == byDelta {
		cells["delta"] = delta
	}
	out := disclosure.Record{Cells: cells, Scale: e.to.scale}
	if e.to.withholds(e.arms) {
		return out, nil
	}
	f, err := run(ctx, method, delta)
	if errors.Is(err, read.ErrLeverage) {
		if e.to.exposed {
			e.warn("No estimate by %s: one person alone determines a coefficient, which leaves no %s error; drop the covariate that only this person has.", method, e.Variance.Kind)
		} else {
			e.warnWithout(method, err)
		}
		return out, nil
	}
	if err != nil {
		return out, fmt.Errorf("study: %s: %w", method, advise(err))
	}
	e.note(method, f)
	sampling := disclosure.Sampling{Value: f.estimate, StdErr: f.stdErr, N: f.n, DF: f.df, FixedDF: f.fixedDF, Level: e.Level}
	cells["n"], cells["ess"] = f.n, f.n
	if f.ess > 0 {
		cells["ess"] = int64(math.Round(f.ess))
	}
	cells["estimate"], cells["std_err"] = f.estimate, disclosure.StdErr(sampling)
	cells["lower"], cells["upper"] = disclosure.Lower(sampling), disclosure.Upper(sampling)
	cells["p_value"] = disclosure.PValue(sampling)
	return out, nil
}

// estimandOf is whom the method's row is about.
func (e *estimation) estimandOf(method string) string {
	if estimator.Known(method) {
		of, err := estimator.Method(method).Of(estimator.Estimand(e.Estimand))
		if err == nil { // the protocol was checked
			return string(of)
		}
	}
	return e.Estimand
}

func (e *estimation) warn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !slices.Contains(e.answer.Warnings, text) {
		e.answer.Warnings = append(e.answer.Warnings, text)
	}
}

// note keeps what a method says beside its estimate.
func (e *estimation) note(method string, f fitted) {
	for _, w := range f.warnings {
		e.warn("%s: %s", method, w)
	}
	e.notInModels(f)
	d := map[string]any{}
	if method == methodANCOVA {
		// Degrees of freedom tell the exact number of people, so they are for
		// whoever may know it.
		d["variance"], d["formula"] = e.Variance.Kind, e.formula()
		if e.Missing.Method == byWeighting {
			d["variance"] = "bootstrap"
		} else if e.to.exposed {
			d["df"], d["r_squared"] = f.df, disclosure.Significant(f.rSquared, 3)
		}
	}
	if f.weighted != nil {
		d["formula"] = e.propensityFormula()
		if o := f.weighted.overlap; o != nil {
			d["c_statistic"] = disclosure.Significant(o.Concordance, 3)
			// The ends of a range of scores are those of single people.
			if e.to.exposed {
				d["score_low"], d["score_high"] = o.Lowest, o.Highest
				d["common_low"], d["common_high"] = o.CommonLow, o.CommonHigh
				d["max_weight"] = o.MaxWeight
			}
		}
		if e.after == nil {
			e.after = f.weighted.smd
			d["balance"] = "smd_after is under the weights of " + method
		}
	}
	if len(d) > 0 {
		e.answer.Diagnostics[method] = d
	}
}

// way prepares it.
func (e *estimation) way(ctx context.Context) (way, error) {
	switch {
	case e.to.withholds(e.arms):
		return nil, nil
	case e.Missing.Method == byImputation || e.Missing.Method == byDelta:
		im, err := e.impute(ctx)
		if err != nil {
			return nil, err
		}
		e.answer.Missing["imputations"] = e.imputations()
		e.answer.Missing["n"] = e.to.count(int64(im.table.Rows()))
		return func(ctx context.Context, method string, delta float64) (fitted, error) {
			return e.pooled(ctx, im, method, delta)
		}, nil
	case e.Missing.Method == byWeighting:
		r, err := e.responding(ctx)
		if err != nil {
			return nil, err
		}
		e.answer.Missing["replicates"] = e.replicates()
		e.answer.Missing["n"] = e.to.count(int64(len(r.y)))
		return func(ctx context.Context, method string, _ float64) (fitted, error) { return e.weighted(ctx, r, method) }, nil
	}
	return func(ctx context.Context, method string, _ float64) (fitted, error) {
		return e.of(ctx, e.source, method, false)
	}, nil
}

// of runs a method on a sample: crude is Welch's difference of two means,
// whatever the protocol's variance; ancova the coefficient of treatment. influence
// is estimator.Options'.
func (e *estimation) of(ctx context.Context, s sample, method string, influence bool) (fitted, error) {
	switch {
	case method == methodCrude:
		arms, err := s.arms(ctx)
		if err != nil {
			return fitted{}, err
		}
		one, zero := arms[0].outcome, arms[1].outcome
		w, err := twosample.Welch(one.N, one.Mean, one.Variance, zero.N, zero.Mean, zero.Variance, e.Level)
		return fitted{estimate: w.Difference, stdErr: w.StdErr, df: w.DF, n: one.N + zero.N}, err
	case method == methodANCOVA:
		return s.ancova(ctx)
	}
	if _, oneByOne := s.(*rows); method == string(estimator.Matching) && !oneByOne {
		people, err := e.people(ctx)
		if err != nil {
			return fitted{}, err
		}
		s = people
	}
	patterns, err := s.patterns(ctx)
	if err != nil {
		return fitted{}, err
	}
	study, left, err := patterns.Study(e.propensityFormula())
	if err != nil {
		return fitted{}, err
	}
	r, err := e.effect(ctx, study, method, influence)
	if err != nil {
		return fitted{}, err
	}
	out := fitted{
		estimate: r.Value, stdErr: r.StdErr, df: r.DF, fixedDF: r.DF > 0, n: int64(r.N), ess: r.ESS(), estimand: r.Estimand, warnings: r.Warnings,
		left: left,
	}
	if !e.to.exposed {
		out.few = patterns.Few(study.Score, smallCount)
	}
	if r.Weight != nil {
		out.weighted = &weighting{overlap: r.Overlap}
		out.weighted.smd, err = after(study, r.Weight)
	}
	return out, err
}

func smallCount(n int64) bool {
	_, shown := disclosure.Count(n)
	return !shown
}

// notInModels names the columns that the models are without. To whom counts are
// withheld it names those that few of an arm differ in as well, in the models or
// not: that a column is left out tells that one person or none has it.
func (e *estimation) notInModels(f fitted) {
	switch {
	case !e.to.exposed && len(f.left)+len(f.few) > 0:
		e.warn("The models may be without these, which few of an arm differ in or the other terms determine: %s.", strings.Join(slices.Concat(f.left, f.few), ", "))
	case e.to.exposed && len(f.left) > 0:
		e.warn("Not in the models of treatment and outcome, because an arm can not estimate it: %s.", strings.Join(f.left, ", "))
	}
}

// people are those analysed, one by one.
func (e *estimation) people(ctx context.Context) (*rows, error) {
	if e.rows == nil {
		everybody, err := e.source.everybody(ctx)
		if err != nil {
			return nil, err
		}
		if e.rows, err = e.rowsOf(everybody); err != nil {
			return nil, err
		}
	}
	return e.rows, nil
}

func (e *estimation) effect(ctx context.Context, s *effect.Study, method string, influence bool) (estimator.Result, error) {
	o := estimator.Options{Estimand: estimator.Estimand(e.Estimand), Level: e.Level, Seed: e.Seed, Interrupt: ctx.Err, Influence: influence}
	if method == string(estimator.Matching) {
		return estimator.Match(s, s.Sum, o)
	}
	return estimator.Estimate(s, estimator.Method(method), o)
}

// after is the standardised difference of each column under weights.
func after(s *effect.Study, weight []float64) (map[string]float64, error) {
	out := map[string]float64{}
	for j, name := range s.Score.Names {
		if s.Score.Assign[j] == 0 {
			continue
		}
		c, err := balance.Compare(s, s.Score.Column(j), weight)
		if err != nil {
			return nil, err
		}
		if c.SMDPooled != nil {
			out[name] = *c.SMDPooled
		}
	}
	return out, nil
}
