package methods

import (
	"fmt"

	"github.com/lumbar-health/lumbar/analytics/bayes"
	"github.com/lumbar-health/lumbar/analytics/proportions"
	"github.com/lumbar-health/lumbar/analytics/twosample"
)

// factor is a Bayes factor with the scale of its prior.
type factor struct{ log, scale float64 }

var factorKeys = []key[factor]{
	scalar("log_bf10", func(r factor) float64 { return r.log }),
	scalar("rscale", func(r factor) float64 { return r.scale }),
}

// normalPosterior is the posterior of a difference of means beside its data.
type normalPosterior struct {
	difference, se, lower, upper, mcid float64
	law                                bayes.Normal
}

var normalPosteriorKeys = []key[normalPosterior]{
	scalar("difference", func(r normalPosterior) float64 { return r.difference }),
	scalar("se", func(r normalPosterior) float64 { return r.se }),
	scalar("post_mean", func(r normalPosterior) float64 { return r.law.Mean }),
	scalar("post_sd", func(r normalPosterior) float64 { return r.law.StdDev }),
	scalar("ci_low", func(r normalPosterior) float64 { return r.lower }),
	scalar("ci_high", func(r normalPosterior) float64 { return r.upper }),
	scalar("prob_lt_0", func(r normalPosterior) float64 { return r.law.Below(0) }),
	scalar("prob_lt_minus_mcid", func(r normalPosterior) float64 { return r.law.Below(-r.mcid) }),
	scalar("prob_gt_mcid", func(r normalPosterior) float64 { return r.law.Above(r.mcid) }),
	scalar("rope_prob", func(r normalPosterior) float64 { return r.law.Within(-r.mcid, r.mcid) }),
}

// betaPosteriors are the posteriors of two proportions.
type betaPosteriors struct {
	one, zero            bayes.Beta
	interval1, interval0 []float64
	exceeds              float64
}

func betaAnswer(b bayes.Beta) Named { return Named{[]string{"a", "b"}, []float64{b.A, b.B}} }

var betaKeys = []key[betaPosteriors]{
	value("post1", ByName, func(r betaPosteriors) any { return betaAnswer(r.one) }),
	value("post0", ByName, func(r betaPosteriors) any { return betaAnswer(r.zero) }),
	scalar("mean1", func(r betaPosteriors) float64 { return r.one.Mean() }),
	scalar("mean0", func(r betaPosteriors) float64 { return r.zero.Mean() }),
	value("cri1", Numbers, func(r betaPosteriors) any { return r.interval1 }),
	value("cri0", Numbers, func(r betaPosteriors) any { return r.interval0 }),
	scalar("prob_p1_gt_p0", func(r betaPosteriors) float64 { return r.exceeds }),
	scalar("mean_difference", func(r betaPosteriors) float64 { return r.one.Mean() - r.zero.Mean() }),
	scalar("sd_difference", func(r betaPosteriors) float64 { return sqrt(r.one.Variance() + r.zero.Variance()) }),
}

// linearPosterior is a conjugate linear model with its intervals.
type linearPosterior struct {
	bayes.Linear
	lower, upper []float64
}

func linearNamed(name string, get func(linearPosterior) []float64) key[linearPosterior] {
	return value(name, ByName, func(r linearPosterior) any { return Named{r.Names, get(r)} })
}

var linearPosteriorKeys = []key[linearPosterior]{
	linearNamed("mean", func(r linearPosterior) []float64 { return r.Mean }),
	linearNamed("scale", func(r linearPosterior) []float64 { return r.Scale }),
	scalar("df", func(r linearPosterior) float64 { return r.DF }),
	linearNamed("ci_low", func(r linearPosterior) []float64 { return r.lower }),
	linearNamed("ci_high", func(r linearPosterior) []float64 { return r.upper }),
	scalar("a_n", func(r linearPosterior) float64 { return r.Shape }),
	scalar("b_n", func(r linearPosterior) float64 { return r.Rate }),
	optional("sigma2_mean", func(r linearPosterior) *float64 {
		if v, ok := r.Variance(); ok {
			return &v
		}
		return nil
	}),
	scalar("log_marginal", func(r linearPosterior) float64 { return r.LogMarginal }),
}

