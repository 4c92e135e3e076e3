package methods

import (
	"fmt"
	"strconv"

	"github.com/lumbar-health/lumbar/analytics/propensity"
)

// scoreResult is a propensity model with its overlap.
type scoreResult struct {
	s                twoArms
	m                *propensity.Model
	logLik, c        float64
	treated, control []float64
	overlap          propensity.Overlap
}

// scoreQuantiles are those of the overlap table.
var scoreQuantiles = []float64{0, 0.01, 0.25, 0.5, 0.75, 0.99, 1}

var scoreKeys = []key[scoreResult]{
	value("estimate", ByName, func(r scoreResult) any { return Named{r.m.Names, r.m.Coef} }),
	value("se", ByName, func(r scoreResult) any { return errorsOf(r.m.Names, r.m.Cov) }),
	scalar("loglik", func(r scoreResult) float64 { return r.logLik }),
	scalar("c_statistic", func(r scoreResult) float64 { return r.c }),
	value("ps_first10", Numbers, func(r scoreResult) any { return r.m.Score[:min(10, len(r.m.Score))] }),
	value("ps_quantiles_treated", Numbers, func(r scoreResult) any { return r.treated }),
	value("ps_quantiles_control", Numbers, func(r scoreResult) any { return r.control }),
	scalar("n_treated", func(r scoreResult) float64 { return r.s.Size(true) }),
	scalar("n_control", func(r scoreResult) float64 { return r.s.Size(false) }),
	value("overlap_coefficient_region", ByName, func(r scoreResult) any {
		return Named{[]string{"low", "high"}, []float64{r.overlap.Low, r.overlap.High}}
	}),
}

func runScore(in *Input) (r scoreResult, err error) {
	if r.s, r.m, err = in.scored(nil); err != nil {
		return r, err
	}
	r.logLik, _ = r.m.LogLik()
	r.c = propensity.Concordance(r.s.Study, r.m.Score)
	if r.treated, err = r.s.Quantiles(r.m.Score, scoreQuantiles, func(i int) bool { return r.s.Treated[i] }); err != nil {
		return r, err
	}
	if r.control, err = r.s.Quantiles(r.m.Score, scoreQuantiles, func(i int) bool { return !r.s.Treated[i] }); err != nil {
		return r, err
	}
	r.overlap = propensity.CommonSupport(r.s.Study, r.m.Score)
	return r, nil
}

var contrastKeys = []key[propensity.Contrast]{
	scalar("mu1", func(c propensity.Contrast) float64 { return c.Mean1 }),
	scalar("mu0", func(c propensity.Contrast) float64 { return c.Mean0 }),
	scalar("estimate", func(c propensity.Contrast) float64 { return c.Value }),
	scalar("se_fixed_weights_HC0", func(c propensity.Contrast) float64 { return c.FixedStdErr }),
	scalar("se_m_estimation", func(c propensity.Contrast) float64 { return c.StdErr }),
	scalar("ci_low", func(c propensity.Contrast) float64 { return c.Lower }),
	scalar("ci_high", func(c propensity.Contrast) float64 { return c.Upper }),
	scalar("ess_treated", func(c propensity.Contrast) float64 { return c.ESS1 }),
	scalar("ess_control", func(c propensity.Contrast) float64 { return c.ESS0 }),
	scalar("max_weight", func(c propensity.Contrast) float64 { return c.MaxWeight }),
	scalar("sum_w_treated", func(c propensity.Contrast) float64 { return c.Sum1 }),
	scalar("sum_w_control", func(c propensity.Contrast) float64 { return c.Sum0 }),
	scalar("ps_min", func(c propensity.Contrast) float64 { return c.Lowest }),
	scalar("ps_max", func(c propensity.Contrast) float64 { return c.Highest }),
	warningsKey(func(c propensity.Contrast) []string { return c.Warnings }),
}

const (
	lunceford = "Lunceford and Davidian (2004), doi:10.1002/sim.1903"
	cellsPush = "n, Σy, Σy² by treatment and covariate pattern"
	noHidden  = "No unmeasured confounding, a right propensity model, and both treatments possible for everybody the target is about."
	// eitherModel is what doubly robust methods assume.
	eitherModel = "No unmeasured confounding, a right propensity or a right outcome model (either will do), and both treatments possible for everybody the target is about."
	ownCode     = "Own implementation over cells: no kept library has it. "
)

