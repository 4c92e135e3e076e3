package methods

import (
	"fmt"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/describe"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/linear"
	"github.com/lumbar-health/lumbar/analytics/sensitivity"
	"github.com/lumbar-health/lumbar/analytics/twosample"
)

// negativeControl is an effect on an outcome that the treatment cannot change.
type negativeControl struct {
	unadjusted, adjusted analytics.Test
}

var negativeControlKeys = []key[negativeControl]{
	scalar("unadjusted", func(r negativeControl) float64 { return r.unadjusted.Value }),
	scalar("unadjusted_se_HC3", func(r negativeControl) float64 { return r.unadjusted.StdErr }),
	scalar("adjusted", func(r negativeControl) float64 { return r.adjusted.Value }),
	scalar("adjusted_se_HC3", func(r negativeControl) float64 { return r.adjusted.StdErr }),
	scalar("p_adjusted", func(r negativeControl) float64 { return r.adjusted.P }),
}

// ancovaResult is the treatment's coefficient under two covariances.
type ancovaResult struct {
	estimate, classical, hc3 float64
}

var ancovaKeys = []key[ancovaResult]{
	scalar("estimate", func(r ancovaResult) float64 { return r.estimate }),
	scalar("se_classical", func(r ancovaResult) float64 { return r.classical }),
	scalar("se_HC3", func(r ancovaResult) float64 { return r.hc3 }),
}

var unadjustedKeys = []key[welch]{
	scalar("estimate", func(r welch) float64 { return r.Difference }),
	scalar("se", func(r welch) float64 { return r.StdErr }),
}

var treatmentRoles = []Role{
	{Name: "y", Kind: Numeric, Help: "the outcome"},
	{Name: "tr", Kind: Numeric, Help: "the treatment, 1 treated and 0 control"},
}

// confounding is how strong an unmeasured confounder would have to be.
type confounding struct {
	difference, stdErr, sd float64
	value                  sensitivity.EValue
}

var confoundingKeys = []key[confounding]{
	scalar("adjusted_difference", func(r confounding) float64 { return r.difference }),
	scalar("se", func(r confounding) float64 { return r.stdErr }),
	scalar("sd_pooled", func(r confounding) float64 { return r.sd }),
	scalar("d", func(r confounding) float64 { return r.difference / r.sd }),
	scalar("rr_approx", func(r confounding) float64 { return r.value.Ratio }),
	scalar("rr_low", func(r confounding) float64 { return r.value.Lower }),
	scalar("rr_high", func(r confounding) float64 { return r.value.Upper }),
	scalar("e_value", func(r confounding) float64 { return r.value.Estimate }),
	scalar("e_value_ci", func(r confounding) float64 { return r.value.Limit }),
}

func causalMethods() []Method {
	return []Method{
		define("causal", spec{name: "e_value_continuous", roles: treatmentRoles, params: []Param{{Name: "formula_y", Kind: Formula, Help: "the covariates as a one-sided R formula, such as ~ odi_baseline + age"}}, page: Page{
			Title:     "E-value",
			When:      "Beside an adjusted effect: how strongly would something unmeasured have to be tied to treatment and outcome to explain it.",
			Variant:   "The adjusted difference (least squares, model-based error) over the pooled standard deviation of the arms, turned into an approximate risk ratio; interval ±1.78 standard errors; 1 where the interval has 1 inside.",
			Assumes:   "The conversion from a mean difference assumes a roughly normal outcome.",
			Formula:   "RR ≈ exp(0.91·d),  E = RR + √(RR(RR−1))",
			Reference: "VanderWeele and Ding (2017), doi:10.7326/M16-2607",
			Checked:   "golden/lib.R",
			PushDown:  "X′X, X′y, y′y; n, Σy, Σy² by arm",
		}}, confoundingKeys, runConfounding),
		define("causal", spec{name: "unadjusted_difference", roles: treatmentRoles, page: Page{
			Title:     "Unadjusted difference",
			When:      "Beside every adjusted estimate, to show what adjustment did.",
			Variant:   "Mean of treated − mean of control, Welch's standard error.",
			Assumes:   "Comparable groups: only a random allocation makes it an effect.",
			Formula:   "x̄₁ − x̄₀,  se = √(s₁²/n₁+s₀²/n₀)",
			Reference: "Welch (1947), doi:10.1093/biomet/34.1-2.28",
			Checked:   "R 4.2.2, stats::t.test",
			PushDown:  "n, Σy, Σy² by arm",
		}}, unadjustedKeys, runUnadjusted),
		define("causal", spec{name: "ancova", roles: treatmentRoles, params: []Param{{Name: "formula_y", Kind: Formula, Help: "the covariates as a one-sided R formula, such as ~ odi_baseline + age"}}, page: Page{
			Title:     "Analysis of covariance",
			When:      "The default effect of a trial, and the first adjusted comparison of an observational one.",
			Variant:   "Outcome on treatment and covariates by least squares, one coefficient for the treatment; HC3 errors beside the model's.",
			Assumes:   "A linear mean with the same treatment effect for everybody; no unmeasured confounding unless randomised.",
			Formula:   "y = τ·t + x′b + e",
			Reference: "Vickers and Altman (2001), doi:10.1136/bmj.323.7321.1123; MacKinnon and White (1985), doi:10.1016/0304-4076(85)90158-7",
			Checked:   "R 4.2.2, stats::lm; R package sandwich 3.0-2",
			PushDown:  "X′X, X′y, y′y, then Σwᵢeᵢ²xᵢxᵢ′",
		}}, ancovaKeys, runANCOVA),
		define("causal", spec{name: "negative_control_outcome", roles: []Role{{Name: "nc", Kind: Numeric, Help: "an outcome that the treatment cannot change"}, treatmentRoles[1]},
			params: []Param{{Name: "formula_adj", Kind: Formula, Help: "the covariates as a one-sided R formula"}}, page: Page{
				Title:     "Negative control outcome",
				When:      "A check of an adjusted comparison: an effect where none is possible shows what adjustment missed.",
				Variant:   "The same adjusted model on the control outcome, HC3 errors, t with n−p; unadjusted beside it.",
				Assumes:   "The control outcome has the confounders of the real one.",
				Formula:   "nc = τ·t + x′b + e",
				Reference: "Lipsitch, Tchetgen Tchetgen and Cohen (2010), doi:10.1097/EDE.0b013e3181d61eeb",
				Checked:   "R 4.2.2, stats::lm; R package sandwich 3.0-2",
				PushDown:  "X′X, X′y, y′y, then Σwᵢeᵢ²xᵢxᵢ′",
			}}, negativeControlKeys, func(in *Input) (r negativeControl, err error) {
			if r.unadjusted, _, err = adjusted(in, "nc", "~ 1"); err != nil {
				return r, err
			}
			r.adjusted, _, err = adjusted(in, "nc", in.Text("formula_adj", ""))
			return r, err
		}),
	}
}

