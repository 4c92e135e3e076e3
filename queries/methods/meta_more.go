package methods

import (
	"errors"
	"fmt"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/bayes"
	"github.com/lumbar-health/lumbar/analytics/meta"
)

// diagnostics are the checks of a meta-analysis. Tests that the sites do not
// allow are nil.
type diagnostics struct {
	egger, eggerRandom, begg *meta.Asymmetry
	leaveOneOut              []meta.Pooled
	shrunken                 []meta.Shrunken
	filled                   meta.Filled
}

// ofTest is a field of a test that may be absent.
func ofTest(name string, test func(diagnostics) *meta.Asymmetry, field func(meta.Asymmetry) float64) key[diagnostics] {
	return optional(name, func(r diagnostics) *float64 {
		t := test(r)
		if t == nil {
			return nil
		}
		v := field(*t)
		return &v
	})
}

// listNumbers takes one number of each element.
func listNumbers[T any](list []T, get func(T) float64) []float64 {
	out := make([]float64, len(list))
	for i, v := range list {
		out[i] = get(v)
	}
	return out
}

var diagnosticsKeys = func() []key[diagnostics] {
	egger := func(r diagnostics) *meta.Asymmetry { return r.egger }
	random := func(r diagnostics) *meta.Asymmetry { return r.eggerRandom }
	begg := func(r diagnostics) *meta.Asymmetry { return r.begg }
	statistic := func(t meta.Asymmetry) float64 { return t.Statistic }
	p := func(t meta.Asymmetry) float64 { return t.P }
	return []key[diagnostics]{
		ofTest("egger_lm_t", egger, statistic), ofTest("egger_lm_df", egger, func(t meta.Asymmetry) float64 { return t.DF }), ofTest("egger_lm_p", egger, p),
		ofTest("egger_rma_z", random, statistic), ofTest("egger_rma_p", random, p),
		ofTest("begg_tau", begg, statistic), ofTest("begg_p", begg, p),
		value("leave1out_estimate", Numbers, func(r diagnostics) any {
			return listNumbers(r.leaveOneOut, func(p meta.Pooled) float64 { return p.Value })
		}),
		value("leave1out_tau2", Numbers, func(r diagnostics) any {
			return listNumbers(r.leaveOneOut, func(p meta.Pooled) float64 { return p.Tau2 })
		}),
		value("blup", Numbers, func(r diagnostics) any {
			return listNumbers(r.shrunken, func(s meta.Shrunken) float64 { return s.Value })
		}),
		value("blup_se", Numbers, func(r diagnostics) any {
			return listNumbers(r.shrunken, func(s meta.Shrunken) float64 { return s.StdErr })
		}),
		scalar("trimfill_k0", func(r diagnostics) float64 { return float64(r.filled.Missing) }),
		value("trimfill_side", Word, func(r diagnostics) any { return r.filled.Side }),
		scalar("trimfill_estimate", func(r diagnostics) float64 { return r.filled.Pooled.Value }),
	}
}()

// metaRegression is the fit with normal tests and with Hartung–Knapp's.
type metaRegression struct{ plain, knapp meta.Regression }

func regressionList(r meta.Regression, get func(meta.Coefficient) float64) []float64 {
	return listNumbers(r.Coefficients, get)
}