// weightings are the plain weighted contrasts: method, target, title, when, formula.
var weightings = []struct {
	name           string
	target         propensity.Target
	title, when    string
	formula, paper string
}{
	{"ipw_ate", propensity.ATE, "Inverse probability weighting, everybody", "The effect were everybody treated against nobody.", "w = t/e + (1−t)/(1−e)", lunceford},
	{"ipw_att", propensity.ATT, "Inverse probability weighting, the treated", "The effect among those who were treated: what the treatment did for its patients.", "w = t + (1−t)·e/(1−e)", lunceford},
	{"ipw_atc", propensity.ATC, "Inverse probability weighting, the controls", "The effect that treatment would have among those not treated.", "w = t·(1−e)/e + (1−t)", lunceford},
	{"ipw_ate_stab", propensity.Stabilised, "Stabilised inverse probability weighting", "As ipw_ate, with weights that average 1: the estimate is the same, the weights are easier to read.", "w = p·t/e + (1−p)(1−t)/(1−e)", "Robins, Hernán and Brumback (2000), doi:10.1097/00001648-200009000-00011"},
	{"ipw_overlap", propensity.OverlapTarget, "Overlap weighting", "The arms overlap poorly: the effect among people who might have had either treatment.", "w = t(1−e) + (1−t)e", "Li, Morgan and Zaslavsky (2018), doi:10.1080/01621459.2016.1260466"},
	{"ipw_matching", propensity.MatchingTarget, "Matching weights", "As a one-to-one match, using everybody.", "w = min(e,1−e)/(t·e + (1−t)(1−e))", "Li and Greene (2013), doi:10.1515/ijb-2012-0030"},
}

func weightingMethods() []Method {
	out := []Method{
		define("causal", spec{name: "propensity_logistic", roles: treatmentRoles[1:], params: []Param{scoreParam}, page: Page{
			Title:     "Propensity model",
			When:      "First of every observational comparison: who was treated, and do the arms overlap.",
			Variant:   "Logistic regression by Fisher scoring, no selection of covariates; C statistic, quantiles of the score by arm (type 7), the range both arms reach.",
			Assumes:   "The covariates are all that chose the treatment and affects the outcome.",
			Formula:   "logit e = x′a",
			Reference: "Rosenbaum and Rubin (1983), doi:10.1093/biomet/70.1.41",
			Checked:   "R 4.2.2, stats::glm; R package pROC 1.18.0",
			PushDown:  "n by treatment and covariate pattern",
		}}, scoreKeys, runScore),
	}
	for _, w := range weightings {
		out = append(out, define("causal", spec{name: w.name, roles: treatmentRoles, params: []Param{scoreParam, {Name: "type", Kind: Text, Optional: true, OneOf: []string{w.target.String()}, Help: "the target; the method's name already says it"}}, page: Page{
			Title:     w.title,
			When:      w.when,
			Variant:   ownCode + "Hájek contrast (weights normalised in each arm); the standard error of stacked estimating equations, which counts the estimation of the propensity, beside HC0 with weights as known; normal interval.",
			Assumes:   noHidden,
			Formula:   w.formula + ",  Σtwy/Σtw − Σ(1−t)wy/Σ(1−t)w",
			Reference: w.paper,
			Checked:   "golden/lib.R (numerical derivatives; ours are exact)",
			PushDown:  cellsPush,
		}}, contrastKeys, func(in *Input) (propensity.Contrast, error) {
			s, m, err := in.scored(nil)
			if err != nil {
				return propensity.Contrast{}, err
			}
			weights, err := propensity.NewWeights(s.Study, m.Score, w.target)
			if err != nil {
				return propensity.Contrast{}, err
			}
			return propensity.Weighted(s.Study, m, weights, propensity.Options{})
		}))
	}
	return append(append(out, boundedMethods()...), balanceMethods()...)
}

// firstNamed names the first weights by their row, counted from 1.
func firstNamed(rows []int, values []float64, n int) Named {
	var out Named
	for k := 0; k < min(n, len(values)); k++ {
		out.Names = append(out.Names, strconv.Itoa(rows[k]+1))
		out.Values = append(out.Values, values[k])
	}
	return out
}

// errColumn says that a param names no column.
func errColumn(param, name string) error {
	return fmt.Errorf("param %s: there is no column %q: %w", param, name, ErrRequest)
}
