package methods

import (
	"github.com/lumbar-health/lumbar/analytics/doublyrobust"
	"github.com/lumbar-health/lumbar/analytics/glm"
	"github.com/lumbar-health/lumbar/analytics/propensity"
)

var aipwKeys = []key[doublyrobust.AIPW]{
	scalar("mu1", func(r doublyrobust.AIPW) float64 { return r.Mean1 }),
	scalar("mu0", func(r doublyrobust.AIPW) float64 { return r.Mean0 }),
	scalar("estimate", func(r doublyrobust.AIPW) float64 { return r.Value }),
	scalar("se_if", func(r doublyrobust.AIPW) float64 { return r.InfluenceStdErr }),
	scalar("se_if_n_minus_1", func(r doublyrobust.AIPW) float64 { return r.InfluenceStdErr1 }),
	scalar("se_m_estimation", func(r doublyrobust.AIPW) float64 { return r.StdErr }),
	scalar("estimate_hajek_normalised", func(r doublyrobust.AIPW) float64 { return r.Hajek }),
	scalar("gcomp_estimate", func(r doublyrobust.AIPW) float64 { return r.GComputation }),
	scalar("ci_low", func(r doublyrobust.AIPW) float64 { return influenceLimit(r, -1) }),
	scalar("ci_high", func(r doublyrobust.AIPW) float64 { return influenceLimit(r, 1) }),
	warningsKey(func(r doublyrobust.AIPW) []string { return r.Warnings }),
}

// influenceLimit is a limit by the influence function's error: the Result's
// interval, from the stacked equations, scaled to it.
func influenceLimit(r doublyrobust.AIPW, side float64) float64 {
	return r.Value + side*(r.Upper-r.Value)/r.StdErr*r.InfluenceStdErr
}

var aipwTreatedKeys = []key[doublyrobust.AIPW]{
	scalar("estimate", func(r doublyrobust.AIPW) float64 { return r.Value }),
	scalar("se_if", func(r doublyrobust.AIPW) float64 { return r.InfluenceStdErr }),
	scalar("se_m_estimation", func(r doublyrobust.AIPW) float64 { return r.StdErr }),
	scalar("estimate_hajek_normalised", func(r doublyrobust.AIPW) float64 { return r.Hajek }),
	warningsKey(func(r doublyrobust.AIPW) []string { return r.Warnings }),
}

var gcompArmKeys = []key[doublyrobust.GComputation]{
	scalar("mu1", func(r doublyrobust.GComputation) float64 { return r.Mean1 }),
	scalar("mu0", func(r doublyrobust.GComputation) float64 { return r.Mean0 }),
	scalar("ate", func(r doublyrobust.GComputation) float64 { return r.Value }),
	scalar("att", func(r doublyrobust.GComputation) float64 { return r.Treated }),
	scalar("se_ate_m_estimation", func(r doublyrobust.GComputation) float64 { return r.StdErr }),
	scalar("se_att_m_estimation", func(r doublyrobust.GComputation) float64 { return r.TreatedStdErr }),
}

var singleModelKeys = []key[doublyrobust.Joint]{
	scalar("estimate", func(r doublyrobust.Joint) float64 { return r.AIPTW.Difference }),
	scalar("mu1", func(r doublyrobust.Joint) float64 { return r.AIPTW.Mean1 }),
	scalar("mu0", func(r doublyrobust.Joint) float64 { return r.AIPTW.Mean0 }),
	scalar("se_if", func(r doublyrobust.Joint) float64 { return r.InfluenceStdErr }),
	scalar("se_m_estimation", func(r doublyrobust.Joint) float64 { return r.AIPTW.StdErr }),
	optional("risk_ratio", func(r doublyrobust.Joint) *float64 { return r.AIPTW.Ratio }),
	scalar("iptw_horvitz_thompson", func(r doublyrobust.Joint) float64 { return r.IPTW.Difference }),
	scalar("gformula", func(r doublyrobust.Joint) float64 { return r.GFormula.Difference }),
	warningsKey(func(r doublyrobust.Joint) []string { return r.Warnings }),
}

// threeMargins are the three estimators by name, in order.
func threeMargins(r doublyrobust.Joint) (names []string, list []doublyrobust.Margin) {
	return []string{"GFORMULA", "IPTW", "AIPTW"}, []doublyrobust.Margin{r.GFormula, r.IPTW, r.AIPTW}
}

