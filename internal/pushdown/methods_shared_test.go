//go:build shared

package pushdown

import (
	"math"
	"testing"

	"github.com/lumbar-health/lumbar/analytics/bayes"
	"github.com/lumbar-health/lumbar/analytics/describe"
	"github.com/lumbar-health/lumbar/analytics/histogram"
	"github.com/lumbar-health/lumbar/analytics/ksample"
	"github.com/lumbar-health/lumbar/analytics/moments"
	"github.com/lumbar-health/lumbar/analytics/paired"
	"github.com/lumbar-health/lumbar/analytics/psychometrics"
	"github.com/lumbar-health/lumbar/analytics/ranks"
	"github.com/lumbar-health/lumbar/analytics/twosample"
)

// class is the reduced form that methods.md names for a method.
type class string

const (
	byMoments   class = "M"
	byHistogram class = "H"
	byGram      class = "G"
	byCells     class = "C"
	byClusters  class = "K"
	byRiskTable class = "R"
	byVisits    class = "P"
	byRows      class = "row" // people, streamed
)

// rounding is how far answers may be apart that are not to the bit: cells are
// added in another order than rows, and rows fitted by QR. Seen: under 1e-12.
const rounding = 2e-12

// check is one method, computed of rows and of what the store returns.
type check struct {
	methods []string // golden names
	class   class
	tol     float64 // 0: to the bit
	run     run
}

// answers is what methods say of a form. None may fail: two equal errors would
// be no answer.
type answers struct {
	t   *testing.T
	all []any
}

func (s *answers) add(v any, err error) {
	s.t.Helper()
	if err != nil {
		s.t.Errorf("answer %d: %v", len(s.all), err)
	}
	s.all = append(s.all, v)
}

// both asks of both forms.
func both[T any](t *testing.T, p pair[T], f func(form T, s *answers)) pair[any] {
	rows, store := answers{t: t}, answers{t: t}
	f(p.rows, &rows)
	f(p.store, &store)
	return pair[any]{rows.all, store.all}
}

func checks() []check {
	var all []check
	for _, some := range [][]check{momentChecks(), histogramChecks(), countChecks(), gramChecks(), clusterChecks(), cellChecks(), causalChecks(), riskChecks(), moreChecks(), sampleChecks(), reducedChecks()} {
		all = append(all, some...)
	}
	return all
}

func TestPushedDownEqualsRows(t *testing.T) {
	all := datasets(t)
	for _, c := range checks() {
		t.Run(string(c.class)+"/"+c.methods[0], func(t *testing.T) {
			p := c.run(t, all)
			same(t, p.rows, p.store, c.tol)
		})
	}
}

var arms = []where{in("intervention", "physio", "usual_care")}

// run is how a check gets its answers.
type run = func(t *testing.T, all map[string]*dataset) pair[any]

