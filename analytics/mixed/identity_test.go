package mixed

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/moments"
)

// TestMomentsAreTheirRows holds that a random intercept fitted from the groups'
// moments, as the store sums them, is that fitted from rows.
func TestMomentsAreTheirRows(t *testing.T) {
	g := golden(t)
	table := tableOf(t, g.Sleep)
	want := fitted(t, table, "Reaction ~ Days + half + (1 | g)", true)
	terms := []moments.Term{{Name: "1"}, {Name: "Days"}, {Name: "half"}, {Name: "Reaction"}}
	rows := map[int][]float64{}
	for i, v := range g.Sleep["Reaction"] {
		k := int(g.Sleep["g"][i])
		rows[k] = append(rows[k], 1, g.Sleep["Days"][i], g.Sleep["half"][i], v)
	}
	var groups []moments.Matrix
	var names []string
	for k := 1; len(rows[k]) > 0; k++ {
		m, err := moments.FromRows(terms, []int64{1, 1, 1, 0}, rows[k])
		if err != nil {
			t.Fatal(err)
		}
		groups, names = append(groups, m), append(names, fmt.Sprint(k))
	}
	s, err := FromMoments(names, groups, 3, []int{0, 1, 2}, []int{0})
	if err != nil {
		t.Fatal(err)
	}
	m, err := Fit(s, true, Options{})
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "coef", m.Coef, want.Coef, 1e-8)
	compare(t, "cov", m.Cov, want.Cov, 1e-8)
	compare(t, "variances", append(variances(m), m.Deviance), append(variances(want), want.Deviance), 1e-7)
	for i, e := range m.Effects() {
		compare(t, "effect", e.Value, want.Effects()[i].Value, 1e-6)
	}
	if _, err := FromMoments(names, groups, 3, []int{1, 2}, []int{0}); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("no intercept: %v", err)
	}
}

// nation is people within groups, with a slope that may differ between them.
func nation(groups, each int, slope float64) map[string][]float64 {
	r := rand.New(rand.NewPCG(5, 6))
	out := map[string][]float64{}
	for k := 0; k < groups; k++ {
		u, v := 3*r.NormFloat64(), slope*r.NormFloat64()
		for i := 0; i < each; i++ {
			x, w := r.NormFloat64(), float64(i)
			y := 40 + 2*x - w + u + v*w + 5*r.NormFloat64()
			bin := 0.0
			if y > 40 {
				bin = 1
			}
			for name, value := range map[string]float64{"x": x, "w": w, "y": y, "b": bin, "g": float64(k)} {
				out[name] = append(out[name], value)
			}
		}
	}
	return out
}

// TestUnitsDoNotMatter holds what a change of units and origin does to a model.
func TestUnitsDoNotMatter(t *testing.T) {
	data := nation(40, 6, 0.7)
	a := fitted(t, tableOf(t, data), "y ~ x + w + (1 + w | g)", true)
	changed := map[string][]float64{"g": data["g"], "w": data["w"]}
	for i := range data["y"] {
		changed["y"] = append(changed["y"], 1e4+10*data["y"][i])
		changed["x"] = append(changed["x"], 1e3-data["x"][i]/4)
	}
	b := fitted(t, tableOf(t, changed), "y ~ x + w + (1 + w | g)", true)
	compare(t, "slopes", []float64{b.Coef[1] / -40, b.Coef[2] / 10}, a.Coef[1:], 1e-7)
	compare(t, "variances", []float64{b.Variance.At(0, 0) / 100, b.Variance.At(0, 1) / 100, b.Variance.At(1, 1) / 100, b.Residual / 100}, []float64{a.Variance.At(0, 0), a.Variance.At(0, 1), a.Variance.At(1, 1), a.Residual}, 1e-6)
	sa, err := a.Satterthwaite()
	if err != nil {
		t.Fatal(err)
	}
	sb, err := b.Satterthwaite()
	if err != nil {
		t.Fatal(err)
	}
	_, da, _ := each(t, a, sa.Test)
	_, db, _ := each(t, b, sb.Test)
	compare(t, "df", db[1:], da[1:], 1e-5)
}

// TestBalancedIsAnalysisOfVariance holds REML of a balanced random intercept to
// the mean squares, and Kenward and Roger to the exact degrees of freedom.
func TestBalancedIsAnalysisOfVariance(t *testing.T) {
	const k, n = 12, 5
	data := nation(k, n, 0)
	m := fitted(t, tableOf(t, data), "y ~ 1 + (1 | g)", true)
	var grand, within, between float64
	means := make([]float64, k)
	for i, y := range data["y"] {
		means[i/n] += y / n
		grand += y / (k * n)
	}
	for i, y := range data["y"] {
		within += (y - means[i/n]) * (y - means[i/n]) / (k * (n - 1))
		between += (means[i/n] - grand) * (means[i/n] - grand) / (k - 1)
	}
	compare(t, "variances", variances(m), []float64{(between - within) / n, within}, 1e-7)
	kr, err := m.KenwardRoger()
	if err != nil {
		t.Fatal(err)
	}
	r, err := kr.Test([]float64{1}, 0.95)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "mean", []float64{r.Value, r.StdErr, r.DF}, []float64{grand, math.Sqrt(between / (k * n)), k - 1}, 1e-6)
}

