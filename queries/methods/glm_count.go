package methods

import (
	"math"
	"sort"

	"github.com/lumbar-health/lumbar/analytics/cells"
	"github.com/lumbar-health/lumbar/analytics/glm"
)

// countResult is a Poisson regression with what says whether it fits.
type countResult struct {
	coefficients
	model   *glm.Model
	logLik  float64
	pearson float64
}

// dispersion is Pearson's χ² over the residual degrees of freedom.
func (r countResult) dispersion() float64 { return r.pearson / (r.model.N - float64(r.model.P)) }

var countKeys = append(coefficientKeys(func(r countResult) coefficients { return r.coefficients }),
	limit("df", normalDF[countResult]),
	scalar("deviance", func(r countResult) float64 { return r.model.Deviance }),
	scalar("loglik", func(r countResult) float64 { return r.logLik }),
	scalar("pearson_chi2", func(r countResult) float64 { return r.pearson }),
	scalar("dispersion", countResult.dispersion),
	value("se_quasi", ByName, func(r countResult) any {
		return errorsOf(r.names, r.model.Cov.Scale(r.dispersion()))
	}),
	value("se_HC0", ByName, func(r countResult) any { return errorsOf(r.names, r.model.HC0()) }),
)

var negativeBinomialKeys = []key[*glm.NegativeBinomialFit]{
	value("estimate", ByName, func(m *glm.NegativeBinomialFit) any { return Named{m.Names, m.Coef} }),
	value("se", ByName, func(m *glm.NegativeBinomialFit) any { return errorsOf(m.Names, m.Cov) }),
	scalar("theta", func(m *glm.NegativeBinomialFit) float64 { return m.Theta }),
	scalar("se_theta", func(m *glm.NegativeBinomialFit) float64 { return m.StdErrTheta }),
	scalar("loglik", func(m *glm.NegativeBinomialFit) float64 { return m.LogLikelihood }),
}

// countMethods are the models of a number of events.
func countMethods() []Method {
	return []Method{
		define(glmFamily, spec{name: "poisson_regression", params: formulaParam, page: Page{
			Title:     "Poisson regression",
			When:      "Adjusted comparison of a count, such as visits; the effect is a log rate ratio.",
			Variant:   "Maximum likelihood, log link; model-based errors, quasi-Poisson errors (× Pearson's dispersion) and HC0 beside. With a dispersion far above 1 read the last two.",
			Assumes:   "Independent people; log rate linear in the covariates; equal time at risk.",
			Formula:   "log E(y) = x′b,  dispersion = Σ(y−μ)²/μ/(n−p)",
			Reference: "McCullagh and Nelder (1989), doi:10.1007/978-1-4899-3242-6",
			Checked:   "R 4.2.2, stats::glm; R package sandwich 3.0-2",
			PushDown:  cellSums + "; Σy·log y and Σlog y! for deviance and log-likelihood",
		}}, countKeys, func(in *Input) (r countResult, err error) {
			if r.model, err = fitModel(in, glm.Poisson); err != nil {
				return r, err
			}
			r.logLik, _ = r.model.LogLik()
			r.pearson = r.model.Pearson()
			r.coefficients, err = tested(r.model, r.model.Cov)
			return r, err
		}),
		define(glmFamily, spec{name: "negative_binomial", params: formulaParam, page: Page{
			Title:     "Negative binomial regression",
			When:      "Counts that vary more than Poisson's, such as visits: few people with many.",
			Variant:   "NB2: variance μ + μ²/theta, theta by maximum likelihood in turns with the coefficients, its error from the observed information.",
			Assumes:   "Independent people; log rate linear in the covariates; rates of people alike but for a gamma factor.",
			Formula:   "ℓ = Σ log Γ(θ+y)/Γ(θ)y! + θ log θ + yη − (y+θ)log(μ+θ)",
			Reference: "Venables and Ripley (2002), doi:10.1007/978-0-387-21706-2",
			Checked:   "R package MASS 7.3-58.2",
			PushDown:  cellSums + "; how often each count occurred",
		}}, negativeBinomialKeys, runNegativeBinomial),
	}
}

func runNegativeBinomial(in *Input) (*glm.NegativeBinomialFit, error) {
	m, err := withResponse(in, "formula")
	if err != nil {
		return nil, err
	}
	values, people := occurrencesOf(m.Y)
	data, _ := cells.FromRows(m).Collapse()
	return glm.FitNegativeBinomial(data, values, people, glm.Options{})
}

// occurrencesOf lists the distinct values, ascending, and how often each occurs.
func occurrencesOf(y []float64) (values, people []float64) {
	sorted := append([]float64(nil), y...)
	sort.Float64s(sorted)
	for _, v := range sorted {
		if k := len(values); k > 0 && values[k-1] == v && !math.IsNaN(v) {
			people[k-1]++
			continue
		}
		values, people = append(values, v), append(people, 1)
	}
	return values, people
}