func momentChecks() []check {
	groups := func(conditions []where, by, column string, f func(g []twosample.Group, s *answers)) run {
		return func(t *testing.T, all map[string]*dataset) pair[any] {
			p := all["cohort"].moments(t, conditions, []string{by}, []moments.Term{moments.Column(column)})
			return both(t, p, func(m []moments.Matrix, s *answers) {
				var g []twosample.Group
				for _, of := range m {
					g = append(g, must(twosample.FromMoments(of, 1))(t))
				}
				f(g, s)
			})
		}
	}
	one := func(data string, conditions []where, columns []string, f func(m moments.Matrix, s *answers)) run {
		return func(t *testing.T, all map[string]*dataset) pair[any] {
			var terms []moments.Term
			for _, name := range columns {
				terms = append(terms, moments.Column(name))
			}
			return both(t, all[data].moments(t, conditions, nil, terms), func(m []moments.Matrix, s *answers) { f(m[0], s) })
		}
	}
	return []check{
		{[]string{"describe_mean_sd"}, byMoments, 0, one("numacc", nil, []string{"a", "b"}, func(m moments.Matrix, s *answers) {
			s.add(describe.MeanInterval(m, 1, 0.95))
			s.add(describe.MeanInterval(m, 2, 0.95))
		})},
		{[]string{"t_test_welch", "t_test_pooled", "equivalence_tost_welch", "effect_size_d", "smd", "unadjusted_difference", "bayes_factor_t"}, byMoments, 0,
			groups(arms, "intervention", "gain", func(g []twosample.Group, s *answers) {
				s.add(twosample.WelchTest(g[0], g[1], twosample.Options{}))
				pooled, err := twosample.Pooled(g[0], g[1], twosample.Options{})
				s.add(pooled, err)
				s.add(bayes.TwoSampleFactor(pooled.T, int(pooled.N1), int(pooled.N0), math.Sqrt2/2))
				s.add(twosample.TOST(g[0], g[1], 5))
				s.add(twosample.EffectSizes(g[0], g[1], 0.95))
				s.add(twosample.StandardisedDifference(g[0], g[1]))
				s.add(twosample.CompareVariances(g[0], g[1], 0.95))
			})},
		{[]string{"anova_oneway", "tukey_hsd", "pairwise_welch", "games_howell", "dunnett"}, byMoments, 0,
			groups(nil, "intervention", "odi_12", func(g []twosample.Group, s *answers) {
				s.add(ksample.OneWay(g))
				s.add(ksample.Bartlett(g))
				s.add(ksample.Tukey(g, 0.95))
				s.add(ksample.WelchPairs(g, 0.95))
				s.add(ksample.GamesHowell(g, 0.95))
				s.add(ksample.Dunnett(g, 4, 0.95))
			})},
		{[]string{"t_test_paired", "agreement_bland_altman_icc_ccc"}, byMoments, 0, one("cohort", arms, []string{"odi_0", "odi_12"}, func(m moments.Matrix, s *answers) {
			s.add(paired.FromMoments(m, 1, 2, 0.95))
			pairs, err := psychometrics.PairsFromMoments(m, 1, 2)
			s.add(pairs, err)
			s.add(psychometrics.Agree(pairs, 0.95))
		})},
		{[]string{"cronbach_alpha"}, byGram, 0, one("items", nil, []string{"q1", "q2", "q3", "q4", "q5", "q6", "q7", "q8", "q9", "q10"}, func(m moments.Matrix, s *answers) {
			items, err := psychometrics.ItemsFromMoments(m, []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
			s.add(items, err)
			s.add(psychometrics.Cronbach(items, 0.95))
		})},
	}
}

func histogramChecks() []check {
	of := func(conditions []where, by []string, f func(h []histogram.Histogram, s *answers)) run {
		return func(t *testing.T, all map[string]*dataset) pair[any] {
			return both(t, all["cohort"].histograms(t, conditions, by, "gain"), f)
		}
	}
	return []check{
		{[]string{"mann_whitney", "hodges_lehmann_shift", "hodges_lehmann_shift_r_asymptotic", "brunner_munzel", "prob_superiority_delong", "ks_two_sample", "permutation_test_mean_asymptotic"}, byHistogram, 0,
			of(arms, []string{"intervention"}, func(h []histogram.Histogram, s *answers) {
				s.add(ranks.MannWhitney(h[0], h[1]))
				s.add(ranks.HodgesLehmann(h[0], h[1], 0.95))
				s.add(ranks.HodgesLehmannByTest(h[0], h[1], 0.95))
				s.add(ranks.BrunnerMunzel(h[0], h[1], 0.95))
				s.add(ranks.DeLong(h[0], h[1], 0.95))
				s.add(ranks.KolmogorovSmirnov(h[0], h[1]))
				s.add(ranks.PermutationTest(h[0], h[1]))
			})},
		{[]string{"mann_whitney_exact_conditional"}, byHistogram, 0, of(append(arms, in("region", "R1"), in("month", "1")), []string{"intervention"}, func(h []histogram.Histogram, s *answers) {
			s.add(ranks.MannWhitneyExact(h[0], h[1]))
		})},
		{[]string{"wilcoxon_signed_rank", "hodges_lehmann_paired"}, byHistogram, 0, of(arms, nil, func(h []histogram.Histogram, s *answers) {
			s.add(ranks.SignedRank(h[0]))
			s.add(ranks.PseudoMedian(h[0], 0.95))
			for _, p := range []float64{0, 0.25, 0.5, 0.9} {
				s.add(h[0].Quantile(p))
			}
			s.add(h[0].SumSquares(), nil)
		})},
		{[]string{"kruskal_wallis", "jonckheere_terpstra", "variance_homogeneity", "variance_tests"}, byHistogram, 0, of(nil, []string{"intervention"}, func(h []histogram.Histogram, s *answers) {
			s.add(ksample.KruskalWallis(h))
			s.add(ksample.JonckheereTerpstra(h))
			s.add(ksample.Fligner(h))
			s.add(ksample.Levene(h, true))
			s.add(ksample.Levene(h, false))
		})},
		{[]string{"mcid_anchor_roc_mean_change_predictive"}, byHistogram, 0, of([]where{{column: "gain"}}, []string{"resp30"}, func(h []histogram.Histogram, s *answers) {
			s.add(psychometrics.MinimalChange(h[len(h)-1], h[len(h)-2]))
		})},
	}
}
