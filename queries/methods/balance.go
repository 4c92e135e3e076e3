package methods

import (
	"github.com/lumbar-health/lumbar/analytics/balance"
	"github.com/lumbar-health/lumbar/analytics/propensity"
)

// covariateBalance is the balance under several weightings.
type covariateBalance struct {
	covariates []string
	by         map[string][]balance.Covariate
	ess        map[string][2]float64
	warnings   []string
}

// balanceWeights are the weightings compared, in order.
var balanceWeights = []string{"unweighted", "ate", "att", "overlap"}

// balanceRows are the rows of a table of balance.
var balanceRows = []struct {
	name string
	get  func(balance.Covariate) any
}{
	{"mean1", func(c balance.Covariate) any { return c.Mean1 }},
	{"mean0", func(c balance.Covariate) any { return c.Mean0 }},
	{"smd_pooled", func(c balance.Covariate) any { return orNil(c.SMDPooled) }},
	{"smd_treated", func(c balance.Covariate) any { return orNil(c.SMDTreated) }},
	{"smd_binary_var", func(c balance.Covariate) any { return orNil(c.SMDBinary) }},
	{"var_ratio", func(c balance.Covariate) any { return orNil(c.VarianceRatio) }},
	{"ks", func(c balance.Covariate) any { return c.KS }},
}

// table writes one weighting's balance: what is undefined is null.
func (r covariateBalance) table(weighting string) Answer {
	var rows []string
	var values [][]any
	for _, row := range balanceRows {
		rows = append(rows, row.name)
		cells := make([]any, len(r.covariates))
		for j, c := range r.by[weighting] {
			cells[j] = row.get(c)
		}
		values = append(values, cells)
	}
	return Answer{{"rows", rows}, {"cols", r.covariates}, {"values", values}}
}

var covariateBalanceKeys = func() []key[covariateBalance] {
	var keys []key[covariateBalance]
	for _, w := range balanceWeights {
		keys = append(keys, value(w, Object, func(r covariateBalance) any { return r.table(w) }))
	}
	return append(keys, value("ess", Table, func(r covariateBalance) any {
		m := Matrix{Rows: []string{"treated", "control"}, Cols: balanceWeights, Values: make([][]float64, 2)}
		for k := range m.Values {
			for _, w := range balanceWeights {
				m.Values[k] = append(m.Values[k], r.ess[w][k])
			}
		}
		return m
	}), warningsKey(func(r covariateBalance) []string { return r.warnings }))
}()

func runCovariateBalance(in *Input) (covariateBalance, error) {
	r := covariateBalance{covariates: in.Texts("xnum"), by: map[string][]balance.Covariate{}, ess: map[string][2]float64{}}
	for _, name := range r.covariates {
		if _, ok := in.table.Column(name); !ok {
			return r, errColumn("xnum", name)
		}
	}
	s, m, err := in.scored(r.covariates)
	if err != nil {
		return r, err
	}
	for _, name := range balanceWeights {
		var weight []float64
		if name != "unweighted" {
			target, err := propensity.ParseTarget(name)
			if err != nil {
				return r, err
			}
			w, err := propensity.NewWeights(s.Study, m.Score, target)
			if err != nil {
				return r, err
			}
			weight = w.Value
		}
		for _, covariate := range r.covariates {
			c, err := balance.Compare(s.Study, s.values(covariate), weight)
			if err != nil {
				return r, err
			}
			r.by[name] = append(r.by[name], c)
		}
		if name != "unweighted" {
			for _, left := range balance.Imbalanced(r.covariates, r.by[name], 0.1) {
				r.warnings = append(r.warnings, name+" weights leave a standardised difference above 0.1 in "+left)
			}
		}
		r.ess[name] = [2]float64{balance.EffectiveSize(s.Study, weight, true), balance.EffectiveSize(s.Study, weight, false)}
	}
	return r, nil
}

// entropyResult is an entropy-balanced comparison and the rows of its controls.
type entropyResult struct {
	balance.Entropy
	controls Named
}

var entropyATTKeys = []key[entropyResult]{
	scalar("mu1", func(r entropyResult) float64 { return r.Mean1 }),
	scalar("mu0", func(r entropyResult) float64 { return r.Mean0 }),
	scalar("estimate", func(r entropyResult) float64 { return r.Value }),
	scalar("estimate_via_survey_raking", func(r entropyResult) float64 { return r.Value }),
	scalar("se_m_estimation", func(r entropyResult) float64 { return r.StdErr }),
	scalar("ess_control", func(r entropyResult) float64 { return r.ESS0 }),
	scalar("max_weight_normalised", func(r entropyResult) float64 { return r.MaxWeight }),
	scalar("entropy_kl", func(r entropyResult) float64 { return r.Divergence }),
	value("weights_first10_controls", ByName, func(r entropyResult) any { return r.controls }),
	scalar("se_HC0_fixed_weights", func(r entropyResult) float64 { return r.FixedStdErr }),
	warningsKey(func(r entropyResult) []string { return r.Warnings }),
}

