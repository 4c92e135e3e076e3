package methods

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/mixed"
)

// linearMixed is a fit with the tests of its coefficients.
type linearMixed struct {
	model   *mixed.Model
	tests   []analytics.Test
	effects []mixed.Effect
}

// mixedTest lists one number a coefficient.
func mixedTest(get func(analytics.Test) float64) func(linearMixed) any {
	return func(r linearMixed) any {
		n := Named{Names: r.model.Names}
		for _, t := range r.tests {
			n.Values = append(n.Values, get(t))
		}
		return n
	}
}

// someEffects lists the first five groups in the order of their names.
func someEffects(get func(mixed.Effect) float64) func(linearMixed) any {
	return func(r linearMixed) any {
		sorted := slices.Clone(r.effects)
		sort.Slice(sorted, func(i, j int) bool { return sorted[i].Group < sorted[j].Group })
		var n Named
		for _, e := range sorted[:min(5, len(sorted))] {
			n.Names, n.Values = append(n.Names, e.Group), append(n.Values, get(e))
		}
		return n
	}
}

var (
	mixedValues = value("estimate", ByName, func(r linearMixed) any { return Named{r.model.Names, r.model.Coef} })
	mixedErrors = value("se", ByName, mixedTest(func(t analytics.Test) float64 { return t.StdErr }))
	mixedDF     = value("df_satterthwaite", ByName, mixedTest(func(t analytics.Test) float64 { return t.DF }))
	mixedP      = value("p", ByName, mixedTest(func(t analytics.Test) float64 { return t.P }))
	betweenVar  = scalar("var_intercept", func(r linearMixed) float64 { return r.model.Variance.At(0, 0) })
	residualVar = scalar("var_residual", func(r linearMixed) float64 { return r.model.Residual })
)

var randomInterceptKeys = []key[linearMixed]{
	mixedValues, mixedErrors, mixedDF,
	value("t", ByName, mixedTest(func(t analytics.Test) float64 { return t.Statistic })),
	mixedP, betweenVar, residualVar,
	scalar("icc", func(r linearMixed) float64 { return r.model.ICC() }),
	scalar("reml_deviance", func(r linearMixed) float64 { return r.model.Deviance }),
	scalar("n_groups", func(r linearMixed) float64 { return float64(len(r.effects)) }),
	value("blup", ByName, someEffects(func(e mixed.Effect) float64 { return e.Value[0] })),
	value("blup_cond_sd", ByName, someEffects(func(e mixed.Effect) float64 { return e.StdDev[0] })),
	value("singular", Truth, func(r linearMixed) any { return r.model.Singular }),
}

var maximumLikelihoodKeys = []key[linearMixed]{
	mixedValues,
	value("se", ByName, func(r linearMixed) any { return Named{r.model.Names, fullErrors(r.model.Cov)} }),
	betweenVar, residualVar,
	scalar("loglik", func(r linearMixed) float64 { v, _, _ := r.model.LogLik(); return v }),
	scalar("aic", func(r linearMixed) float64 { _, v, _ := r.model.LogLik(); return v }),
	scalar("bic", func(r linearMixed) float64 { _, _, v := r.model.LogLik(); return v }),
	value("singular", Truth, func(r linearMixed) any { return r.model.Singular }),
}

var randomSlopeKeys = []key[linearMixed]{
	mixedValues, mixedErrors, mixedDF, mixedP, betweenVar,
	scalar("var_slope", func(r linearMixed) float64 { return r.model.Variance.At(1, 1) }),
	scalar("cov", func(r linearMixed) float64 { return r.model.Variance.At(0, 1) }),
	optional("corr", func(r linearMixed) *float64 {
		v := r.model.Variance
		if !r.model.Varies(0) || !r.model.Varies(1) {
			return nil
		}
		c := math.Max(-1, math.Min(1, v.At(0, 1)/sqrt(v.At(0, 0)*v.At(1, 1))))
		return &c
	}),
	residualVar,
	scalar("reml_deviance", func(r linearMixed) float64 { return r.model.Deviance }),
	value("singular", Truth, func(r linearMixed) any { return r.model.Singular }),
}

var kenwardRogerKeys = []key[linearMixed]{
	mixedValues,
	value("se_kr_adjusted", ByName, mixedTest(func(t analytics.Test) float64 { return t.StdErr })),
	value("df_kr", ByName, mixedTest(func(t analytics.Test) float64 { return t.DF })),
	mixedP,
}

