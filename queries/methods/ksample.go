package methods

import (
	"fmt"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/histogram"
	"github.com/lumbar-health/lumbar/analytics/ksample"
	"github.com/lumbar-health/lumbar/analytics/multiplicity"
	"github.com/lumbar-health/lumbar/analytics/twosample"
)

// arms are the groups of a column that have people, in the order of its levels.
type arms struct {
	names      []string
	histograms []histogram.Histogram
}

// armsOf counts the values in each level of g.
func armsOf(in *Input) (arms, error) {
	g := in.Labels("g")
	rows := make([][]float64, len(g.Levels))
	for i, y := range in.Numbers("y") {
		rows[g.Codes[i]] = append(rows[g.Codes[i]], y)
	}
	var a arms
	for k, y := range rows {
		if len(y) == 0 {
			continue
		}
		h, err := histogram.FromRows(y)
		if err != nil {
			return arms{}, fmt.Errorf("%s: %w", g.Levels[k], err)
		}
		a.names, a.histograms = append(a.names, g.Levels[k]), append(a.histograms, h)
	}
	if len(a.names) < 2 {
		return arms{}, fmt.Errorf("column %q has %d levels with people, need 2: %w", in.roles["g"], len(a.names), analytics.ErrTooFewObservations)
	}
	return a, nil
}

// moments reduces the groups to sizes, means and variances.
func (a arms) moments() []twosample.Group {
	out := make([]twosample.Group, len(a.histograms))
	for i, h := range a.histograms {
		out[i] = ksample.Reduce(h)
	}
	return out
}

// pair names a comparison.
func (a arms) pair(p ksample.Pair, between string) string {
	return a.names[p.Later] + between + a.names[p.Earlier]
}

// onArms makes the run of a method on the groups.
func onArms[R any](run func(arms) (R, error)) func(*Input) (R, error) {
	return func(in *Input) (r R, err error) {
		a, err := armsOf(in)
		if err != nil {
			return r, err
		}
		return run(a)
	}
}

// anova is an analysis of variance with the groups' means.
type anova struct {
	ksample.Anova
	means Named
}

func welchTest(r anova) *ksample.FTest { return r.Welch }

var anovaKeys = []key[anova]{
	value("means", ByName, func(r anova) any { return r.means }),
	scalar("F", func(r anova) float64 { return r.F }),
	scalar("df1", func(r anova) float64 { return r.DF1 }),
	scalar("df2", func(r anova) float64 { return r.DF2 }),
	scalar("p", func(r anova) float64 { return r.P }),
	scalar("eta2", func(r anova) float64 { return r.Eta2 }),
	scalar("omega2", func(r anova) float64 { return r.Omega2 }),
	scalar("epsilon2", func(r anova) float64 { return r.Epsilon2 }),
	optional("welch_F", partOf(welchTest, statisticF)),
	optional("welch_df1", partOf(welchTest, func(t ksample.FTest) float64 { return t.DF1 })),
	optional("welch_df2", partOf(welchTest, func(t ksample.FTest) float64 { return t.DF2 })),
	optional("welch_p", partOf(welchTest, pOfF)),
}

var kruskalKeys = []key[ksample.KruskalResult]{
	scalar("statistic", func(r ksample.KruskalResult) float64 { return r.Statistic }),
	scalar("df", func(r ksample.KruskalResult) float64 { return r.DF }),
	scalar("p", func(r ksample.KruskalResult) float64 { return r.P }),
	scalar("epsilon2_rank", func(r ksample.KruskalResult) float64 { return r.Epsilon2 }),
}

// spreadOfMany are tests of equal variance; Bartlett's may be undefined.
type spreadOfMany struct {
	bartlett      *ksample.ChiTest
	brownForsythe *ksample.FTest
	fligner       *ksample.ChiTest
}

// chiTestOrNil writes a χ² test, null where it is undefined.
func chiTestOrNil(t *ksample.ChiTest) any {
	if t == nil {
		return nil
	}
	return Answer{{"statistic", t.Statistic}, {"df", t.DF}, {"p", t.P}}
}

func brownForsythe(r spreadOfMany) *ksample.FTest { return r.brownForsythe }

var spreadOfManyKeys = []key[spreadOfMany]{
	{Key{Name: "bartlett", Shape: Object, Optional: true}, func(r spreadOfMany) any { return chiTestOrNil(r.bartlett) }},
	optional("brown_forsythe_F", partOf(brownForsythe, statisticF)),
	optional("brown_forsythe_p", partOf(brownForsythe, pOfF)),
	{Key{Name: "fligner", Shape: Object, Optional: true}, func(r spreadOfMany) any { return chiTestOrNil(r.fligner) }},
}

var orderedKeys = []key[ksample.Ordered]{
	scalar("J", func(r ksample.Ordered) float64 { return r.J }),
	scalar("mean", func(r ksample.Ordered) float64 { return r.Mean }),
	scalar("var_ties", func(r ksample.Ordered) float64 { return r.Variance }),
	scalar("z", func(r ksample.Ordered) float64 { return r.Z }),
	scalar("p", func(r ksample.Ordered) float64 { return r.P }),
}

