//go:build shared

package pushdown

import (
	"testing"

	"github.com/lumbar-health/lumbar/analytics/survival"
)

func riskChecks() []check {
	followed := func(columns []string, formula, stratum string, f func(t *testing.T, c cohort, s *answers)) run {
		return func(t *testing.T, all map[string]*dataset) pair[any] {
			return both(t, all["survival"].followed(t, nil, "time_w", "status", columns, formula, "arm", stratum), func(c cohort, s *answers) { f(t, c, s) })
		}
	}
	table := func(f func(t *testing.T, table *survival.Table, s *answers), columns []string, stratum string) run {
		return followed(columns, "~ arm", stratum, func(t *testing.T, c cohort, s *answers) {
			f(t, must(survival.TableOf(c.Cohort, c.groups, c.codes, 2))(t), s)
		})
	}
	times := []float64{4, 13, 26, 52, 104}
	fit := func(f func(c *survival.Cohort) (*survival.Model, error), more func(m *survival.Model, s *answers)) func(t *testing.T, c cohort, s *answers) {
		return func(t *testing.T, c cohort, s *answers) {
			m := must(f(c.Cohort))(t)
			s.add([]any{m.Coef, m.Cov, m.LogLik, m.LogLikNull, m.Score, m.Wald, m.People, m.Events}, nil)
			if more != nil {
				more(m, s)
			}
		}
	}
	cox := func(cause int, ties survival.Ties) func(c *survival.Cohort) (*survival.Model, error) {
		return func(c *survival.Cohort) (*survival.Model, error) {
			return survival.Cox(c, cause, survival.Options{Ties: ties})
		}
	}
	arm := []string{"arm"}
	return []check{
		{[]string{"kaplan_meier", "rmst"}, byRiskTable, 0, table(func(t *testing.T, table *survival.Table, s *answers) {
			var means []any
			for g := range table.Groups {
				c := must(survival.KaplanMeier(table, g, 1))(t)
				for _, at := range times {
					s.add(c.At(at, survival.Log, 0.95))
				}
				s.add(c.Quantile(0.5, survival.Log, 0.95))
				mean, err := c.RestrictedMean(104, 0.95)
				s.add(mean, err)
				means = append(means, mean)
			}
			s.add(means, nil)
		}, arm, "")},
		{[]string{"logrank"}, byRiskTable, 0, table(func(t *testing.T, table *survival.Table, s *answers) {
			s.add(survival.Compare(table, 1, 0))
			s.add(survival.Compare(table, 1, 1))
		}, arm, "")},
		{[]string{"logrank"}, byRiskTable, 0, table(func(t *testing.T, table *survival.Table, s *answers) {
			s.add(survival.Compare(table, 1, 0))
		}, []string{"arm", "region"}, "region")},
		{[]string{"cumulative_incidence_gray", "aalen_johansen"}, byRiskTable, 0, table(func(t *testing.T, table *survival.Table, s *answers) {
			s.add(survival.CompareIncidence(table, 1))
			for g := range table.Groups {
				c := must(survival.CumulativeIncidence(table, g))(t)
				s.add(c, nil)
				for _, at := range times {
					s.add(c.StdErr(1, at))
					s.add(c.AalenVariance(1, at))
				}
			}
		}, arm, "")},
		{[]string{"cox_ph"}, byRiskTable, rounding, followed([]string{"arm", "age", "male", "odi_0"}, "~ arm + age + male + odi_0", "", fit(cox(1, survival.Efron), func(m *survival.Model, s *answers) {
			s.add(m.Concordance())
		}))},
		{[]string{"cox_ph"}, byRiskTable, rounding, followed([]string{"arm", "age", "male", "odi_0"}, "~ arm + age + male + odi_0", "", fit(cox(1, survival.Breslow), nil))},
		{[]string{"cox_ph"}, byRiskTable, rounding, followed([]string{"arm", "age", "male", "odi_0", "region"}, "~ arm + age + male + odi_0", "region", fit(cox(1, survival.Efron), nil))},
		{[]string{"cause_specific_cox"}, byRiskTable, rounding, followed([]string{"arm", "age", "odi_0"}, "~ arm + age + odi_0", "", fit(cox(2, survival.Efron), nil))},
		{[]string{"fine_gray"}, byRiskTable, rounding, followed([]string{"arm", "age", "odi_0"}, "~ arm + age + odi_0", "", fit(func(c *survival.Cohort) (*survival.Model, error) {
			return survival.FineGray(c, 1, survival.WithEvents, survival.Options{})
		}, func(m *survival.Model, s *answers) { s.add(m.CensoringCovariance()) }))},
	}
}
