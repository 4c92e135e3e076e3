//go:build shared

package pushdown

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/analytics/describe"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/histogram"
	"github.com/lumbar-health/lumbar/analytics/linear"
	"github.com/lumbar-health/lumbar/analytics/mixed"
	"github.com/lumbar-health/lumbar/analytics/moments"
	"github.com/lumbar-health/lumbar/analytics/paired"
	"github.com/lumbar-health/lumbar/analytics/quasi"
	"github.com/lumbar-health/lumbar/store/read"
)

// sampleChecks describe one sample and pairs: rows as Go has them against the
// store's histogram, pairs of values or moments.
func sampleChecks() []check {
	var all []check
	for _, column := range []struct {
		data, name string
		where      []where
	}{{"cohort", "gain", nil}, {"cohort", "eq5d_0", []where{in("region", "R3")}}, {"cohort20k", "y", nil}, {"longitudinal", "odi", nil}} {
		all = append(all, check{[]string{"describe"}, byHistogram, 0, func(t *testing.T, sets map[string]*dataset) pair[any] {
			d := sets[column.data]
			h := d.histograms(t, column.where, nil, column.name).store[0]
			rows, store := answers{t: t}, answers{t: t}
			rows.add(describe.Describe(d.values(column.where, column.name), 0.95))
			store.add(describe.DescribeCounts(h, 0.95))
			return pair[any]{rows.all, store.all}
		}})
	}
	for _, p := range []struct {
		first, second string
		where         []where
	}{{"odi_0", "odi_12", []where{in("intervention", "physio")}}, {"nrs_0", "nrs_12", []where{in("region", "R1")}}} {
		both := append(slices.Clone(p.where), where{column: p.first}, where{column: p.second})
		all = append(all, check{[]string{"sign_test", "reliable_change"}, byHistogram, 0, func(t *testing.T, sets map[string]*dataset) pair[any] {
			d := sets["cohort"]
			found := counted(t, d, (*read.Cells).Len, func() (*read.Cells, error) {
				return d.reader.Cells(t.Context(), read.CellQuestion{Selection: read.Selection{Where: d.predicate(p.where)}, Columns: []string{p.first, p.second}})
			})
			rows, store := answers{t: t}, answers{t: t}
			changed(t, d.values(both, p.first), d.values(both, p.second), nil, &rows)
			changed(t, fromStore(found.Columns[0], found.Len()).Values, fromStore(found.Columns[1], found.Len()).Values, found.Count, &store)
			return pair[any]{rows.all, store.all}
		}}, check{[]string{"responsiveness_indices"}, byMoments, rounding, func(t *testing.T, sets map[string]*dataset) pair[any] {
			d := sets["cohort"]
			m := d.moments(t, both, nil, []moments.Term{moments.Column(p.first), moments.Column(p.second)}).store[0]
			rows, store := answers{t: t}, answers{t: t}
			rows.add(paired.Indices(d.values(both, p.first), d.values(both, p.second)))
			store.add(paired.IndicesFromMoments(m, 1, 2))
			return pair[any]{rows.all, store.all}
		}})
	}
	return all
}

// values of a column in the rows that meet the conditions and have it.
func (d *dataset) values(all []where, column string) []float64 {
	var out []float64
	for _, i := range d.rows(all, column) {
		out = append(out, d.column(column).numbers[i])
	}
	return out
}

func changed(t *testing.T, first, second []float64, counts []int64, s *answers) {
	t.Helper()
	baseline, changes, err := paired.Counts(first, second, counts)
	if err != nil {
		t.Fatal(err)
	}
	s.add([]histogram.Histogram{baseline, changes}, nil)
	s.add(paired.SignTest(changes))
	s.add(paired.ReliableChange(baseline, changes, 0.9, -1))
}

// differenced is how far Satterthwaite's degrees of freedom may be apart: they are
// of second derivatives by differences, which enlarge rounding. Seen: 1e-11.
const differenced = 1e-10

// summed is a formula's cross-products in the store, with the design they are of.
type summed struct {
	*design.Summed
	formula design.Formula
	moments []moments.Matrix
	y       int
	x       []int
}

func (s summed) total(t *testing.T) moments.Matrix { return must(moments.MergeAll(s.moments))(t) }

func (d *dataset) summed(t *testing.T, conditions []where, by []string, formula string) summed {
	t.Helper()
	p, f, y, x := d.gram(t, conditions, by, formula)
	levels := map[string][]string{}
	for _, name := range f.Columns() {
		if v := d.column(name); v.numbers == nil || strings.Contains(formula, "factor("+name+")") {
			levels[name], _ = levelsOf(v, d.rows(conditions, f.Columns()...))
		}
	}
	return summed{must(f.Summed(levels, nil))(t), f, p.store, y, x}
}