func runUnadjusted(in *Input) (welch, error) {
	treated := in.Numbers("tr")
	if err := binary("tr", treated); err != nil {
		return welch{}, err
	}
	var arms [2][]float64
	y := in.Numbers("y")
	for i, t := range treated {
		arms[int(t)] = append(arms[int(t)], y[i])
	}
	g1, err := twosample.FromRows(arms[1])
	if err != nil {
		return welch{}, fmt.Errorf("treated: %w", err)
	}
	g0, err := twosample.FromRows(arms[0])
	if err != nil {
		return welch{}, fmt.Errorf("control: %w", err)
	}
	return twosample.WelchTest(g1, g0, twosample.Options{})
}

func runConfounding(in *Input) (r confounding, err error) {
	t, classical, err := adjusted(in, "y", in.Text("formula_y", ""))
	if err != nil {
		return r, err
	}
	s, err := in.study("", "formula_y", nil)
	if err != nil {
		return r, err
	}
	if r.sd, err = pooledDeviation(s); err != nil {
		return r, err
	}
	r.difference, r.stdErr = t.Value, classical
	r.value, err = sensitivity.MeanDifference(r.difference/r.sd, r.stdErr/r.sd)
	return r, err
}

// pooledDeviation is the standard deviation within the arms.
func pooledDeviation(s twoArms) (float64, error) {
	var arms [2][]float64
	for i, t := range s.Treated {
		k := 0
		if t {
			k = 1
		}
		arms[k] = append(arms[k], s.y[i])
	}
	var squares float64
	for _, y := range arms {
		_, sd, err := describe.MeanSD(y)
		if err != nil {
			return 0, err
		}
		squares += float64(len(y)-1) * sd * sd
	}
	if squares == 0 {
		return 0, fmt.Errorf("role y: the outcome is the same within each arm: %w", analytics.ErrZeroVariance)
	}
	return sqrt(squares / float64(len(s.y)-2)), nil
}

func runANCOVA(in *Input) (ancovaResult, error) {
	t, classical, err := adjusted(in, "y", in.Text("formula_y", ""))
	return ancovaResult{t.Value, classical, t.StdErr}, err
}

// adjusted fits an outcome on the treatment and covariates and returns the
// treatment's coefficient with HC3 errors, and its model-based standard error.
func adjusted(in *Input, outcome, formula string) (t analytics.Test, classical float64, err error) {
	if err := binary("tr", in.Numbers("tr")); err != nil {
		return t, 0, err
	}
	covariates, err := design.Parse(formula)
	if err != nil {
		return t, 0, err
	}
	f, err := covariates.Prepend(in.roles[outcome], in.roles["tr"])
	if err != nil {
		return t, 0, err
	}
	m, err := in.build(f)
	if err != nil {
		return t, 0, err
	}
	fit, err := linear.OLS(m)
	if err != nil {
		return t, 0, err
	}
	place := m.Assigned(1)
	if len(place) != 1 {
		return t, 0, errBinary("tr")
	}
	robust, err := fit.HC(linear.HC3)
	if err != nil {
		return t, 0, err
	}
	t, err = fit.Estimate(place[0], robust, 0.95)
	return t, sqrt(fit.Covariance().At(place[0], place[0])), err
}
