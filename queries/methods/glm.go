package methods

import (
	"math"
	"slices"

	"github.com/lumbar-health/lumbar/analytics/cells"
	"github.com/lumbar-health/lumbar/analytics/glm"
	"github.com/lumbar-health/lumbar/analytics/linear"
)

const glmFamily = "generalised linear models"

// cellSums is what the store sums for every model of this family.
const cellSums = "n, Σy, Σy² by covariate pattern, once"

// tested lists every coefficient of a model under a covariance.
func tested(m *glm.Model, cov linear.Sym) (coefficients, error) {
	c := coefficients{names: m.Names}
	for k := range m.Coef {
		t, err := m.Estimate(k, cov, 0.95)
		if err != nil {
			return c, err
		}
		c.tests = append(c.tests, t)
	}
	return c, nil
}

// normalDF is what tables of a Wald test print as degrees of freedom: those of
// the normal law.
func normalDF[R any](R) float64 { return math.Inf(1) }

// fitModel fits the formula's model over the table's rows.
func fitModel(in *Input, family glm.Family) (*glm.Model, error) {
	m, err := withResponse(in, "formula")
	if err != nil {
		return nil, err
	}
	return glm.Fit(cells.FromRows(m), family, glm.Options{})
}

// logisticResult is a logistic regression with all that is printed of it.
type logisticResult struct {
	coefficients
	model       *glm.Model
	logLik      float64
	performance glm.Performance
	ratio       linear.ChiTest
	robust      Named
}

var logisticKeys = append(coefficientKeys(func(r logisticResult) coefficients { return r.coefficients }),
	limit("df", normalDF[logisticResult]),
	scalar("deviance", func(r logisticResult) float64 { return r.model.Deviance }),
	scalar("null_deviance", func(r logisticResult) float64 { return r.model.NullDeviance }),
	scalar("loglik", func(r logisticResult) float64 { return r.logLik }),
	scalar("aic", func(r logisticResult) float64 { return 2 * (float64(r.model.P) - r.logLik) }),
	optional("lr_chi2", func(r logisticResult) *float64 { return given(r.ratio.DF > 0, r.ratio.Statistic) }),
	optional("lr_df", func(r logisticResult) *float64 { return given(r.ratio.DF > 0, r.ratio.DF) }),
	optional("lr_p", func(r logisticResult) *float64 { return given(r.ratio.DF > 0, r.ratio.P) }),
	scalar("c_statistic", func(r logisticResult) float64 { return r.performance.CStatistic }),
	scalar("brier", func(r logisticResult) float64 { return r.performance.Brier }),
	scalar("mcfadden", func(r logisticResult) float64 { return r.performance.McFadden }),
	scalar("nagelkerke", func(r logisticResult) float64 { return r.performance.Nagelkerke }),
	value("se_HC0", ByName, func(r logisticResult) any { return r.robust }),
	scalar("mean_fitted", func(r logisticResult) float64 { return r.performance.MeanFitted }),
)

// interval is a pair of limits a coefficient, interpolated and exact.
type interval struct {
	names               []string
	low, high           []float64
	exactLow, exactHigh []float64
}

var intervalKeys = []key[interval]{
	value("ci_low", ByName, func(r interval) any { return Named{r.names, r.low} }),
	value("ci_high", ByName, func(r interval) any { return Named{r.names, r.high} }),
	value("exact_low", ByName, func(r interval) any { return Named{r.names, r.exactLow} }),
	value("exact_high", ByName, func(r interval) any { return Named{r.names, r.exactHigh} }),
}

var calibrationKeys = []key[glm.Calibration]{
	scalar("chi2", func(c glm.Calibration) float64 { return c.ChiSquared }),
	scalar("df", func(c glm.Calibration) float64 { return c.DF }),
	scalar("p", func(c glm.Calibration) float64 { return c.P }),
	value("observed", Numbers, func(c glm.Calibration) any { return c.Observed }),
	value("expected", Numbers, func(c glm.Calibration) any { return c.Expected }),
	value("n", Numbers, func(c glm.Calibration) any { return c.N }),
}

// plainKeys are the estimate and standard error alone.
var plainKeys = []key[*glm.Model]{
	value("estimate", ByName, func(m *glm.Model) any { return Named{m.Names, m.Coef} }),
	value("se", ByName, func(m *glm.Model) any { return errorsOf(m.Names, m.Cov) }),
}

