package methods

import (
	"math"

	"github.com/lumbar-health/lumbar/analytics/balance"
	"github.com/lumbar-health/lumbar/analytics/describe"
	"github.com/lumbar-health/lumbar/analytics/matching"
	"github.com/lumbar-health/lumbar/analytics/propensity"
)

// pairsResult is a matched comparison with the balance before and after.
type pairsResult struct {
	in            *Input
	s             twoArms
	pairs         []matching.Pair
	difference    matching.PairedDifference
	caliper       *float64
	sd, distance  float64
	before, after Named
	ratio         Named
	warnings      []string
}

var pairsKeys = []key[pairsResult]{
	scalar("n_matched_pairs", func(r pairsResult) float64 { return float64(len(r.pairs)) }),
	scalar("n_treated_unmatched", func(r pairsResult) float64 { return r.s.Size(true) - float64(len(r.pairs)) }),
	optional("caliper_absolute", func(r pairsResult) *float64 { return r.caliper }),
	scalar("sd_distance", func(r pairsResult) float64 { return r.sd }),
	value("treated_row", Numbers, func(r pairsResult) any {
		return r.numbers(func(p matching.Pair) int { return p.Treated })
	}),
	value("control_row", Numbers, func(r pairsResult) any {
		return r.numbers(func(p matching.Pair) int { return p.Control })
	}),
	scalar("mean_abs_distance", func(r pairsResult) float64 { return r.distance }),
	scalar("estimate", func(r pairsResult) float64 { return r.difference.Value }),
	optional("se_pair_difference", func(r pairsResult) *float64 { return r.difference.StdErr }),
	optional("se_pair_cluster_CR1S", func(r pairsResult) *float64 { return r.difference.ClusterStdErr }),
	value("smd_treated_sd_before", ByName, func(r pairsResult) any { return r.before }),
	value("smd_treated_sd_after", ByName, func(r pairsResult) any { return r.after }),
	value("var_ratio_after", ByName, func(r pairsResult) any { return r.ratio }),
	warningsKey(func(r pairsResult) []string { return r.warnings }),
}

// numbers are rows of the request's table, counted from 1.
func (r pairsResult) numbers(of func(matching.Pair) int) []float64 {
	out := make([]float64, len(r.pairs))
	for k, p := range r.pairs {
		out[k] = float64(r.in.row(r.s.rows[of(p)]) + 1)
	}
	return out
}

func runPairs(in *Input) (r pairsResult, err error) {
	covariates := in.Texts("xnum")
	for _, name := range covariates {
		if _, ok := in.table.Column(name); !ok {
			return r, errColumn("xnum", name)
		}
	}
	order, err := matching.ParseOrder(in.Text("order", "largest"))
	if err != nil {
		return r, err
	}
	s, m, err := in.scored(covariates)
	if err != nil {
		return r, err
	}
	r.in, r.s = in, s
	measure := m.Score
	if in.Text("scale", "ps") == "logit" {
		measure = m.Eta
	}
	if _, r.sd, err = describe.MeanSD(measure); err != nil {
		return r, err
	}
	caliper := math.Inf(1)
	if width, given := in.params["caliper_sd"].(float64); given {
		caliper = width * r.sd
		r.caliper = &caliper
	}
	if r.pairs, err = matching.Nearest(measure, s.Treated, caliper, order); err != nil {
		return r, err
	}
	if r.difference, err = matching.Difference(r.pairs, s.y); err != nil {
		return r, err
	}
	for _, p := range r.pairs {
		r.distance += math.Abs(measure[p.Treated]-measure[p.Control]) / float64(len(r.pairs))
	}
	if float64(len(r.pairs)) < s.Size(true) {
		r.warnings = append(r.warnings, "some treated people found no control: the estimate is about those who did")
	}
	return r, r.compare(covariates)
}

// compare reports the balance before and after matching: differences over the
// spread of all treated.
func (r *pairsResult) compare(covariates []string) error {
	weight := make([]float64, r.s.Len())
	for _, p := range r.pairs {
		weight[p.Treated], weight[p.Control] = 1, 1
	}
	for _, name := range covariates {
		x := r.s.values(name)
		before, err := balance.Compare(r.s.Study, x, nil)
		if err != nil {
			return err
		}
		after, err := balance.Compare(r.s.Study, x, weight)
		if err != nil {
			return err
		}
		for _, c := range []struct {
			to    *Named
			value *float64
		}{{&r.before, before.SMDTreated}, {&r.after, after.SMDTreated}, {&r.ratio, after.VarianceRatio}} {
			if c.value != nil {
				c.to.Names, c.to.Values = append(c.to.Names, name), append(c.to.Values, *c.value)
			}
		}
		if after.SMDPooled != nil && math.Abs(*after.SMDPooled) > 0.1 {
			r.warnings = append(r.warnings, "matching leaves a standardised difference above 0.1 in "+name)
		}
	}
	return nil
}

