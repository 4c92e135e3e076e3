package cohort

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/moments"
	"github.com/lumbar-health/lumbar/queries/disclosure"
	"github.com/lumbar-health/lumbar/queries/estimator"
	"github.com/lumbar-health/lumbar/store/read"
)

// Methods of a comparison beside those of package estimator.
const (
	MethodWelch  = "welch"
	MethodANCOVA = "ancova"
)

// Methods lists them, the two that need no model of the treatment first.
func Methods() []string {
	out := []string{MethodANCOVA, MethodWelch}
	for _, m := range estimator.Methods() {
		out = append(out, string(m))
	}
	return out
}

// CompareRequest is a comparison of interventions on the follow-up score.
type CompareRequest struct {
	Request
	// Interventions are two or more; the first is the reference.
	Interventions []string
	// Method is MethodWelch, MethodANCOVA or one of estimator.Methods.
	Method string
	// Estimand is whom an estimator's effect is about; those two have none.
	Estimand estimator.Estimand
	// Covariates are formula terms beside baseline, for ancova. Nil means those
	// of the programme's case-mix model.
	Covariates []string
}

// fewestPerArm is the fewest people of an arm whose comparison is shown where
// the programme does not say (domain 4.9).
const fewestPerArm = 30

func (r CompareRequest) minimum() int64 {
	if r.Programme.MinimumPerArm > 0 {
		return int64(r.Programme.MinimumPerArm)
	}
	return fewestPerArm
}

// Compare returns for each group and intervention the difference of follow-up
// scores, treated − reference, on the score's own scale: by Welch's method, or
// adjusted for baseline and covariates by ANCOVA, with errors clustered by
// provider (CR2) where a group has enough of them and HC3 else; then for each
// intervention one row that pools the groups by a random-effects model (REML,
// Hartung–Knapp). A group with an arm under the programme's minimum has no
// estimate. The counts are of people with baseline, follow-up and covariates.
func (s *Source) Compare(ctx context.Context, r CompareRequest) (*disclosure.Table, error) {
	t := &disclosure.Table{Question: Compare, By: r.By, Exact: r.Method == MethodWelch, Notes: r.notes()}
	for _, m := range r.Measures {
		d, err := s.comparison(ctx, r, m)
		if err != nil {
			return nil, fmt.Errorf("cohort: compare %s: %w", m.FollowUp(), err)
		}
		for _, g := range d.arms {
			t.Exact = t.Exact && wholeUnits(g.Moments, len(d.terms))
		}
		if err := s.rows(ctx, d, t); err != nil {
			return nil, fmt.Errorf("cohort: compare %s: %w", m.FollowUp(), err)
		}
		t.Notes = append(t.Notes, d.notes()...)
	}
	return t, nil
}

// comparison is what a question about one measure needs.
type comparison struct {
	CompareRequest
	measure  Measure
	terms    []moments.Term // intercept, baseline, follow-up, covariates
	complete []string
	left     []string // covariates left out
	formula  string   // of baseline and covariates, for an estimator
	patterns *cells   // nil where the method needs none
	keys     [][]string
	arms     map[string]read.Group // by CellKey of group and intervention
	// providers are the moments of each arm by provider, where they are asked for.
	providers map[string]map[string]moments.Matrix

	mu                     sync.Mutex      // guards the following: groups are fitted beside one another
	dropped                map[string]bool // terms that some group's model is without, or few of a group differ in
	clustered, unclustered bool            // which errors were used
	apart                  bool            // the arms of a shown group differ before treatment
	unfitted               bool            // the model of some group with enough people could not be fitted
	cautions               []string        // of an estimator
	unpooled               bool            // pooling did not converge
}