var metaRegressionKeys = []key[metaRegression]{
	value("estimate", ByName, func(r metaRegression) any {
		n := Named{Values: regressionList(r.plain, func(c meta.Coefficient) float64 { return c.Value })}
		for _, c := range r.plain.Coefficients {
			n.Names = append(n.Names, c.Name)
		}
		return n
	}),
	value("se", Numbers, func(r metaRegression) any {
		return regressionList(r.plain, func(c meta.Coefficient) float64 { return c.StdErr })
	}),
	scalar("tau2", func(r metaRegression) float64 { return r.plain.Tau2 }),
	scalar("QM", func(r metaRegression) float64 { return r.plain.QM }),
	scalar("QM_p", func(r metaRegression) float64 { return r.plain.QMP }),
	scalar("QE", func(r metaRegression) float64 { return r.plain.QE }),
	scalar("QE_p", func(r metaRegression) float64 { return r.plain.QEP }),
	scalar("R2", func(r metaRegression) float64 { return r.plain.R2 }),
	scalar("I2", func(r metaRegression) float64 { return r.plain.I2 }),
	value("knha_se", Numbers, func(r metaRegression) any {
		return regressionList(r.knapp, func(c meta.Coefficient) float64 { return c.StdErr })
	}),
	value("knha_p", Numbers, func(r metaRegression) any {
		return regressionList(r.knapp, func(c meta.Coefficient) float64 { return c.P })
	}),
	scalar("knha_F", func(r metaRegression) float64 { return r.knapp.QM }),
	scalar("knha_F_p", func(r metaRegression) float64 { return r.knapp.QMP }),
}

// binaryMeasure is one measure of the tables, pooled in two ways.
type binaryMeasure struct {
	yi, vi []float64
	pooled meta.Pooled
	common *meta.CommonEffect
}

// binaryMeasures are all of them.
type binaryMeasures struct {
	by   map[meta.Measure]binaryMeasure
	peto *meta.CommonEffect
}

var binaryMeasureKeys = func() []key[binaryMeasures] {
	var keys []key[binaryMeasures]
	for _, m := range []meta.Measure{meta.RiskRatio, meta.OddsRatio, meta.RiskDifference} {
		keys = append(keys, value(string(m), Object, func(r binaryMeasures) any {
			b := r.by[m]
			return append(Answer{{"yi", b.yi}, {"vi", b.vi}, {"dl_estimate", b.pooled.Value}, {"dl_se", b.pooled.StdErr}, {"dl_tau2", b.pooled.Tau2}, {"dl_I2", b.pooled.I2}},
				commonAnswer(b.common, "mh_estimate", "mh_se", "mh_Q")...)
		}))
	}
	return append(keys, value("peto_log_or", Object, func(r binaryMeasures) any {
		return commonAnswer(r.peto, "estimate", "se", "Q")
	}))
}()

// commonAnswer names a common effect; one that the tables do not allow is null.
func commonAnswer(c *meta.CommonEffect, value, stdErr, q string) Answer {
	if c == nil {
		return Answer{{value, nil}, {stdErr, nil}, {q, nil}}
	}
	return Answer{{value, c.Value}, {stdErr, c.StdErr}, {q, c.Q}}
}

var bayesMetaKeys = []key[bayes.RandomEffects]{
	scalar("mu_mean", func(r bayes.RandomEffects) float64 { return r.Mean }),
	scalar("mu_sd", func(r bayes.RandomEffects) float64 { return r.StdDev }),
	scalar("mu_median", func(r bayes.RandomEffects) float64 { return r.Median }),
	scalar("mu_q025", func(r bayes.RandomEffects) float64 { return r.Lower }),
	scalar("mu_q975", func(r bayes.RandomEffects) float64 { return r.Upper }),
	scalar("prob_mu_gt_0", func(r bayes.RandomEffects) float64 { return r.AboveZero }),
	scalar("tau_mean", func(r bayes.RandomEffects) float64 { return r.TauMean }),
	scalar("tau_sd", func(r bayes.RandomEffects) float64 { return r.TauStdDev }),
	scalar("log_marginal_likelihood", func(r bayes.RandomEffects) float64 { return r.LogMarginal }),
	value("shrinkage_mean", Numbers, func(r bayes.RandomEffects) any { return r.Sites }),
}