var threeKeys = func() []key[doublyrobust.Joint] {
	each := func(name string, shape Shape, get func(doublyrobust.Margin) *float64) key[doublyrobust.Joint] {
		return value(name, shape, func(r doublyrobust.Joint) any {
			_, list := threeMargins(r)
			var out []*float64
			for _, m := range list {
				out = append(out, get(m))
			}
			return out
		})
	}
	byArm := func(name string, get func(m doublyrobust.Margin) [2]float64) key[doublyrobust.Joint] {
		return value(name, Numbers, func(r doublyrobust.Joint) any {
			_, list := threeMargins(r)
			var out []float64
			for _, m := range list {
				both := get(m)
				out = append(out, both[:]...)
			}
			return out
		})
	}
	return []key[doublyrobust.Joint]{
		value("estimator", Names, func(r doublyrobust.Joint) any { names, _ := threeMargins(r); return names }),
		each("difference", Gaps, func(m doublyrobust.Margin) *float64 { return &m.Difference }),
		each("se", Gaps, func(m doublyrobust.Margin) *float64 { return &m.StdErr }),
		each("ratio", Gaps, func(m doublyrobust.Margin) *float64 { return m.Ratio }),
		each("ratio_se", Gaps, func(m doublyrobust.Margin) *float64 { return m.RatioStdErr }),
		value("mean_risk_estimator", Names, func(r doublyrobust.Joint) any {
			var out []string
			names, _ := threeMargins(r)
			for _, n := range names {
				out = append(out, n, n)
			}
			return out
		}),
		value("mean_risk_treatment", Names, func(doublyrobust.Joint) any { return []string{"0", "1", "0", "1", "0", "1"} }),
		byArm("mean_risk", func(m doublyrobust.Margin) [2]float64 { return [2]float64{m.Mean0, m.Mean1} }),
		byArm("mean_risk_se", func(m doublyrobust.Margin) [2]float64 { return [2]float64{m.StdErr0, m.StdErr1} }),
		warningsKey(func(r doublyrobust.Joint) []string { return r.Warnings }),
	}
}()

var tmleKeys = []key[doublyrobust.TMLE]{
	value("epsilon", Numbers, func(r doublyrobust.TMLE) any { return r.Epsilon[:] }),
	scalar("mu1", func(r doublyrobust.TMLE) float64 { return r.Mean1 }),
	scalar("mu0", func(r doublyrobust.TMLE) float64 { return r.Mean0 }),
	scalar("estimate", func(r doublyrobust.TMLE) float64 { return r.Value }),
	scalar("se_ic", func(r doublyrobust.TMLE) float64 { return r.StdErr }),
	optional("rr", func(r doublyrobust.TMLE) *float64 { return r.Ratio }),
	warningsKey(func(r doublyrobust.TMLE) []string { return r.Warnings }),
}

// bothModels runs an estimator that needs a propensity and an outcome model.
func bothModels[R any](estimate func(s twoArms, family glm.Family) (R, error)) func(*Input) (R, error) {
	return withOutcome("formula_ps", estimate)
}

// withOutcome reads the family and builds the study.
func withOutcome[R any](score string, estimate func(s twoArms, family glm.Family) (R, error)) func(*Input) (R, error) {
	return func(in *Input) (r R, err error) {
		family, err := doublyrobust.ParseFamily(in.Text("fam", ""))
		if err != nil {
			return r, err
		}
		s, err := in.study(score, "formula_y", nil)
		if err != nil {
			return r, err
		}
		return estimate(s, family)
	}
}

func doublyRobustMethods() []Method {
	both := []Param{scoreParam, outcomeParam}
	out := []Method{
		define("causal", spec{name: "aipw_ate", roles: treatmentRoles, params: append(both[:2:2], familyParam), page: Page{
			Title:     "Augmented inverse probability weighting",
			When:      "The default effect estimate of an observational comparison: right when either the propensity or the outcome model is.",
			Variant:   ownCode + "Outcome models by arm, logistic propensity; error of the influence function (se_if, and the interval), and of all stacked equations (se_m_estimation); the Hájek and the g-computation estimates beside it.",
			Assumes:   eitherModel,
			Formula:   "mean of m₁ + t(y−m₁)/e − m₀ − (1−t)(y−m₀)/(1−e)",
			Reference: "Robins, Rotnitzky and Zhao (1994), doi:10.1080/01621459.1994.10476818; Funk and others (2011), doi:10.1093/aje/kwq439",
			Checked:   "golden/lib.R",
			PushDown:  cellsPush,
		}}, aipwKeys, bothModels(func(s twoArms, family glm.Family) (doublyrobust.AIPW, error) {
			return doublyrobust.Augmented(s.Study, family, propensity.Options{})
		})),
		define("causal", spec{name: "aipw_att", roles: treatmentRoles, params: append(both[:2:2], familyParam), page: Page{
			Title:     "Augmented weighting, the treated",
			When:      "As aipw_ate, for the effect among the treated.",
			Variant:   ownCode + "Outcome model of the controls, logistic propensity; influence-function error with n₁ in place of its expectation, and the error of all stacked equations.",
			Assumes:   eitherModel,
			Formula:   "Σ[t(y−m₀) − (1−t)·e/(1−e)·(y−m₀)]/n₁",
			Reference: "Mercatanti and Li (2014), doi:10.1214/14-AOAS767",
			Checked:   "golden/lib.R",
			PushDown:  cellsPush,
		}}, aipwTreatedKeys, bothModels(func(s twoArms, family glm.Family) (doublyrobust.AIPW, error) {
			return doublyrobust.AugmentedTreated(s.Study, family, propensity.Options{})
		})),
	}
	return append(append(append(out, binaryMethods(both)...), gComputationMethods()...), multiArmMethods()...)
}

