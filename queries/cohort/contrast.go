package cohort

import (
	"context"
	"errors"
	"fmt"
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

// ancova fits follow-up ~ treated + baseline + covariates in one group from the
// moments of its two arms; the errors are HC3, for which the store makes one
// further pass over the group.
func (s *Source) ancova(ctx context.Context, d *comparison, key []string, control, treated string) (disclosure.Sampling, error) {
	indicator := moments.Indicator(dimIntervention, treated)
	m, err := withArm(indicator, d.arms[armKey(key, control)].Moments, d.arms[armKey(key, treated)].Moments)
	if err != nil {
		return disclosure.Sampling{}, err
	}
	fit, x, err := d.fit(m)
	if err != nil {
		return disclosure.Sampling{}, err
	}
	var terms []moments.Term
	for _, i := range x[1:] {
		terms = append(terms, m.Terms[i])
	}
	variance, err := s.reader.Weighted(ctx, read.Weighted{
		Question: read.Question{
			Selection: read.Selection{Programme: d.Programme.ID, Where: in(d.among([]string{control, treated}), d.By, key)},
			Terms:     terms, Complete: d.complete,
		},
		Outcome: moments.Column(d.measure.FollowUp()), Beta: fit.Coef, Bread: fit.Inv.Data, Along: fit.Inv.Row(armPlace), Kind: read.HC3,
	})
	if err == nil && !(variance > 0) {
		err = fmt.Errorf("cohort: the model leaves no residuals: %w", analytics.ErrZeroVariance)
	}
	return disclosure.Sampling{Value: fit.Coef[armPlace], StdErr: math.Sqrt(variance), N: m.N, DF: float64(fit.DF()), Level: d.Level}, err
}

// Places of the terms once the arm has been put behind the intercept.
const (
	armPlace      = 1
	armedBaseline = 2
	armedFollowUp = 3
)

// withArm puts the indicator of the treated arm behind the intercept of the
// merged moments of both arms: its products are the treated arm's sums.
func withArm(indicator moments.Term, control, treated moments.Matrix) (moments.Matrix, error) {
	both, err := moments.Merge(control, treated)
	if err != nil {
		return both, err
	}
	terms := slices.Insert(slices.Clone(both.Terms), armPlace, indicator)
	units := slices.Insert(slices.Clone(both.Units), armPlace, 1)
	m := moments.New(terms, units)
	m.N = both.N
	from := func(i int) int { // the place before the arm was put in; the arm itself is a 1 of the treated
		if i > armPlace {
			return i - 1
		}
		return 0
	}
	for i := range terms {
		for j := 0; j <= i; j++ {
			source := both
			if i == armPlace || j == armPlace {
				source = treated
			}
			to, at := moments.Cell(i, j), moments.Cell(from(i), from(j))
			m.Exact[to], m.Float[to] = source.Exact[at], source.Float[at]
		}
	}
	m.Exact[moments.Cell(0, 0)] = moments.FromInt64(both.N)
	m.Exact[moments.Cell(armPlace, 0)] = moments.FromInt64(treated.N)
	m.Exact[moments.Cell(armPlace, armPlace)] = moments.FromInt64(treated.N)
	return m, nil
}

// fit fits the model of one group, without the terms that the group can not
// estimate, and returns the places of those that stayed.
func (d *comparison) fit(m moments.Matrix) (*linear.Fit, []int, error) {
	x := []int{0, armPlace, armedBaseline}
	for i := armedFollowUp + 1; i < len(m.Terms); i++ {
		if estimable(m, i) {
			x = append(x, i)
		} else {
			d.drop(m.Terms[i].Name)
		}
	}
	f, err := linear.FromMoments(m, armedFollowUp, x)
	if !errors.Is(err, analytics.ErrCollinear) {
		return f, x, err
	}
	all := x
	x = x[:2:2]
	for _, i := range all[2:] {
		next, err := linear.FromMoments(m, armedFollowUp, append(slices.Clone(x), i))
		switch {
		case errors.Is(err, analytics.ErrCollinear):
			d.drop(m.Terms[i].Name)
		case err != nil:
			return nil, nil, err
		default:
			x, f = append(x, i), next
		}
	}
	if f == nil {
		f, err = linear.FromMoments(m, armedFollowUp, x)
		return f, x, err
	}
	return f, x, nil
}

// drop notes a term that a group's model is without.
func (d *comparison) drop(term string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dropped[term] = true
}

// estimable says whether enough people stand on either side of an indicator.
func estimable(m moments.Matrix, i int) bool {
	factors := m.Terms[i].Factors
	if len(factors) != 1 || factors[0].Level == nil {
		return true
	}
	n := int64(math.Round(m.Sum(i, 0)))
	return min(n, m.N-n) >= fewestOfTerm
}

// largestDifference is the largest standardised mean difference of baseline and
// covariates between the arms, |x̄₁ − x̄₀|/√((s₁² + s₀²)/2).
func largestDifference(control, treated moments.Matrix) *float64 {
	var largest *float64
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
		d := math.Abs(a-b) / math.Sqrt((va+vb)/2)
		if largest == nil || d > *largest {
			largest = &d
		}
	}
	return largest
}

// pooled is the row of one contrast over all groups that have an estimate.
func (d *comparison) pooled(contrasts []contrast, control, treated string) (disclosure.Record, error) {
	row := disclosure.Record{Key: make([]any, len(d.By)), Scale: d.measure.scale()}
	row.Cells = d.contrastCells(control, treated, true, "random_effects")
	var yi, vi []float64
	var nTreated, nControl int64
	for _, c := range contrasts {
		if c.estimate == nil {
			continue
		}
		yi, vi = append(yi, c.estimate.Value), append(vi, c.estimate.StdErr*c.estimate.StdErr)
		nTreated, nControl = nTreated+c.nTreated, nControl+c.nControl
	}
	row.Cells["n_treated"], row.Cells["n_control"] = nTreated, nControl
	row.Cells["_n_smaller_arm"] = min(nTreated, nControl)
	// Of few regions the Hartung–Knapp factor can be far below 1 by chance, so
	// the interval is kept from being narrower than the ordinary one.
	p, err := meta.Random(yi, vi, meta.Options{Method: meta.REML, HartungKnapp: true, AdHoc: true, Level: d.Level})
	switch {
	case errors.Is(err, analytics.ErrTooFewObservations), errors.Is(err, analytics.ErrZeroVariance), errors.Is(err, analytics.ErrNotConverged):
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