var (
	bayesRoles      = []Role{{Name: "y", Kind: Numeric, Help: "the outcome"}, {Name: "g", Kind: Label, Help: "the group"}}
	bayesEventRoles = []Role{{Name: "ev", Kind: Numeric, Help: "the event, 1 or 0"}, {Name: "g", Kind: Label, Help: "the group"}}
	bayesLevels     = []Param{{Name: "level1", Kind: Level, Help: "the level of g that is compared"}, {Name: "level0", Kind: Level, Help: "the level of g compared with"}}
)

func bayesianMethods() []Method { return append(bayesianPosteriors(), bayesianFactors()...) }

func bayesianPosteriors() []Method {
	return []Method{
		define("bayesian", spec{name: "bayes_normal_known_variance", roles: bayesRoles, params: append([]Param{
			{Name: "prior_mean", Kind: Number, Help: "the prior mean of the difference"},
			{Name: "prior_sd", Kind: Number, Help: "its prior standard deviation"},
			{Name: "mcid", Kind: Number, Help: "the smallest difference that matters, 0 or more"},
		}, bayesLevels...), page: Page{
			Title:     "Chance that a difference matters",
			When:      "To say in words how likely an effect beyond the smallest important one is.",
			Variant:   "Normal prior of the difference of means, Welch's standard error taken as known; level1 − level0; rope is between −mcid and mcid.",
			Assumes:   "Groups large enough that the standard error is known; the prior shown.",
			Formula:   "posterior weights 1/se² and 1/sd²",
			Reference: "Gelman et al. (2013), Bayesian Data Analysis, section 2.5",
			Checked:   "the formula in R 4.2.2",
			PushDown:  "n, Σy, Σy² by group",
		}}, normalPosteriorKeys, runNormalPosterior),
		define("bayesian", spec{name: "bayes_beta_binomial", roles: bayesEventRoles, params: append([]Param{
			{Name: "a0", Kind: Number, Help: "the prior's events, 1 for a flat prior"},
			{Name: "b0", Kind: Number, Help: "the prior's non-events, 1 for a flat prior"},
		}, bayesLevels...), page: Page{
			Title:     "Posterior of two proportions",
			When:      "How likely is it that one group has more responders than the other?",
			Variant:   "The same beta prior for both groups, 95 % central intervals, P(p₁ > p₀) integrated over the logit.",
			Assumes:   "Independent people; the prior shown.",
			Formula:   "Beta(a₀+x, b₀+n−x)",
			Reference: "Gelman et al. (2013), Bayesian Data Analysis, section 2.4",
			Checked:   "R 4.2.2, stats::integrate",
			PushDown:  "n and events by group",
		}}, betaKeys, runBetaPosteriors),
		define("bayesian", spec{name: "bayes_linear_conjugate", params: append([]Param{
			{Name: "prior_sd_coef", Kind: Number, Help: "prior standard deviation of every coefficient, in residual standard deviations"},
			{Name: "a0", Kind: Number, Help: "shape of the residual variance's prior"},
			{Name: "b0", Kind: Number, Help: "rate of the residual variance's prior"},
		}, formulaParam...), page: Page{
			Title:     "Bayesian linear model",
			When:      "Adjusted effects with a prior that holds small groups back.",
			Variant:   "Normal and inverse gamma prior, conjugate: coefficients N(0, σ²·sd²), the intercept too; exact posterior, log marginal likelihood.",
			Assumes:   "As ols; the prior shown.",
			Formula:   "Λ = X′X + I/sd²,  mean = Λ⁻¹X′y,  b_n = b₀ + (y′y − mean′X′y)/2",
			Reference: "Gelman et al. (2013), Bayesian Data Analysis, chapter 14",
			Checked:   "R 4.2.2, matrix algebra",
			PushDown:  "X′X, X′y, y′y",
		}}, linearPosteriorKeys, runLinearPosterior),
	}
}