func kSampleMethods() []Method {
	const pushed = "n, Σy, Σy² by group"
	return append([]Method{
		define("k sample", spec{name: "anova_oneway", roles: groupRoles, page: Page{
			Title:     "One-way analysis of variance",
			When:      "Do the means of several interventions differ at all? Read Welch's test first.",
			Variant:   "Fisher's F and Welch's F with its own degrees of freedom (null where a group has one person or does not vary); η², ω², ε², the last two may be negative.",
			Assumes:   "Independent people, means that are nearly normal; for F and the shares equal variances.",
			Formula:   "F = MSb/MSw,  ω² = (SSb−(k−1)MSw)/(SSt+MSw)",
			Reference: "Fisher (1925), Statistical Methods for Research Workers; Welch (1951), doi:10.1093/biomet/38.3-4.330",
			Checked:   "R 4.2.2, stats::anova, oneway.test",
			PushDown:  pushed,
		}}, anovaKeys, onArms(func(a arms) (r anova, err error) {
			groups := a.moments()
			r.means.Names = a.names
			for _, g := range groups {
				r.means.Values = append(r.means.Values, g.Mean)
			}
			r.Anova, err = ksample.OneWay(groups)
			return r, err
		})),
		define("k sample", spec{name: "kruskal_wallis", roles: groupRoles, page: Page{
			Title:     "Kruskal–Wallis test",
			When:      "Do several groups differ in a skewed or ordinal score?",
			Variant:   "Tie-corrected, χ² with k−1 degrees of freedom; ε² = H/(N−1). Our own, on histograms.",
			Assumes:   "Independent people.",
			Formula:   "H = [12/(N(N+1))ΣRᵢ²/nᵢ − 3(N+1)]/(1−Σ(t³−t)/(N³−N))",
			Reference: "Kruskal and Wallis (1952), doi:10.1080/01621459.1952.10483441",
			Checked:   "R 4.2.2, stats::kruskal.test",
			PushDown:  histograms,
		}}, kruskalKeys, onArms(func(a arms) (ksample.KruskalResult, error) { return ksample.KruskalWallis(a.histograms) })),
		define("k sample", spec{name: "variance_homogeneity", roles: groupRoles, page: Page{
			Title:     "Tests of equal variance of several groups",
			When:      "Do groups differ in spread? Brown–Forsythe and Fligner are the ones to use for scores.",
			Variant:   "Bartlett (null where a group has one person or does not vary), Brown–Forsythe (Levene about medians), Fligner–Killeen about medians. Our own, on histograms.",
			Assumes:   "Independent people; for Bartlett normal values.",
			Formula:   "Brown–Forsythe: one-way F of |y−median|",
			Reference: "Bartlett (1937), doi:10.1098/rspa.1937.0109; Brown and Forsythe (1974), doi:10.2307/2285659; Fligner and Killeen (1976), doi:10.2307/2285771",
			Checked:   "R 4.2.2, stats::bartlett.test, fligner.test; R package car 3.1-1, leveneTest",
			PushDown:  histograms,
		}}, spreadOfManyKeys, onArms(runSpreadOfMany)),
		define("k sample", spec{name: "jonckheere_terpstra", roles: groupRoles, page: Page{
			Title:     "Jonckheere–Terpstra test",
			When:      "Does a score rise or fall over ordered groups, such as doses?",
			Variant:   "Groups in the order of the levels; two-sided normal approximation, tie-corrected variance, no continuity correction. Our own, on histograms.",
			Assumes:   "Independent people; an order set beforehand.",
			Formula:   "z = (J−E)/√V, J = Σ U over pairs of groups",
			Reference: "Jonckheere (1954), doi:10.1093/biomet/41.1-2.133; Hollander and Wolfe (1999), Nonparametric Statistical Methods, 6.2",
			Checked:   "golden/lib.R",
			PushDown:  histograms,
		}}, orderedKeys, onArms(func(a arms) (ksample.Ordered, error) { return ksample.JonckheereTerpstra(a.histograms) })),
	}, pairMethods()...)
}

func runSpreadOfMany(a arms) (r spreadOfMany, err error) {
	groups := a.moments()
	single := false
	for _, g := range groups {
		single = single || g.N < 2
	}
	if !single {
		if r.bartlett, err = unlessAlike(ksample.Bartlett(groups)); err != nil {
			return r, err
		}
	}
	if r.brownForsythe, err = unlessAlike(ksample.Levene(a.histograms, true)); err != nil {
		return r, err
	}
	r.fligner, err = unlessAlike(ksample.Fligner(a.histograms))
	return r, err
}

// adjustedPairs are Welch tests of all pairs, their p-values adjusted.
type adjustedPairs struct {
	names    []string
	raw      []float64
	adjusted map[multiplicity.Method][]float64
}

var adjustments = []struct {
	key    string
	method multiplicity.Method
}{{"p_holm", multiplicity.Holm}, {"p_bh", multiplicity.BH}, {"p_bonferroni", multiplicity.Bonferroni}, {"p_hochberg", multiplicity.Hochberg}, {"p_by", multiplicity.BY}}

func runPairwise(a arms) (r adjustedPairs, err error) {
	pairs, err := ksample.WelchPairs(a.moments(), 0.95)
	if err != nil {
		return r, err
	}
	for _, p := range pairs {
		r.names, r.raw = append(r.names, a.pair(p, "-")), append(r.raw, p.P)
	}
	r.adjusted = map[multiplicity.Method][]float64{}
	for _, m := range adjustments {
		if r.adjusted[m.method], err = multiplicity.Adjust(m.method, r.raw); err != nil {
			return r, err
		}
	}
	return r, nil
}
