package methods

import (
	"github.com/lumbar-health/lumbar/analytics/spc"
)

// numbered lists points by their number from 1, as people count the rows used.
func numbered(get func(spc.Chart) []int) func(spc.Chart) any {
	return func(c spc.Chart) any {
		out := []float64{}
		for _, i := range get(c) {
			out = append(out, float64(i+1))
		}
		return out
	}
}

var xmrKeys = []key[spc.Chart]{
	scalar("mean", func(c spc.Chart) float64 { return c.Mean }),
	scalar("mr_bar_all", func(c spc.Chart) float64 { return c.MeanRangeAll }),
	scalar("mr_bar", func(c spc.Chart) float64 { return c.MeanRange }),
	scalar("sigma_mr", func(c spc.Chart) float64 { return c.Sigma }),
	scalar("ucl", func(c spc.Chart) float64 { return c.Upper }),
	scalar("lcl", func(c spc.Chart) float64 { return c.Lower }),
	scalar("near_ucl", func(c spc.Chart) float64 { return c.NearUpper }),
	scalar("near_lcl", func(c spc.Chart) float64 { return c.NearLower }),
	scalar("mr_ucl", func(c spc.Chart) float64 { return c.RangeUpper }),
	value("outside_points", Numbers, numbered(func(c spc.Chart) []int { return c.Outside })),
	value("shift7_points", Numbers, numbered(func(c spc.Chart) []int { return c.Shift })),
	value("trend7_points", Numbers, numbered(func(c spc.Chart) []int { return c.Trend })),
	value("two_of_three_points", Numbers, numbered(func(c spc.Chart) []int { return c.TwoOfThree })),
	value("signals", Names, func(c spc.Chart) any {
		out := make([]string, len(c.Signals))
		for i, s := range c.Signals {
			out[i] = string(s)
		}
		return out
	}),
}

var exactXmrKeys = []key[spc.Exact]{
	scalar("d2", func(e spc.Exact) float64 { return e.D2 }),
	scalar("sigma", func(e spc.Exact) float64 { return e.Sigma }),
	scalar("ucl", func(e spc.Exact) float64 { return e.Upper }),
	scalar("lcl", func(e spc.Exact) float64 { return e.Lower }),
	scalar("mr_ucl", func(e spc.Exact) float64 { return e.RangeUpper }),
}

var memoryKeys = []key[spc.Memory]{
	value("ewma", Numbers, func(m spc.Memory) any { return m.Weighted }),
	value("ewma_ucl", Numbers, func(m spc.Memory) any { return m.Upper }),
	value("ewma_lcl", Numbers, func(m spc.Memory) any { return m.Lower }),
	value("cusum_high", Numbers, func(m spc.Memory) any { return m.SumHigh }),
	value("cusum_low", Numbers, func(m spc.Memory) any { return m.SumLow }),
}

var pChartKeys = []key[spc.PChart]{
	scalar("p_bar", func(p spc.PChart) float64 { return p.Proportion }),
	value("ucl", Numbers, func(p spc.PChart) any { return p.Upper }),
	value("lcl", Numbers, func(p spc.PChart) any { return p.Lower }),
	value("z", Numbers, func(p spc.PChart) any { return p.Z }),
	scalar("laney_sigma_z", func(p spc.PChart) float64 { return p.SigmaZ }),
	value("laney_ucl", Numbers, func(p spc.PChart) any { return p.LaneyUpper }),
	value("laney_lcl", Numbers, func(p spc.PChart) any { return p.LaneyLower }),
	value("u_chart_ucl", Numbers, func(p spc.PChart) any { return p.RateUpper }),
	value("u_chart_lcl", Numbers, func(p spc.PChart) any { return p.RateLower }),
}

const (
	spcFamily = "control charts"
	periods   = "Rows are consecutive, equally long periods in their order; a row without a value is left out, and the rows beside it count as neighbours. Do not use it on rare events."
	pointsAre = "Points are numbered from 1 among the rows used."
)

var seriesRole = []Role{{Name: "y", Kind: Numeric, Help: "the values, in the order of time"}}