func metaMoreMethods() []Method {
	return []Method{
		define("meta analysis", spec{name: "meta_diagnostics", roles: siteRoles, page: Page{
			Title:     "Checks of a meta-analysis",
			When:      "Does the pooled result hang on one site, or do small sites differ from large ones?",
			Variant:   "Egger's slope by weighted least squares and in a REML model; Begg's rank correlation, exact without ties; each site left out, REML; best linear unbiased predictions, REML; trim and fill, L0 with DerSimonian–Laird. A test that the sites do not allow (equal variances) is null. Written here: no kept library has them.",
			Assumes:   "Three sites or more; the tests say little under ten.",
			Formula:   "Egger: y = b₀ + b₁√v, weights 1/v",
			Reference: "Egger et al. (1997), doi:10.1136/bmj.315.7109.629; Begg and Mazumdar (1994), doi:10.2307/2533446; Duval and Tweedie (2000), doi:10.1111/j.0006-341X.2000.00455.x",
			Checked:   "R package metafor 3.8-1",
			PushDown:  "none: works on the sites' estimates",
		}}, diagnosticsKeys, runDiagnostics),
		define("meta analysis", spec{name: "meta_regression", roles: append(append([]Role(nil), siteRoles...), Role{Name: "mod", Kind: Numeric, Help: "what the sites differ by, such as mean deprivation"}), page: Page{
			Title:     "Meta-regression",
			When:      "Does a trait of the sites go with their results?",
			Variant:   "Mixed-effects model, one moderator and an intercept, τ² by REML; normal tests and Hartung–Knapp's by t and F with k−2. R² against τ² without the moderator, 0 where that is 0.",
			Assumes:   "As meta_REML; a trait of sites says nothing of a trait of people.",
			Formula:   "yᵢ = b₀ + b₁xᵢ + uᵢ + eᵢ,  weights 1/(vᵢ+τ²)",
			Reference: "Thompson and Higgins (2002), doi:10.1002/sim.1187; Knapp and Hartung (2003), doi:10.1002/sim.1482",
			Checked:   "R package metafor 3.8-1",
			PushDown:  "none: works on the sites' estimates",
		}}, metaRegressionKeys, func(in *Input) (r metaRegression, err error) {
			moderators, names := [][]float64{in.Numbers("mod")}, []string{"mod"}
			if r.plain, err = meta.Regress(in.Numbers("yi"), in.Numbers("vi"), moderators, names, meta.Options{}); err != nil {
				return r, err
			}
			r.knapp, err = meta.Regress(in.Numbers("yi"), in.Numbers("vi"), moderators, names, meta.Options{HartungKnapp: true})
			return r, err
		}),
		define("meta analysis", spec{name: "meta_binary_measures", roles: []Role{
			{Name: "ai", Kind: Numeric, Help: "events in group 1"}, {Name: "n1i", Kind: Numeric, Help: "people in group 1"},
			{Name: "ci", Kind: Numeric, Help: "events in group 0"}, {Name: "n2i", Kind: Numeric, Help: "people in group 0"},
		}, page: Page{
			Title:     "Pooled risk ratio, odds ratio and risk difference",
			When:      "Responders by arm at several sites.",
			Variant:   "Ratios on the log scale. Inverse variance with DerSimonian–Laird, a half added to the cells of tables with a zero; Mantel–Haenszel without correction (its Q with it, tables without events or without non-events left out); Peto's odds ratio. What too few events leave undefined is null.",
			Assumes:   "Independent sites and people; one effect for Mantel–Haenszel and Peto.",
			Formula:   "OR_MH = Σ(ad/n)/Σ(bc/n);  Peto: Σ(O−E)/ΣV",
			Reference: "Robins, Breslow and Greenland (1986), doi:10.2307/2531052; Sato, Greenland and Robins (1989), doi:10.2307/2531787; Yusuf et al. (1985), doi:10.1016/S0033-0620(85)80003-7",
			Checked:   "R package metafor 3.8-1",
			PushDown:  "people and events by site and arm",
		}}, binaryMeasureKeys, runBinaryMeasures),
		define("meta analysis", spec{name: "bayes_random_effects_meta", roles: siteRoles, params: []Param{
			{Name: "tau_prior", Kind: Record, Help: `the prior of τ: {"family": "half_normal" or "half_cauchy", "scale": a number in the estimates' unit}`},
			{Name: "mu_prior", Kind: Text, Optional: true, OneOf: []string{"flat"}, Help: "the prior of the mean effect"},
		}, page: Page{
			Title:     "Bayesian random effects",
			When:      "Few regions: a prior keeps the variance between them from being guessed as nothing.",
			Variant:   "Flat prior of μ, half-normal or half-Cauchy of τ (not cut off); normal given τ, τ integrated over its logarithm. Half-normal 0.5 suits standardised differences and log ratios, half-Cauchy points of a score.",
			Assumes:   "As meta_REML; the prior shown. Two sites or more, three with half-Cauchy.",
			Formula:   "p(μ, τ | y) ∝ p(τ)·Π N(yᵢ; μ, vᵢ+τ²)",
			Reference: "Röver (2020), doi:10.18637/jss.v093.i06; Gelman (2006), doi:10.1214/06-BA117A",
			Checked:   "integration by Simpson's rule in R 4.2.2",
			PushDown:  "none: works on the sites' estimates",
		}}, bayesMetaKeys, runBayesMeta),
	}
}