const (
	crossed   = "odi_12 ~ intervention * sex + odi_0 + age + region"
	numbered  = "y ~ factor(age_band) * male + tr + region + factor(imd) + sev_band"
	ancovaOf6 = "odi_12 ~ physio + odi_0 + age + male + phq9 + comorb"
)

// reducedChecks are of linear models whose rows are first reduced to what the
// store returns: a triangle, patterns, clusters' sums.
func reducedChecks() []check {
	var all []check
	for _, c := range []struct {
		data    string
		where   []where
		formula string
	}{{"cohort", arms, ancova}, {"cohort", arms, ancovaOf6}, {"cohort", nil, outcomes}, {"cohort", nil, crossed}, {"cohort20k", nil, numbered}} {
		all = append(all, check{[]string{"anova_type_II", "vif"}, byGram, rounding, func(t *testing.T, sets map[string]*dataset) pair[any] {
			s := sets[c.data].summed(t, c.where, nil, c.formula)
			store := must(linear.CompactMoments(s.moments[0], s.y, s.x, s.Matrix))(t)
			rows := must(must(linear.OLS(rowsOf(t, sets[c.data], c.where, c.formula)))(t).Compact())(t)
			return both(t, pair[*linear.Compact]{rows, store}, func(c *linear.Compact, s *answers) {
				s.add(linear.TypeII(c))
				s.add(linear.VIF(c))
			})
		}})
	}
	for _, c := range []struct{ data, formula, factor string }{
		{"cohort", outcomes, "intervention"}, {"cohort", outcomes, "region"}, {"cohort", crossed, "intervention"}, {"cohort20k", numbered, "age_band"}, {"cohort20k", numbered, "imd"},
	} {
		all = append(all, check{[]string{"adjusted_means", "adjusted_means_observed_margins"}, byGram, rounding, func(t *testing.T, sets map[string]*dataset) pair[any] {
			return adjusted(t, sets[c.data], c.formula, c.factor)
		}})
	}
	for _, c := range []struct {
		formula string
		columns []string
	}{{ancova, []string{"physio", "odi_0", "age", "male", "phq9"}}, {ancovaOf6, []string{"physio", "odi_0", "age", "male", "phq9", "comorb"}}, {ancova, []string{"physio", "odi_0", "age", "male", "phq9", "provider"}}} {
		r := regression{"cohort", arms, "odi_12", c.formula[strings.Index(c.formula, "~"):], c.columns}
		all = append(all, check{[]string{"ancova_lin_interacted_hc2"}, byCells, rounding, r.on(lin(r.formula, "physio"))})
	}
	r := regression{"cohort20k", nil, "y", "~ tr + factor(age_band) + male + factor(imd)", []string{"tr", "age_band", "male", "imd"}}
	return append(append(all, check{[]string{"ancova_lin_interacted_hc2"}, byCells, rounding, r.on(lin(r.formula, "tr"))}), clusterSums()...)
}

func lin(formula, treatment string) func(t *testing.T, p patterns, s *answers) {
	return func(t *testing.T, p patterns, s *answers) {
		c := p.cells(t, formula)
		s.add(linear.Interacted(c, c.Design.Place(treatment), 0.95))
	}
}

// adjusted means of rows, and of the store's cross-products, factors and means.
func adjusted(t *testing.T, d *dataset, formula, factor string) pair[any] {
	t.Helper()
	s := d.summed(t, nil, nil, formula)
	var factors []string
	numbers := []moments.Term{}
	var complete []where
	for _, name := range s.formula.Columns() {
		complete = append(complete, where{column: name})
		if v := d.column(name); v.numbers == nil || strings.Contains(formula, "factor("+name+")") {
			factors = append(factors, name)
		} else {
			numbers = append(numbers, moments.Column(name))
		}
	}
	people := d.patterns(t, complete, factors, "").store
	profile := linear.Profile{Factors: people.table, Count: people.count, Means: map[string]float64{}}
	for i, m := range numbers {
		profile.Means[m.Name], _ = d.moments(t, complete, nil, numbers).store[0].Mean(i + 1)
	}
	rows, store := answers{t: t}, answers{t: t}
	for _, weights := range []linear.FactorWeights{linear.EqualWeights, linear.ObservedMargins} {
		f := s.formula
		means(must(linear.AdjustedMeans(f, d.table(t, d.rows(complete), f.Columns()), factor, weights))(t), &rows)
		means(must(linear.AdjustedMoments(f, s.Summed, s.moments[0], s.y, s.x, profile, factor, weights))(t), &store)
	}
	return pair[any]{rows.all, store.all}
}

func means(a *linear.Adjusted, s *answers) {
	s.add([]any{a.Levels, a.Rows}, nil)
	for i := range a.Levels {
		s.add(a.Mean(i, a.Fit.Covariance(), 0.95))
		for j := range i {
			s.add(a.Difference(i, j, a.Fit.Covariance(), 0.95))
		}
	}
}

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
