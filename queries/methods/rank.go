package methods

import (
	"fmt"

	"github.com/lumbar-health/lumbar/analytics/histogram"
	"github.com/lumbar-health/lumbar/analytics/ranks"
)

// histogramOf counts the values in one level of g.
func histogramOf(in *Input, param string) (histogram.Histogram, error) {
	y, err := in.Split("y", "g", param)
	if err != nil {
		return histogram.Histogram{}, err
	}
	h, err := histogram.FromRows(y)
	if err != nil {
		return h, fmt.Errorf("%s: %w", param, err)
	}
	return h, nil
}

// byRank makes the run of a method on the histograms of two levels.
func byRank[R any](run func(one, zero histogram.Histogram) (R, error)) func(*Input) (R, error) {
	return func(in *Input) (r R, err error) {
		one, err := histogramOf(in, "level1")
		if err != nil {
			return r, err
		}
		zero, err := histogramOf(in, "level0")
		if err != nil {
			return r, err
		}
		return run(one, zero)
	}
}

// againstOthers is byRank for level1 against everybody else.
func againstOthers[R any](run func(one, others histogram.Histogram) (R, error)) func(*Input) (R, error) {
	return func(in *Input) (r R, err error) {
		y, others, err := splitOthers(in)
		if err != nil {
			return r, err
		}
		one, err := histogram.FromRows(y)
		if err != nil {
			return r, err
		}
		zero, err := histogram.FromRows(others)
		if err != nil {
			return r, err
		}
		return run(one, zero)
	}
}

// splitOthers returns y in level1 of g, and in all other levels.
func splitOthers(in *Input) (level1, others []float64, err error) {
	if level1, err = in.Split("y", "g", "level1"); err != nil {
		return nil, nil, err
	}
	g := in.Labels("g")
	place := levelOf(g, text(in.params["level1"]))
	for i, v := range in.Numbers("y") {
		if g.Codes[i] != place {
			others = append(others, v)
		}
	}
	return level1, others, nil
}

type mannWhitney = ranks.MannWhitneyResult

var mannWhitneyKeys = []key[mannWhitney]{
	scalar("W", func(r mannWhitney) float64 { return r.U }),
	scalar("p_with_continuity", func(r mannWhitney) float64 { return r.PCorrected }),
	scalar("p_without_continuity", func(r mannWhitney) float64 { return r.P }),
	scalar("U", func(r mannWhitney) float64 { return r.U }),
	scalar("mean", func(r mannWhitney) float64 { return r.Mean }),
	scalar("var_tie_corrected", func(r mannWhitney) float64 { return r.Variance }),
	scalar("z_no_cc", func(r mannWhitney) float64 { return r.Z }),
	scalar("p_no_cc", func(r mannWhitney) float64 { return r.P }),
	scalar("z_cc", func(r mannWhitney) float64 { return r.ZCorrected }),
	scalar("p_cc", func(r mannWhitney) float64 { return r.PCorrected }),
	scalar("prob_superiority", func(r mannWhitney) float64 { return r.Superiority }),
	scalar("cliffs_delta", func(r mannWhitney) float64 { return r.CliffDelta }),
}

var shiftKeys = []key[ranks.Shift]{
	scalar("estimate", func(r ranks.Shift) float64 { return r.Value }),
	scalar("k", func(r ranks.Shift) float64 { return r.K }),
	scalar("ci_low", func(r ranks.Shift) float64 { return r.Lower }),
	scalar("ci_high", func(r ranks.Shift) float64 { return r.Upper }),
}

var rootShiftKeys = []key[ranks.Shift]{shiftKeys[0], shiftKeys[2], shiftKeys[3]}

var brunnerMunzelKeys = []key[ranks.BrunnerMunzelResult]{
	scalar("statistic", func(r ranks.BrunnerMunzelResult) float64 { return r.Statistic }),
	scalar("df", func(r ranks.BrunnerMunzelResult) float64 { return r.DF }),
	scalar("p", func(r ranks.BrunnerMunzelResult) float64 { return r.P }),
	scalar("prob_superiority", func(r ranks.BrunnerMunzelResult) float64 { return r.Value }),
	scalar("ci_low", func(r ranks.BrunnerMunzelResult) float64 { return r.Lower }),
	scalar("ci_high", func(r ranks.BrunnerMunzelResult) float64 { return r.Upper }),
}

var areaKeys = []key[ranks.Area]{
	scalar("auc", func(r ranks.Area) float64 { return r.Value }),
	scalar("var", func(r ranks.Area) float64 { return r.Variance }),
	optional("ci_low", func(r ranks.Area) *float64 {
		if r.Limits == nil {
			return nil
		}
		return &r.Limits[0]
	}),
	optional("ci_high", func(r ranks.Area) *float64 {
		if r.Limits == nil {
			return nil
		}
		return &r.Limits[1]
	}),
}

var distanceKeys = []key[ranks.Distance]{
	scalar("D", func(r ranks.Distance) float64 { return r.D }),
	scalar("p_asymptotic", func(r ranks.Distance) float64 { return r.P }),
}

const histograms = "people by group and value"