// TestCompleteVisitsAreMultivariate holds MMRM with saturated means on complete
// data to the pooled covariance of the outcomes.
func TestCompleteVisitsAreMultivariate(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	const people, visits = 40, 3
	data := map[string][]float64{}
	y := make([][]float64, people)
	for i := range y {
		u := r.NormFloat64()
		for v := 0; v < visits; v++ {
			value := float64(v) + u + r.NormFloat64()
			y[i] = append(y[i], value)
			data["y"], data["id"], data["v"] = append(data["y"], value), append(data["id"], float64(i)), append(data["v"], float64(v))
		}
	}
	table := tableOf(t, data)
	f, err := design.Parse("y ~ factor(v)")
	if err != nil {
		t.Fatal(err)
	}
	x, err := f.Build(table)
	if err != nil {
		t.Fatal(err)
	}
	id, _ := table.Column("id")
	visit, _ := table.Column("v")
	s, err := VisitsFromRows(x, design.AsFactor(id), design.AsFactor(visit))
	if err != nil {
		t.Fatal(err)
	}
	m, err := FitVisits(s, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for a := 0; a < visits; a++ {
		for b := 0; b < visits; b++ {
			var ma, mb, c float64
			for i := range y {
				ma, mb = ma+y[i][a]/people, mb+y[i][b]/people
			}
			for i := range y {
				c += (y[i][a] - ma) * (y[i][b] - mb) / (people - 1)
			}
			compare(t, "covariance", []float64{m.Sigma.At(a, b)}, []float64{c}, 1e-6)
		}
	}
	r1, err := m.Test([]float64{1, 0, 0}, 0.95)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "df", []float64{r1.DF}, []float64{people - 1}, 1e-4)
}

func TestInputsAndThreadsDoNotMatter(t *testing.T) {
	data := nation(30, 5, 0.5)
	x, z := designs(t, tableOf(t, data), "y ~ x + w + (1 + w | g)")
	before := append([]float64(nil), x.X...)
	run := func() *Model {
		s, err := FromRows(x, z.Matrix, z.Group)
		if err != nil {
			t.Fatal(err)
		}
		m, err := Fit(s, true, Options{})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	a := run()
	threads := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(threads)
	if b := run(); !reflect.DeepEqual(a.Coef, b.Coef) || !reflect.DeepEqual(a.Cov, b.Cov) {
		t.Error("one thread gives other digits")
	}
	if !reflect.DeepEqual(before, x.X) {
		t.Error("the design was changed")
	}
}

func TestRefusals(t *testing.T) {
	data := nation(6, 4, 0)
	n := len(data["y"])
	data["one"] = make([]float64, n)
	data["twice"] = make([]float64, n)
	data["own"] = make([]float64, n)
	data["flat"] = make([]float64, n)
	for i := range data["one"] {
		data["one"][i], data["twice"][i], data["own"][i], data["flat"][i] = 1, 2*data["x"][i]+1, float64(i), 7
	}
	table := tableOf(t, data)
	for formula, c := range map[string]struct {
		want error
		says string
	}{
		"y ~ x + (1 | one)":             {analytics.ErrTooFewObservations, "group"},
		"y ~ x + (1 | own)":             {analytics.ErrTooFewObservations, "random effects"},
		"y ~ x + twice + (1 | g)":       {analytics.ErrCollinear, "twice"},
		"y ~ one + x + (1 | g)":         {analytics.ErrCollinear, "one"},
		"flat ~ x + (1 | g)":            {analytics.ErrZeroVariance, "same"},
		"~ x + (1 | g)":                 {analytics.ErrInvalidParameter, "response"},
		"y ~ factor(own) - 1 + (1 | g)": {analytics.ErrTooFewObservations, "rows"},
	} {
		x, z := designs(t, table, formula)
		if _, err := FromRows(x, z.Matrix, z.Group); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %v with %q", formula, err, c.want, c.says)
		}
	}
	for i := range data["b"] {
		data["b"][i] = math.Min(1, math.Max(0, math.Round(data["x"][i]+0.5)))
	}
	table = tableOf(t, data)
	for formula, want := range map[string]error{
		"b ~ x + (1 | g)":   analytics.ErrNotConverged, // x separates
		"y ~ x + (1 | g)":   analytics.ErrInvalidParameter,
		"one ~ x + (1 | g)": analytics.ErrZeroVariance,
		"b ~ w + (1 | one)": analytics.ErrTooFewObservations,
		"b ~ one + (1 | g)": analytics.ErrCollinear,
	} {
		x, z := designs(t, table, formula)
		if _, err := FitLogistic(x, z.Group, 5, Options{}); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", formula, err, want)
		}
	}
	m := fitted(t, table, "y ~ x + (1 | g)", false)
	if _, err := m.KenwardRoger(); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("Kenward and Roger of an ML fit: %v", err)
	}
	s, err := m.Satterthwaite()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Test([]float64{0, 0}, 0.95); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("an empty contrast: %v", err)
	}
}

func TestBetaBinomialRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		events, people []float64
		want           error
	}{
		"alike":     {[]float64{50, 50, 50, 50}, []float64{100, 100, 100, 100}, analytics.ErrNotConverged},
		"extremes":  {[]float64{0, 5, 0, 9}, []float64{7, 5, 3, 9}, analytics.ErrNotConverged},
		"none":      {[]float64{0, 0}, []float64{5, 5}, analytics.ErrZeroVariance},
		"one":       {[]float64{2, 0}, []float64{5, 0}, analytics.ErrTooFewObservations},
		"too many":  {[]float64{6, 1}, []float64{5, 5}, analytics.ErrInvalidParameter},
		"not whole": {[]float64{1.5, 1}, []float64{5, 5}, analytics.ErrInvalidParameter},
	} {
		if _, err := FitBetaBinomial(c.events, c.people, Options{}); !errors.Is(err, c.want) {
			t.Errorf("beta-binomial, %s: %v, want %v", name, err, c.want)
		}
	}
}

func TestVisitRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		id, visit []float64
		want      error
	}{
		"one visit":      {[]float64{1, 2, 3, 4, 5, 6}, []float64{1, 1, 1, 1, 1, 1}, analytics.ErrTooFewObservations},
		"twice":          {[]float64{1, 1, 2, 2, 3, 3}, []float64{1, 1, 1, 2, 1, 2}, analytics.ErrInvalidParameter},
		"never together": {[]float64{1, 2, 3, 4, 5, 6}, []float64{1, 2, 1, 2, 1, 2}, analytics.ErrTooFewObservations},
		"few people":     {[]float64{1, 1, 2, 2, 2, 1}, []float64{1, 2, 1, 2, 3, 3}, analytics.ErrTooFewObservations},
	} {
		table := tableOf(t, map[string][]float64{"y": {1, 3, 2, 5, 4, 9}, "id": c.id, "v": c.visit})
		f, err := design.Parse("y ~ 1")
		if err != nil {
			t.Fatal(err)
		}
		x, err := f.Build(table)
		if err != nil {
			t.Fatal(err)
		}
		id, _ := table.Column("id")
		visit, _ := table.Column("v")
		if _, err := VisitsFromRows(x, design.AsFactor(id), design.AsFactor(visit)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func BenchmarkRandomIntercept(b *testing.B) {
	x, z := designs(b, tableOf(b, nation(20_000, 5, 0)), "y ~ x + w + (1 | g)")
	for b.Loop() {
		s, err := FromRows(x, z.Matrix, z.Group)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := Fit(s, true, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRandomSlope(b *testing.B) {
	x, z := designs(b, tableOf(b, nation(2_000, 5, 0.5)), "y ~ x + w + (1 + w | g)")
	for b.Loop() {
		s, err := FromRows(x, z.Matrix, z.Group)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := Fit(s, true, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVisits is a trial of 1000 people and six visits, a tenth of them missed.
func BenchmarkVisits(b *testing.B) {
	r := rand.New(rand.NewPCG(3, 3))
	data := map[string][]float64{}
	for i := 0; i < 1000; i++ {
		u, base, arm := r.NormFloat64(), r.NormFloat64(), float64(i%2)
		for v := 0.0; v < 6; v++ {
			if r.IntN(10) == 0 {
				continue
			}
			for name, value := range map[string]float64{"id": float64(i), "v": v, "base": base, "arm": arm, "y": base + v*arm/5 + u + r.NormFloat64()} {
				data[name] = append(data[name], value)
			}
		}
	}
	table := tableOf(b, data)
	f, err := design.Parse("y ~ factor(v) * arm + factor(v):base")
	if err != nil {
		b.Fatal(err)
	}
	x, err := f.Build(table)
	if err != nil {
		b.Fatal(err)
	}
	id, _ := table.Column("id")
	visit, _ := table.Column("v")
	for b.Loop() {
		s, err := VisitsFromRows(x, design.AsFactor(id), design.AsFactor(visit))
		if err != nil {
			b.Fatal(err)
		}
		m, err := FitVisits(s, Options{})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := m.Test(append(make([]float64, len(m.Coef)-1), 1), 0.95); err != nil {
			b.Fatal(err)
		}
	}
}
