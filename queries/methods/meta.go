package methods

import (
	"github.com/lumbar-health/lumbar/analytics/meta"
)

type pooled = meta.Pooled

// knapp is a Hartung–Knapp result with the ad hoc one beside it.
type knapp struct{ pooled, adHoc pooled }

func pooledKeys[R any](get func(R) pooled, prediction bool) []key[R] {
	of := func(name string, field func(pooled) float64) key[R] {
		return scalar(name, func(r R) float64 { return field(get(r)) })
	}
	keys := []key[R]{
		of("k", func(p pooled) float64 { return float64(p.K) }),
		of("estimate", func(p pooled) float64 { return p.Value }),
		of("se", func(p pooled) float64 { return p.StdErr }),
		of("stat", func(p pooled) float64 { return p.Statistic }),
		of("p", func(p pooled) float64 { return p.P }),
		of("ci_low", func(p pooled) float64 { return p.Lower }),
		of("ci_high", func(p pooled) float64 { return p.Upper }),
		of("tau2", func(p pooled) float64 { return p.Tau2 }),
		optional("se_tau2", func(r R) *float64 { return get(r).Tau2StdErr }),
		of("I2", func(p pooled) float64 { return p.I2 }),
		of("H2", func(p pooled) float64 { return p.H2 }),
		of("Q", func(p pooled) float64 { return p.Q }),
		of("Q_df", func(p pooled) float64 { return p.QDF }),
		of("Q_p", func(p pooled) float64 { return p.QP }),
	}
	if !prediction {
		return keys
	}
	return append(keys,
		optional("pi_low", func(r R) *float64 { return get(r).PredictionLower }),
		optional("pi_high", func(r R) *float64 { return get(r).PredictionUpper }))
}

var knappKeys = append(pooledKeys(func(r knapp) pooled { return r.pooled }, true),
	scalar("df", func(r knapp) float64 { return r.pooled.DF }),
	scalar("adhoc_se", func(r knapp) float64 { return r.adHoc.StdErr }),
	scalar("adhoc_ci_low", func(r knapp) float64 { return r.adHoc.Lower }),
	scalar("adhoc_ci_high", func(r knapp) float64 { return r.adHoc.Upper }),
	scalar("adhoc_p", func(r knapp) float64 { return r.adHoc.P }),
)

var qBasedKeys = []key[meta.PredictionByQ]{
	scalar("I2_Q_based", func(r meta.PredictionByQ) float64 { return r.I2 }),
	scalar("pi_t_km2_low", func(r meta.PredictionByQ) float64 { return r.LowerKm2 }),
	scalar("pi_t_km2_high", func(r meta.PredictionByQ) float64 { return r.UpperKm2 }),
	scalar("pi_t_km1_low", func(r meta.PredictionByQ) float64 { return r.LowerKm1 }),
	scalar("pi_t_km1_high", func(r meta.PredictionByQ) float64 { return r.UpperKm1 }),
	value("weights_pct", Numbers, func(r meta.PredictionByQ) any { return r.Weights }),
}

var heterogeneityKeys = []key[meta.Heterogeneity]{
	value("table", Table, func(h meta.Heterogeneity) any {
		return Matrix{
			Rows: []string{"tau^2", "tau", "I^2(%)", "H^2"}, Cols: []string{"estimate", "ci.lb", "ci.ub"},
			Values: [][]float64{{h.Tau2, h.Lower, h.Upper}, {h.Tau, h.TauLower, h.TauUpper}, {h.I2, h.I2Lower, h.I2Upper}, {h.H2, h.H2Lower, h.H2Upper}},
		}
	}),
}

var siteRoles = []Role{
	{Name: "yi", Kind: Numeric, Help: "each site's estimate"},
	{Name: "vi", Kind: Numeric, Help: "its sampling variance, the standard error squared"},
}

// estimators are the tau² of each meta_ method with what its page says of it.
var estimators = []struct {
	method           meta.Method
	title, reference string
}{
	{meta.FE, "Fixed-effect pooling", "Hedges and Olkin (1985), Statistical Methods for Meta-Analysis"},
	{meta.DL, "Random effects, DerSimonian–Laird", "DerSimonian and Laird (1986), doi:10.1016/0197-2456(86)90046-2"},
	{meta.REML, "Random effects, REML", "Viechtbauer (2005), doi:10.3102/10769986030003261"},
	{meta.ML, "Random effects, maximum likelihood", "Hardy and Thompson (1996), doi:10.1002/(SICI)1097-0258(19960330)15:6<619::AID-SIM188>3.0.CO;2-A"},
	{meta.PM, "Random effects, Paule–Mandel", "Paule and Mandel (1982), doi:10.6028/jres.087.022"},
	{meta.HE, "Random effects, Hedges", "Hedges and Olkin (1985), Statistical Methods for Meta-Analysis"},
	{meta.SJ, "Random effects, Sidik–Jonkman", "Sidik and Jonkman (2005), doi:10.1111/j.1467-9876.2005.00489.x"},
	{meta.HS, "Random effects, Hunter–Schmidt", "Hunter and Schmidt (2004), Methods of Meta-Analysis"},
	{meta.EB, "Random effects, empirical Bayes", "Morris (1983), doi:10.1080/01621459.1983.10477920"},
}

