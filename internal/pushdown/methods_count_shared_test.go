//go:build shared

package pushdown

import (
	"testing"

	"github.com/lumbar-health/lumbar/analytics/bayes"
	"github.com/lumbar-health/lumbar/analytics/funnel"
	"github.com/lumbar-health/lumbar/analytics/mixed"
	"github.com/lumbar-health/lumbar/analytics/moments"
	"github.com/lumbar-health/lumbar/analytics/proportions"
)

// countChecks are of events among people: the moments of an indicator by group.
func countChecks() []check {
	of := func(data string, conditions []where, by []string, event string, f func(counts []proportions.Count, s *answers)) run {
		return func(t *testing.T, all map[string]*dataset) pair[any] {
			var terms []moments.Term
			if event != "" {
				terms = append(terms, moments.Column(event))
			}
			return both(t, all[data].moments(t, conditions, by, terms), func(m []moments.Matrix, s *answers) {
				var counts []proportions.Count
				for _, group := range m {
					c := proportions.Count{N: group.N, Events: group.N}
					if event != "" {
						c.Events = int64(group.Sum(1, 0))
					}
					counts = append(counts, c)
				}
				f(counts, s)
			})
		}
	}
	known := []where{{column: "severe_0"}, {column: "severe_12"}}
	return []check{
		{[]string{"proportion_ci", "bayes_beta_binomial"}, byMoments, 0, of("cohort", arms, nil, "mcid10", func(c []proportions.Count, s *answers) {
			s.add(proportions.One(c[0], 0.95))
			b, err := bayes.Beta{A: 1, B: 1}.Update(float64(c[0].Events), float64(c[0].N))
			s.add(b, err)
		})},
		{[]string{"risk_difference", "risk_ratio", "two_by_two_tests", "bayes_factor_2x2"}, byMoments, 0, of("cohort", arms, []string{"intervention"}, "mcid10", func(c []proportions.Count, s *answers) {
			s.add(proportions.RiskDifference(c[0], c[1], 0.95))
			s.add(proportions.RiskRatio(c[0], c[1], 0.95))
			s.add(proportions.TestTwoByTwo(c[0], c[1], 0.95))
			table := make([][]float64, 2)
			for i, of := range c {
				table[i] = []float64{float64(of.Events), float64(of.N - of.Events)}
			}
			s.add(bayes.TableFactor(table, 1))
		})},
		{[]string{"mantel_haenszel"}, byMoments, 0, of("cohort", arms, []string{"region", "intervention"}, "mcid10", func(c []proportions.Count, s *answers) {
			var strata []proportions.Stratum
			for i := 0; i+1 < len(c); i += 2 {
				strata = append(strata, proportions.Stratum{One: c[i], Zero: c[i+1]})
			}
			s.add(proportions.MantelHaenszel(strata, 0.95))
		})},
		{[]string{"cochran_armitage_trend"}, byMoments, 0, of("cohort", nil, []string{"imd"}, "mcid10", func(c []proportions.Count, s *answers) {
			s.add(proportions.TestTrend(c, []float64{1, 2, 3, 4, 5}))
		})},
		{[]string{"chi2_rxc"}, byMoments, 0, of("cohort", nil, []string{"region", "sex"}, "", func(c []proportions.Count, s *answers) {
			var table [][]int64
			for i := 0; i+1 < len(c); i += 2 {
				table = append(table, []int64{c[i].N, c[i+1].N})
			}
			s.add(proportions.TestTable(table))
		})},
		{[]string{"mcnemar"}, byMoments, 0, of("cohort", append(arms, known...), []string{"severe_0", "severe_12"}, "", func(c []proportions.Count, s *answers) {
			s.add(proportions.McNemar(proportions.Pairs{Neither: c[0].N, Gained: c[1].N, Lost: c[2].N, Both: c[3].N}, 0.95))
		})},
		{[]string{"funnel_binomial_exact", "funnel_binomial_overdispersion", "beta_binomial_empirical_bayes"}, byMoments, 0, of("cohort", nil, []string{"provider"}, "mcid10", func(c []proportions.Count, s *answers) {
			var counts []funnel.Count
			var events, people []float64
			for _, of := range c {
				counts = append(counts, funnel.Count{Events: of.Events, N: of.N})
				events, people = append(events, float64(of.Events)), append(people, float64(of.N))
			}
			s.add(funnel.Proportions(counts, funnel.Options{}))
			s.add(mixed.FitBetaBinomial(events, people, mixed.Options{}))
		})},
	}
}
