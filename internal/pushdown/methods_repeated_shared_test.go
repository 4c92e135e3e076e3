//go:build shared

package pushdown

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/linear"
	"github.com/lumbar-health/lumbar/analytics/mixed"
	"github.com/lumbar-health/lumbar/analytics/moments"
	"github.com/lumbar-health/lumbar/analytics/quasi"
)

// clusterSums are the methods on the cross-products of each cluster.
func clusterSums() []check {
	wild := func(data string, conditions []where, formula, cluster, coefficient string) run {
		return func(t *testing.T, sets map[string]*dataset) pair[any] {
			d := sets[data]
			s := d.summed(t, conditions, []string{cluster}, formula)
			rows, store := answers{t: t}, answers{t: t}
			fit := must(linear.OLS(rowsOf(t, d, conditions, formula)))(t)
			labels, _ := patterns{table: d.table(t, d.rows(conditions, s.formula.Columns()...), []string{cluster})}.codes(t, cluster)
			rows.add(fit.WildBootstrap(fit.Place(coefficient), labels))
			ofMoments := must(linear.FromMoments(s.total(t), s.y, s.x))(t)
			store.add(must(ofMoments.ByMoments(s.moments, s.y, s.x))(t).WildBootstrap(ofMoments.Place(coefficient)))
			return pair[any]{rows.all, store.all}
		}
	}
	return []check{
		{[]string{"wild_cluster_bootstrap_t_enumerated"}, byClusters, rounding, wild("cohort", arms, ancova, "region", "physio")},
		{[]string{"wild_cluster_bootstrap_t_enumerated"}, byClusters, rounding, wild("cohort20k", nil, "y ~ tr + factor(age_band) + male", "region", "tr")},
		{[]string{"did_twfe"}, byClusters, rounding, func(t *testing.T, sets map[string]*dataset) pair[any] {
			d := sets["did_panel"]
			const formula = "y ~ tp + unit_f + month_f"
			s := d.summed(t, nil, []string{"unit"}, formula)
			rows, store := answers{t: t}, answers{t: t}
			fit := must(linear.OLS(rowsOf(t, d, nil, formula)))(t)
			labels, _ := patterns{table: d.table(t, d.rows(nil, s.formula.Columns()...), []string{"unit"})}.codes(t, "unit")
			rows.add(quasi.TwoWay(fit.Fit, 1, must(fit.Along(1, labels))(t)))
			ofMoments := must(linear.FromMoments(s.total(t), s.y, s.x))(t)
			store.add(quasi.TwoWay(ofMoments, 1, must(ofMoments.AlongMoments(s.moments, s.y, s.x, 1))(t)))
			return pair[any]{rows.all, store.all}
		}},
		{[]string{"lmm_kenward_roger"}, byClusters, rounding, func(t *testing.T, sets map[string]*dataset) pair[any] {
			d, some := sets["longitudinal"], []where{in("id", first(120)...)}
			const formula = "odi ~ arm + odi_0 + yr"
			s := d.summed(t, some, []string{"id"}, formula)
			labels := d.table(t, d.rows(some, s.formula.Columns()...), []string{"id"}).Columns()[0]
			ones := must(parse(t, "~ 1").Build(d.table(t, d.rows(some, s.formula.Columns()...), s.formula.Columns())))(t)
			sums := pair[*mixed.Sums]{must(mixed.FromRows(rowsOf(t, d, some, formula), ones, design.AsFactor(labels)))(t),
				must(mixed.FromMoments(make([]string, len(s.moments)), s.moments, s.y, s.x, []int{0}))(t)}
			return both(t, sums, func(sums *mixed.Sums, s *answers) {
				m := must(mixed.Fit(sums, true, mixed.Options{}))(t)
				kr := must(m.KenwardRoger())(t)
				for j := range m.Coef {
					s.add(kr.Test(m.Unit(j), 0.95))
				}
			})
		}},
		{[]string{"mmrm_unstructured_reml"}, byVisits, differenced, repeated("odi ~ visit + visit:arm + visit:odi_0", nil)},
		{[]string{"mmrm_unstructured_reml"}, byVisits, differenced, repeated("odi ~ arm * visit + odi_0", first(100))},
		{[]string{"lmm_random_slope_reml"}, byClusters, differenced, func(t *testing.T, sets map[string]*dataset) pair[any] {
			d := sets["longitudinal"]
			const formula = "odi ~ arm * yr + odi_0"
			s := d.summed(t, nil, []string{"id"}, formula)
			labels := d.table(t, d.rows(nil, s.formula.Columns()...), []string{"id"}).Columns()[0]
			slope := must(parse(t, "~ yr").Build(d.table(t, d.rows(nil, s.formula.Columns()...), s.formula.Columns())))(t)
			yr := s.Matrix.Place("yr")
			sums := pair[*mixed.Sums]{must(mixed.FromRows(rowsOf(t, d, nil, formula), slope, design.AsFactor(labels)))(t),
				must(mixed.FromMoments(make([]string, len(s.moments)), s.moments, s.y, s.x, []int{0, yr}))(t)}
			return both(t, sums, func(sums *mixed.Sums, s *answers) {
				m, err := mixed.Fit(sums, true, mixed.Options{})
				if err != nil {
					s.add(nil, err)
					return
				}
				s.add([]any{m.Deviance, m.Coef, m.Residual, m.Variance, m.Cov}, nil)
				df := must(m.Satterthwaite())(t)
				for j := range m.Coef {
					s.add(df.Test(m.Unit(j), 0.95))
				}
			})
		}},
	}
}

// first lists the numbers from 1.
func first(n int) []string {
	var out []string
	for i := range n {
		out = append(out, strconv.Itoa(i+1))
	}
	return out
}

// repeated is an MMRM of the rows of visits, and of the store's moments of people
// with the same visits, one row a person.
func repeated(formula string, people []string) run {
	return func(t *testing.T, sets map[string]*dataset) pair[any] {
		long, wide := sets["longitudinal"], sets["wide"]
		var some []where
		if people != nil {
			some = []where{in("id", people...)}
		}
		f := parse(t, formula)
		places := long.rows(some, f.Columns()...)
		used := long.table(t, places, []string{"id", "visit"}).Columns()
		rows := must(mixed.VisitsFromRows(rowsOf(t, long, some, formula), design.AsFactor(used[0]), used[1]))(t)
		levels, _ := levelsOf(long.column("visit"), places)
		terms := must(mixed.PersonTermsOf(must(f.Summed(map[string][]string{"visit": levels}, nil))(t), "visit", levels))(t)
		seen, _ := levelsOf(wide.column("seen"), wide.rows(some))
		var attended []mixed.Attended
		for _, pattern := range seen {
			set, asked := mixed.Attended{}, slices.Clone(terms.Terms[1:])
			for _, visit := range strings.Fields(pattern) {
				set.Visits, asked = append(set.Visits, slices.Index(levels, visit)), append(asked, moments.Column(visit))
			}
			set.Moments = wide.moments(t, append(slices.Clone(some), in("seen", pattern)), nil, asked).store[0]
			attended = append(attended, set)
		}
		return both(t, pair[*mixed.Visits]{rows, must(mixed.VisitsFromMoments(terms, attended))(t)}, func(v *mixed.Visits, s *answers) {
			m := must(mixed.FitVisits(v, mixed.Options{}))(t)
			s.add([]any{m.N, m.Subjects, m.Coef, m.Cov, m.Sigma, m.Deviance}, nil)
			for j := range m.Coef {
				unit := make([]float64, len(m.Coef))
				unit[j] = 1
				s.add(m.Test(unit, 0.95))
			}
		})
	}
}
