package casemix

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/linear"
	"github.com/lumbar-health/lumbar/analytics/moments"
)

func near(got, want, tol float64) bool { return math.Abs(got-want) <= tol*math.Max(1, math.Abs(want)) }

type rCase struct {
	Within                      bool
	Slopes                      []float64
	Sigma                       float64
	AdjustedGain                []float64 `json:"adjusted_gain"`
	Difference, Expected, SD, Z []float64
}

type rGolden struct {
	Provider, Q, Age, Sex, Y, Pred []float64
	Published                      rCase
	Cases                          []rCase
}

func readR(t *testing.T) rGolden {
	t.Helper()
	raw, err := os.ReadFile("testdata/casemix.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g rGolden
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// Columns of the groups' moments.
const (
	colY = iota + 1
	colQ
	colAge
	colSex
	colPred
)

// groups reduces the data by provider, 1 to 6; predictions have one decimal.
func (g rGolden) groups(t *testing.T) []moments.Matrix {
	t.Helper()
	terms := []moments.Term{moments.Intercept(), moments.Column("y"), moments.Column("q"), moments.Column("age"), moments.Column("sex"), moments.Column("pred")}
	var out []moments.Matrix
	for j := 1.0; j <= 6; j++ {
		var rows []float64
		for i, p := range g.Provider {
			if p == j {
				rows = append(rows, 1, g.Y[i], g.Q[i], g.Age[i], g.Sex[i], g.Pred[i])
			}
		}
		m, err := moments.FromRows(terms, []int64{1, 1, 1, 1, 1, 10}, rows)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, m)
	}
	return out
}

// lowerIsBetter: the test data are like ODI.
const lowerIsBetter = -1

var modelled = []int{0, colQ, colAge, colSex}

// unitsOf holds each group against all of them, as the product does.
func unitsOf(t *testing.T, m Model, groups []moments.Matrix, sign float64) Result {
	t.Helper()
	total := merge(t, groups)
	r := Result{NationalN: total.N, Sigma: m.Sigma}
	if r.Sigma == 0 {
		r.Sigma, _ = m.Residual.StdDev(total, m.Lost)
	}
	r.NationalFollowUp, _ = total.Mean(colY)
	r.NationalBaseline, _ = total.Mean(colQ)
	r.NationalGain = sign * (r.NationalFollowUp - r.NationalBaseline)
	bias, _ := m.Residual.Mean(total)
	for j, g := range groups {
		mean, _ := m.Residual.Mean(g)
		sd, _ := m.Residual.StdDev(g, 1)
		u := Unit{Name: strconv.Itoa(j + 1), N: g.N, Difference: mean - bias, ResidualSD: &sd}
		u.MeanFollowUp, _ = g.Mean(colY)
		u.MeanBaseline, _ = g.Mean(colQ)
		u.MeanExpected = u.MeanFollowUp - mean
		r.finish(&u, sign)
		r.Units = append(r.Units, u)
	}
	return r
}

func merge(t *testing.T, groups []moments.Matrix) moments.Matrix {
	t.Helper()
	total, err := moments.MergeAll(groups)
	if err != nil {
		t.Fatal(err)
	}
	return total
}

func checkUnits(t *testing.T, what string, r Result, want rCase) {
	t.Helper()
	if !near(r.Sigma, want.Sigma, 1e-11) || len(r.Units) != len(want.Z) {
		t.Errorf("%s: sigma %v and %d providers, want %v and %d", what, r.Sigma, len(r.Units), want.Sigma, len(want.Z))
		return
	}
	for i, u := range r.Units {
		if !near(u.Gain, want.AdjustedGain[i], 1e-10) || !near(u.Z, want.Z[i], 1e-9) || !near(*u.ResidualSD, want.SD[i], 1e-10) {
			t.Errorf("%s provider %s: gain %v z %v sd %v, R has %v, %v, %v", what, u.Name, u.Gain, u.Z, *u.ResidualSD, want.AdjustedGain[i], want.Z[i], want.SD[i])
		}
		if want.Expected != nil && (!near(u.MeanExpected, want.Expected[i], 1e-10) || !near(u.Difference, want.Difference[i], 1e-9)) {
			t.Errorf("%s provider %s: expected %v difference %v, R has %v and %v", what, u.Name, u.MeanExpected, u.Difference, want.Expected[i], want.Difference[i])
		}
	}
}

func TestAgreesWithR(t *testing.T) {
	g := readR(t)
	groups := g.groups(t)
	checkUnits(t, "published", unitsOf(t, Published(colY, colPred), groups, lowerIsBetter), g.Published)
	for _, c := range g.Cases {
		parts := groups
		if !c.Within { // all records as one group: no provider effects
			parts = []moments.Matrix{merge(t, groups)}
		}
		m, dropped, err := Fit(parts, colY, modelled)
		if err != nil || len(dropped) > 0 {
			t.Fatal(dropped, err)
		}
		checkUnits(t, fmt.Sprintf("within providers %v", c.Within), unitsOf(t, m, groups, lowerIsBetter), c)
		for k, b := range c.Slopes {
			if got := -m.Residual[modelled[k+1]]; !near(got, b, 1e-11) {
				t.Errorf("slope %d = %v, R has %v", k, got, b)
			}
		}
	}
}

// fitRows fits y on q, age and sex over the rows.
func (g rGolden) fitRows(t *testing.T) *linear.Rows {
	t.Helper()
	table, err := design.NewTable(design.Column{Name: "y", Values: g.Y}, design.Column{Name: "q", Values: g.Q}, design.Column{Name: "age", Values: g.Age}, design.Column{Name: "sex", Values: g.Sex})
	if err != nil {
		t.Fatal(err)
	}
	f, err := design.Parse("y ~ q + age + sex")
	if err != nil {
		t.Fatal(err)
	}
	m, err := f.Build(table)
	if err != nil {
		t.Fatal(err)
	}
	fit, err := linear.OLS(m)
	if err != nil {
		t.Fatal(err)
	}
	return fit
}

func (g rGolden) provider() Provider {
	p := Provider{Names: []string{"1", "2", "3", "4", "5", "6"}}
	for _, j := range g.Provider {
		p.Codes = append(p.Codes, int(j)-1)
	}
	return p
}

func TestMomentsAreRows(t *testing.T) {
	g := readR(t)
	fit := g.fitRows(t)
	rows, err := FromRows(fit, g.provider(), g.Q, nil, lowerIsBetter)
	if err != nil {
		t.Fatal(err)
	}
	checkUnits(t, "rows", rows, g.Cases[0])
	groups := g.groups(t)
	m, _, err := Fit([]moments.Matrix{merge(t, groups)}, colY, modelled)
	if err != nil {
		t.Fatal(err)
	}
	sums := unitsOf(t, m, groups, lowerIsBetter)
	for i, u := range rows.Units {
		v := sums.Units[i]
		if !near(u.MeanGain, v.MeanGain, 1e-11) || !near(u.Limits.Lower998, v.Limits.Lower998, 1e-11) || u.Outlier != v.Outlier || u.N != v.N {
			t.Errorf("rows %+v, moments %+v", u, v)
		}
	}
	capped, err := FromRows(fit, g.provider(), g.Q, &Range{Min: 0, Max: 35}, lowerIsBetter)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range capped.Units {
		if u.MeanExpected > 35 {
			t.Errorf("provider %s: expected %v above the cap", u.Name, u.MeanExpected)
		}
	}
}

// TestDomainVector is the vector of domain 4.1: two providers, five patients,
// a score where higher is better.
func TestDomainVector(t *testing.T) {
	terms := []moments.Term{moments.Intercept(), moments.Column("y"), moments.Column("q")}
	reduce := func(rows ...float64) moments.Matrix {
		m, err := moments.FromRows(terms, []int64{1, 1000, 1000}, rows)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	groups := []moments.Matrix{reduce(1, .5, .2, 1, .6, .4, 1, .7, .6), reduce(1, .2, .1, 1, .5, .3)}
	m, _, err := Fit([]moments.Matrix{merge(t, groups)}, 1, []int{0, 2})
	if err != nil {
		t.Fatal(err)
	}
	r := unitsOf(t, m, groups, 1)
	a := r.Units[0]
	for name, pair := range map[string][2]float64{
		"b": {-m.Residual[2], 0.878378378}, "a": {-m.Residual[0], 0.218918919}, "gain A": {a.Gain, 0.209730}, "gain B": {r.Units[1].Gain, 0.135405},
		"sigma": {r.Sigma, 0.092756}, "low": {a.Limits.Lower95, 0.075039}, "high": {a.Limits.Upper95, 0.284961}, "unadjusted A": {a.MeanGain, 0.2},
	} {
		if math.Abs(pair[0]-pair[1]) > 5e-7 {
			t.Errorf("%s = %v, want %v", name, pair[0], pair[1])
		}
	}
}

// TestSignFlips holds that a mirrored scale mirrors nothing but the scores.
func TestSignFlips(t *testing.T) {
	groups := readR(t).groups(t)
	m := Published(colY, colPred)
	low, high := unitsOf(t, m, groups, -1), unitsOf(t, m, groups, 1)
	slices.Reverse(groups)
	reversed := unitsOf(t, m, groups, 1)
	for i, u := range low.Units {
		if !near(u.Gain, -high.Units[i].Gain, 1e-12) || !near(u.Gain, -reversed.Units[5-i].Gain, 1e-12) {
			t.Errorf("provider %s: %v, mirrored %v", u.Name, u.Gain, high.Units[i].Gain)
		}
	}
}

// A column that does not vary, or is twice another, is left out and named.
func TestFitDropsWhatItCanNotEstimate(t *testing.T) {
	terms := []moments.Term{moments.Intercept(), moments.Column("b"), moments.Column("f"), moments.Column("constant"), moments.Column("double")}
	var x []float64
	for i := range 30 {
		b := float64(i % 7)
		x = append(x, 1, b, 3+0.5*b+float64(i%3), 5, 2*b)
	}
	m, err := moments.FromRows(terms, []int64{1, 1, 2, 1, 1}, x)
	if err != nil {
		t.Fatal(err)
	}
	model, dropped, err := Fit([]moments.Matrix{m}, 2, []int{0, 1, 3, 4})
	if err != nil || !slices.Equal(dropped, []int{3, 4}) || model.Lost != 2 {
		t.Fatalf("fit = %+v without %v, %v; want it without 3 and 4", model, dropped, err)
	}
	if mean, _ := model.Residual.Mean(m); math.Abs(mean) > 1e-12 {
		t.Errorf("mean residual %v, want 0: expected scores have the observed mean", mean)
	}
}

func TestErrors(t *testing.T) {
	g := readR(t)
	groups := g.groups(t)
	terms := groups[0].Terms[:3]
	exact, err := moments.FromRows(terms, []int64{1, 1, 1}, []float64{1, 4, 4, 1, 9, 9, 1, 2, 2, 1, 7, 7})
	if err != nil {
		t.Fatal(err)
	}
	three, err := moments.FromRows(terms, []int64{1, 1, 1}, []float64{1, 4, 5, 1, 9, 9, 1, 2, 2})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []struct {
		name   string
		groups []moments.Matrix
		x      []int
		want   error
	}{
		{"no providers", nil, modelled, analytics.ErrInvalidParameter},
		{"no records", []moments.Matrix{moments.New(terms, exact.Units)}, []int{0, colQ}, analytics.ErrTooFewObservations},
		{"other terms", []moments.Matrix{groups[0], exact}, modelled, analytics.ErrInvalidParameter},
		{"column twice", groups, []int{0, colQ, colQ}, analytics.ErrInvalidParameter},
		{"three records", []moments.Matrix{three}, []int{0, colQ}, analytics.ErrTooFewObservations},
		{"no term", groups, []int{0}, analytics.ErrCollinear},
		{"perfect prediction", []moments.Matrix{exact}, []int{0, colQ}, analytics.ErrZeroVariance},
	} {
		if _, _, err := Fit(e.groups, colY, e.x); !errors.Is(err, e.want) {
			t.Errorf("%s: %v, want %v", e.name, err, e.want)
		}
	}
	fit := g.fitRows(t)
	if _, err := FromRows(fit, Provider{}, nil, nil, lowerIsBetter); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("no labels: %v", err)
	}
	if _, err := FromRows(fit, g.provider(), nil, nil, 0); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("no sign: %v", err)
	}
	p := g.provider()
	p.Codes[3] = -1
	if _, err := FromRows(fit, p, nil, nil, lowerIsBetter); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("row without provider: %v", err)
	}
}
