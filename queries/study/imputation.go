package study

import (
	"context"
	"fmt"
	"hash"
	"io"
	"math"
	"slices"

	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/missing"
	"github.com/lumbar-health/lumbar/queries/disclosure"
	"github.com/lumbar-health/lumbar/queries/estimator"
)

// defaultImputations is how many completed tables there are where the protocol
// does not say.
const defaultImputations = 20

// imputed are the completed tables of a study: those of complete categories in
// both arms, outcome and numbers filled in.
type imputed struct {
	table   *design.Table
	columns []string // those with gaps, the outcome among them
	arms    [2]armOf
	rows    map[float64][]*rows // of each imputation, by delta
}

// armOf is one arm's places in the table and its imputations.
type armOf struct {
	places []int
	filled *missing.Imputed
}

// impute fills the gaps of outcome and numbers from the other columns, in each
// arm on its own, so that the effect of treatment may differ between people.
// People whose category, cluster or treatment is unknown stay out.
func (e *estimation) impute(ctx context.Context) (*imputed, error) {
	everybody, err := e.source.everybody(ctx)
	if err != nil {
		return nil, err
	}
	formula, err := design.Parse(e.formula())
	if err != nil {
		return nil, fmt.Errorf("study: covariates: %w", err)
	}
	im := &imputed{rows: map[float64][]*rows{}}
	if im.table, err = e.withKnown(everybody, formula, e.isCategory); err != nil {
		return nil, err
	}
	im.table = e.shuffled(im.table, formula)
	numbers, categories := e.split(im.table, formula)
	im.columns = numbers
	treated, _ := im.table.Column(treatedTerm)
	for arm := range im.arms {
		a := &im.arms[arm]
		for i, t := range treated.Values {
			if (t == 1) == (arm == 0) {
				a.places = append(a.places, i)
			}
		}
		variables, err := e.variables(im.table.Select(a.places), numbers, categories)
		if err != nil {
			return nil, err
		}
		a.filled, err = missing.Impute(variables, missing.ImputeOptions{Imputations: e.imputations(), Seed: e.Seed*2 + uint64(arm), Interrupt: ctx.Err})
		if err != nil {
			return nil, fmt.Errorf("study: imputing arm %q: %w", e.arms[arm].name, advise(err))
		}
		for _, w := range a.filled.Warnings {
			e.warn("Imputation: %s.", w)
		}
	}
	return im, nil
}

func (e *estimation) imputations() int {
	if m := e.Missing.Imputations; m > 0 {
		return m
	}
	return defaultImputations
}

// isCategory says whether the table, or the formula, treats a column as one.
func (e *estimation) isCategory(t *design.Table, column string) bool {
	c, _ := t.Column(column)
	return c.IsFactor() || slices.Contains(e.factors(), column)
}

// withKnown keeps the people who have a value in the columns of the formula that
// the condition picks, and in the cluster.
func (e *estimation) withKnown(t *design.Table, f design.Formula, need func(*design.Table, string) bool) (*design.Table, error) {
	if e.Variance.Kind == clusterVariance {
		var err error
		if t, err = e.withCluster(t); err != nil {
			return nil, err
		}
	}
	keep := make([]int, 0, t.Rows())
next:
	for r := range t.Rows() {
		for _, name := range f.Columns() {
			c, ok := t.Column(name)
			if !ok {
				return nil, fmt.Errorf("study: the data has no column %q", name)
			}
			if need(t, name) && c.Missing(r) {
				continue next
			}
		}
		keep = append(keep, r)
	}
	return t.Select(keep), nil
}

// shuffled puts people in an order that does not depend on the order in which
// they came, so that what is drawn for them does not either.
func (e *estimation) shuffled(t *design.Table, f design.Formula) *design.Table {
	names := slices.Concat(f.Columns(), e.baselineColumn())
	if e.Variance.Kind == clusterVariance {
		names = append(names, e.Cluster)
	}
	return t.Select(estimator.Shuffle(t.Rows(), e.Seed, func(i int, h hash.Hash64) {
		for _, name := range names {
			c, _ := t.Column(name)
			switch {
			case !c.IsFactor():
				estimator.WriteNumber(h, c.Values[i])
			case c.Missing(i):
				estimator.WriteNumber(h, math.NaN())
			default:
				io.WriteString(h, c.Levels[c.Codes[i]])
			}
		}
	}))
}

