package methods

import (
	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/mixed"
)

// providerEffects is a mixed model of the providers.
type providerEffects struct {
	model   *mixed.Model
	effects []mixed.Effect
}

func effectsBy(get func(mixed.Effect) float64) func(providerEffects) any {
	return func(r providerEffects) any {
		out := make([]float64, len(r.effects))
		for i, e := range r.effects {
			out[i] = get(e)
		}
		return out
	}
}

var providerEffectKeys = []key[providerEffects]{
	value("provider", Names, func(r providerEffects) any { return r.model.Groups }),
	value("blup", Numbers, effectsBy(func(e mixed.Effect) float64 { return e.Value[0] })),
	value("cond_sd", Numbers, effectsBy(func(e mixed.Effect) float64 { return e.StdDev[0] })),
	scalar("var_provider", func(r providerEffects) float64 { return r.model.Variance.At(0, 0) }),
	scalar("var_residual", func(r providerEffects) float64 { return r.model.Residual }),
	scalar("icc", func(r providerEffects) float64 { return r.model.ICC() }),
	value("fixed", ByName, func(r providerEffects) any { return Named{r.model.Names, r.model.Coef} }),
	value("singular", Truth, func(r providerEffects) any { return r.model.Singular }),
}

// shrunkenRates is the providers' rates pulled toward their common law.
type shrunkenRates struct {
	providers []string
	law       mixed.BetaBinomial
	rates     []analytics.Estimate
}

func (r shrunkenRates) list(get func(analytics.Estimate) float64) any {
	out := make([]float64, len(r.rates))
	for i, e := range r.rates {
		out[i] = get(e)
	}
	return out
}

var shrunkenRateKeys = []key[shrunkenRates]{
	value("provider", Names, func(r shrunkenRates) any { return r.providers }),
	scalar("alpha", func(r shrunkenRates) float64 { return r.law.Alpha }),
	scalar("beta", func(r shrunkenRates) float64 { return r.law.Beta }),
	scalar("mean", func(r shrunkenRates) float64 { return r.law.Mean }),
	scalar("M", func(r shrunkenRates) float64 { return r.law.Strength }),
	scalar("negloglik_kernel", func(r shrunkenRates) float64 { return r.law.NegLogLik }),
	value("shrunken", Numbers, func(r shrunkenRates) any { return r.list(func(e analytics.Estimate) float64 { return e.Value }) }),
	value("low_95", Numbers, func(r shrunkenRates) any { return r.list(func(e analytics.Estimate) float64 { return e.Lower }) }),
	value("high_95", Numbers, func(r shrunkenRates) any { return r.list(func(e analytics.Estimate) float64 { return e.Upper }) }),
}

func providerEffectMethods() []Method {
	return []Method{
		define("provider profiling", spec{name: "provider_random_effect", roles: providerRole, params: caseMixFormula, page: Page{
			Title:     "Providers as random effects",
			When:      "The best guess of each provider's effect from one model of all patients, small providers pulled toward the mean.",
			Variant:   "Case-mix model with a random intercept for the provider, REML; predictions with conditional standard deviations. A variance of zero is flagged singular.",
			Assumes:   "Providers' effects are normal and independent of their case mix.",
			Formula:   "u_j = τ²·Σ(y−x′b)/(σ²+n_jτ²)",
			Reference: "Bates, Mächler, Bolker and Walker (2015), doi:10.18637/jss.v067.i01; Morris (1983), doi:10.1080/01621459.1983.10477920",
			Checked:   "R package lme4 1.1-31, ranef",
			PushDown:  "n, Σx, Σy by provider, and X′X, X′y, y′y",
		}}, providerEffectKeys, runProviderEffects),
		define("provider profiling", spec{name: "beta_binomial_empirical_bayes", roles: append([]Role{{Name: "y", Kind: Numeric, Help: "the outcome, 1 or 0"}}, providerRole...), page: Page{
			Title:     "Shrunken provider rates",
			When:      "The best guess of each provider's rate: small providers pulled toward the national one. No case mix.",
			Variant:   "Beta-binomial by maximum likelihood; posterior mean and equal-tailed 95 % limits, the law's own uncertainty left out.",
			Assumes:   "Providers' true rates follow one beta law; patients alike.",
			Formula:   "(α+o)/(α+β+n)",
			Reference: "Casella (1985), doi:10.1080/00031305.1985.10479400",
			Checked:   "R 4.2.2, optim and nlm on the same likelihood",
			PushDown:  "n, Σy by provider",
		}}, shrunkenRateKeys, runShrunkenRates),
	}
}

func runProviderEffects(in *Input) (r providerEffects, err error) {
	x, err := withResponse(in, "formula_cm")
	if err != nil {
		return r, err
	}
	constant, err := design.Parse("~ 1")
	if err != nil {
		return r, err
	}
	used := in.table.Select(x.Rows)
	z, err := constant.Build(used)
	if err != nil {
		return r, err
	}
	provider, _ := used.Column(in.roles["pr"])
	sums, err := mixed.FromRows(x, z, design.AsFactor(provider))
	if err != nil {
		return r, err
	}
	if r.model, err = mixed.Fit(sums, true, mixed.Options{}); err != nil {
		return r, err
	}
	r.effects = r.model.Effects()
	return r, nil
}

func runShrunkenRates(in *Input) (r shrunkenRates, err error) {
	providers, counts, err := countEvents(in)
	if err != nil {
		return r, err
	}
	events, people := make([]float64, len(counts)), make([]float64, len(counts))
	for k, c := range counts {
		events[k], people[k] = float64(c.Events), float64(c.N)
	}
	if r.law, err = mixed.FitBetaBinomial(events, people, mixed.Options{}); err != nil {
		return r, err
	}
	r.providers = providers
	for k := range events {
		e, err := r.law.Posterior(events[k], people[k], 0.95)
		if err != nil {
			return r, err
		}
		r.rates = append(r.rates, e)
	}
	return r, nil
}
