package methods

import (
	"github.com/lumbar-health/lumbar/analytics/propensity"
)

// The bounds of the trimmed variants.
const (
	weightCap           = 0.99
	crumpLow, crumpHigh = 0.1, 0.9
	scoreLow, scoreHigh = 0.05, 0.95
	scoreClasses        = 5
)

var surveyKeys = []key[propensity.Survey]{
	scalar("estimate", func(r propensity.Survey) float64 { return r.Value }),
	scalar("se_survey", func(r propensity.Survey) float64 { return r.Design }),
	scalar("se_HC0", func(r propensity.Survey) float64 { return r.HC0 }),
	optional("se_HC3", func(r propensity.Survey) *float64 { return r.HC3 }),
	scalar("horvitz_thompson", func(r propensity.Survey) float64 { return r.HorvitzThompson }),
}

var cappedKeys = []key[propensity.Contrast]{
	scalar("cap", func(c propensity.Contrast) float64 { return c.Weights.Cap }),
	scalar("estimate", func(c propensity.Contrast) float64 { return c.Value }),
	scalar("se_m_estimation", func(c propensity.Contrast) float64 { return c.StdErr }),
	scalar("n_capped", func(c propensity.Contrast) float64 { return c.Weights.Bounded }),
	scalar("ess_treated", func(c propensity.Contrast) float64 { return c.ESS1 }),
	scalar("ess_control", func(c propensity.Contrast) float64 { return c.ESS0 }),
	warningsKey(func(c propensity.Contrast) []string { return c.Warnings }),
}

var truncatedKeys = []key[propensity.Contrast]{
	scalar("estimate", func(c propensity.Contrast) float64 { return c.Value }),
	scalar("se_m_estimation", func(c propensity.Contrast) float64 { return c.StdErr }),
	scalar("n_truncated", func(c propensity.Contrast) float64 { return c.Weights.Bounded }),
	warningsKey(func(c propensity.Contrast) []string { return c.Warnings }),
}

var restrictedKeys = []key[propensity.Restriction]{
	scalar("n_kept", func(r propensity.Restriction) float64 { return r.Kept }),
	scalar("estimate_no_refit", func(r propensity.Restriction) float64 { return r.Before.Value }),
	refitted("estimate_refit", func(c *propensity.Contrast) float64 { return c.Value }),
	refitted("se_refit_m_estimation", func(c *propensity.Contrast) float64 { return c.StdErr }),
	warningsKey(func(r propensity.Restriction) []string { return r.Warnings }),
}

// refitted is a number of the refitted contrast, null without one.
func refitted(name string, get func(*propensity.Contrast) float64) key[propensity.Restriction] {
	return optional(name, func(r propensity.Restriction) *float64 {
		if r.Refitted == nil {
			return nil
		}
		v := get(r.Refitted)
		return &v
	})
}

var strataKeys = []key[propensity.Strata]{
	value("strata_n", Numbers, func(r propensity.Strata) any {
		return strataOf(r, func(s propensity.Stratum) float64 { return s.N })
	}),
	value("strata_difference", Numbers, func(r propensity.Strata) any {
		return strataOf(r, func(s propensity.Stratum) float64 { return s.Difference })
	}),
	scalar("ate", func(r propensity.Strata) float64 { return r.ATE }),
	optional("se_ate", func(r propensity.Strata) *float64 { return r.StdErr }),
	scalar("att", func(r propensity.Strata) float64 { return r.ATT }),
	warningsKey(func(r propensity.Strata) []string { return r.Warnings }),
}

func strataOf(r propensity.Strata, get func(propensity.Stratum) float64) []float64 {
	var out []float64
	for _, s := range r.Classes {
		out = append(out, get(s))
	}
	return out
}

// scored is a method of the propensity alone.
func scored(name string, page Page) spec {
	page.PushDown = cellsPush
	return spec{name: name, roles: treatmentRoles, params: []Param{scoreParam}, page: page}
}

// ofStudy runs an estimator that fits the propensity itself.
func ofStudy[R any](estimate func(s twoArms) (R, error)) func(*Input) (R, error) {
	return func(in *Input) (r R, err error) {
		s, err := in.study("formula_ps", "", nil)
		if err != nil {
			return r, err
		}
		return estimate(s)
	}
}

