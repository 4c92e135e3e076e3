package methods

import (
	"fmt"
	"strings"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/linear"
	"github.com/lumbar-health/lumbar/analytics/moments"
)

// interaction is the test of a model against the one with interactions.
type interaction struct {
	f            linear.FTest
	wald         linear.ChiTest
	estimate, se Named
}

var interactionKeys = []key[interaction]{
	scalar("F", func(r interaction) float64 { return r.f.F }),
	scalar("df1", func(r interaction) float64 { return r.f.DF1 }),
	scalar("df2", func(r interaction) float64 { return r.f.DF2 }),
	scalar("p", func(r interaction) float64 { return r.f.P }),
	scalar("wald_hc3_chi2", func(r interaction) float64 { return r.wald.Statistic }),
	scalar("wald_hc3_df", func(r interaction) float64 { return r.wald.DF }),
	scalar("wald_hc3_p", func(r interaction) float64 { return r.wald.P }),
	value("interaction", ByName, func(r interaction) any { return r.estimate }),
	value("se", ByName, func(r interaction) any { return r.se }),
}

// effects are a treatment's effect in each subgroup.
type effects struct {
	subgroups []string
	tests     []analytics.Test
}

func (e effects) list(get func(analytics.Test) float64) []float64 {
	out := make([]float64, len(e.tests))
	for i, t := range e.tests {
		out[i] = get(t)
	}
	return out
}

var effectKeys = []key[effects]{
	value("subgroup", Names, func(r effects) any { return r.subgroups }),
	value("effect", Numbers, func(r effects) any { return r.list(func(t analytics.Test) float64 { return t.Value }) }),
	value("se", Numbers, func(r effects) any { return r.list(func(t analytics.Test) float64 { return t.StdErr }) }),
	value("ci_low", Numbers, func(r effects) any { return r.list(func(t analytics.Test) float64 { return t.Lower }) }),
	value("ci_high", Numbers, func(r effects) any { return r.list(func(t analytics.Test) float64 { return t.Upper }) }),
	value("p", Numbers, func(r effects) any { return r.list(func(t analytics.Test) float64 { return t.P }) }),
}

func subgroupMethods() []Method {
	withInteraction := Param{Name: "formula_int", Kind: Formula, Help: "the model with the interactions"}
	return []Method{
		define("linear models", spec{name: "subgroup_interaction", params: []Param{{Name: "formula", Kind: Formula, Help: "the model without the interactions"}, withInteraction}, page: Page{
			Title:     "Test of interaction",
			When:      "Does a treatment work differently by sex, region or severity?",
			Variant:   "F test of the models, and a Wald test of all interaction coefficients with HC3 errors.",
			Assumes:   "As ols; the models are nested.",
			Formula:   "b′V⁻¹b ~ χ²",
			Reference: "Brookes and others (2004), doi:10.1016/j.jclinepi.2003.08.009",
			Checked:   "R 4.2.2, stats::anova; R package sandwich 3.0-2",
			PushDown:  "X′X, X′y, y′y, then Σwᵢeᵢ²xᵢxᵢ′",
		}}, interactionKeys, runInteraction),
		define("linear models", spec{name: "subgroup_effects", params: []Param{withInteraction, {Name: "sub", Kind: Text, Help: "the subgroup, a column of the formula"}, treatmentParam}, page: Page{
			Title:     "Effects by subgroup",
			When:      "Beside a test of interaction: the effect in each subgroup, never its own p alone.",
			Variant:   "Treatment 1 − 0 at each level of the subgroup, which is a factor even where it is held as numbers; other numbers at their means, other factors with equal weights; model-based errors.",
			Assumes:   "As ols.",
			Formula:   "w′b with w the difference of two rows of the design",
			Reference: "Searle, Speed and Milliken (1980), doi:10.1080/00031305.1980.10483031",
			Checked:   "R package emmeans 1.8.4-1",
			PushDown:  "X′X, X′y, y′y",
		}}, effectKeys, runEffects),
	}
}

