package methods

import (
	"fmt"

	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/doublyrobust"
	"github.com/lumbar-health/lumbar/analytics/glm"
	"github.com/lumbar-health/lumbar/analytics/propensity"
)

var severalKeys = []key[doublyrobust.SeveralArms]{
	value("coef", Table, func(r doublyrobust.SeveralArms) any {
		m := Matrix{Cols: r.Model.Names, Values: r.Model.Coef}
		for _, a := range r.Arms[1:] {
			m.Rows = append(m.Rows, a.Name)
		}
		return m
	}),
	byArmName("ipw_mean", func(a doublyrobust.ArmMean) float64 { return a.Weighted }),
	byArmName("gcomp_mean", func(a doublyrobust.ArmMean) float64 { return a.GComputation }),
	byArmName("aipw_mean", func(a doublyrobust.ArmMean) float64 { return a.Augmented }),
	byArmName("aipw_se", func(a doublyrobust.ArmMean) float64 { return a.InfluenceStdErr }),
	byArmName("aipw_se_m_estimation", func(a doublyrobust.ArmMean) float64 { return a.StdErr }),
	byArmName("ess", func(a doublyrobust.ArmMean) float64 { return a.ESS }),
	byArmName("n", func(a doublyrobust.ArmMean) float64 { return a.Size }),
	value("aipw_contrast_vs_ref", Table, func(r doublyrobust.SeveralArms) any {
		m := Matrix{Rows: []string{"estimate", "se_if"}, Values: make([][]float64, 2)}
		for _, c := range r.Contrasts {
			m.Cols = append(m.Cols, c.Name)
			for k, v := range []float64{c.Value, c.InfluenceStdErr} {
				m.Values[k] = append(m.Values[k], v)
			}
		}
		return m
	}),
	value("aipw_contrast_se_m_estimation", ByName, func(r doublyrobust.SeveralArms) any {
		var n Named
		for _, c := range r.Contrasts {
			n.Names, n.Values = append(n.Names, c.Name), append(n.Values, c.StdErr)
		}
		return n
	}),
	warningsKey(func(r doublyrobust.SeveralArms) []string { return r.Warnings }),
}

func byArmName(name string, get func(doublyrobust.ArmMean) float64) key[doublyrobust.SeveralArms] {
	return value(name, ByName, func(r doublyrobust.SeveralArms) any {
		var n Named
		for _, a := range r.Arms {
			n.Names, n.Values = append(n.Names, a.Name), append(n.Values, get(a))
		}
		return n
	})
}

func runSeveral(in *Input) (r doublyrobust.SeveralArms, err error) {
	score, err := rightHandSide(in.Text("formula_ps", ""))
	if err != nil {
		return r, fmt.Errorf("param formula_ps: %w", err)
	}
	outcome, err := rightHandSide(in.Text("formula_y", ""))
	if err != nil {
		return r, fmt.Errorf("param formula_y: %w", err)
	}
	var used twoArms
	if err := in.complete(&used, append(score.Columns(), outcome.Columns()...)); err != nil {
		return r, err
	}
	y, _ := used.table.Column(in.roles["y"])
	arm, _ := used.table.Column(in.roles["a"])
	arm, err = referenceFirst(design.AsFactor(arm), in.Text("ref", ""))
	if err != nil {
		return r, err
	}
	s := doublyrobust.Several{Names: arm.Levels, Arm: arm.Codes, Sum: y.Values, Count: make([]float64, len(y.Values)), SumSq: make([]float64, len(y.Values))}
	for i, v := range y.Values {
		s.Count[i], s.SumSq[i] = 1, v*v
	}
	if s.Score, err = score.Build(used.table); err != nil {
		return r, err
	}
	if s.Outcome, err = outcome.Build(used.table); err != nil {
		return r, err
	}
	return doublyrobust.CompareArms(s, glm.Gaussian, propensity.Options{})
}

// referenceFirst moves a level of a factor to the front: R's relevel.
func referenceFirst(c design.Column, level string) (design.Column, error) {
	at := -1
	for k, l := range c.Levels {
		if sameValue(l, level) {
			at = k
		}
	}
	if at < 0 {
		return c, fmt.Errorf("param ref: role a has no row with that level: %w", ErrRequest)
	}
	out := design.Column{Name: c.Name, Codes: make([]int, len(c.Codes)), Levels: []string{c.Levels[at]}}
	for k, l := range c.Levels {
		if k != at {
			out.Levels = append(out.Levels, l)
		}
	}
	for i, k := range c.Codes {
		switch {
		case k == at:
			out.Codes[i] = 0
		case k < at:
			out.Codes[i] = k + 1
		default:
			out.Codes[i] = k
		}
	}
	return out, nil
}

func multiArmMethods() []Method {
	return []Method{
		define("causal", spec{name: "multi_arm_ipw_aipw", roles: []Role{treatmentRoles[0], {Name: "a", Kind: Label, Help: "the treatment, one level an arm"}},
			params: []Param{{Name: "formula_ps", Kind: Formula, Help: "the covariates of the multinomial propensity model as a one-sided R formula"}, outcomeParam, {Name: "ref", Kind: Text, Help: "the level of role a that the others are compared with"}}, page: Page{
				Title:     "Several treatments at once",
				When:      "More than two interventions: the mean outcome were everybody given each, and the differences from a reference.",
				Variant:   ownCode + "Multinomial logit propensity, linear outcome model in each arm; Hájek, g-computation and augmented means; influence-function errors, and those of all stacked equations.",
				Assumes:   "No unmeasured confounding, every treatment possible for everybody; one of the two models may be wrong.",
				Formula:   "mean of m_a(x) + 1(A=a)(y−m_a(x))/P(A=a|x)",
				Reference: "Imbens (2000), doi:10.1093/biomet/87.3.706",
				Checked:   "R package nnet 7.3-18; golden/lib.R",
				PushDown:  "n, Σy, Σy² by arm and covariate pattern",
			}}, severalKeys, runSeveral),
	}
}