func rankMethods() []Method {
	return append([]Method{
		define("two sample", spec{name: "mann_whitney", roles: groupRoles, params: levels, page: Page{
			Title:     "Mann–Whitney test",
			When:      "Comparing scores that are skewed or ordinal between two groups.",
			Variant:   "Two-sided normal approximation with tie-corrected variance; with and without continuity correction of ½ (R corrects by default). U counts pairs in which level1 is above. Our own, on histograms.",
			Assumes:   "Independent people. It tests P(Y₁ > Y₀) = ½, and that of equal distributions: see brunner_munzel for unequal shapes.",
			Formula:   "z = (U − n₁n₀/2)/√(n₁n₀/12·(N+1 − Σ(t³−t)/(N(N−1))))",
			Reference: "Mann and Whitney (1947), doi:10.1214/aoms/1177730491",
			Checked:   "R 4.2.2, stats::wilcox.test(exact = FALSE)",
			PushDown:  histograms,
		}}, mannWhitneyKeys, byRank(ranks.MannWhitney)),
		define("two sample", spec{name: "hodges_lehmann_shift", roles: groupRoles, params: levels, page: Page{
			Title:     "Hodges–Lehmann shift",
			When:      "How much larger is a typical score in one group than in the other? The effect size beside Mann–Whitney.",
			Variant:   "The exact median of all pairwise differences level1 − level0, not R's root; order-statistic limits, no correction for ties. Counts pairs without forming them, so any size. Our own.",
			Assumes:   "Independent people, distributions of one shape.",
			Formula:   "median(y₁−y₀);  K = ⌊n₁n₀/2 − z√(n₁n₀(N+1)/12)⌋",
			Reference: "Hodges and Lehmann (1963), doi:10.1214/aoms/1177704172; Hollander and Wolfe (1999), Nonparametric Statistical Methods, 4.2–4.3",
			Checked:   "golden/lib.R",
			PushDown:  histograms,
		}}, shiftKeys, byRank(func(one, zero histogram.Histogram) (ranks.Shift, error) { return ranks.HodgesLehmann(one, zero, 0.95) })),
		define("two sample", spec{name: "hodges_lehmann_shift_r_asymptotic", roles: groupRoles, params: levels, page: Page{
			Title:     "Hodges–Lehmann shift as R gives it",
			When:      "To compare with a report made by R's wilcox.test(conf.int = TRUE); else use hodges_lehmann_shift.",
			Variant:   "The shifts at which the normal statistic, variance corrected for ties within groups, passes 0 and, with a continuity correction of ½, ±z. R stops within 1e-4 of them, this is exact, and takes the middle where the statistic is zero over a range.",
			Assumes:   "As hodges_lehmann_shift.",
			Formula:   "z(shift) = 0;  z_cc(shift) = ±1.96",
			Reference: "Bauer (1972), doi:10.1080/01621459.1972.10481279",
			Checked:   "R 4.2.2, stats::wilcox.test, to its 1e-4",
			PushDown:  histograms,
		}}, rootShiftKeys, byRank(func(one, zero histogram.Histogram) (ranks.Shift, error) {
			return ranks.HodgesLehmannByTest(one, zero, 0.95)
		})),
	}, append(overlapMethods(), append(exactMethods(), pairedRankMethods()...)...)...)
}

// overlapMethods say how far two distributions lie apart.
func overlapMethods() []Method {
	return []Method{
		define("two sample", spec{name: "brunner_munzel", roles: groupRoles, params: levels, page: Page{
			Title:     "Brunner–Munzel test",
			When:      "How likely is it that a person of one group does better than one of the other, where shapes may differ?",
			Variant:   "t approximation with Satterthwaite's degrees of freedom; P(level1 above) with ties half; interval not cut off at 0 and 1. Our own, on histograms.",
			Assumes:   "Independent people; ten or more in each group.",
			Formula:   "W = (p−½)/√(s₁²/n₁+s₀²/n₀), s² of the placements",
			Reference: "Brunner and Munzel (2000), doi:10.1002/(SICI)1521-4036(200001)42:1<17::AID-BIMJ17>3.0.CO;2-U",
			Checked:   "golden/lib.R, which agrees with scipy.stats.brunnermunzel",
			PushDown:  histograms,
		}}, brunnerMunzelKeys, byRank(func(one, zero histogram.Histogram) (ranks.BrunnerMunzelResult, error) {
			return ranks.BrunnerMunzel(one, zero, 0.95)
		})),
		define("two sample", spec{name: "prob_superiority_delong", roles: groupRoles, params: levels[:1], page: Page{
			Title:     "Probability of superiority (ROC area)",
			When:      "How well does a score tell one group from the rest? 0.5 is not at all.",
			Variant:   "level1 against everybody else, larger values point to level1, ties half; DeLong variance, normal interval cut off at 0 and 1; null where the groups do not overlap. Our own, on histograms.",
			Assumes:   "Independent people.",
			Formula:   "AUC = P(Y₁>Y₀)+½P(Y₁=Y₀),  var = S₁/n₁+S₀/n₀",
			Reference: "DeLong, DeLong and Clarke-Pearson (1988), doi:10.2307/2531595",
			Checked:   "R package pROC 1.18.0",
			PushDown:  histograms,
		}}, areaKeys, againstOthers(func(one, zero histogram.Histogram) (ranks.Area, error) { return ranks.DeLong(one, zero, 0.95) })),
		define("two sample", spec{name: "ks_two_sample", roles: groupRoles, params: levels, page: Page{
			Title:     "Kolmogorov–Smirnov distance",
			When:      "Do two distributions differ in any respect? Mostly a check of balance.",
			Variant:   "Two-sided asymptotic p, the series summed to convergence; with ties p is too large. Our own, on histograms.",
			Assumes:   "Independent people.",
			Formula:   "D = max|F₁−F₀|,  p = 2Σ(−1)^(k−1)exp(−2k²x²), x = D√(n₁n₀/N)",
			Reference: "Smirnov (1948), doi:10.1214/aoms/1177730256",
			Checked:   "R 4.2.2, stats::ks.test; golden/lib.R",
			PushDown:  histograms,
		}}, distanceKeys, byRank(ranks.KolmogorovSmirnov)),
	}
}
