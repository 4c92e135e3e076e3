package methods

import (
	"github.com/lumbar-health/lumbar/analytics/describe"
)

type summary = describe.Summary

// meanSD is the answer of describe_mean_sd.
type meanSD struct{ mean, sd float64 }

var describeKeys = []key[summary]{
	scalar("n", func(r summary) float64 { return float64(r.Mean.N) }),
	scalar("mean", func(r summary) float64 { return r.Mean.Value }),
	scalar("sd", func(r summary) float64 { return r.StdDev }),
	scalar("se", func(r summary) float64 { return r.Mean.StdErr }),
	scalar("ci_low", func(r summary) float64 { return r.Mean.Lower }),
	scalar("ci_high", func(r summary) float64 { return r.Mean.Upper }),
	scalar("median", func(r summary) float64 { return r.Median }),
	scalar("q25_type7", func(r summary) float64 { return r.Q25 }),
	scalar("q75_type7", func(r summary) float64 { return r.Q75 }),
	scalar("q25_type6", func(r summary) float64 { return r.Q25Type6 }),
	scalar("q25_type1", func(r summary) float64 { return r.Q25Type1 }),
	scalar("q90_type7", func(r summary) float64 { return r.Q90 }),
	scalar("mad_unscaled", func(r summary) float64 { return r.MAD }),
	scalar("skewness_g1", func(r summary) float64 { return r.Skewness }),
	optional("skewness_G1_type2", func(r summary) *float64 { return r.SkewnessType2 }),
	scalar("kurtosis_excess_g2", func(r summary) float64 { return r.Kurtosis }),
	optional("kurtosis_excess_G2_type2", func(r summary) *float64 { return r.KurtosisType2 }),
	scalar("trimmed_mean_20", func(r summary) float64 { return r.TrimmedMean }),
	scalar("min", func(r summary) float64 { return r.Min }),
	scalar("max", func(r summary) float64 { return r.Max }),
}

var meanSDKeys = []key[meanSD]{
	scalar("mean", func(r meanSD) float64 { return r.mean }),
	scalar("sd", func(r meanSD) float64 { return r.sd }),
}

func describeMethods() []Method {
	y := Role{Name: "y", Kind: Numeric, Help: "the values"}
	return []Method{
		define("describe", spec{name: "describe", roles: []Role{y}, page: Page{
			Title:     "One sample described",
			When:      "The first table of any report: mean with its interval, spread, quantiles, shape.",
			Variant:   "Standard deviation with n−1; t interval at 95 %; quantiles of type 7 (R's default), types 6 and 1 beside them; mean trimmed by 20 % at each end; skewness and kurtosis with divisor n (g) and bias-corrected (G, type 2).",
			Assumes:   "Independent people. The interval of the mean needs a mean that is nearly normal.",
			Formula:   "x̄ ± t(n−1)·sd/√n",
			Reference: "Hyndman and Fan (1996), doi:10.2307/2684934; Joanes and Gill (1998), doi:10.1111/1467-9884.00122",
			Checked:   "R 4.2.2, stats::mean, sd, quantile",
			PushDown:  "people by value",
		}}, describeKeys, func(in *Input) (summary, error) { return describe.Describe(in.Numbers("y"), 0.95) }),
		define("describe", spec{name: "describe_mean_sd", roles: []Role{y}, page: Page{
			Title:     "Mean and standard deviation",
			When:      "A mean and its spread alone, also of values with a large offset.",
			Variant:   "Standard deviation with n−1, two compensated passes.",
			Assumes:   "Nothing.",
			Formula:   "x̄ = Σx/n,  sd = √(Σ(x−x̄)²/(n−1))",
			Reference: "Chan, Golub and LeVeque (1983), doi:10.1080/00031305.1983.10483115",
			Checked:   "NIST StRD NumAcc3 and NumAcc4, certified values",
			PushDown:  "n, Σx, Σx² in whole units",
		}}, meanSDKeys, func(in *Input) (meanSD, error) {
			m, s, err := describe.MeanSD(in.Numbers("y"))
			return meanSD{m, s}, err
		}),
	}
}