// split divides the formula's columns, the treatment aside.
func (e *estimation) split(t *design.Table, f design.Formula) (numbers, categories []string) {
	for _, name := range f.Columns() {
		switch {
		case name == treatedTerm:
		case e.isCategory(t, name):
			categories = append(categories, name)
		default:
			numbers = append(numbers, name)
		}
	}
	return numbers, categories
}

// variables are the columns of the imputation model: the numbers, matched on
// their predictive mean, and an indicator of each level but the first.
func (e *estimation) variables(t *design.Table, numbers, categories []string) ([]missing.Variable, error) {
	var out []missing.Variable
	for _, name := range numbers {
		c, _ := t.Column(name)
		out = append(out, missing.Variable{Name: name, Values: c.Values, Method: missing.PMM})
	}
	for _, name := range categories {
		c, _ := t.Column(name)
		f := design.AsFactor(c)
		for k := 1; k < len(f.Levels); k++ {
			v := missing.Variable{Name: name + f.Levels[k], Values: make([]float64, len(f.Codes))}
			for i, code := range f.Codes {
				if code == k {
					v.Values[i] = 1
				}
			}
			out = append(out, v)
		}
	}
	return out, nil
}

// complete is the table as imputation k has it, with delta added to the imputed
// outcomes of the treated.
func (im *imputed) complete(k int, outcome string, delta float64) (*design.Table, error) {
	t := im.table
	for j, name := range im.columns {
		old, _ := t.Column(name)
		values := slices.Clone(old.Values)
		for arm, a := range im.arms {
			filled := a.filled.Column(k, j)
			for i, place := range a.places {
				was := values[place]
				values[place] = filled[i]
				if arm == 0 && name == outcome && math.IsNaN(was) {
					values[place] += delta
				}
			}
		}
		var err error
		if t, err = t.With(design.Column{Name: name, Values: values}); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// pooled runs a method on every completed table and pools what it says by
// Rubin's rules.
func (e *estimation) pooled(ctx context.Context, im *imputed, method string, delta float64) (fitted, error) {
	if im.rows[delta] == nil {
		for k := range im.arms[0].filled.Imputations() {
			t, err := im.complete(k, e.Outcome.Column, delta)
			if err != nil {
				return fitted{}, err
			}
			r, err := e.rowsOf(t)
			if err != nil {
				return fitted{}, err
			}
			im.rows[delta] = append(im.rows[delta], r)
		}
	}
	var estimates, variances []float64
	var first fitted
	ess, complete, ratio := 0.0, math.Inf(1), 1.0
	for k, r := range im.rows[delta] {
		f, err := e.of(ctx, r, method, true)
		if err != nil {
			return fitted{}, err
		}
		// What a jackknife adds to the errors hardly differs between tables that
		// differ in what was imputed: it is taken from the first.
		if k == 0 && estimator.Known(method) {
			small, err := e.of(ctx, r, method, false)
			if err != nil {
				return fitted{}, err
			}
			ratio, f.df = small.stdErr/f.stdErr, small.df
		}
		f.stdErr *= ratio
		if k == 0 {
			first = f
		}
		if f.df > 0 {
			complete = math.Min(complete, f.df)
		}
		estimates, variances = append(estimates, f.estimate), append(variances, f.stdErr*f.stdErr)
		ess += f.ess / float64(len(im.rows[delta]))
	}
	p, err := missing.Pool(estimates, variances, complete, e.Level)
	if err != nil {
		return fitted{}, err
	}
	first.estimate, first.stdErr, first.df, first.fixedDF, first.ess = p.Value, p.StdErr, p.DF, true, ess
	if math.IsInf(first.df, 1) {
		first.df = 0
	}
	e.informed(method, p, delta)
	return first, nil
}

// informed notes how much of a method's information is missing.
func (e *estimation) informed(method string, p missing.Pooled, delta float64) {
	if delta != e.deltas()[0] {
		return
	}
	shares, _ := e.answer.Missing["fraction_missing_information"].(map[string]any)
	if shares == nil {
		shares = map[string]any{}
		e.answer.Missing["fraction_missing_information"] = shares
	}
	shares[method] = disclosure.Significant(p.FMI, 2)
}

// deltas are those of the protocol; without any the imputed values stand as they
// are.
func (e *estimation) deltas() []float64 {
	if len(e.Missing.Deltas) > 0 {
		return e.Missing.Deltas
	}
	return []float64{0}
}
