//go:build shared

package pushdown

import (
	"slices"
	"testing"

	"github.com/lumbar-health/lumbar/analytics/balance"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/doublyrobust"
	"github.com/lumbar-health/lumbar/analytics/effect"
	"github.com/lumbar-health/lumbar/analytics/glm"
	"github.com/lumbar-health/lumbar/analytics/missing"
	"github.com/lumbar-health/lumbar/analytics/propensity"
	"github.com/lumbar-health/lumbar/store/read"
)

// trial is one comparison of two arms.
type trial struct {
	regression
	treatment string
}

const confounders = "~ odi_0 + age + male + leg_pain + prior_surgery + smoker + imd + phq9 + comorb"

var trials = []trial{
	{regression{"cohort", []where{in("intervention", "surgery", "usual_care")}, "odi_12", confounders,
		[]string{"surgery", "odi_0", "age", "male", "leg_pain", "prior_surgery", "smoker", "imd", "phq9", "comorb"}}, "surgery"},
	{regression{"cohort20k", nil, "y", "~ factor(age_band) + male + factor(imd) + factor(sev_band)", []string{"tr", "age_band", "male", "imd", "sev_band"}}, "tr"},
}

func (r trial) study(f func(s *effect.Study, a *answers)) run {
	return r.on(func(t *testing.T, p patterns, a *answers) { f(p.study(t, r.treatment, r.formula), a) })
}

// contrast is a result without what it holds of each pattern.
func contrast(c propensity.Contrast, err error) (any, error) {
	c.Weights = propensity.Weights{}
	return c, err
}

func causalChecks() []check {
	var all []check
	for i, r := range trials {
		all = append(all,
			check{[]string{"propensity_logistic"}, byCells, rounding, r.study(func(s *effect.Study, a *answers) {
				m, err := propensity.Fit(s, propensity.Options{})
				if err != nil {
					a.add(nil, err)
					return
				}
				a.add(modelOf(m.Model), nil)
				a.add(propensity.Concordance(s, m.Score), nil)
				a.add(propensity.CommonSupport(s, m.Score), nil)
			})},
			check{[]string{"ipw_ate", "ipw_att", "ipw_atc", "ipw_ate_stab", "ipw_overlap", "ipw_matching", "ipw_ate_survey_se", "ipw_ate_trimmed_weights", "ipw_ate_crump_trim", "ipw_ate_ps_truncated"}, byCells, rounding, r.study(func(s *effect.Study, a *answers) {
				for _, target := range []propensity.Target{propensity.ATE, propensity.ATT, propensity.ATC, propensity.Stabilised, propensity.OverlapTarget, propensity.MatchingTarget} {
					c, err := propensity.IPW(s, target, propensity.Options{})
					a.add(propensity.SurveyErrors(s, c.Weights), nil)
					a.add(contrast(c, err))
				}
				a.add(contrast(propensity.Trimmed(s, propensity.ATE, 0.99, propensity.Options{})))
				a.add(contrast(propensity.Truncated(s, propensity.ATE, 0.05, 0.95, propensity.Options{})))
				c, err := propensity.Restricted(s, propensity.ATE, 0.1, 0.9, propensity.Options{})
				c.Before.Weights, c.Refitted.Weights = propensity.Weights{}, propensity.Weights{}
				a.add(c, err)
			})},
			check{[]string{"ps_quintile_stratification"}, byCells, rounding, r.study(func(s *effect.Study, a *answers) {
				m, err := propensity.Fit(s, propensity.Options{})
				if err != nil {
					a.add(nil, err)
					return
				}
				a.add(propensity.Stratify(s, m.Score, 5))
			})},
			check{[]string{"covariate_balance"}, byCells, rounding, r.study(func(s *effect.Study, a *answers) {
				for j := range s.Score.P {
					if s.Score.Assign[j] > 0 {
						a.add(balance.Compare(s, s.Score.Column(j), nil))
					}
				}
			})},
			check{[]string{"entropy_balancing_att", "entropy_balancing_ate"}, byCells, rounding, r.study(func(s *effect.Study, a *answers) {
				for _, f := range []func(*effect.Study, float64) (balance.Entropy, error){balance.EntropyATT, balance.EntropyATE} {
					e, err := f(s, 0.95)
					e.Weight = nil
					a.add(e, err)
				}
			})},
			check{[]string{"aipw_ate", "aipw_att", "g_computation_arm_specific", "g_computation_linear"}, byCells, rounding, r.study(func(s *effect.Study, a *answers) {
				a.add(doublyrobust.Augmented(s, glm.Gaussian, propensity.Options{}))
				a.add(doublyrobust.AugmentedTreated(s, glm.Gaussian, propensity.Options{}))
				a.add(doublyrobust.ArmSpecific(s, glm.Gaussian, propensity.Options{}))
				a.add(doublyrobust.Standardised(s, glm.Gaussian, propensity.Options{}))
			})},
		)
		binary := r
		binary.response = []string{"mcid10", "mcid"}[i]
		all = append(all, check{[]string{"tmle_ate_binary", "ate_binary_gform_iptw_aiptw", "aipw_ate_single_outcome_model"}, byCells, rounding, binary.study(func(s *effect.Study, a *answers) {
			tmle, err := doublyrobust.Targeted(s, propensity.Options{})
			a.add(tmle, err)
			a.add(doublyrobust.SingleModel(s, glm.Binomial, propensity.Options{}))
		})})
	}
	arms := regression{"cohort", nil, "odi_12", "~ odi_0 + leg_pain + prior_surgery + age + male", []string{"intervention", "odi_0", "leg_pain", "prior_surgery", "age", "male"}}
	return append(all,
		check{[]string{"multi_arm_ipw_aipw"}, byCells, rounding, arms.on(func(t *testing.T, p patterns, a *answers) {
			codes, names := p.codes(t, "intervention")
			m := must(parse(t, arms.formula).Build(p.table))(t)
			out, err := doublyrobust.CompareArms(doublyrobust.Several{Names: names, Arm: codes, Count: p.count, Sum: p.sum, SumSq: p.sumSq, Score: m, Outcome: m}, glm.Gaussian, propensity.Options{})
			out.Model = nil
			a.add(out, err)
		})},
		check{[]string{"inverse_probability_of_response"}, byCells, rounding, responses})
}