// logisticMixed is a logistic model with a random intercept.
type logisticMixed = *mixed.Logistic

var logisticMixedKeys = []key[logisticMixed]{
	value("estimate", ByName, func(r logisticMixed) any { return Named{r.Names, r.Coef} }),
	value("se", ByName, func(r logisticMixed) any { return Named{r.Names, fullErrors(r.Cov)} }),
	scalar("var_intercept", func(r logisticMixed) float64 { return r.Variance }),
	scalar("loglik", func(r logisticMixed) float64 { return r.LogLik }),
}

var mixedFormula = []Param{{Name: "formula", Kind: Formula, Help: "an R formula with one random term, such as odi ~ arm * week + (1 | id)"}}

func mixedMethods() []Method {
	return slices.Concat(linearMixedMethods(), smallSampleMethods(), repeatedMethods(), providerEffectMethods())
}

// What the pages of linear mixed models share.
const (
	mixedPushed    = "n, Σx, Σy by group, and X′X, X′y, y′y"
	mixedEquation  = "y = Xb + Zu + e,  u ~ N(0, D) within groups"
	mixedReference = "Bates, Mächler, Bolker and Walker (2015), doi:10.18637/jss.v067.i01"
	mixedAssumes   = "Normal group effects and residuals; groups independent; missing outcomes at random given what the model holds."
)

func linearMixedMethods() []Method {
	return []Method{
		define("mixed", spec{name: "lmm_random_intercept_reml", params: mixedFormula, page: Page{
			Title:     "Linear mixed model, random intercept",
			When:      "Repeated scores of the same people, or patients within providers.",
			Variant:   "REML by the profiled likelihood with exact gradient; Satterthwaite's degrees of freedom; predicted effects with conditional standard deviations, of the first five groups by name. A variance of zero is flagged singular. Our own: no kept library has it.",
			Assumes:   mixedAssumes,
			Formula:   mixedEquation,
			Reference: mixedReference + "; Kuznetsova, Brockhoff and Christensen (2017), doi:10.18637/jss.v082.i13",
			Checked:   "R packages lme4 1.1-31 and lmerTest 3.1-3",
			PushDown:  mixedPushed,
		}}, randomInterceptKeys, func(in *Input) (r linearMixed, err error) {
			if r, err = fitMixed(in, 1, true); err != nil {
				return r, err
			}
			r.effects = r.model.Effects()
			return r, r.satterthwaite()
		}),
		define("mixed", spec{name: "lmm_random_intercept_ml", params: mixedFormula, page: Page{
			Title:     "Linear mixed model by maximum likelihood",
			When:      "To compare models of different fixed terms by their likelihood; estimate with REML.",
			Variant:   "As lmm_random_intercept_reml, unrestricted; criteria count every variance, n is the rows.",
			Assumes:   mixedAssumes,
			Formula:   mixedEquation,
			Reference: mixedReference,
			Checked:   "R package lme4 1.1-31",
			PushDown:  mixedPushed,
		}}, maximumLikelihoodKeys, func(in *Input) (linearMixed, error) { return fitMixed(in, 1, false) }),
		define("mixed", spec{name: "lmm_random_slope_reml", params: mixedFormula, page: Page{
			Title:     "Linear mixed model, random intercept and slope",
			When:      "People's own trajectories: does the average slope differ between arms?",
			Variant:   "REML, unstructured 2×2 covariance, Satterthwaite's degrees of freedom; singular fits are flagged, not failed.",
			Assumes:   mixedAssumes + " A straight line for each person.",
			Formula:   mixedEquation,
			Reference: mixedReference,
			Checked:   "R packages lme4 1.1-31 and lmerTest 3.1-3",
			PushDown:  "Z′Z, Z′X, Z′y by group, and X′X, X′y, y′y",
		}}, randomSlopeKeys, func(in *Input) (r linearMixed, err error) {
			if r, err = fitMixed(in, 2, true); err != nil {
				return r, err
			}
			return r, r.satterthwaite()
		}),
	}
}