func (s *Source) comparison(ctx context.Context, r CompareRequest, m Measure) (*comparison, error) {
	d := &comparison{
		CompareRequest: r, measure: m, arms: map[string]read.Group{}, providers: map[string]map[string]moments.Matrix{}, dropped: map[string]bool{},
		terms:    []moments.Term{moments.Intercept(), moments.Column(m.Baseline()), moments.Column(m.FollowUp())},
		complete: []string{m.Baseline(), m.FollowUp()},
	}
	if r.Method != MethodWelch {
		formula := r.Covariates
		if formula == nil {
			formula = r.Programme.CaseMix
		}
		a, err := s.covariates(ctx, r.Programme, m, formula, d.among(r.Interventions))
		if err != nil {
			return nil, err
		}
		d.terms, d.complete, d.left, d.formula = append(d.terms, a.terms...), append(d.complete, a.columns...), a.left, a.beside(m)
	}
	by := union(r.By, dimIntervention)
	byProvider := r.Method != MethodWelch && fills(r.Programme, dimProvider)
	if byProvider {
		by = union(by, dimProvider)
	}
	found, err := s.reader.Moments(ctx, read.Question{
		Eligible:  true,
		Selection: read.Selection{Programme: r.Programme.ID, Where: d.among(r.Interventions), By: by},
		Terms:     d.terms, Complete: d.complete,
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b read.Group) int { return inOrder(a.Key, b.Key) })
	for _, g := range found {
		key := pick(g.Key, by, r.By)
		if len(d.keys) == 0 || !slices.Equal(d.keys[len(d.keys)-1], key) {
			d.keys = append(d.keys, key)
		}
		arm := armKey(key, g.Key[slices.Index(by, dimIntervention)])
		if err := d.add(arm, g); err != nil {
			return nil, err
		}
		if byProvider && g.Moments.N > 0 {
			d.providers[arm][providerOf(by, g.Key)] = g.Moments
		}
	}
	if estimator.Known(r.Method) {
		d.patterns, err = s.cells(ctx, d)
	}
	return d, err
}

// add adds one of the store's groups to an arm.
func (d *comparison) add(arm string, g read.Group) error {
	have, ok := d.arms[arm]
	if !ok {
		d.arms[arm], d.providers[arm] = g, map[string]moments.Matrix{}
		return nil
	}
	sum, err := moments.Merge(have.Moments, g.Moments)
	if err != nil {
		return err
	}
	have.Moments, have.Eligible = sum, have.Eligible+g.Eligible
	d.arms[arm] = have
	return nil
}

func armKey(group []string, arm string) string {
	return disclosure.CellKey(append(slices.Clone(group), arm))
}

// among are the people of the comparison in some interventions.
func (d *comparison) among(interventions []string) read.And {
	where := inYear(eligible(d.Programme, d.measure), d.Year)
	return append(slices.Clone(where), read.Compare{Column: dimIntervention, Op: read.In, Values: texts(interventions)})
}

// in restricts to one group.
func in(where read.And, by, key []string) read.And {
	where = slices.Clone(where)
	for i, dim := range by {
		if key[i] == "" {
			where = append(where, read.Not{Of: read.Present{Column: dim}})
			continue
		}
		where = append(where, read.Compare{Column: dim, Op: read.Eq, Values: texts(key[i : i+1])})
	}
	return where
}

// rows adds the rows of every contrast, its pooled one last.
func (s *Source) rows(ctx context.Context, d *comparison, t *disclosure.Table) error {
	told := s.tellArms(d, t)
	control := d.Interventions[0]
	all, err := s.contrasts(ctx, d, control)
	if err != nil {
		return err
	}
	for a, treated := range d.Interventions[1:] {
		contrasts := all[a]
		for i, key := range d.keys {
			c := contrasts[i]
			t.Rows = append(t.Rows, disclosure.Record{
				Key: shown(d.By, key), Scale: d.measure.scale(), Cells: d.cells(c), Of: told(key, control, treated),
			})
		}
		if len(d.By) > 0 {
			row, err := d.pooled(contrasts, control, treated, told)
			if err != nil {
				return err
			}
			t.Rows = append(t.Rows, row)
		}
	}
	return nil
}

// atOnce is how many passes over the data run beside one another.
const atOnce = 4

// contrasts estimates each intervention against the control in each group.
func (s *Source) contrasts(ctx context.Context, d *comparison, control string) ([][]contrast, error) {
	all := make([][]contrast, len(d.Interventions)-1)
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(atOnce)
	for a, treated := range d.Interventions[1:] {
		all[a] = make([]contrast, len(d.keys))
		for i, key := range d.keys {
			work.Go(func() (err error) {
				all[a][i], err = s.contrast(ctx, d, key, control, treated)
				return err
			})
		}
	}
	return all, work.Wait()
}

// teller names the cohorts of some arms of a group.
type teller func(key []string, arms ...string) []disclosure.Of