// responses weights those who answered by the probability that they did: of
// everybody, answered or not.
func responses(t *testing.T, all map[string]*dataset) pair[any] {
	d, columns := all["cohort"], []string{"responded", "physio", "odi_0", "age", "male", "imd"}
	c := counted(t, d, (*read.Cells).Len, func() (*read.Cells, error) {
		return d.reader.Cells(t.Context(), read.CellQuestion{Selection: read.Selection{Where: d.predicate(arms)}, Columns: columns, Response: "odi_12", Unanswered: true})
	})
	var p pair[patterns]
	p.store = patterns{table: tableOf(t, c.Columns, c.Len()), sum: c.Sum, sumSq: c.SumSq}
	for i, n := range c.Count {
		p.store.count = append(p.store.count, float64(n))
		if answered := c.Answered[i]; answered != 0 && answered != n {
			t.Fatal("a pattern has both who answered and who did not")
		}
	}
	places := d.rows(arms, columns...)
	p.rows.table = d.table(t, places, columns)
	for _, i := range places {
		y := 0.0
		if d.column("odi_12").texts[i] != "" {
			y = d.column("odi_12").numbers[i]
		}
		p.rows.count, p.rows.sum, p.rows.sumSq = append(p.rows.count, 1), append(p.rows.sum, y), append(p.rows.sumSq, y*y)
	}
	return both(t, p, func(p patterns, a *answers) {
		s := p.study(t, "responded", "~ physio + odi_0 + age + male + imd")
		r, err := missing.ResponseWeights(s, propensity.Options{})
		if err != nil {
			a.add(nil, err)
			return
		}
		a.add(modelOf(r.Model.Model), nil)
		a.add(r.Mean(0.95))
		x := must(parse(t, "~ physio + odi_0").Build(p.table))(t)
		a.add(r.Regress(x, nil))
	})
}

func tableOf(t *testing.T, columns []read.Column, n int) *design.Table {
	t.Helper()
	var own []design.Column
	for _, column := range columns {
		own = append(own, fromStore(column, n))
	}
	return must(design.NewTable(slices.Clip(own)...))(t)
}
