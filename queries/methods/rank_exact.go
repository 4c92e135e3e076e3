package methods

import (
	"github.com/lumbar-health/lumbar/analytics/histogram"
	"github.com/lumbar-health/lumbar/analytics/ranks"
)

var exactRankKeys = []key[ranks.ExactRanks]{
	scalar("n1", func(r ranks.ExactRanks) float64 { return float64(r.N1) }),
	scalar("n0", func(r ranks.ExactRanks) float64 { return float64(r.N0) }),
	scalar("W", func(r ranks.ExactRanks) float64 { return r.U }),
	scalar("z", func(r ranks.ExactRanks) float64 { return r.Z }),
	scalar("p_exact_two_sided", func(r ranks.ExactRanks) float64 { return r.P }),
}

// untied is an exact comparison with the samples it was made on.
type untied struct {
	ranks.ExactShift
	a, b []float64
}

var untiedKeys = []key[untied]{
	scalar("W", func(r untied) float64 { return r.U }),
	scalar("p_exact", func(r untied) float64 { return r.P }),
	scalar("estimate", func(r untied) float64 { return r.Estimate }),
	scalar("ci_low", func(r untied) float64 { return r.Lower }),
	scalar("ci_high", func(r untied) float64 { return r.Upper }),
	scalar("coverage", func(r untied) float64 { return r.Achieved }),
	value("input_a", Numbers, func(r untied) any { return r.a }),
	value("input_b", Numbers, func(r untied) any { return r.b }),
}

var permutationKeys = []key[ranks.Permutation]{
	scalar("z", func(r ranks.Permutation) float64 { return r.Z }),
	scalar("p_asymptotic", func(r ranks.Permutation) float64 { return r.PAsymptotic }),
	optional("p_exact", func(r ranks.Permutation) *float64 { return r.PExact }),
}

// untiedParams are the samples themselves, where they are not in the table.
var untiedParams = append(append([]Param(nil), levels...),
	Param{Name: "input_a", Kind: NumberList, Optional: true, Help: "the values of group 1; default those of level1"},
	Param{Name: "input_b", Kind: NumberList, Optional: true, Help: "the values of group 0; default those of level0"})

// exactMethods are exact conditional tests of small groups.
func exactMethods() []Method {
	return []Method{
		define("two sample", spec{name: "mann_whitney_exact_conditional", roles: groupRoles, params: levels, page: Page{
			Title:     "Exact Mann–Whitney test, with ties",
			When:      "Two small groups, up to some 300 people; by rule where n₁·n₀ is 2500 or less.",
			Variant:   "All splits of the people, ties at their mean rank; two-sided p = P(|Z| ≥ |z|). Shift algorithm on the histogram. Our own: no kept library has it.",
			Assumes:   "People exchangeable between the groups.",
			Formula:   "p = share of splits with |Z| ≥ |z|",
			Reference: "Streitberg and Röhmel (1986), Statistical Software Newsletter 12, 10–17",
			Checked:   "R packages coin 1.4-2 and exactRankTests 0.8-35",
			PushDown:  histograms,
		}}, exactRankKeys, byRank(ranks.MannWhitneyExact)),
		define("two sample", spec{name: "mann_whitney_exact_r_if_no_ties", roles: groupRoles, params: untiedParams, page: Page{
			Title:     "Exact Mann–Whitney test and shift, without ties",
			When:      "Two small groups of a continuous measurement, as R's wilcox.test(exact = TRUE) does it.",
			Variant:   "p twice the smaller tail of U; median of all differences; limits by the quantile of U, whose coverage is given. Takes the samples as lists or from the table. Ties are refused. Our own: no kept library has it.",
			Assumes:   "Independent people, continuous values, for the shift one shape.",
			Formula:   "U ~ number of pairs; limits D(q), D(n₁n₀−q+1)",
			Reference: "Bauer (1972), doi:10.1080/01621459.1972.10481279",
			Checked:   "R 4.2.2, stats::wilcox.test(exact = TRUE, conf.int = TRUE)",
		}}, untiedKeys, runUntied),
		define("two sample", spec{name: "permutation_test_mean_asymptotic", roles: groupRoles, params: levels, page: Page{
			Title:     "Permutation test of two means",
			When:      "Two small groups compared by their means without a normal law.",
			Variant:   "Two-sided; asymptotic by permutation mean and variance, exact by the shift algorithm on values of up to six decimals, else by listing both halves up to 44 people; null where there are too many. Our own: no kept library has it.",
			Assumes:   "People exchangeable between the groups.",
			Formula:   "z = (Σy₁−n₁ȳ)/√(n₁n₀/(N(N−1))·Σ(y−ȳ)²)",
			Reference: "Strasser and Weber (1999), Mathematical Methods of Statistics 8, 220–250; van de Wiel (2001), doi:10.1016/S0167-9473(00)00055-2",
			Checked:   "R package coin 1.4-2, oneway_test",
			PushDown:  histograms,
		}}, permutationKeys, byRank(ranks.PermutationTest)),
	}
}