// tellArms adds the cohorts of the comparison to the table.
func (s *Source) tellArms(d *comparison, t *disclosure.Table) teller {
	p, m := d.Programme, d.measure
	dims := union(d.By, dimIntervention)
	modelledName := s.register(measureName(p, m, d.complete), present(eligible(p, m), d.complete))
	eligibleName := s.register(measureName(p, m, nil), eligible(p, m))
	modelled, eligible := cohorts(p, modelledName, dims, d.Year), cohorts(p, eligibleName, dims, d.Year)
	full := func(key []string, arm string) []string {
		if slices.Contains(d.By, dimIntervention) {
			return key
		}
		return append(slices.Clone(key), arm)
	}
	for _, key := range d.keys {
		for _, arm := range d.Interventions {
			if g, ok := d.arms[armKey(key, arm)]; ok {
				modelled.Cells[cell(modelled, dims, full(key, arm), d.Year)] = g.Moments.N
				eligible.Cells[cell(eligible, dims, full(key, arm), d.Year)] = g.Eligible
			}
		}
	}
	at := len(t.Cohorts)
	t.Cohorts = append(t.Cohorts, modelled, eligible)
	return func(key []string, arms ...string) []disclosure.Of {
		var of []disclosure.Of
		for _, arm := range arms {
			of = append(of,
				disclosure.Of{Cohorts: at, Cell: cell(modelled, dims, full(key, arm), d.Year)},
				disclosure.Of{Cohorts: at + 1, Cell: cell(eligible, dims, full(key, arm), d.Year)})
		}
		return of
	}
}

// targetDifference is the standardised difference that a comparison should stay
// under (domain 4.9).
const targetDifference = 0.1

// contrast is one group's comparison of two arms.
type contrast struct {
	control, treated   string
	nControl, nTreated int64
	estimate           *disclosure.Sampling // nil: too few, or not estimable
	differences        []disclosure.Imbalance
}

func (s *Source) contrast(ctx context.Context, d *comparison, key []string, control, treated string) (contrast, error) {
	c, t := d.arms[armKey(key, control)].Moments, d.arms[armKey(key, treated)].Moments
	out := contrast{control: control, treated: treated, nControl: c.N, nTreated: t.N}
	if min(c.N, t.N) < d.minimum() {
		return out, nil
	}
	out.differences = differences(c, t)
	if smd, ok := disclosure.ShownDifference(out.differences); ok && smd >= targetDifference && !smallCount(min(c.N, t.N)) {
		d.mark(func() { d.apart = true })
	}
	var estimate disclosure.Sampling
	var err error
	switch d.Method {
	case MethodWelch:
		estimate, err = welch(c, t, d.Level)
	case MethodANCOVA:
		estimate, err = s.ancova(ctx, d, key, control, treated)
	default:
		estimate, err = d.effect(ctx, key, control, treated)
	}
	switch {
	case errors.Is(err, analytics.ErrNotConverged), errors.Is(err, read.ErrLeverage), errors.Is(err, analytics.ErrZeroVariance),
		errors.Is(err, analytics.ErrTooFewObservations), errors.Is(err, analytics.ErrCollinear):
		d.mark(func() { d.unfitted = true }) // why would tell of single people
		return out, nil
	case err != nil:
		return out, err
	}
	out.estimate = &estimate
	return out, nil
}

// cells are those of a group's row.
func (d *comparison) cells(c contrast) map[string]any {
	cells := d.contrastCells(c.control, c.treated, false, d.Method)
	cells["n_treated"], cells["n_control"] = c.nTreated, c.nControl
	cells["_n_smaller_arm"] = min(c.nTreated, c.nControl)
	cells["smd_max"] = disclosure.LargestDifference(c.differences)
	if c.estimate != nil {
		d.addEstimate(cells, *c.estimate)
	}
	return cells
}

func (d *comparison) contrastCells(control, treated string, pooled bool, method string) map[string]any {
	cells := textCells(d.Programme, d.measure)
	cells["treated"], cells["control"], cells["pooled"], cells["method"] = treated, control, pooled, method
	cells["direction"] = d.measure.Score.Direction.String()
	return cells
}

func (d *comparison) addEstimate(cells map[string]any, s disclosure.Sampling) {
	cells["estimate"], cells["std_err"] = s.Value, disclosure.StdErr(s)
	cells["lower"], cells["upper"], cells["p_value"] = disclosure.Lower(s), disclosure.Upper(s), disclosure.PValue(s)
	lower, upper, ok := s.Interval()
	switch {
	case !ok || lower <= 0 && upper >= 0:
		cells["favours"] = "neither"
	case (s.Value > 0) == (d.measure.sign() > 0):
		cells["favours"] = "treated"
	default:
		cells["favours"] = "control"
	}
}