const pooling = "μ = Σwᵢyᵢ/Σwᵢ,  wᵢ = 1/(vᵢ+τ²)"

func metaMethods() []Method {
	var out []Method
	for _, e := range estimators {
		page := Page{
			Title:     e.title,
			When:      "Pooling the same comparison over regions or sites.",
			Variant:   "Normal interval; I² and H² from τ² and the typical sampling variance; prediction interval μ ± z√(se²+τ²), as metafor's for z tests.",
			Assumes:   "Independent sites, sampling variances known. With few sites prefer a Hartung–Knapp interval.",
			Formula:   pooling,
			Reference: e.reference,
			Checked:   "R package metafor 3.8-1",
			PushDown:  "none: works on the sites' estimates",
		}
		if e.method == meta.FE {
			page.Variant = "Inverse-variance weights, τ² = 0; I² from Q."
			page.Assumes = "One true effect at every site, sampling variances known."
		}
		out = append(out, define("meta analysis", spec{name: "meta_" + string(e.method), roles: siteRoles, page: page},
			pooledKeys(func(p pooled) pooled { return p }, e.method != meta.FE),
			func(in *Input) (pooled, error) {
				return meta.Random(in.Numbers("yi"), in.Numbers("vi"), meta.Options{Method: e.method})
			}))
	}
	for _, m := range []meta.Method{meta.DL, meta.REML, meta.PM} {
		out = append(out, knappMethod(m))
	}
	return append(out, heterogeneityMethods()...)
}

func knappMethod(m meta.Method) Method {
	return define("meta analysis", spec{name: "meta_" + string(m) + "_hartung_knapp", roles: siteRoles, page: Page{
		Title:     "Random effects, " + string(m) + " with Hartung–Knapp",
		When:      "The pooled row of a comparison by region; REML is the product's default.",
		Variant:   "Standard error times √q, q = Σwᵢ(yᵢ−μ)²/(k−1), t with k−1; the adhoc keys use max(1, q). Prediction interval by t with k−1.",
		Assumes:   "Independent sites. q may make the interval shorter than the ordinary one: then read the adhoc keys.",
		Formula:   pooling + ",  se² = q/Σwᵢ",
		Reference: "Hartung and Knapp (2001), doi:10.1002/sim.791; Röver, Knapp and Friede (2015), doi:10.1186/s12874-015-0091-1",
		Checked:   "R package metafor 3.8-1",
		PushDown:  "none: works on the sites' estimates",
	}}, knappKeys, func(in *Input) (r knapp, err error) {
		yi, vi := in.Numbers("yi"), in.Numbers("vi")
		if r.pooled, err = meta.Random(yi, vi, meta.Options{Method: m, HartungKnapp: true}); err != nil {
			return r, err
		}
		r.adHoc, err = meta.Random(yi, vi, meta.Options{Method: m, HartungKnapp: true, AdHoc: true})
		return r, err
	})
}

func heterogeneityMethods() []Method {
	return []Method{
		define("meta analysis", spec{name: "meta_DL_q_based", roles: siteRoles, page: Page{
			Title:     "I² from Q and t prediction intervals",
			When:      "To compare with RevMan and older reports.",
			Variant:   "I² = max(0, (Q−df)/Q); DerSimonian–Laird prediction intervals by t with k−2 (Higgins) and k−1.",
			Assumes:   "As meta_DL; three sites or more.",
			Formula:   "μ ± t·√(τ²+se²)",
			Reference: "Higgins, Thompson and Spiegelhalter (2009), doi:10.1111/j.1467-985X.2008.00552.x",
			Checked:   "R package metafor 3.8-1",
			PushDown:  "none: works on the sites' estimates",
		}}, qBasedKeys, func(in *Input) (meta.PredictionByQ, error) {
			return meta.QBased(in.Numbers("yi"), in.Numbers("vi"), 0.95)
		}),
		define("meta analysis", spec{name: "meta_tau2_confint", roles: siteRoles, page: Page{
			Title:     "Interval of the between-site variance",
			When:      "How much do sites differ, and how well is that known?",
			Variant:   "REML estimate, Q-profile limits, not cut off above.",
			Assumes:   "As meta_REML.",
			Formula:   "Q(τ²) = χ²(k−1) quantiles",
			Reference: "Viechtbauer (2007), doi:10.1002/sim.2514",
			Checked:   "R package metafor 3.8-1",
			PushDown:  "none: works on the sites' estimates",
		}}, heterogeneityKeys, func(in *Input) (meta.Heterogeneity, error) {
			return meta.Tau2Interval(in.Numbers("yi"), in.Numbers("vi"), meta.Options{})
		}),
	}
}
