package methods

import "github.com/lumbar-health/lumbar/analytics/paired"

type change = paired.Change

var pairedKeys = []key[change]{
	scalar("mean_change", func(r change) float64 { return r.Value }),
	scalar("se", func(r change) float64 { return r.StdErr }),
	scalar("ci_low", func(r change) float64 { return r.Lower }),
	scalar("ci_high", func(r change) float64 { return r.Upper }),
	scalar("sd_change", func(r change) float64 { return r.StdDev }),
	optional("r", func(r change) *float64 { return r.Correlation }),
	scalar("statistic", func(r change) float64 { return r.Statistic }),
	scalar("df", func(r change) float64 { return r.DF }),
	scalar("p", func(r change) float64 { return r.P }),
}

func pairedMethods() []Method {
	return []Method{
		define("paired", spec{name: "t_test_paired", roles: []Role{
			{Name: "y0", Kind: Numeric, Help: "the first measurement, such as baseline"},
			{Name: "y1", Kind: Numeric, Help: "the second measurement, such as follow-up"},
		}, page: Page{
			Title:     "Paired change",
			When:      "Did people's scores change between two times?",
			Variant:   "Change = y1 − y0, raw; t interval and test with n−1; people with both measurements.",
			Assumes:   "Independent people; a mean change that is nearly normal. A change is not an effect: people are referred at their worst.",
			Formula:   "t = d̄/(s_d/√n)",
			Reference: "Student (1908), doi:10.1093/biomet/6.1.1",
			Checked:   "R 4.2.2, stats::t.test(paired = TRUE)",
			PushDown:  "n, Σy0, Σy1, Σy0², Σy1², Σy0y1",
		}}, pairedKeys, func(in *Input) (change, error) { return paired.TTest(in.Numbers("y0"), in.Numbers("y1"), 0.95) }),
	}
}
