package cohort

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/linear"
	"github.com/lumbar-health/lumbar/analytics/meta"
	"github.com/lumbar-health/lumbar/analytics/moments"
	"github.com/lumbar-health/lumbar/analytics/twosample"
	"github.com/lumbar-health/lumbar/queries/disclosure"
	"github.com/lumbar-health/lumbar/store/read"
)

// fewestOfTerm is the fewest people on either side of an indicator that stays
// in a model: with one alone a robust error does not exist.
const fewestOfTerm = 5

// welch compares the follow-up scores of two arms.
func welch(control, treated moments.Matrix, level float64) (disclosure.Sampling, error) {
	t, err := twosample.FromMoments(treated, atFollowUp)
	if err != nil {
		return disclosure.Sampling{}, err
	}
	c, err := twosample.FromMoments(control, atFollowUp)
	if err != nil {
		return disclosure.Sampling{}, err
	}
	w, err := twosample.Welch(t.N, t.Mean, t.Variance, c.N, c.Mean, c.Variance, level)
	return disclosure.Sampling{Value: w.Difference, StdErr: w.StdErr, N: w.N1 + w.N0, DF: w.DF, Level: level}, err
}

// armPlace is the place of the treated arm among a model's coefficients.
const armPlace = 1

// ancova fits follow-up ~ treated + baseline + covariates in one group from the
// moments of its two arms. The errors are clustered by provider where there are
// enough of them, else HC3, for which the store makes one further pass over the
// group.
func (s *Source) ancova(ctx context.Context, d *comparison, key []string, control, treated string) (disclosure.Sampling, error) {
	indicator := moments.Indicator(dimIntervention, treated)
	m, err := moments.WithIndicator(d.arms[armKey(key, control)].Moments, d.arms[armKey(key, treated)].Moments, indicator)
	if err != nil {
		return disclosure.Sampling{}, err
	}
	fit, x, err := d.fit(m)
	if err != nil {
		return disclosure.Sampling{}, err
	}
	out := disclosure.Sampling{Value: fit.Coef[armPlace], N: m.N, DF: float64(fit.DF()), Level: d.Level}
	clusters, enough, err := d.clusters(armKey(key, control), armKey(key, treated), indicator)
	if err != nil {
		return out, err
	}
	var variance float64
	if enough {
		variance, out.DF, err = clustered(fit, x, clusters)
		out.FixedDF = true
	} else {
		variance, err = s.unclustered(ctx, d, key, []string{control, treated}, fit, x, m.Terms)
	}
	if err == nil && !(variance > 0) {
		err = fmt.Errorf("cohort: the model leaves no residuals: %w", analytics.ErrZeroVariance)
	}
	if err == nil {
		d.mark(func() { d.clustered, d.unclustered = d.clustered || enough, d.unclustered || !enough })
	}
	out.StdErr = math.Sqrt(variance)
	return out, err
}

// unclustered is the HC3 variance of the treated arm's coefficient.
func (s *Source) unclustered(ctx context.Context, d *comparison, key, arms []string, fit *linear.Fit, x []int, all []moments.Term) (float64, error) {
	var terms []moments.Term
	for _, i := range x[1:] {
		terms = append(terms, all[i])
	}
	return s.reader.Weighted(ctx, read.Weighted{
		Question: read.Question{
			Selection: read.Selection{Programme: d.Programme.ID, Where: in(d.among(arms), d.By, key)},
			Terms:     terms, Complete: d.complete,
		},
		Outcome: moments.Column(d.measure.FollowUp()), Beta: fit.Coef, Bread: fit.Inv.Data, Along: fit.Inv.Row(armPlace), Kind: read.HC3,
	})
}

// clustered is the CR2 variance of the treated arm's coefficient, with
// Satterthwaite's degrees of freedom.
func clustered(fit *linear.Fit, x []int, clusters []moments.Matrix) (variance, df float64, err error) {
	c, err := fit.ByMoments(clusters, atFollowUp, x)
	if err != nil {
		return 0, 0, err
	}
	cov, err := c.Covariance(linear.CR2)
	if err != nil {
		return 0, 0, err
	}
	all, err := c.Satterthwaite()
	if err != nil {
		return 0, 0, err
	}
	return cov.At(armPlace, armPlace), all[armPlace], nil
}

// clusters are the moments of both arms by provider. They are enough for
// clustered errors from clustersForRobust providers, at least two of them in
// each arm: one that alone had an arm would have no residual to tell of it.
func (d *comparison) clusters(control, treated string, indicator moments.Term) (list []moments.Matrix, enough bool, err error) {
	zero, one := d.providers[control], d.providers[treated]
	names := slices.Sorted(maps.Keys(zero))
	names = union(names, slices.Sorted(maps.Keys(one))...)
	if len(names) < clustersForRobust || min(len(zero), len(one)) < 2 {
		return nil, false, nil
	}
	whole := d.arms[control].Moments
	orNobody := func(m moments.Matrix, ok bool) moments.Matrix {
		if !ok {
			return moments.New(whole.Terms, whole.Units)
		}
		return m
	}
	for _, name := range names {
		a, inZero := zero[name]
		b, inOne := one[name]
		m, err := moments.WithIndicator(orNobody(a, inZero), orNobody(b, inOne), indicator)
		if err != nil {
			return nil, false, err
		}
		list = append(list, m)
	}
	return list, true, nil
}

