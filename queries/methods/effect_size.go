package methods

import (
	"errors"
	"fmt"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/histogram"
	"github.com/lumbar-health/lumbar/analytics/ksample"
	"github.com/lumbar-health/lumbar/analytics/twosample"
)

func glass(e twosample.Effects) *twosample.Standardised { return e.Glass }

var effectSizeKeys = []key[twosample.Effects]{
	scalar("d", func(e twosample.Effects) float64 { return e.Cohen.Value }),
	scalar("d_ci_low", func(e twosample.Effects) float64 { return e.Cohen.Lower }),
	scalar("d_ci_high", func(e twosample.Effects) float64 { return e.Cohen.Upper }),
	scalar("g", func(e twosample.Effects) float64 { return e.Hedges.Value }),
	scalar("g_ci_low", func(e twosample.Effects) float64 { return e.Hedges.Lower }),
	scalar("g_ci_high", func(e twosample.Effects) float64 { return e.Hedges.Upper }),
	scalar("J_exact", func(e twosample.Effects) float64 { return e.J }),
	scalar("J_approx", func(e twosample.Effects) float64 { return e.JApprox }),
	optional("glass_delta", partOf(glass, func(s twosample.Standardised) float64 { return s.Value })),
	optional("glass_ci_low", partOf(glass, func(s twosample.Standardised) float64 { return s.Lower })),
	optional("glass_ci_high", partOf(glass, func(s twosample.Standardised) float64 { return s.Upper })),
	scalar("escalc_g", func(e twosample.Effects) float64 { return e.Hedges.Value }),
	scalar("escalc_var_LS", func(e twosample.Effects) float64 { return e.HedgesVariance }),
}

var smdKeys = []key[twosample.Balance]{
	scalar("smd_pooled", func(b twosample.Balance) float64 { return b.Pooled }),
	{Key{Name: "smd_treated", Shape: Scalar, Optional: true, Open: true}, func(b twosample.Balance) any { return orNil(b.Treated) }},
}

// spreads are the tests of equal variance of two groups.
type spreads struct {
	ratio                 twosample.VarianceRatio
	fromMedian, fromMeans *ksample.FTest
}

func statisticF(t ksample.FTest) float64 { return t.F }
func pOfF(t ksample.FTest) float64       { return t.P }

func fromMedian(r spreads) *ksample.FTest { return r.fromMedian }
func fromMeans(r spreads) *ksample.FTest  { return r.fromMeans }

var varianceKeys = []key[spreads]{
	optional("F", func(r spreads) *float64 { return r.ratio.F }),
	scalar("F_p", func(r spreads) float64 { return r.ratio.P }),
	optional("F_ci_low", func(r spreads) *float64 { return r.ratio.Lower }),
	optional("F_ci_high", func(r spreads) *float64 { return r.ratio.Upper }),
	optional("brown_forsythe_F", partOf(fromMedian, statisticF)),
	optional("brown_forsythe_p", partOf(fromMedian, pOfF)),
	optional("levene_F", partOf(fromMeans, statisticF)),
	optional("levene_p", partOf(fromMeans, pOfF)),
}

// effectMethods standardise differences and compare spread.
func effectMethods() []Method {
	const pushed = "n, Σy, Σy² by group"
	return []Method{
		define("two sample", spec{name: "effect_size_d", roles: groupRoles, params: levels, page: Page{
			Title:     "Standardised mean difference",
			When:      "To compare effects on scales of different units; Hedges g is the one for meta-analysis.",
			Variant:   "level1 − level0. Cohen d on the pooled SD, Hedges g with the exact gamma factor, Glass delta on level0's SD; limits by inversion of the noncentral t law; large-sample variance of g. Our own noncentral t: no kept library has an accurate one.",
			Assumes:   "Independent people, normal values; for d and g of equal variance.",
			Formula:   "d = (x̄₁−x̄₀)/s_p,  g = J(m)d,  J(m) = Γ(m/2)/(√(m/2)Γ((m−1)/2))",
			Reference: "Hedges (1981), doi:10.3102/10769986006002107; Cumming (2014), doi:10.1177/0956797613504966",
			Checked:   "R packages effectsize 0.8.3 and metafor 3.8-1",
			PushDown:  pushed,
		}}, effectSizeKeys, func(in *Input) (twosample.Effects, error) {
			g1, g0, err := groups(in)
			if err != nil {
				return twosample.Effects{}, err
			}
			return twosample.EffectSizes(g1, g0, 0.95)
		}),
		define("two sample", spec{name: "smd", roles: groupRoles, params: levels[:1], page: Page{
			Title:     "Standardised difference of a covariate",
			When:      "Are two groups alike before adjustment? Under 0.1 is usually called balanced.",
			Variant:   "level1 − everybody else, over √((s₁²+s₀²)/2) and over s₁ (infinite where level1 does not vary); not the pooled SD of Cohen's d.",
			Assumes:   "Nothing: it describes this sample.",
			Formula:   "(x̄₁−x̄₀)/√((s₁²+s₀²)/2)",
			Reference: "Austin (2009), doi:10.1002/sim.3697",
			Checked:   "golden/lib.R",
			PushDown:  pushed,
		}}, smdKeys, runGroupDifference),
		define("two sample", spec{name: "variance_tests", roles: groupRoles, params: levels, page: Page{
			Title:     "Tests of equal variance of two groups",
			When:      "Do two groups differ in spread? Brown–Forsythe is the one to use for scores.",
			Variant:   "Variance ratio level1/level0 with F limits, p twice the smaller tail; Levene's test about means and about medians (Brown–Forsythe). A ratio that is not finite is null.",
			Assumes:   "Independent people; for F normal values.",
			Formula:   "F = s₁²/s₀²;  Levene: one-way analysis of variance of |y−centre|",
			Reference: "Brown and Forsythe (1974), doi:10.2307/2285659",
			Checked:   "R 4.2.2, stats::var.test; R package car 3.1-1, leveneTest",
			PushDown:  histograms,
		}}, varianceKeys, runSpreads),
	}
}

// runGroupDifference compares level1 with everybody else.
func runGroupDifference(in *Input) (twosample.Balance, error) {
	y, others, err := splitOthers(in)
	if err != nil {
		return twosample.Balance{}, err
	}
	g1, err := twosample.FromRows(y)
	if err != nil {
		return twosample.Balance{}, fmt.Errorf("level1: %w", err)
	}
	g0, err := twosample.FromRows(others)
	if err != nil {
		return twosample.Balance{}, fmt.Errorf("other levels than level1: %w", err)
	}
	return twosample.StandardisedDifference(g1, g0)
}

func runSpreads(in *Input) (spreads, error) {
	return byRank(func(one, zero histogram.Histogram) (r spreads, err error) {
		if r.ratio, err = twosample.CompareVariances(ksample.Reduce(one), ksample.Reduce(zero), 0.95); err != nil {
			return r, err
		}
		if r.fromMedian, err = unlessAlike(ksample.Levene([]histogram.Histogram{one, zero}, true)); err != nil {
			return r, err
		}
		r.fromMeans, err = unlessAlike(ksample.Levene([]histogram.Histogram{one, zero}, false))
		return r, err
	})(in)
}

// unlessAlike leaves out a test that has no variance to divide by.
func unlessAlike[T any](test T, err error) (*T, error) {
	switch {
	case errors.Is(err, analytics.ErrZeroVariance):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return &test, nil
}