func runSingleModel(s twoArms, _ glm.Family) (r doublyrobust.Joint, err error) {
	if err := binary("y", s.y); err != nil {
		return r, err
	}
	return doublyrobust.SingleModel(s.Study, glm.Binomial, propensity.Options{})
}

// binaryMethods are those of an outcome of 0 and 1 with one model for both arms.
func binaryMethods(both []Param) []Method {
	return []Method{
		define("causal", spec{name: "aipw_ate_single_outcome_model", roles: treatmentRoles, params: both, page: Page{
			Title:     "Augmented weighting with one logistic outcome model",
			When:      "A binary outcome, the treatment entering one model for both arms; Horvitz–Thompson and g-formula beside it.",
			Variant:   ownCode + "Logistic outcome model with the treatment as a column, no interaction.",
			Assumes:   eitherModel,
			Formula:   "mean of m(1,x) + t(y−m)/e − m(0,x) − (1−t)(y−m)/(1−e)",
			Reference: "Robins, Rotnitzky and Zhao (1994), doi:10.1080/01621459.1994.10476818",
			Checked:   "golden/lib.R",
			PushDown:  cellsPush,
		}}, singleModelKeys, bothModels(runSingleModel)),
		define("causal", spec{name: "ate_binary_gform_iptw_aiptw", roles: treatmentRoles, params: both, page: Page{
			Title:     "Three estimators of a risk difference",
			When:      "A binary outcome: g-formula, weighting and their combination side by side, with risks and ratios.",
			Variant:   ownCode + "One logistic outcome model with the treatment as a column; weighting is Horvitz–Thompson; errors count the estimation of both models; the ratio's by the delta method.",
			Assumes:   "No unmeasured confounding, and both treatments possible for everybody; a right outcome model for the g-formula, a right propensity model for weighting, either of them for the third.",
			Formula:   "GFORMULA mean m(a,x);  IPTW Σ y·1(A=a)/P(A=a|x)/n;  AIPTW their augmented combination",
			Reference: "Ozenne and others (2020), doi:10.1002/bimj.201800298",
			Checked:   "R package riskRegression 2022.11.28",
			PushDown:  cellsPush,
		}}, threeKeys, bothModels(runSingleModel)),
		define("causal", spec{name: "tmle_ate_binary", roles: treatmentRoles, params: both, page: Page{
			Title:     "Targeted maximum likelihood",
			When:      "As aipw_ate_single_outcome_model, with risks that stay between 0 and 1.",
			Variant:   ownCode + "Two clever covariates, logistic fluctuation, propensity not bounded, influence-curve error sd/√n.",
			Assumes:   eitherModel,
			Formula:   "logit q*ₐ = logit qₐ + εₐ/P(A=a|x)",
			Reference: "van der Laan and Rose (2011), doi:10.1007/978-1-4419-9782-1",
			Checked:   "golden/lib.R",
			PushDown:  cellsPush,
		}}, tmleKeys, bothModels(func(s twoArms, _ glm.Family) (r doublyrobust.TMLE, err error) {
			if err := binary("y", s.y); err != nil {
				return r, err
			}
			return doublyrobust.Targeted(s.Study, propensity.Options{})
		})),
	}
}

func gComputationMethods() []Method {
	return []Method{
		define("causal", spec{name: "g_computation_arm_specific", roles: treatmentRoles, params: []Param{outcomeParam, familyParam}, page: Page{
			Title:     "G-computation by arm",
			When:      "An effect under an outcome model, over everybody and over the treated.",
			Variant:   ownCode + "An outcome model in each arm, predicted for everybody; errors by M-estimation, covariates random.",
			Assumes:   "No unmeasured confounding and a right outcome model in each arm.",
			Formula:   "mean of m₁(x) − m₀(x)",
			Reference: "Snowden, Rose and Mortimer (2011), doi:10.1093/aje/kwq472",
			Checked:   "golden/lib.R",
			PushDown:  cellsPush,
		}}, gcompArmKeys, withOutcome("", func(s twoArms, family glm.Family) (doublyrobust.GComputation, error) {
			return doublyrobust.ArmSpecific(s.Study, family, propensity.Options{})
		})),
		define("causal", spec{name: "g_computation_linear", roles: treatmentRoles, params: []Param{outcomeParam}, page: Page{
			Title:     "G-computation, linear",
			When:      "As g_computation_arm_specific, with one model and textbook errors.",
			Variant:   ownCode + "Least squares of the outcome on treatment, covariates and all their products, standardised to everybody; delta-method error with the covariates fixed, and M-estimation with them random.",
			Assumes:   "No unmeasured confounding and a right outcome model.",
			Formula:   "mean of m(1,x) − m(0,x);  log ratio by the delta method",
			Reference: "Snowden, Rose and Mortimer (2011), doi:10.1093/aje/kwq472; Ge and others (2011), doi:10.1177/009286151104500409",
			Checked:   "golden/lib.R",
			PushDown:  cellsPush,
		}}, marginKeys, withOutcome("", func(s twoArms, _ glm.Family) (glm.Margins, error) {
			return doublyrobust.Standardised(s.Study, glm.Gaussian, propensity.Options{})
		})),
	}
}