// fit fits the model of one group, without the terms that the group can not
// estimate, and returns the places of those that stayed: intercept, arm, the
// rest. The arm is the last term of the matrix.
func (d *comparison) fit(m moments.Matrix) (*linear.Fit, []int, error) {
	arm := len(m.Terms) - 1
	x := []int{0, arm, atBaseline}
	for i := atRest; i < arm; i++ {
		if estimable(m, i) {
			x = append(x, i)
		} else {
			d.drop(m.Terms[i].Name)
		}
		if n, is := onSides(m, i); is && smallCount(n) {
			d.drop(m.Terms[i].Name)
		}
	}
	f, kept, dropped, err := linear.WithoutCollinear(x, armPlace+1, func(x []int) (*linear.Fit, error) {
		return linear.FromMoments(m, atFollowUp, x)
	})
	for _, i := range dropped {
		d.drop(m.Terms[i].Name)
	}
	return f, kept, err
}

// mark notes something while groups are fitted beside one another.
func (d *comparison) mark(note func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	note()
}

// smallCount says whether a count of people is withheld.
func smallCount(n int64) bool {
	_, shown := disclosure.Count(n)
	return !shown
}

// drop notes a term that a group's model is without, or may be: to name those
// alone that it is without would tell of a count that is withheld.
func (d *comparison) drop(term string) { d.mark(func() { d.dropped[term] = true }) }

// estimable says whether enough people stand on either side of an indicator (a
// level, or any column of 0 and 1) and behind a product.
func estimable(m moments.Matrix, i int) bool {
	n, is := onSides(m, i)
	return !is || n >= fewestOfTerm
}

// isIndicator says whether a column is 0 or 1 everywhere, by which Σx = Σx².
func isIndicator(m moments.Matrix, i int) bool { return m.Sum(i, 0) == m.Sum(i, i) }

// onSides is the number of people on the smaller side of an indicator, and of a
// product at most that of those who are not 0: (Σx)²/Σx², by Cauchy and Schwarz.
// is is false of any other column.
func onSides(m moments.Matrix, i int) (n int64, is bool) {
	sum, squares := m.Sum(i, 0), m.Sum(i, i)
	if isIndicator(m, i) {
		ones := int64(math.Round(sum))
		return min(ones, m.N-ones), true
	}
	if len(m.Terms[i].Factors) < 2 || !(squares > 0) {
		return 0, false
	}
	return int64(math.Floor(sum*sum/squares + 1e-9)), true
}

// differences are the standardised mean differences of baseline and covariates
// between the arms, (x̄₁ − x̄₀)/√((s₁² + s₀²)/2), of those that vary.
func differences(control, treated moments.Matrix) []disclosure.Imbalance {
	var out []disclosure.Imbalance
	for i := atBaseline; i < len(control.Terms); i++ {
		if i == atFollowUp {
			continue
		}
		a, _ := treated.Mean(i)
		b, _ := control.Mean(i)
		va, okA := treated.Variance(i)
		vb, okB := control.Variance(i)
		if !okA || !okB || va+vb <= 0 {
			continue
		}
		d := disclosure.Imbalance{Value: (a - b) / math.Sqrt((va+vb)/2), N: [2]int64{control.N, treated.N}}
		if isIndicator(control, i) && isIndicator(treated, i) {
			d.Indicator, d.Ones = true, [2]int64{int64(math.Round(control.Sum(i, 0))), int64(math.Round(treated.Sum(i, 0)))}
		}
		out = append(out, d)
	}
	return out
}

// pooled is the row of one contrast over all groups that have an estimate. It
// tells of the people of each of them.
func (d *comparison) pooled(contrasts []contrast, control, treated string, told teller) (disclosure.Record, error) {
	row := disclosure.Record{Key: make([]any, len(d.By)), Scale: d.measure.scale()}
	row.Cells = d.contrastCells(control, treated, true, "random_effects")
	var yi, vi []float64
	var nTreated, nControl int64
	for i, c := range contrasts {
		if c.estimate == nil {
			continue
		}
		row.Of = append(row.Of, told(d.keys[i], control, treated)...)
		yi, vi = append(yi, c.estimate.Value), append(vi, c.estimate.StdErr*c.estimate.StdErr)
		nTreated, nControl = nTreated+c.nTreated, nControl+c.nControl
	}
	row.Cells["n_treated"], row.Cells["n_control"] = nTreated, nControl
	row.Cells["_n_smaller_arm"] = min(nTreated, nControl)
	// Of few regions the Hartung–Knapp factor can be far below 1 by chance, so
	// the interval is kept from being narrower than the ordinary one.
	p, err := meta.Random(yi, vi, meta.Options{Method: meta.REML, HartungKnapp: true, AdHoc: true, Level: d.Level})
	switch {
	case errors.Is(err, analytics.ErrNotConverged):
		d.unpooled = true
		return row, nil
	case errors.Is(err, analytics.ErrTooFewObservations), errors.Is(err, analytics.ErrZeroVariance):
		return row, nil // fewer than two groups, or nothing to tell them apart
	case err != nil:
		return row, err
	}
	pooled := disclosure.Sampling{Value: p.Value, StdErr: p.StdErr, N: nTreated + nControl, DF: p.DF, FixedDF: true, Level: d.Level}
	d.addEstimate(row.Cells, pooled)
	row.Cells["tau2"] = p.Tau2
	pooled.Tau2 = p.Tau2
	row.Cells["prediction_lower"], row.Cells["prediction_upper"] = disclosure.Lower(pooled), disclosure.Upper(pooled)
	return row, nil
}