func bayesianFactors() []Method {
	return []Method{
		define("bayesian", spec{name: "bayes_factor_t", roles: bayesRoles, params: bayesLevels, page: Page{
			Title:     "Bayes factor of two means",
			When:      "Do the data speak for no difference, or are they merely few?",
			Variant:   "Jeffreys–Zellner–Siow: Cauchy prior of the standardised difference, scale √2/2; natural logarithm, above 0 for a difference. Integrated over ln g, written here: no kept library has it.",
			Assumes:   "Normal values of one variance in both groups.",
			Formula:   "BF₁₀ = p(t | g)/p(t | 0) averaged over g ~ inverse gamma(½, r²/2)",
			Reference: "Rouder et al. (2009), doi:10.3758/PBR.16.2.225",
			Checked:   "R package BayesFactor 0.9.12-4.4",
			PushDown:  "n, Σy, Σy² by group",
		}}, factorKeys, func(in *Input) (r factor, err error) {
			one, zero, err := groups(in)
			if err != nil {
				return r, err
			}
			t, err := twosample.Pooled(one, zero, twosample.Options{})
			if err != nil {
				return r, err
			}
			r.scale = bayes.MediumScale
			r.log, err = bayes.TwoSampleFactor(t.T, int(one.N), int(zero.N), r.scale)
			return r, err
		}),
		define("bayesian", spec{name: "bayes_factor_2x2", roles: bayesEventRoles, params: bayesLevels, page: Page{
			Title:     "Bayes factor of two proportions",
			When:      "As bayes_factor_t, for responders.",
			Variant:   "Gunel and Dickey, group sizes fixed (independent multinomials), every cell's prior 1, the columns' 1; natural logarithm.",
			Assumes:   "Independent people.",
			Formula:   "BF₁₀ = Π_r D(y_r+1)/D(1) ÷ D(y_·+1)/D(1),  D(x) = ΠΓ(x)/Γ(Σx)",
			Reference: "Gunel and Dickey (1974), doi:10.1093/biomet/61.3.545; Jamil et al. (2017), doi:10.3758/s13428-016-0739-8",
			Checked:   "R package BayesFactor 0.9.12-4.4",
			PushDown:  "n and events by group",
		}}, factorKeys[:1], func(in *Input) (r factor, err error) {
			one, zero, err := twoCounts(in, "ev")
			if err != nil {
				return r, err
			}
			r.log, err = bayes.TableFactor([][]float64{
				{float64(one.Events), float64(one.N - one.Events)},
				{float64(zero.Events), float64(zero.N - zero.Events)},
			}, 1)
			return r, err
		}),
	}
}

func runNormalPosterior(in *Input) (r normalPosterior, err error) {
	one, zero, err := groups(in)
	if err != nil {
		return r, err
	}
	t, err := twosample.WelchTest(one, zero, twosample.Options{})
	if err != nil {
		return r, err
	}
	r.difference, r.se, r.mcid = t.Difference, t.StdErr, in.Number("mcid", 0)
	if r.mcid < 0 {
		return r, fmt.Errorf("param mcid must be 0 or more: %w", ErrRequest)
	}
	prior := bayes.Normal{Mean: in.Number("prior_mean", 0), StdDev: in.Number("prior_sd", 0)}
	if r.law, err = prior.Update(r.difference, r.se); err != nil {
		return r, err
	}
	r.lower, r.upper, err = r.law.Interval(0.95)
	return r, err
}

func runBetaPosteriors(in *Input) (r betaPosteriors, err error) {
	one, zero, err := twoCounts(in, "ev")
	if err != nil {
		return r, err
	}
	prior := bayes.Beta{A: in.Number("a0", 0), B: in.Number("b0", 0)}
	for _, each := range []struct {
		counts   proportions.Count
		law      *bayes.Beta
		interval *[]float64
	}{{one, &r.one, &r.interval1}, {zero, &r.zero, &r.interval0}} {
		if *each.law, err = prior.Update(float64(each.counts.Events), float64(each.counts.N)); err != nil {
			return r, err
		}
		lower, upper, err := each.law.Interval(0.95)
		if err != nil {
			return r, err
		}
		*each.interval = []float64{lower, upper}
	}
	r.exceeds, err = r.one.Exceeds(r.zero)
	return r, err
}

func runLinearPosterior(in *Input) (r linearPosterior, err error) {
	m, err := in.Design("formula")
	if err != nil {
		return r, err
	}
	g, err := bayes.GramOfRows(m)
	if err != nil {
		return r, err
	}
	r.Linear, err = bayes.ConjugateLinear(g, bayes.LinearPrior{CoefSD: in.Number("prior_sd_coef", 0), Shape: in.Number("a0", 0), Rate: in.Number("b0", 0)})
	if err != nil {
		return r, err
	}
	for j := range r.Mean {
		lower, upper, err := r.Interval(j, 0.95)
		if err != nil {
			return r, err
		}
		r.lower, r.upper = append(r.lower, lower), append(r.upper, upper)
	}
	return r, nil
}
