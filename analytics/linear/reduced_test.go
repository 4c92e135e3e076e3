package linear

import (
	"errors"
	"slices"
	"testing"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/cells"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/moments"
)

// reduced is the cars' cross-products for a formula, as the store would sum them.
func reduced(t *testing.T, table *design.Table, formula string, labels []int) (s *design.Summed, groups []moments.Matrix, y int, x []int) {
	t.Helper()
	f := parsed(t, formula)
	cyl, _ := table.Column("cyl")
	s, err := f.Summed(map[string][]string{"cyl": cyl.Levels}, nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.At(table)
	if err != nil {
		t.Fatal(err)
	}
	built, err := f.Build(table)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(m.X, built.X) || !slices.Equal(m.Names, built.Names) || !slices.Equal(m.Assign, built.Assign) || !slices.Equal(m.Labels, built.Labels) {
		t.Fatalf("%s: the terms are not the design's columns", formula)
	}
	response, err := f.ResponseTerm()
	if err != nil {
		t.Fatal(err)
	}
	terms := append(append([]moments.Term{moments.Intercept()}, s.Terms...), response)
	rows := map[int][]float64{}
	for i := range m.N {
		rows[labels[i]] = append(append(rows[labels[i]], m.Row(i)...), built.Y[i])
	}
	for g := range len(rows) {
		one, err := moments.FromRows(terms, append([]int64{1}, make([]int64, len(terms)-1)...), rows[g])
		if err != nil {
			t.Fatal(err)
		}
		groups = append(groups, one)
	}
	for j := range s.P {
		x = append(x, j)
	}
	return s, groups, s.P, x
}

// TestReducedIsRows holds that each reduced form answers as rows do.
func TestReducedIsRows(t *testing.T) {
	_, table := readR(t)
	for _, formula := range []string{"mpg ~ wt * cyl + hp", "mpg ~ cyl + wt + I(hp^2)"} {
		o := fitOf(t, table, formula)
		labels := make([]int, o.N)
		for i := range labels {
			labels[i] = i % 6
		}
		s, groups, y, x := reduced(t, table, formula, labels)
		whole, err := moments.MergeAll(groups)
		if err != nil {
			t.Fatal(err)
		}
		c, err := CompactMoments(whole, y, x, s.Matrix)
		if err != nil {
			t.Fatal(err)
		}
		lines := tested(t, c)
		for k, want := range tested(t, compactOf(t, o)) {
			compareAll(t, formula+" "+want.Term, []float64{lines[k].SumSq, lines[k].F}, []float64{want.SumSq, want.F}, 1e-9)
		}
		fit, err := FromMoments(whole, y, x)
		if err != nil {
			t.Fatal(err)
		}
		clusters, err := fit.ByMoments(groups, y, x)
		if err != nil {
			t.Fatal(err)
		}
		got, err := clusters.WildBootstrap(1)
		if err != nil {
			t.Fatal(err)
		}
		want, err := o.WildBootstrap(1, labels)
		if err != nil {
			t.Fatal(err)
		}
		compareAll(t, formula+" wild", []float64{got.Estimate, got.T, got.P, got.Quantile95}, []float64{want.Estimate, want.T, want.P, want.Quantile95}, 1e-9)
		along, err := fit.AlongMoments(groups, y, x, 1)
		if err != nil {
			t.Fatal(err)
		}
		ofRows, err := o.Along(1, labels)
		if err != nil {
			t.Fatal(err)
		}
		compareAll(t, formula+" along", along, ofRows, 1e-9)
	}
}

func tested(t *testing.T, c *Compact) []TermTest {
	t.Helper()
	out, err := TypeII(c)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestPatternsAreRows holds that people grouped by equal covariates give their
// rows' fit and robust errors, patterns of nobody left out.
func TestPatternsAreRows(t *testing.T) {
	g, table := readR(t)
	o := fitOf(t, table, "mpg ~ cyl + factor(carb)")
	m := *o.Design
	m.X, m.N = nil, 0
	c := cells.Cells{Design: &m}
	place := map[string]int{}
	cyl, _ := table.Column("cyl")
	for i := range o.N {
		key := cyl.Levels[cyl.Codes[i]] + string(rune(g.Numbers["carb"][i]))
		at, known := place[key]
		if !known {
			at = m.N
			place[key] = at
			m.N++
			m.X = append(m.X, o.Design.Row(i)...)
			c.Count, c.Sum, c.SumSq = append(c.Count, 0), append(c.Sum, 0), append(c.SumSq, 0)
		}
		y := o.Design.Y[i]
		c.Count[at]++
		c.Sum[at] += y
		c.SumSq[at] += y * y
	}
	m.N++
	m.X, c.Count, c.Sum, c.SumSq = append(m.X, o.Design.Row(0)...), append(c.Count, 0), append(c.Sum, 0), append(c.SumSq, 0)
	p, err := OLSPatterns(c)
	if err != nil {
		t.Fatal(err)
	}
	compareAll(t, "coefficients", append([]float64{p.RSS, p.TSS, p.Sigma2, p.MeanY, float64(p.N)}, p.Coef...), append([]float64{o.RSS, o.TSS, o.Sigma2, o.MeanY, float64(o.N)}, o.Coef...), 1e-10)
	for _, kind := range []HCKind{HC0, HC1} {
		got, err := p.HC(kind)
		if err != nil {
			t.Fatal(err)
		}
		want, err := o.HC(kind)
		if err != nil {
			t.Fatal(err)
		}
		compareAll(t, kind.String(), got.Data, want.Data, 1e-9)
	}
	if _, err := p.HC(HC2); !errors.Is(err, analytics.ErrZeroVariance) { // one car alone has six carburettors
		t.Errorf("HC2 of a single person: %v", err)
	}
}

// TestShiftingIsRefitting holds that a fit moved by delta is that of moved rows.
func TestShiftingIsRefitting(t *testing.T) {
	g, table := readR(t)
	o := fitOf(t, table, "mpg ~ wt + hp")
	for _, column := range [][]float64{g.Numbers["carb"], g.Numbers["wt"], make([]float64, o.N)} {
		s, err := o.Shifting(column)
		if err != nil {
			t.Fatal(err)
		}
		for _, delta := range []float64{-3, 0, 1.5} {
			m := *o.Design
			m.Y = slices.Clone(m.Y)
			for i := range m.Y {
				m.Y[i] += delta * column[i]
			}
			want, err := OLS(&m)
			if err != nil {
				t.Fatal(err)
			}
			f := s.At(delta)
			compareAll(t, "shifted", append([]float64{f.RSS, f.TSS, f.Sigma2, f.MeanY}, f.Coef...), append([]float64{want.RSS, want.TSS, want.Sigma2, want.MeanY}, want.Coef...), 1e-9)
		}
	}
	if _, err := o.Shifting(nil); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("no shifts: %v", err)
	}
}

// TestAdjustedMomentsIsRows holds that adjusted means need no rows.
func TestAdjustedMomentsIsRows(t *testing.T) {
	_, table := readR(t)
	const formula = "mpg ~ cyl + wt + I(hp^2)"
	f := parsed(t, formula)
	s, groups, y, x := reduced(t, table, formula, make([]int, table.Rows()))
	cyl, _ := table.Column("cyl")
	counts := make([]float64, len(cyl.Levels))
	codes := make([]int, len(counts))
	for k := range codes {
		codes[k] = k
	}
	for _, code := range cyl.Codes {
		counts[code]++
	}
	factors, err := design.NewTable(design.Column{Name: "cyl", Codes: codes, Levels: cyl.Levels})
	if err != nil {
		t.Fatal(err)
	}
	people := Profile{Factors: factors, Count: counts, Means: map[string]float64{}}
	for _, name := range []string{"wt", "hp"} {
		c, _ := table.Column(name)
		people.Means[name] = average(c.Values)
	}
	for _, weights := range []FactorWeights{EqualWeights, ObservedMargins} {
		want, err := AdjustedMeans(f, table, "cyl", weights)
		if err != nil {
			t.Fatal(err)
		}
		got, err := AdjustedMoments(f, s, groups[0], y, x, people, "cyl", weights)
		if err != nil {
			t.Fatal(err)
		}
		for k := range got.Levels {
			a, errA := got.Mean(k, got.Fit.Covariance(), 0.95)
			b, errB := want.Mean(k, want.Fit.Covariance(), 0.95)
			if errA != nil || errB != nil {
				t.Fatal(errA, errB)
			}
			compareAll(t, "adjusted mean of "+got.Levels[k], []float64{a.Value, a.StdErr}, []float64{b.Value, b.StdErr}, 1e-10)
		}
	}
	delete(people.Means, "wt")
	if _, err := AdjustedMoments(f, s, groups[0], y, x, people, "cyl", EqualWeights); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("an unknown mean: %v", err)
	}
}