// boundedMethods are the variants for weights or scores that are extreme.
func boundedMethods() []Method {
	return append(otherErrors(),
		define("causal", scored("ipw_ate_trimmed_weights", Page{
			Title:     "Weighting with capped weights",
			When:      "A few weights dominate ipw_ate.",
			Variant:   ownCode + "Weights above the 99th percentile (type 7, both arms together) are set to it; the propensity is not refitted; the standard error takes the cap as known.",
			Assumes:   noHidden + " Capping trades bias for variance.",
			Formula:   "w* = min(w, q₀.₉₉(w))",
			Reference: "Cole and Hernán (2008), doi:10.1093/aje/kwn164",
			Checked:   "golden/lib.R",
		}), cappedKeys, ofStudy(func(s twoArms) (propensity.Contrast, error) {
			return propensity.Trimmed(s.Study, propensity.ATE, weightCap, propensity.Options{})
		})),
		define("causal", scored("ipw_ate_crump_trim", Page{
			Title:     "Weighting within common support",
			When:      "Some people were nearly certain of their treatment: compare the others.",
			Variant:   ownCode + "People with a score outside 0.1 to 0.9 are left out, both ends kept; with the first model's scores and with those of a model refitted to the rest.",
			Assumes:   noHidden + " The estimate is about the people kept.",
			Formula:   "0.1 ≤ e ≤ 0.9",
			Reference: "Crump, Hotz, Imbens and Mitnik (2009), doi:10.1093/biomet/asn055",
			Checked:   "golden/lib.R",
		}), restrictedKeys, ofStudy(func(s twoArms) (propensity.Restriction, error) {
			return propensity.Restricted(s.Study, propensity.ATE, crumpLow, crumpHigh, propensity.Options{})
		})),
		define("causal", scored("ipw_ate_ps_truncated", Page{
			Title:     "Weighting with truncated scores",
			When:      "As capped weights, with the bound on the score.",
			Variant:   ownCode + "Scores below 0.05 or above 0.95 are set to that; the standard error takes the bounds as known.",
			Assumes:   noHidden + " Truncation trades bias for variance.",
			Formula:   "e* = min(max(e, 0.05), 0.95)",
			Reference: "Cole and Hernán (2008), doi:10.1093/aje/kwn164",
			Checked:   "golden/lib.R",
		}), truncatedKeys, ofStudy(func(s twoArms) (propensity.Contrast, error) {
			return propensity.Truncated(s.Study, propensity.ATE, scoreLow, scoreHigh, propensity.Options{})
		})),
	)
}

// otherErrors are the comparisons whose errors take the scores as known.
func otherErrors() []Method {
	return []Method{
		define("causal", scored("ipw_ate_survey_se", Page{
			Title:     "Weighting with survey errors",
			When:      "To compare with other software, which takes the weights as known.",
			Variant:   "Weighted regression on the treatment: HC0, HC3 and the survey error HC0·√(n/(n−1)); the Horvitz–Thompson difference beside the Hájek one.",
			Assumes:   noHidden + " These errors are usually too large, as they ignore that the propensity is estimated.",
			Formula:   "w = t/e + (1−t)/(1−e)",
			Reference: "Lumley (2004), doi:10.18637/jss.v009.i08",
			Checked:   "R packages survey 4.1-1 and sandwich 3.0-2",
		}), surveyKeys, func(in *Input) (propensity.Survey, error) {
			s, m, err := in.scored(nil)
			if err != nil {
				return propensity.Survey{}, err
			}
			w, err := propensity.NewWeights(s.Study, m.Score, propensity.ATE)
			if err != nil {
				return propensity.Survey{}, err
			}
			return propensity.SurveyErrors(s.Study, w), nil
		}),
		define("causal", scored("ps_quintile_stratification", Page{
			Title:     "Stratification by propensity",
			When:      "A simple check that readers can follow: compare within fifths of the score.",
			Variant:   ownCode + "Cuts at the type-7 quintiles of the score, right ends in; equal cuts join their classes; unequal variances within classes.",
			Assumes:   noHidden + " Five classes leave about a tenth of the confounding.",
			Formula:   "Σ n_k·(x̄₁k − x̄₀k)/n",
			Reference: "Rosenbaum and Rubin (1984), doi:10.1080/01621459.1984.10478078",
			Checked:   "golden/lib.R",
		}), strataKeys, func(in *Input) (propensity.Strata, error) {
			s, m, err := in.scored(nil)
			if err != nil {
				return propensity.Strata{}, err
			}
			return propensity.Stratify(s.Study, m.Score, scoreClasses)
		}),
	}
}