func runInteraction(in *Input) (r interaction, err error) {
	smaller, err := fitRows(in, "formula")
	if err != nil {
		return r, err
	}
	larger, err := fitRows(in, "formula_int")
	if err != nil {
		return r, err
	}
	if r.f, err = linear.CompareRows(smaller, larger); err != nil {
		return r, err
	}
	var places []int
	cov := larger.Covariance()
	for k, name := range larger.Names {
		if strings.Contains(name, ":") {
			places = append(places, k)
			r.estimate.Names, r.estimate.Values = append(r.estimate.Names, name), append(r.estimate.Values, larger.Coef[k])
			r.se.Names, r.se.Values = append(r.se.Names, name), append(r.se.Values, sqrt(cov.At(k, k)))
		}
	}
	robust, err := larger.HC(linear.HC3)
	if err != nil {
		return r, err
	}
	r.wald, err = larger.Wald(places, robust)
	return r, err
}

func runEffects(in *Input) (effects, error) {
	f, err := design.Parse(in.Text("formula_int", ""))
	if err != nil {
		return effects{}, err
	}
	// A subgroup held as numbers, such as deprivation fifths, is a factor here: an
	// effect for each value, not a line through them.
	if c, ok := in.table.Column(in.Text("sub", "")); ok {
		if in.table, err = in.table.With(design.AsFactor(c)); err != nil {
			return effects{}, err
		}
	}
	m, err := in.build(f)
	if err != nil {
		return effects{}, err
	}
	fit, err := linear.OLS(m)
	if err != nil {
		return effects{}, err
	}
	g := grid{table: in.table.Select(m.Rows), treatment: in.Text("trt", ""), subgroup: in.Text("sub", "")}
	sub, ok := g.table.Column(g.subgroup)
	if _, known := g.table.Column(g.treatment); !ok || !known {
		return effects{}, fmt.Errorf("sub and trt must be columns of the table: %w", ErrRequest)
	}
	var e effects
	for _, level := range design.AsFactor(sub).Levels {
		weights, err := g.contrast(f, level)
		if err != nil {
			return e, err
		}
		t, err := fit.Contrast(weights, fit.Covariance(), 0.95)
		if err != nil {
			return e, err
		}
		e.subgroups, e.tests = append(e.subgroups, level), append(e.tests, t)
	}
	return e, nil
}

// grid is where a model is evaluated: treatment and subgroup set, other numbers
// at their means, other factors with equal weights.
type grid struct {
	table               *design.Table
	treatment, subgroup string
}

// contrast returns treatment 1 − 0 in one subgroup, a weight for each column of
// the design.
func (g grid) contrast(f design.Formula, level string) ([]float64, error) {
	levels := map[string][]string{}
	for _, c := range g.table.Columns() {
		if c.IsFactor() {
			levels[c.Name] = c.Levels
		}
	}
	terms, err := f.Terms(levels, nil)
	if err != nil {
		return nil, err
	}
	var weights []float64
	if f.HasIntercept() {
		weights = []float64{0}
	}
	for _, t := range terms {
		weights = append(weights, g.at(t, 1, level)-g.at(t, 0, level))
	}
	return weights, nil
}

// at evaluates one term.
func (g grid) at(t moments.Term, treatment float64, level string) float64 {
	v := 1.0
	for _, factor := range t.Factors {
		c, _ := g.table.Column(factor.Column)
		var x float64
		switch {
		case factor.Level != nil && factor.Column == g.subgroup:
			if *factor.Level == level {
				x = 1
			}
		case factor.Level != nil:
			x = 1 / float64(len(design.AsFactor(c).Levels))
		case factor.Column == g.treatment:
			x = treatment
		default:
			x = mean(c.Values)
		}
		for range max(1, factor.Power) {
			v *= x
		}
	}
	return v
}

func mean(x []float64) float64 {
	var s float64
	for _, v := range x {
		s += v
	}
	return s / float64(len(x))
}