// runUntied takes the samples from the params or from the table.
func runUntied(in *Input) (r untied, err error) {
	if r.a = in.List("input_a"); r.a == nil {
		if r.a, err = in.Split("y", "g", "level1"); err != nil {
			return r, err
		}
	}
	if r.b = in.List("input_b"); r.b == nil {
		if r.b, err = in.Split("y", "g", "level0"); err != nil {
			return r, err
		}
	}
	one, err := histogram.FromRows(r.a)
	if err != nil {
		return r, err
	}
	zero, err := histogram.FromRows(r.b)
	if err != nil {
		return r, err
	}
	r.ExactShift, err = ranks.MannWhitneyUntied(one, zero, 0.95)
	return r, err
}

var signedRankKeys = []key[ranks.SignedRankResult]{
	scalar("V", func(r ranks.SignedRankResult) float64 { return r.V }),
	scalar("n_nonzero", func(r ranks.SignedRankResult) float64 { return float64(r.Nonzero) }),
	scalar("n_zero", func(r ranks.SignedRankResult) float64 { return float64(r.Zero) }),
	scalar("p_with_continuity", func(r ranks.SignedRankResult) float64 { return r.PCorrected }),
	scalar("p_without_continuity", func(r ranks.SignedRankResult) float64 { return r.P }),
}

// pairedRankMethods are the rank methods on changes.
func pairedRankMethods() []Method {
	return []Method{
		define("paired", spec{name: "wilcoxon_signed_rank", roles: pairRoles, page: Page{
			Title:     "Wilcoxon signed rank test",
			When:      "Did scores change, where changes are skewed or ordinal?",
			Variant:   "Changes y1 − y0 of zero left out, tie-corrected normal approximation, two-sided, with and without continuity correction of ½ (R corrects by default). Our own, on the histogram of changes.",
			Assumes:   "Independent people, changes symmetric about their middle. A change is not an effect.",
			Formula:   "z = (V−n(n+1)/4)/√(n(n+1)(2n+1)/24−Σ(t³−t)/48)",
			Reference: "Wilcoxon (1945), doi:10.2307/3001968",
			Checked:   "R 4.2.2, stats::wilcox.test(exact = FALSE)",
			PushDown:  "people by change",
		}}, signedRankKeys, onChanges(ranks.SignedRank)),
		define("paired", spec{name: "hodges_lehmann_paired", roles: pairRoles, page: Page{
			Title:     "Hodges–Lehmann change",
			When:      "How large is a typical change? The effect size beside the signed rank test.",
			Variant:   "The exact median of the Walsh averages of the changes that are not zero; order-statistic limits by normal approximation. Counts pairs without forming them, so any size. Our own.",
			Assumes:   "Independent people, changes symmetric about their middle.",
			Formula:   "median((dᵢ+dⱼ)/2), i ≤ j;  K = ⌊M/2 − z√(n(n+1)(2n+1)/24)⌋",
			Reference: "Hollander and Wolfe (1999), Nonparametric Statistical Methods, 3.2–3.3",
			Checked:   "golden/lib.R",
			PushDown:  "people by change",
		}}, shiftKeys, onChanges(func(h histogram.Histogram) (ranks.Shift, error) {
			return ranks.PseudoMedian(ranks.Nonzero(h), 0.95)
		})),
	}
}

// onChanges makes the run of a method on the histogram of y1 − y0.
func onChanges[R any](run func(histogram.Histogram) (R, error)) func(*Input) (R, error) {
	return func(in *Input) (r R, err error) {
		first, second := in.Numbers("y0"), in.Numbers("y1")
		d := make([]float64, len(first))
		for i := range d {
			d[i] = second[i] - first[i]
		}
		h, err := histogram.FromRows(d)
		if err != nil {
			return r, err
		}
		return run(h)
	}
}