var entropyATEKeys = []key[entropyResult]{
	scalar("mu1", func(r entropyResult) float64 { return r.Mean1 }),
	scalar("mu0", func(r entropyResult) float64 { return r.Mean0 }),
	scalar("estimate", func(r entropyResult) float64 { return r.Value }),
	scalar("se_m_estimation", func(r entropyResult) float64 { return r.StdErr }),
	scalar("ess_treated", func(r entropyResult) float64 { return r.ESS1 }),
	scalar("ess_control", func(r entropyResult) float64 { return r.ESS0 }),
	warningsKey(func(r entropyResult) []string { return r.Warnings }),
}

func runEntropyATT(in *Input) (r entropyResult, err error) {
	s, err := in.study("formula_ps", "", nil)
	if err != nil {
		return r, err
	}
	if r.Entropy, err = balance.EntropyATT(s.Study, 0.95); err != nil {
		return r, err
	}
	var rows []int
	var weights []float64
	for i, t := range s.Treated {
		if !t {
			rows, weights = append(rows, in.row(s.rows[i])), append(weights, r.Weight[i])
		}
	}
	r.controls = firstNamed(rows, weights, 10)
	return r, nil
}

func balanceMethods() []Method {
	const hainmueller = "Hainmueller (2012), doi:10.1093/pan/mpr025; Zhao and Percival (2017), doi:10.1515/jci-2016-0010"
	return []Method{
		define("causal", spec{name: "covariate_balance", roles: treatmentRoles[1:], params: []Param{scoreParam, numericParam}, page: Page{
			Title:     "Covariate balance",
			When:      "Beside every weighted comparison: did weighting make the arms alike?",
			Variant:   ownCode + "cobalt's conventions: standardised differences over the unweighted spread; weighted variance Σw(x−m)²/(1−Σw²); Kolmogorov–Smirnov distance; Kish's effective size. Undefined is null.",
			Assumes:   "Nothing: it describes. Balance of what was not measured is not seen.",
			Formula:   "(x̄₁w − x̄₀w)/√((s₁²+s₀²)/2),  ESS = (Σw)²/Σw²",
			Reference: "Austin and Stuart (2015), doi:10.1002/sim.6607",
			Checked:   "golden/lib.R (cobalt's conventions)",
			PushDown:  "n by treatment and covariate pattern",
		}}, covariateBalanceKeys, runCovariateBalance),
		define("causal", spec{name: "entropy_balancing_att", roles: treatmentRoles, params: []Param{scoreParam}, page: Page{
			Title:     "Entropy balancing, the treated",
			When:      "Controls weighted so that the means of every covariate are exactly those of the treated.",
			Variant:   ownCode + "First moments of every design column, dual Newton; the same weights as raking calibration (estimate_via_survey_raking is that equality). M-estimation error, and HC0 with weights as known.",
			Assumes:   "No unmeasured confounding; a linear outcome or a log-linear odds of treatment in the columns.",
			Formula:   "w ∝ exp(λ′x),  Σwx = x̄₁",
			Reference: hainmueller,
			Checked:   "R package survey 4.1-1 (calibrate, raking); golden/lib.R",
			PushDown:  cellsPush,
		}}, entropyATTKeys, runEntropyATT),
		define("causal", spec{name: "entropy_balancing_ate", roles: treatmentRoles, params: []Param{scoreParam}, page: Page{
			Title:     "Entropy balancing, everybody",
			When:      "Both arms weighted to the means of the whole study.",
			Variant:   ownCode + "First moments of every design column, dual Newton, each arm by itself; M-estimation error.",
			Assumes:   "No unmeasured confounding; a linear outcome or a log-linear odds of treatment in the columns.",
			Formula:   "w ∝ exp(λₐ′x),  Σwx = x̄",
			Reference: hainmueller,
			Checked:   "golden/lib.R",
			PushDown:  cellsPush,
		}}, entropyATEKeys, ofStudy(func(s twoArms) (r entropyResult, err error) {
			r.Entropy, err = balance.EntropyATE(s.Study, 0.95)
			return r, err
		})),
	}
}