// smallSampleMethods are the models for few people or an outcome of two values.
func smallSampleMethods() []Method {
	return []Method{
		define("mixed", spec{name: "lmm_kenward_roger", params: mixedFormula, page: Page{
			Title:     "Kenward–Roger tests of a mixed model",
			When:      "Fewer than about 200 people or few providers: small-sample errors and degrees of freedom.",
			Variant:   "REML; adjusted covariance and degrees of freedom at the expected information; one random term of one or two columns.",
			Assumes:   mixedAssumes,
			Formula:   "Φ_A = Φ + 2Φ{Σw_ab(Q_ab − P_aΦP_b)}Φ",
			Reference: "Kenward and Roger (1997), doi:10.2307/2533558",
			Checked:   "R package pbkrtest 0.5.2",
			PushDown:  mixedPushed,
		}}, kenwardRogerKeys, func(in *Input) (r linearMixed, err error) {
			if r, err = fitMixed(in, 0, true); err != nil {
				return r, err
			}
			kr, err := r.model.KenwardRoger()
			if err != nil {
				return r, err
			}
			return r, r.test(kr.Test)
		}),
		define("mixed", spec{name: "glmm_logistic_random_intercept", params: append(slices.Clone(mixedFormula), Param{Name: "nagq", Kind: Number, Help: "points of the quadrature: 1 is Laplace's approximation, 10 is enough for most data"}), page: Page{
			Title:     "Logistic mixed model",
			When:      "A person's own odds over time, or patients' odds within providers; gee_binomial answers for the average of people.",
			Variant:   "Adaptive Gauss–Hermite quadrature about each group's mode; errors from the Hessian in the coefficients and the standard deviation together.",
			Assumes:   "Normal group effects on the log odds.",
			Formula:   "logit P(y=1) = x′b + θu,  u ~ N(0,1)",
			Reference: "Pinheiro and Chao (2006), doi:10.1198/106186006X96962",
			Checked:   "R package lme4 1.1-31, glmer",
		}}, logisticMixedKeys, runLogisticMixed),
	}
}

// mixedDesign builds the designs of the one random term of the formula, of that
// many columns (0: any).
func (in *Input) mixedDesign(columns int) (*design.Matrix, design.RandomMatrix, error) {
	f, err := design.ParseMixed(in.Text("formula", ""))
	if err != nil {
		return nil, design.RandomMatrix{}, err
	}
	if len(f.Random) != 1 {
		return nil, design.RandomMatrix{}, fmt.Errorf("param formula has %d random terms, need one such as (1 | id): %w", len(f.Random), ErrRequest)
	}
	x, z, err := f.Build(in.table)
	if err != nil {
		return nil, design.RandomMatrix{}, err
	}
	if x.Y == nil {
		return nil, design.RandomMatrix{}, errNoResponse("formula")
	}
	if columns > 0 && z[0].P != columns || columns == 1 && z[0].Assign[0] != 0 {
		return nil, design.RandomMatrix{}, fmt.Errorf("param formula: the random term has %d columns, this method needs %d, the intercept first: %w", z[0].P, columns, ErrRequest)
	}
	in.leftOut += in.table.Rows() - x.N
	return x, z[0], nil
}

func fitMixed(in *Input, columns int, reml bool) (r linearMixed, err error) {
	x, z, err := in.mixedDesign(columns)
	if err != nil {
		return r, err
	}
	sums, err := mixed.FromRows(x, z.Matrix, z.Group)
	if err != nil {
		return r, err
	}
	r.model, err = mixed.Fit(sums, reml, mixed.Options{})
	return r, err
}

// test fills in the tests of every coefficient.
func (r *linearMixed) test(one func(contrast []float64, level float64) (analytics.Test, error)) error {
	for j := range r.model.Coef {
		t, err := one(r.model.Unit(j), 0.95)
		if err != nil {
			return err
		}
		r.tests = append(r.tests, t)
	}
	return nil
}

func (r *linearMixed) satterthwaite() error {
	s, err := r.model.Satterthwaite()
	if err != nil {
		return err
	}
	return r.test(s.Test)
}

func runLogisticMixed(in *Input) (logisticMixed, error) {
	x, z, err := in.mixedDesign(1)
	if err != nil {
		return nil, err
	}
	points := in.Number("nagq", 1)
	if points < 1 || points > mixed.MaxPoints || points != float64(int(points)) {
		return nil, fmt.Errorf("param nagq must be a whole number from 1 to %d: %w", mixed.MaxPoints, ErrRequest)
	}
	return mixed.FitLogistic(x, z.Group, int(points), mixed.Options{})
}
