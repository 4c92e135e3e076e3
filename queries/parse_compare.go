package queries

import (
	"slices"
	"strings"

	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/queries/cohort"
	"github.com/lumbar-health/lumbar/queries/estimator"
)

// compare reads a comparison.
func (r *reading) compare() cohort.CompareRequest {
	req := cohort.CompareRequest{Request: r.request()}
	if r.err != nil {
		return req
	}
	p := req.Programme
	var known []string
	for _, n := range p.Interventions {
		known = append(known, n.Key)
	}
	if len(known) < 2 {
		r.fail("%s has no interventions to compare", p.ID)
		return req
	}
	req.Interventions, _ = r.list("interventions")
	if req.Interventions == nil {
		req.Interventions = known
	}
	for _, key := range req.Interventions {
		if !slices.Contains(known, key) {
			r.fail("%s has no intervention %q: it has %s", p.ID, key, strings.Join(known, ", "))
		}
	}
	if len(req.Interventions) < 2 {
		r.fail("interventions: name two or more, the reference first, of %s", strings.Join(known, ", "))
	}
	r.canonical["interventions"] = req.Interventions
	req.Method = r.one("method", cohort.MethodANCOVA)
	if !slices.Contains(cohort.Methods(), req.Method) {
		r.fail("method: give one of %s", strings.Join(cohort.Methods(), ", "))
	}
	r.estimand(&req)
	req.Covariates = r.covariates(p, req.Measures)
	return req
}

// estimand reads whom the effect is about.
func (r *reading) estimand(req *cohort.CompareRequest) {
	asked := r.one("estimand", "")
	if !estimator.Known(req.Method) {
		delete(r.canonical, "estimand")
		if asked != "" {
			r.fail("estimand: %s has none: it is for %s", req.Method, strings.Join(cohort.Methods()[2:], ", "))
		}
		return
	}
	if asked == "" {
		asked = string(estimator.ATE)
	}
	of, err := estimator.Method(req.Method).Of(estimator.Estimand(asked))
	if err != nil {
		r.fail("estimand: %s", err)
	}
	req.Estimand = of
	r.canonical["estimand"] = []string{string(of)}
}

// covariates reads formula terms of columns that were known before treatment.
func (r *reading) covariates(p *programme.Programme, measures []cohort.Measure) []string {
	terms, given := r.list("covariates")
	if !given {
		terms = slices.Clone(p.CaseMix)
	}
	if slices.Equal(terms, []string{none}) {
		terms = nil
	}
	known := known(p)
	for _, term := range terms {
		f, err := design.Parse("~ " + term)
		if err != nil || f.HasResponse() || len(f.Columns()) == 0 {
			r.fail("covariates: %q is no formula term: write age, I(age^2) or factor(sex)", term)
			continue
		}
		if strings.Contains(f.String(), ", c(") {
			// Knots of one's choice, moved step by step, would find the largest value.
			r.fail("covariates: %q: knots are at quantiles here: give their number, such as rcs(%s, 4)", term, f.Columns()[0])
			continue
		}
		levels := map[string][]string{}
		for _, c := range f.Columns() {
			if !slices.Contains(known, c) {
				r.fail("covariates: %q is not known before treatment: use %s", c, strings.Join(known, ", "))
			}
			if cohort.IsFactor(p, term, c) {
				levels[c] = []string{"one", "another"} // whichever the data have
			}
		}
		if _, err := f.Terms(levels, whicheverValues(f)); err != nil {
			r.fail("covariates: %q can not be summed: use columns, whole powers, products, factor(), poly() and rcs()", term)
		}
	}
	terms = slices.DeleteFunc(terms, func(t string) bool {
		return t == programme.Baseline || len(measures) > 0 && t == measures[0].Baseline()
	})
	r.canonical["covariates"] = terms
	if len(terms) == 0 {
		r.canonical["covariates"] = []string{none}
		return []string{}
	}
	return terms
}

// whicheverValues stand for the values that the data have.
func whicheverValues(f design.Formula) map[string]design.Frequencies {
	out := map[string]design.Frequencies{}
	for _, c := range f.Curved() {
		var some design.Frequencies
		for v := range 100 {
			some.Values, some.Counts = append(some.Values, float64(v)), append(some.Counts, 1)
		}
		out[c] = some
	}
	return out
}

// known are the columns that were known before treatment.
func known(p *programme.Programme) []string {
	columns := []string{programme.Baseline, "age", "imd_decile"}
	for _, c := range p.Covariates {
		columns = append(columns, c.Name)
	}
	for _, d := range p.Dimensions {
		if d != "intervention" && d != "month" && d != "practice" && !slices.Contains(columns, d) {
			columns = append(columns, d)
		}
	}
	for _, id := range p.Instruments {
		for _, s := range instruments.ScoresOf(id) {
			columns = append(columns, s.Column()+"_"+programme.Baseline)
		}
	}
	return columns
}
