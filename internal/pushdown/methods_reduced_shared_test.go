//go:build shared

package pushdown

import (
	"slices"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/analytics/describe"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/histogram"
	"github.com/lumbar-health/lumbar/analytics/linear"
	"github.com/lumbar-health/lumbar/analytics/moments"
	"github.com/lumbar-health/lumbar/analytics/paired"
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