// clusteredModel is a model with the errors that clusters give it.
type clusteredModel struct {
	model    *glm.Model
	clusters int
	se       map[linear.CRKind]Named
}

var clusteredModelKeys = []key[clusteredModel]{
	value("estimate", ByName, func(r clusteredModel) any { return Named{r.model.Names, r.model.Coef} }),
	scalar("n_clusters", func(r clusteredModel) float64 { return float64(r.clusters) }),
	value("se_CR0", ByName, func(r clusteredModel) any { return r.se[linear.CR0] }),
	value("se_CR1", ByName, func(r clusteredModel) any { return r.se[linear.CR1] }),
	value("se_CR2_clubsandwich", ByName, func(r clusteredModel) any { return r.se[linear.CR2] }),
}

func glmMethods() []Method {
	return slices.Concat(logisticMethods(), rareAndClusteredMethods(), oneModelMethods(), marginMethods(), countMethods(), categoryMethods())
}

// logisticMethods are the models of a yes or no.
func logisticMethods() []Method {
	return []Method{
		define(glmFamily, spec{name: "logistic_regression", params: formulaParam, page: Page{
			Title:     "Logistic regression",
			When:      "Adjusted comparison of a yes or no, such as reaching the goal; the effect is an odds ratio. For risks see g_computation_binary.",
			Variant:   "Maximum likelihood by Fisher scoring to 1e-8 of a standard error; Wald intervals on the normal law; HC0 beside; likelihood-ratio test of all covariates; ties in the C-statistic count half. Our own code: no kept library fits one from sums.",
			Assumes:   "Independent people; log odds linear in the covariates.",
			Formula:   "logit P(y=1) = x′b,  V = (X′WX)⁻¹, W = μ(1−μ);  HC0: V·Σ(y−μ)²xx′·V",
			Reference: "McCullagh and Nelder (1989), doi:10.1007/978-1-4899-3242-6; Nagelkerke (1991), doi:10.1093/biomet/78.3.691",
			Checked:   "R 4.2.2, stats::glm; R packages sandwich 3.0-2 and pROC 1.18.0",
			PushDown:  cellSums,
		}}, logisticKeys, runLogistic),
		define(glmFamily, spec{name: "logistic_profile_likelihood_ci", params: formulaParam, page: Page{
			Title:     "Profile likelihood intervals of a logistic regression",
			When:      "Few outcomes or a small group: Wald intervals are then too symmetric.",
			Variant:   "exact_low and exact_high are solved for by Brent's method on the signed root of the profile: use those. ci_low and ci_high are read off a spline through a grid of it, as MASS prints them, about 1e-4 of a standard error away.",
			Assumes:   "As logistic_regression.",
			Formula:   "2(ℓ(b̂) − max ℓ(b | bⱼ = limit)) = χ²₁ at 0.95",
			Reference: "Venzon and Moolgavkar (1988), doi:10.2307/2347496",
			Checked:   "R package MASS 7.3-58.2, confint.glm",
			PushDown:  cellSums,
		}}, intervalKeys, runProfile),
		define(glmFamily, spec{name: "hosmer_lemeshow", params: formulaParam, page: Page{
			Title:     "Hosmer–Lemeshow table",
			When:      "Do predicted and seen numbers agree from low to high risk? Read the table before the test.",
			Variant:   "Tenths by type-7 quantiles of the fitted risk, closed on the right, equal cuts joined; groups − 2 degrees of freedom.",
			Assumes:   "As logistic_regression. Its result depends on the cuts: it is a check, not a proof.",
			Formula:   "χ² = Σ (O−E)²/(E(1−E/n))",
			Reference: "Hosmer and Lemeshow (1980), doi:10.1080/03610928008827941",
			Checked:   "R 4.2.2, quantile and cut of the fitted values of stats::glm",
			PushDown:  cellSums,
		}}, calibrationKeys, func(in *Input) (c glm.Calibration, err error) {
			m, err := fitModel(in, glm.Binomial)
			if err != nil {
				return c, err
			}
			return m.HosmerLemeshow()
		}),
	}
}

