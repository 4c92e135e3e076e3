package methods

import (
	"fmt"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/casemix"
	"github.com/lumbar-health/lumbar/analytics/funnel"
	"github.com/lumbar-health/lumbar/analytics/linear"
	"github.com/lumbar-health/lumbar/analytics/meta"
)

type profile = casemix.Result

// units lists one number a provider.
func units(get func(casemix.Unit) float64) func(profile) any {
	return func(r profile) any {
		out := make([]float64, len(r.Units))
		for i, u := range r.Units {
			out[i] = get(u)
		}
		return out
	}
}

func providerNames(r profile) []string {
	out := make([]string, len(r.Units))
	for i, u := range r.Units {
		out[i] = u.Name
	}
	return out
}

var caseMixKeys = []key[profile]{
	value("provider", Names, func(r profile) any { return providerNames(r) }),
	value("n", Numbers, units(func(u casemix.Unit) float64 { return float64(u.N) })),
	value("observed", Numbers, units(func(u casemix.Unit) float64 { return u.MeanFollowUp })),
	value("expected", Numbers, units(func(u casemix.Unit) float64 { return u.MeanExpected })),
	scalar("national_mean", func(r profile) float64 { return r.NationalFollowUp }),
	value("adjusted", Numbers, units(func(u casemix.Unit) float64 { return u.AdjustedFollowUp })),
	scalar("residual_sigma", func(r profile) float64 { return r.Sigma }),
	value("z", Numbers, units(func(u casemix.Unit) float64 { return u.Z })),
	value("ctrl_low_95", Numbers, units(func(u casemix.Unit) float64 { return u.Limits.Lower95 })),
	value("ctrl_high_95", Numbers, units(func(u casemix.Unit) float64 { return u.Limits.Upper95 })),
	value("ctrl_low_998", Numbers, units(func(u casemix.Unit) float64 { return u.Limits.Lower998 })),
	value("ctrl_high_998", Numbers, units(func(u casemix.Unit) float64 { return u.Limits.Upper998 })),
	value("outlier_998", Names, func(r profile) any {
		out := []string{}
		for _, u := range r.Units {
			if u.Outlier == funnel.AlarmLow || u.Outlier == funnel.AlarmHigh {
				out = append(out, u.Name)
			}
		}
		return out
	}),
}

// overdispersion is a funnel's dispersion, winsorised and truncated.
type overdispersion struct {
	providers             []string
	winsorised, truncated funnel.Dispersion
}

var overdispersionKeys = []key[overdispersion]{
	value("provider", Names, func(r overdispersion) any { return r.providers }),
	value("z", Numbers, func(r overdispersion) any { return r.winsorised.Z }),
	value("z_winsorised", Numbers, func(r overdispersion) any { return r.winsorised.Trimmed }),
	scalar("phi", func(r overdispersion) float64 { return r.winsorised.Phi }),
	scalar("tau2_additive", func(r overdispersion) float64 { return r.winsorised.Tau2 }),
	value("z_multiplicative", Numbers, func(r overdispersion) any { return r.winsorised.Multiplicative }),
	value("z_additive", Numbers, func(r overdispersion) any { return r.winsorised.Additive }),
	scalar("phi_truncated", func(r overdispersion) float64 { return r.truncated.Phi }),
	scalar("tau2_truncated", func(r overdispersion) float64 { return r.truncated.Tau2 }),
}

// shrinkage is the providers' differences pulled toward their mean.
type shrinkage struct {
	providers []string
	reml      meta.Pooled
	dl        meta.Pooled
	units     []meta.Shrunken
	variances []float64
}

func (s shrinkage) list(get func(meta.Shrunken) float64) []float64 {
	out := make([]float64, len(s.units))
	for i, u := range s.units {
		out[i] = get(u)
	}
	return out
}