func spcMethods() []Method {
	return []Method{
		xmrMethod("spc_xmr", "XmR chart, outliers screened", "Moving ranges of 3.267 times their mean and more are left out of it once, as NHSRplotthedots does by default", false),
		xmrMethod("spc_xmr_unscreened", "XmR chart, unscreened", "All moving ranges count, as in the official spreadsheet; qcc is alike with 3/1.128379 in place of 2.66", true),
		define(spcFamily, spec{name: "spc_xmr_exact_constants", roles: seriesRole, page: Page{
			Title:     "XmR limits with exact constants",
			When:      "Limits that are to agree with software that does not round the constants.",
			Variant:   "d₂ = 2/√π and 3σ in place of 2.66; moving ranges are not screened.",
			Assumes:   periods,
			Formula:   "σ = amR/d₂,  limits mean ± 3σ,  range limit (1 + 3√(2(1−2/π))/d₂)·amR",
			Reference: "Montgomery (2009), Introduction to Statistical Quality Control, appendix VI",
			Checked:   "R 4.2.2, from the formulas (analytics/spc/testdata/r/spc.R)",
		}}, exactXmrKeys, func(in *Input) (spc.Exact, error) { return spc.ExactXmR(in.Numbers("y")) }),
		define(spcFamily, spec{name: "spc_ewma_cusum", roles: seriesRole, params: []Param{
			{Name: "lambda", Kind: Number, Optional: true, Help: "weight of the newest value in the moving mean, above 0 to 1; 0.2 if absent"},
			{Name: "L", Kind: Number, Optional: true, Help: "standard deviations from the mean to the limits; 3 if absent"},
			{Name: "k", Kind: Number, Optional: true, Help: "allowance of the sums in standard deviations; 0.5 if absent"},
		}, page: Page{
			Title:     "EWMA and CUSUM charts",
			When:      "Small lasting changes, which an XmR chart shows late.",
			Variant:   "Mean and σ (mean moving range / 1.128) of all points; the moving mean starts at the mean, with limits that widen to their final width; tabular sums in σ without a headstart.",
			Assumes:   periods,
			Formula:   "z_i = λx_i + (1−λ)z_{i−1},  limits mean ± Lσ√(λ/(2−λ)(1−(1−λ)^{2i}));  H_i = max(0, H_{i−1} + u_i − k)",
			Reference: "Roberts (1959), doi:10.1080/00401706.1959.10489860; Page (1954), doi:10.1093/biomet/41.1-2.100",
			Checked:   "R 4.2.2, from the formulas (analytics/spc/testdata/r/spc.R)",
		}}, memoryKeys, func(in *Input) (spc.Memory, error) {
			return spc.WithMemory(in.Numbers("y"), spc.MemoryOptions{
				Weight: in.Number("lambda", 0.2), Width: in.Number("L", 3), Allowance: in.Number("k", 0.5),
			})
		}),
		define(spcFamily, spec{name: "spc_p_chart", roles: []Role{
			{Name: "x", Kind: Numeric, Help: "people with the event, a row a period"},
			{Name: "n", Kind: Numeric, Help: "people in all"},
		}, page: Page{
			Title:     "p chart with Laney's correction",
			When:      "A proportion by period, such as responders, from groups of different size.",
			Variant:   "Binomial limits (p), limits widened by the spread between periods (p′, Laney), limits of a rate (u). p′ and u are not cut at 1.",
			Assumes:   "Rows in the order of time. Large groups are nearly always over-dispersed: read p′.",
			Formula:   "p̄ ± 3√(p̄(1−p̄)/n);  p′: the same times σ_z = mean|z_i − z_{i−1}|/1.128;  u: p̄ ± 3√(p̄/n)",
			Reference: "Laney (2002), doi:10.1081/QEN-120006708",
			Checked:   "R 4.2.2, from the formulas (analytics/spc/testdata/r/spc.R)",
			PushDown:  "events and n by period",
		}}, pChartKeys, func(in *Input) (spc.PChart, error) { return spc.Proportions(in.Numbers("x"), in.Numbers("n")) }),
	}
}

func xmrMethod(name, title, variant string, unscreened bool) Method {
	return define(spcFamily, spec{name: name, roles: seriesRole, page: Page{
		Title:     title,
		When:      "Is this month's result a signal, or the process as it always was? NHS boards, Making Data Count.",
		Variant:   variant + ". Rules: outside the limits; 7 points in a row that rise or fall; 2 of 3 between near limit and limit, all on one side; 7 in a row on one side of the mean. Each list has every point of its rule, signals the first that holds. " + pointsAre,
		Assumes:   periods,
		Formula:   "mR_i = |x_i − x_{i−1}|,  limits mean ± 2.66·amR,  near mean ± ⅔·2.66·amR,  σ = amR/1.128,  range limit 3.267·amR",
		Reference: "NHS England, Making Data Count; Provost and Murray (2011), The Health Care Data Guide",
		Checked:   "NHSRplotthedots 0.2.2 (its vignette's example); R 4.2.2, point by point (analytics/spc/testdata/r/spc.R)",
		PushDown:  "count, sum or share by period",
	}}, xmrKeys, func(in *Input) (spc.Chart, error) {
		return spc.XmR(in.Numbers("y"), spc.Options{Unscreened: unscreened})
	})
}
