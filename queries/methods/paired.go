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

var responsivenessKeys = []key[paired.Responsiveness]{
	scalar("srm", func(r paired.Responsiveness) float64 { return r.SRM }),
	scalar("effect_size_baseline_sd", func(r paired.Responsiveness) float64 { return r.EffectSize }),
	scalar("d_av", func(r paired.Responsiveness) float64 { return r.DAverage }),
	scalar("d_rm", func(r paired.Responsiveness) float64 { return r.DRepeated }),
	scalar("J_df", func(r paired.Responsiveness) float64 { return r.J }),
	scalar("smcr_yi", func(r paired.Responsiveness) float64 { return r.SMCR }),
	scalar("smcr_vi", func(r paired.Responsiveness) float64 { return r.SMCRVariance }),
	scalar("smcc_yi", func(r paired.Responsiveness) float64 { return r.SMCC }),
	scalar("smcc_vi", func(r paired.Responsiveness) float64 { return r.SMCCVariance }),
	scalar("half_sd", func(r paired.Responsiveness) float64 { return r.HalfSD }),
}

var reliableKeys = []key[paired.Reliable]{
	scalar("sem", func(r paired.Reliable) float64 { return r.StdErrMeasurement }),
	scalar("mdc95", func(r paired.Reliable) float64 { return r.MDC95 }),
	scalar("mdc95_exact_z", func(r paired.Reliable) float64 { return r.MDC95Exact }),
	scalar("sdiff", func(r paired.Reliable) float64 { return r.StdErrDiff }),
	scalar("n_improved", func(r paired.Reliable) float64 { return float64(r.Improved) }),
	scalar("n_worse", func(r paired.Reliable) float64 { return float64(r.Worse) }),
	scalar("n_unchanged", func(r paired.Reliable) float64 { return float64(r.Unchanged) }),
}

var signKeys = []key[paired.Signs]{
	scalar("n_pos", func(r paired.Signs) float64 { return float64(r.Up) }),
	scalar("n_nonzero", func(r paired.Signs) float64 { return float64(r.Nonzero) }),
	scalar("p", func(r paired.Signs) float64 { return r.P }),
}

var pairRoles = []Role{
	{Name: "y0", Kind: Numeric, Help: "the first measurement, such as baseline"},
	{Name: "y1", Kind: Numeric, Help: "the second measurement, such as follow-up"},
}

// responseMethods describe change in the words of questionnaires.
func responseMethods() []Method {
	return []Method{
		define("paired", spec{name: "responsiveness_indices", roles: pairRoles, page: Page{
			Title:     "Responsiveness",
			When:      "Comparing questionnaires by how well they show change.",
			Variant:   "Standardised response mean, effect size on baseline SD, d of averaged and repeated measures; SMCR and SMCC with the exact gamma factor.",
			Assumes:   "People who changed; says nothing about why.",
			Formula:   "SRM = d̄/s_d,  ES = d̄/s₀,  d_rm = SRM·√(2(1−r))",
			Reference: "Kazis, Anderson and Meenan (1989), doi:10.1097/00005650-198903001-00015; Becker (1988), doi:10.1111/j.2044-8317.1988.tb00901.x",
			Checked:   "R package metafor 3.8-1, escalc",
			PushDown:  "n, Σy0, Σy1, Σy0², Σy1², Σy0y1",
		}}, responsivenessKeys, func(in *Input) (paired.Responsiveness, error) {
			return paired.Indices(in.Numbers("y0"), in.Numbers("y1"))
		}),
		define("paired", spec{name: "reliable_change", roles: pairRoles, params: []Param{
			{Name: "reliability", Kind: Number, Help: "test–retest reliability, from 0 to under 1"},
			{Name: "direction", Kind: Text, Optional: true, OneOf: []string{"lower_better", "higher_better"}, Help: "which way is improvement; default lower_better"},
		}, page: Page{
			Title:     "Reliable change",
			When:      "How many people changed by more than measurement error?",
			Variant:   "Jacobson–Truax, beyond ±1.96; minimal detectable change with 1.96 and with the exact quantile.",
			Assumes:   "Equal, normal measurement error at both times; a reliability from people like these.",
			Formula:   "RCI = (y1−y0)/(√2·SEM),  SEM = sd(y0)·√(1−reliability)",
			Reference: "Jacobson and Truax (1991), doi:10.1037/0022-006X.59.1.12",
			Checked:   "golden/batteries_a.R",
			PushDown:  "people by y0 and y1",
		}}, reliableKeys, func(in *Input) (paired.Reliable, error) {
			sign := -1.0
			if in.Text("direction", "") == "higher_better" {
				sign = 1
			}
			baseline, changes, err := paired.Counts(in.Numbers("y0"), in.Numbers("y1"), nil)
			if err != nil {
				return paired.Reliable{}, err
			}
			return paired.ReliableChange(baseline, changes, in.Number("reliability", 0), sign)
		}),
		define("paired", spec{name: "sign_test", roles: pairRoles, page: Page{
			Title:     "Sign test",
			When:      "Did more people go up than down, whatever by how much?",
			Variant:   "Exact binomial, two-sided; no change counts for nothing.",
			Assumes:   "Independent people.",
			Formula:   "2·P(X ≤ min(up, down)),  X ~ Binomial(n, ½)",
			Reference: "Conover (1999), Practical Nonparametric Statistics",
			Checked:   "R 4.2.2, stats::binom.test",
			PushDown:  "people by change",
		}}, signKeys, onChanges(paired.SignTest)),
	}
}

func pairedMethods() []Method {
	return []Method{
		define("paired", spec{name: "t_test_paired", roles: pairRoles, page: Page{
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