var shrinkageKeys = []key[shrinkage]{
	value("provider", Names, func(r shrinkage) any { return r.providers }),
	scalar("tau2_reml", func(r shrinkage) float64 { return r.reml.Tau2 }),
	scalar("tau2_dl", func(r shrinkage) float64 { return r.dl.Tau2 }),
	scalar("grand_mean", func(r shrinkage) float64 { return r.reml.Value }),
	value("shrunken", Numbers, func(r shrinkage) any { return r.list(func(u meta.Shrunken) float64 { return u.Value }) }),
	value("shrunken_se_with_mu_uncertainty", Numbers, func(r shrinkage) any { return r.list(func(u meta.Shrunken) float64 { return u.StdErr }) }),
	value("reliability", Numbers, func(r shrinkage) any { return r.list(func(u meta.Shrunken) float64 { return u.Reliability }) }),
	value("eb_simple", Numbers, func(r shrinkage) any { return r.list(func(u meta.Shrunken) float64 { return u.Value }) }),
	value("eb_posterior_sd", Numbers, func(r shrinkage) any {
		out := make([]float64, len(r.units))
		for i, u := range r.units {
			out[i] = sqrt(u.Reliability * r.variances[i])
		}
		return out
	}),
}

var caseMixFormula = []Param{{Name: "formula_cm", Kind: Formula, Help: "the case-mix model as an R formula, the outcome on the left"}}

var providerRole = []Role{{Name: "pr", Kind: Label, Help: "the provider"}}

func profilingMethods() []Method {
	const pushed = "X′X, X′y, y′y, then n, Σx, Σy by provider"
	return append(binomialMethods(),
		define("provider profiling", spec{name: "case_mix_adjusted_health_gain", roles: providerRole, params: caseMixFormula, page: Page{
			Title:     "Case-mix adjusted health gain",
			When:      "Comparing providers whose patients differ.",
			Variant:   "NHS PROMs: adjusted = observed − expected + national mean; limits national ± z·σ/√n at 95 % (1.959964) and 99.8 % (3.090232), σ with n−p; without over-dispersion. Every provider is given, however small: callers apply the 30-record rule.",
			Assumes:   "The case-mix model holds at every provider; what it lacks stays in the difference.",
			Formula:   "d_j = mean_j(y−ŷ),  z_j = d_j/(σ/√n_j)",
			Reference: "Department of Health (2012), Patient Reported Outcome Measures in England: the case-mix adjustment methodology",
			Checked:   "R 4.2.2, stats::lm; NHS Digital's provider table of 2016/17 for the published-prediction rule",
			PushDown:  pushed,
		}}, caseMixKeys, runCaseMix),
		define("provider profiling", spec{name: "funnel_overdispersion", roles: providerRole, params: caseMixFormula, page: Page{
			Title:     "Funnel with over-dispersion, adjusted means",
			When:      "Before calling a provider an outlier: are providers more spread than chance and case mix explain?",
			Variant:   "φ over z winsorised at 10 % (type-7 quantiles); additive τ² (default) and multiplicative √φ; truncated by rank beside it. Print which was used.",
			Assumes:   "Most providers are in control.",
			Formula:   "φ = Σz²/k,  τ² = max(0, (kφ−(k−1))/(Σw−Σw²/Σw)),  w = n/σ²",
			Reference: "Spiegelhalter (2005), doi:10.1136/qshc.2005.013755",
			Checked:   "golden/lib.R; FunnelPlotR's vectors of domain 4.2",
			PushDown:  pushed,
		}}, overdispersionKeys, runOverdispersion),
		define("provider profiling", spec{name: "provider_shrinkage", roles: providerRole, params: caseMixFormula, page: Page{
			Title:     "Shrunken provider differences",
			When:      "The best guess of each provider's difference, small ones pulled toward the mean.",
			Variant:   "Normal–normal, τ² by REML over d_j with variance σ²/n_j; DerSimonian–Laird beside it.",
			Assumes:   "Providers' true differences are normal.",
			Formula:   "μ + r_j(d_j−μ),  r_j = τ²/(τ²+σ²/n_j)",
			Reference: "Morris (1983), doi:10.1080/01621459.1983.10477920",
			Checked:   "R package metafor 3.8-1, blup",
			PushDown:  pushed,
		}}, shrinkageKeys, runShrinkage),
		define("provider profiling", spec{name: "icc_oneway", roles: append([]Role{{Name: "y", Kind: Numeric, Help: "the outcome"}}, providerRole...), page: Page{
			Title:     "Intraclass correlation between providers",
			When:      "How much of the spread of outcomes lies between providers? For planning and for design effects.",
			Variant:   "Analysis of variance; n₀ for unequal sizes; may be negative.",
			Assumes:   "Independent people within providers.",
			Formula:   "(MSB−MSW)/(MSB+(n₀−1)MSW)",
			Reference: "Donner (1986), doi:10.2307/1403259",
			Checked:   "R 4.2.2, stats::anova",
			PushDown:  "n, Σy, Σy² by provider",
		}}, oneWayKeys, runOneWay))
}

