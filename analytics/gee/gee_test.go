package gee

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/cells"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/glm"
	"github.com/lumbar-health/lumbar/analytics/linear"
)

func near(got, want, tol float64) bool { return math.Abs(got-want) <= tol*math.Max(1, math.Abs(want)) }

type rCase struct {
	Data, Formula, Family, Structure string
	Coef, Robust, Naive, Alpha       []float64
	Scale, QIC                       float64
}

type golden struct {
	Ohio, Orange map[string][]float64
	Cases        []rCase
	LiangZeger   rCase `json:"liang_zeger"`
}

func readR(t *testing.T) golden {
	t.Helper()
	raw, err := os.ReadFile("testdata/gee.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// groupOf builds the formula's design over the columns, rows in the order given.
func groupOf(t *testing.T, columns map[string][]float64, formula string, order []int) *Data {
	t.Helper()
	var table []design.Column
	for name, v := range columns {
		c := design.Column{Name: name}
		for _, i := range order {
			c.Values = append(c.Values, v[i])
		}
		table = append(table, c)
	}
	rows, err := design.NewTable(table...)
	if err != nil {
		t.Fatal(err)
	}
	f, err := design.Parse(formula)
	if err != nil {
		t.Fatal(err)
	}
	m, err := f.Build(rows)
	if err != nil {
		t.Fatal(err)
	}
	id, _ := rows.Column("id")
	wave, _ := rows.Column("wave")
	d, err := Group(m, design.AsFactor(id).Codes, wave.Values)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// inOrder lists 0 … n−1.
func inOrder(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func (g golden) columns(name string) map[string][]float64 {
	if name == "ohio" {
		return g.Ohio
	}
	return g.Orange
}

var families = map[string]glm.Family{"gaussian": glm.Gaussian, "binomial": glm.Binomial, "poisson": glm.Poisson}

func compare(t *testing.T, what string, got, want []float64, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	for i := range got {
		if !near(got[i], want[i], tol) {
			t.Errorf("%s[%d] = %.12g, want %.12g", what, i, got[i], want[i])
		}
	}
}

func roots(v linear.Sym) []float64 {
	out := make([]float64, v.N)
	for i := range out {
		out[i] = math.Sqrt(v.At(i, i))
	}
	return out
}

func TestAgreesWithR(t *testing.T) {
	g := readR(t)
	for _, c := range g.Cases {
		columns := g.columns(c.Data)
		d := groupOf(t, columns, c.Formula, inOrder(len(columns["id"])))
		m, err := Fit(d, families[c.Family], Options{Structure: Structure(c.Structure)})
		if c.Structure == "unstructured" { // geepack prints a correlation of 1.44 there
			if !errors.Is(err, analytics.ErrNotConverged) {
				t.Errorf("%s: a correlation above 1 gives %v", c.Data, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s %s: %v", c.Data, c.Structure, err)
		}
		what := c.Data + " " + c.Family + " " + c.Structure + " "
		compare(t, what+"coef", m.Coef, c.Coef, 1e-8)
		compare(t, what+"robust", roots(m.Robust), c.Robust, 1e-7)
		compare(t, what+"naive", roots(m.Naive), c.Naive, 1e-7)
		compare(t, what+"alpha", m.Alpha, c.Alpha, 1e-7)
		compare(t, what+"scale, QIC", []float64{m.Scale, m.QIC}, []float64{c.Scale, c.QIC}, 1e-7)
	}
	d := groupOf(t, g.Ohio, "y ~ wave + smoke", inOrder(len(g.Ohio["id"])))
	m, err := Fit(d, glm.Binomial, Options{Structure: Exchangeable, Denominators: LessP})
	if err != nil {
		t.Fatal(err)
	}
	want := g.LiangZeger
	compare(t, "Liang and Zeger", append(m.Coef, m.Alpha[0], m.Scale), append(want.Coef, want.Alpha[0], want.Scale), 1e-7)
	compare(t, "Liang and Zeger's errors", append(roots(m.Naive), roots(m.Robust)...), append(want.Naive, want.Robust...), 1e-7)
}

// TestIndependenceIsGLM holds that independence is the generalised linear model
// with CR0 errors.
func TestIndependenceIsGLM(t *testing.T) {
	g := readR(t)
	d := groupOf(t, g.Ohio, "y ~ wave + smoke", inOrder(len(g.Ohio["id"])))
	m, err := Fit(d, glm.Binomial, Options{})
	if err != nil {
		t.Fatal(err)
	}
	model, err := glm.Fit(cells.FromRows(d.design), glm.Binomial, glm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	labels := make([]int, d.design.N)
	for k, rows := range d.clusters {
		for _, i := range rows {
			labels[i] = k
		}
	}
	clusters, err := model.Cluster(labels)
	if err != nil {
		t.Fatal(err)
	}
	cov, err := clusters.Covariance(linear.CR0)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "coef", m.Coef, model.Coef, 1e-10)
	compare(t, "robust", m.Robust.Data, cov.Data, 1e-10)
	compare(t, "naive", m.Naive.Data, model.Unscaled.Scale(m.Scale).Data, 1e-10)
}

// TestOrderOfRows holds that neither the order of rows nor the unit of the waves
// matters, whatever the structure.
func TestOrderOfRows(t *testing.T) {
	g := readR(t)
	n := len(g.Ohio["id"])
	other := map[string][]float64{}
	for name, v := range g.Ohio {
		other[name] = slices.Clone(v)
	}
	for i := range other["wave"] {
		other["wave"][i] = math.Exp(other["wave"][i])
	}
	back := inOrder(n)
	slices.Reverse(back)
	for _, s := range []Structure{Independence, Exchangeable, AR1, Unstructured} {
		a, errA := Fit(groupOf(t, g.Ohio, "y ~ smoke", inOrder(n)), glm.Binomial, Options{Structure: s})
		b, errB := Fit(groupOf(t, other, "y ~ smoke", back), glm.Binomial, Options{Structure: s})
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		compare(t, string(s), append(b.Coef, b.Robust.Data...), append(a.Coef, a.Robust.Data...), 1e-9)
		compare(t, string(s)+" alpha", b.Alpha, a.Alpha, 1e-9)
	}
}

func TestErrors(t *testing.T) {
	g := readR(t)
	n := len(g.Orange["id"])
	d := groupOf(t, g.Orange, "y ~ age", inOrder(n))
	if _, err := Group(d.design, make([]int, n), g.Orange["wave"]); !errors.Is(err, analytics.ErrTooFewObservations) {
		t.Errorf("one cluster: %v", err)
	}
	if _, err := Group(d.design, nil, nil); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("no labels: %v", err)
	}
	nan := slices.Clone(g.Orange["wave"])
	nan[0] = math.NaN()
	if _, err := Group(d.design, inOrder(n), nan); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("a missing wave: %v", err)
	}
	single, err := Group(d.design, inOrder(n), g.Orange["wave"])
	if err != nil {
		t.Fatal(err)
	}
	same, err := Group(d.design, d.place, make([]float64, n)) // clusters of a wave, all in the same
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		data   *Data
		family glm.Family
		opts   Options
		want   error
	}{
		"clusters of one":         {single, glm.Gaussian, Options{Structure: Exchangeable}, analytics.ErrTooFewObservations},
		"twice in a wave":         {same, glm.Gaussian, Options{Structure: AR1}, analytics.ErrInvalidParameter},
		"an unknown structure":    {d, glm.Gaussian, Options{Structure: "m-dependent"}, analytics.ErrInvalidParameter},
		"negative binomial":       {d, glm.NegativeBinomial(2), Options{}, analytics.ErrInvalidParameter},
		"less p for AR1":          {d, glm.Gaussian, Options{Structure: AR1, Denominators: LessP}, analytics.ErrInvalidParameter},
		"outcomes over 1 as odds": {d, glm.Binomial, Options{}, analytics.ErrInvalidParameter},
	} {
		if _, err := Fit(c.data, c.family, c.opts); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	stop := errors.New("stop")
	if _, err := Fit(d, glm.Gaussian, Options{Interrupt: func() error { return stop }}); !errors.Is(err, stop) {
		t.Errorf("interrupted: %v", err)
	}
}