// replacedResult is matching with replacement, plain and bias-adjusted.
type replacedResult struct {
	plain, adjusted matching.Replaced
}

var replacedKeys = []key[replacedResult]{
	scalar("estimate", func(r replacedResult) float64 { return r.plain.Value }),
	scalar("se_abadie_imbens", func(r replacedResult) float64 { return r.plain.StdErr }),
	scalar("se_standard", func(r replacedResult) float64 { return r.plain.Simple }),
	scalar("n_obs_weighted", func(r replacedResult) float64 { return float64(r.plain.N) }),
	scalar("estimate_bias_adjusted", func(r replacedResult) float64 { return r.adjusted.Value }),
	scalar("se_bias_adjusted", func(r replacedResult) float64 { return r.adjusted.StdErr }),
}

func runReplaced(in *Input) (r replacedResult, err error) {
	s, err := in.study("formula_ps", "formula_y", nil)
	if err != nil {
		return r, err
	}
	m, err := propensity.Fit(s.Study, propensity.Options{})
	if err != nil {
		return r, err
	}
	matches, err := matching.WithReplacement(m.Score, s.Treated)
	if err != nil {
		return r, err
	}
	if r.plain, err = matches.Effect(s.y); err != nil {
		return r, err
	}
	r.adjusted, err = matches.EffectAdjusted(s.y, s.Outcome)
	return r, err
}

func matchingMethods() []Method {
	return []Method{
		define("causal", spec{name: "nearest_neighbour_matching", roles: treatmentRoles, params: []Param{scoreParam, numericParam,
			{Name: "scale", Kind: Text, Optional: true, OneOf: []string{"ps", "logit"}, Help: "ps matches on the propensity (the default), logit on its logit"},
			{Name: "caliper_sd", Kind: Number, Optional: true, Help: "the widest distance, in standard deviations of the measure over all rows; absent or null: none"},
			{Name: "order", Kind: Text, Optional: true, OneOf: []string{"largest", "data"}, Help: "who chooses first: the largest measure (the default) or the first row"},
		}, page: Page{
			Title:     "Nearest-neighbour matching",
			When:      "Readers ask for matched pairs. Weighting uses everybody and is usually better.",
			Variant:   ownCode + "Greedy 1:1 without replacement: treated in descending measure (or row order) take the closest unused control within the caliper, ties to the lowest row; pair error, and the regression's clustered by pair (CR1S). Rows are those of the filtered table, from 1.",
			Assumes:   noHidden + " The propensity is taken as known.",
			Formula:   "mean of y(treated) − y(control) over pairs,  caliper = caliper_sd·sd(measure)",
			Reference: "Austin (2011), doi:10.1002/pst.433",
			Checked:   "R package Matching 4.10-8 (not MatchIt 4.5.1, which ignores the caliper)",
		}}, pairsKeys, runPairs),
		define("causal", spec{name: "matching_with_replacement_abadie_imbens", roles: treatmentRoles, params: []Param{scoreParam, outcomeParam}, page: Page{
			Title:     "Matching with replacement",
			When:      "The effect among the treated when controls are few: each treated person is compared with its nearest controls, used again where needed.",
			Variant:   ownCode + "One neighbour on the propensity, ties within 1e-5 (squared, standardised) averaged; Abadie–Imbens errors with homoscedastic within-match variance; bias adjustment by weighted regression on formula_y.",
			Assumes:   noHidden + " The propensity is taken as known.",
			Formula:   "variance [Σ(τᵢ−τ)² + σ²·Σ(K²−Σ shares²)]/n₁²",
			Reference: "Abadie and Imbens (2006), doi:10.1111/j.1468-0262.2006.00655.x; (2011), doi:10.1198/jbes.2009.07333",
			Checked:   "R package Matching 4.10-8",
		}}, replacedKeys, runReplaced),
	}
}