var oneWayKeys = []key[linear.OneWay]{
	scalar("msb", func(r linear.OneWay) float64 { return r.Between }),
	scalar("msw", func(r linear.OneWay) float64 { return r.Within }),
	scalar("n0", func(r linear.OneWay) float64 { return r.N0 }),
	scalar("icc_anova", func(r linear.OneWay) float64 { return r.ICC }),
	scalar("F", func(r linear.OneWay) float64 { return r.F }),
}

func runOneWay(in *Input) (linear.OneWay, error) {
	labels := in.Labels("pr")
	groups, err := linear.Groups(in.Numbers("y"), labels.Codes, len(labels.Levels))
	if err != nil {
		return linear.OneWay{}, err
	}
	return linear.ICC(groups)
}

// runCaseMix fits the model over rows and averages by provider. The response
// is taken as it is: sign 1, no baseline.
func runCaseMix(in *Input) (profile, error) {
	fit, err := fitRows(in, "formula_cm")
	if err != nil {
		return profile{}, err
	}
	labels := in.Labels("pr")
	r, err := casemix.FromRows(fit, casemix.Provider{Names: labels.Levels, Codes: codesOf(labels, fit.Design)}, nil, nil, 1)
	if err == nil && len(r.Units) < 2 {
		return r, fmt.Errorf("one provider, nothing to compare: %w", analytics.ErrTooFewObservations)
	}
	return r, err
}

// differences are the providers' mean residuals and their standard errors.
func differences(r profile) (d, se []float64) {
	for _, u := range r.Units {
		d = append(d, u.Difference)
		se = append(se, r.Sigma/sqrt(float64(u.N)))
	}
	return d, se
}

func runOverdispersion(in *Input) (overdispersion, error) {
	r, err := runCaseMix(in)
	if err != nil {
		return overdispersion{}, err
	}
	d, se := differences(r)
	out := overdispersion{providers: providerNames(r)}
	if out.winsorised, err = funnel.Overdispersion(d, se, 0, funnel.Winsorise); err != nil {
		return out, err
	}
	out.truncated, err = funnel.Overdispersion(d, se, 0, funnel.Truncate)
	return out, err
}

func runShrinkage(in *Input) (shrinkage, error) {
	r, err := runCaseMix(in)
	if err != nil {
		return shrinkage{}, err
	}
	d, se := differences(r)
	out := shrinkage{providers: providerNames(r)}
	for _, s := range se {
		out.variances = append(out.variances, s*s)
	}
	if out.reml, out.units, err = meta.Shrink(d, out.variances, meta.Options{Method: meta.REML}); err != nil {
		return out, err
	}
	out.dl, err = meta.Random(d, out.variances, meta.Options{Method: meta.DL})
	return out, err
}