func runDiagnostics(in *Input) (r diagnostics, err error) {
	yi, vi := in.Numbers("yi"), in.Numbers("vi")
	if len(yi) < 3 {
		return r, fmt.Errorf("%d sites, need 3: %w", len(yi), analytics.ErrTooFewObservations)
	}
	for _, each := range []struct {
		into **meta.Asymmetry
		test func(yi, vi []float64) (meta.Asymmetry, error)
	}{{&r.egger, meta.Egger}, {&r.eggerRandom, meta.EggerRandom}, {&r.begg, meta.Begg}} {
		t, err := each.test(yi, vi)
		switch {
		case errors.Is(err, analytics.ErrCollinear), errors.Is(err, analytics.ErrZeroVariance): // equal variances: no test
		case err != nil:
			return r, err
		default:
			*each.into = &t
		}
	}
	if r.leaveOneOut, err = meta.LeaveOneOut(yi, vi, meta.Options{}); err != nil {
		return r, err
	}
	if _, r.shrunken, err = meta.Shrink(yi, vi, meta.Options{}); err != nil {
		return r, err
	}
	r.filled, err = meta.TrimAndFill(yi, vi)
	return r, err
}

func runBinaryMeasures(in *Input) (r binaryMeasures, err error) {
	a, n1, c, n0 := in.Numbers("ai"), in.Numbers("n1i"), in.Numbers("ci"), in.Numbers("n2i")
	tables := make([]meta.TwoByTwo, len(a))
	for i := range tables {
		tables[i] = meta.TwoByTwo{Events1: a[i], N1: n1[i], Events0: c[i], N0: n0[i]}
	}
	r.by = map[meta.Measure]binaryMeasure{}
	for _, m := range []meta.Measure{meta.RiskRatio, meta.OddsRatio, meta.RiskDifference} {
		var b binaryMeasure
		if b.yi, b.vi, err = meta.Effects(tables, m); err != nil {
			return r, err
		}
		if b.pooled, err = meta.Random(b.yi, b.vi, meta.Options{Method: meta.DL}); err != nil {
			return r, err
		}
		if b.common, err = unlessTooFew(meta.MantelHaenszel(tables, m)); err != nil {
			return r, err
		}
		r.by[m] = b
	}
	r.peto, err = unlessTooFew(meta.Peto(tables))
	return r, err
}

// unlessTooFew makes a common effect that has no answer for want of events nil.
func unlessTooFew(c meta.CommonEffect, err error) (*meta.CommonEffect, error) {
	if errors.Is(err, analytics.ErrZeroVariance) {
		return nil, nil
	}
	return &c, err
}

func runBayesMeta(in *Input) (bayes.RandomEffects, error) {
	prior := in.Record("tau_prior")
	family, isText := prior["family"].(string)
	scale, isNumber := prior["scale"].(float64)
	if !isText || !isNumber {
		return bayes.RandomEffects{}, fmt.Errorf(`param tau_prior must be {"family": "half_normal" or "half_cauchy", "scale": a number}: %w`, ErrRequest)
	}
	return bayes.MetaRandomEffects(in.Numbers("yi"), in.Numbers("vi"), bayes.TauPrior{Family: bayes.Family(family), Scale: scale}, 0.95)
}