// rareAndClusteredMethods are logistic models of few outcomes, and of patients
// who belong together.
func rareAndClusteredMethods() []Method {
	return []Method{
		define(glmFamily, spec{name: "logistic_firth", params: formulaParam, page: Page{
			Title:     "Firth's logistic regression",
			When:      "A rare outcome, or a group in which nobody or everybody has it.",
			Variant:   "Jeffreys penalty on the likelihood (AS_mean), which for the logit is Firth's score; errors from the information at the estimate.",
			Assumes:   "As logistic_regression.",
			Formula:   "Σ (y − μ + h(½−μ))x = 0,  h the leverage",
			Reference: "Firth (1993), doi:10.1093/biomet/80.1.27; Heinze and Schemper (2002), doi:10.1002/sim.1047",
			Checked:   "R package brglm2 0.9",
			PushDown:  cellSums,
		}}, plainKeys, func(in *Input) (*glm.Model, error) {
			m, err := withResponse(in, "formula")
			if err != nil {
				return nil, err
			}
			data, _ := cells.FromRows(m).Collapse()
			return glm.Firth(data, glm.Options{})
		}),
		define(glmFamily, spec{name: "logistic_cluster_robust", params: formulaParam, roles: []Role{{Name: "cl", Kind: Label, Help: "the cluster, such as provider"}}, page: Page{
			Title:     "Logistic regression with clustered errors",
			When:      "A yes or no of patients of the same provider or region.",
			Variant:   "CR0; CR1 = G/(G−1), as Stata's logit; CR2 as clubSandwich for a GLM: design μ′x, working weight 1/V, target variance V, response residuals.",
			Assumes:   "Independent clusters; with few of them prefer CR2.",
			Formula:   "V = A⁻¹·Σ_g v_gv_g′·A⁻¹,  A = X′WX",
			Reference: "Pustejovsky and Tipton (2018), doi:10.1080/07350015.2016.1247004",
			Checked:   "R packages sandwich 3.0-2 and clubSandwich 0.5.8",
			PushDown:  cellSums + ", the cluster in the pattern",
		}}, clusteredModelKeys, runClusteredModel),
	}
}

func runLogistic(in *Input) (r logisticResult, err error) {
	if r.model, err = fitModel(in, glm.Binomial); err != nil {
		return r, err
	}
	if r.coefficients, err = tested(r.model, r.model.Cov); err != nil {
		return r, err
	}
	r.logLik, _ = r.model.LogLik()
	r.robust = errorsOf(r.model.Names, r.model.HC0())
	if r.model.P > 1 {
		if r.ratio, err = r.model.LikelihoodRatio(); err != nil {
			return r, err
		}
	}
	r.performance, err = r.model.Performance()
	return r, err
}

func runProfile(in *Input) (r interval, err error) {
	m, err := withResponse(in, "formula")
	if err != nil {
		return r, err
	}
	data, _ := cells.FromRows(m).Collapse()
	model, err := glm.Fit(data, glm.Binomial, glm.Options{})
	if err != nil {
		return r, err
	}
	r.names = model.Names
	for k := range model.Coef {
		low, high, err := model.ProfileInterval(k, 0.95)
		if err != nil {
			return r, err
		}
		r.exactLow, r.exactHigh = append(r.exactLow, low), append(r.exactHigh, high)
		if low, high, err = model.ProfileInterpolated(k, 0.95); err != nil {
			return r, err
		}
		r.low, r.high = append(r.low, low), append(r.high, high)
	}
	return r, nil
}

func runClusteredModel(in *Input) (r clusteredModel, err error) {
	m, err := withResponse(in, "formula")
	if err != nil {
		return r, err
	}
	if r.model, err = glm.Fit(cells.FromRows(m), glm.Binomial, glm.Options{}); err != nil {
		return r, err
	}
	clusters, err := r.model.Cluster(codesOf(in.Labels("cl"), m))
	if err != nil {
		return r, err
	}
	r.clusters, r.se = clusters.Count(), map[linear.CRKind]Named{}
	for _, k := range []linear.CRKind{linear.CR0, linear.CR1, linear.CR2} {
		cov, err := clusters.Covariance(k)
		if err != nil {
			return r, err
		}
		r.se[k] = errorsOf(m.Names, cov)
	}
	return r, nil
}
