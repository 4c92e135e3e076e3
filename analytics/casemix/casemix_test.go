package casemix

import (
	"encoding/json"
	"errors"
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
func (g rGolden) groups(t *testing.T) []Group {
	t.Helper()
	terms := []moments.Term{moments.Intercept(), moments.Column("y"), moments.Column("q"), moments.Column("age"), moments.Column("sex"), moments.Column("pred")}
	var out []Group
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
		out = append(out, Group{Name: strconv.Itoa(int(j)), Moments: m})
	}
	return out
}

// lowerIsBetter: the test data are like ODI.
var lowerIsBetter = Options{Sign: -1}

func checkUnits(t *testing.T, what string, r Result, want rCase) {
	t.Helper()
	if !near(r.Sigma, want.Sigma, 1e-11) || len(r.Units) != len(want.Z) {
		t.Errorf("%s: sigma %v and %d providers, want %v and %d", what, r.Sigma, len(r.Units), want.Sigma, len(want.Z))
		return
	}
	for i, u := range r.Units {
		if !near(*u.AdjustedGain, want.AdjustedGain[i], 1e-10) || !near(*u.Z, want.Z[i], 1e-9) || !near(*u.ResidualSD, want.SD[i], 1e-10) {
			t.Errorf("%s provider %s: gain %v z %v sd %v, R has %v, %v, %v", what, u.Name, *u.AdjustedGain, *u.Z, *u.ResidualSD, want.AdjustedGain[i], want.Z[i], want.SD[i])
		}
		if want.Expected != nil && (!near(u.MeanExpected, want.Expected[i], 1e-10) || !near(u.Difference, want.Difference[i], 1e-9)) {
			t.Errorf("%s provider %s: expected %v difference %v, R has %v and %v", what, u.Name, u.MeanExpected, u.Difference, want.Expected[i], want.Difference[i])
		}
	}
}

func TestAgreesWithR(t *testing.T) {
	g := readR(t)
	groups := g.groups(t)
	published, err := Published(groups, Columns{FollowUp: colY, Baseline: colQ, Expected: colPred}, lowerIsBetter)
	if err != nil {
		t.Fatal(err)
	}
	checkUnits(t, "published", published, g.Published)
	for _, c := range g.Cases {
		opts := lowerIsBetter
		opts.WithinProvider = c.Within
		r, err := Fitted(groups, Columns{FollowUp: colY, Baseline: colQ}, []int{0, colQ, colAge, colSex}, opts)
		if err != nil {
			t.Fatal(err)
		}
		checkUnits(t, r.Method, r, c)
		if !c.Within {
			for k, b := range c.Slopes {
				if !near(r.Fit.Coef[k+1], b, 1e-11) {
					t.Errorf("slope %d = %v, R has %v", k, r.Fit.Coef[k+1], b)
				}
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
	sums, err := Fitted(g.groups(t), Columns{FollowUp: colY, Baseline: colQ}, []int{0, colQ, colAge, colSex}, lowerIsBetter)
	if err != nil {
		t.Fatal(err)
	}
	for i, u := range rows.Units {
		v := sums.Units[i]
		if !near(u.MeanGain, v.MeanGain, 1e-11) || !near(u.Limits.Lower998, v.Limits.Lower998, 1e-11) || *u.Outlier != *v.Outlier || u.N != v.N {
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
	groups := []Group{{"A", reduce(1, .5, .2, 1, .6, .4, 1, .7, .6)}, {"B", reduce(1, .2, .1, 1, .5, .3)}}
	r, err := Fitted(groups, Columns{FollowUp: 1, Baseline: 2}, []int{0, 2}, Options{Sign: 1})
	if err != nil {
		t.Fatal(err)
	}
	a := r.Units[0]
	for name, pair := range map[string][2]float64{
		"b": {r.Fit.Coef[1], 0.878378378}, "a": {r.Fit.Coef[0], 0.218918919}, "gain A": {*a.AdjustedGain, 0.209730}, "gain B": {*r.Units[1].AdjustedGain, 0.135405},
		"sigma": {r.Sigma, 0.092756}, "low": {a.Limits.Lower95, 0.075039}, "high": {a.Limits.Upper95, 0.284961}, "unadjusted A": {a.MeanGain, 0.2},
	} {
		if math.Abs(pair[0]-pair[1]) > 5e-7 {
			t.Errorf("%s = %v, want %v", name, pair[0], pair[1])
		}
	}
}

// TestSignFlips holds that a mirrored scale mirrors nothing but the scores.
func TestSignFlips(t *testing.T) {
	g := readR(t)
	groups := g.groups(t)
	c := Columns{FollowUp: colY, Baseline: colQ, Expected: colPred}
	low, err := Published(groups, c, Options{Sign: -1})
	if err != nil {
		t.Fatal(err)
	}
	high, err := Published(groups, c, Options{Sign: 1})
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(groups)
	reversed, err := Published(groups, c, Options{Sign: 1})
	if err != nil {
		t.Fatal(err)
	}
	for i, u := range low.Units {
		if !near(*u.AdjustedGain, -*high.Units[i].AdjustedGain, 1e-12) || !near(*u.AdjustedGain, -*reversed.Units[5-i].AdjustedGain, 1e-12) {
			t.Errorf("provider %s: %v, mirrored %v", u.Name, *u.AdjustedGain, *high.Units[i].AdjustedGain)
		}
	}
}

func TestSmallProvidersHaveNoAdjustedFigure(t *testing.T) {
	r, err := Published(readR(t).groups(t), Columns{FollowUp: colY, Baseline: colQ, Expected: colPred}, Options{Sign: -1, MinModelled: 30})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range r.Units {
		shown := u.AdjustedGain != nil && u.Outlier != nil && u.Z != nil && u.AdjustedFollowUp != nil
		hidden := u.AdjustedGain == nil && u.Outlier == nil && u.Z == nil && u.AdjustedFollowUp == nil
		if u.N >= 30 && !shown || u.N < 30 && !hidden {
			t.Errorf("provider %s of %d: %+v", u.Name, u.N, u)
		}
	}
}

func TestErrors(t *testing.T) {
	g := readR(t)
	groups := g.groups(t)
	c := Columns{FollowUp: colY, Baseline: colQ, Expected: colPred}
	empty := []Group{{"none", moments.New(groups[0].Moments.Terms, groups[0].Moments.Units)}}
	other := []Group{groups[0], {"other", moments.New(groups[0].Moments.Terms[:3], []int64{1, 1, 1})}}
	exact, err := moments.FromRows(groups[0].Moments.Terms[:3], []int64{1, 1, 1}, []float64{1, 4, 4, 1, 9, 9, 1, 2, 2})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []struct {
		name   string
		groups []Group
		c      Columns
		opts   Options
		want   error
	}{
		{"no providers", nil, c, lowerIsBetter, analytics.ErrTooFewObservations},
		{"no records", empty, c, lowerIsBetter, analytics.ErrTooFewObservations},
		{"other terms", other, c, lowerIsBetter, analytics.ErrInvalidParameter},
		{"no sign", groups, c, Options{}, analytics.ErrInvalidParameter},
		{"no follow-up", groups, Columns{Baseline: colQ, Expected: colPred}, lowerIsBetter, analytics.ErrInvalidParameter},
		{"no prediction", groups, Columns{FollowUp: colY}, lowerIsBetter, analytics.ErrInvalidParameter},
		{"out of range", groups, Columns{FollowUp: 99, Expected: 1}, lowerIsBetter, analytics.ErrInvalidParameter},
		{"scores as predictions", groups, Columns{FollowUp: colY, Expected: colY}, lowerIsBetter, analytics.ErrInvalidParameter},
		{"perfect prediction", []Group{{"exact", exact}}, Columns{FollowUp: 1, Expected: 2}, lowerIsBetter, analytics.ErrZeroVariance},
	} {
		if _, err := Published(e.groups, e.c, e.opts); !errors.Is(err, e.want) {
			t.Errorf("%s: %v, want %v", e.name, err, e.want)
		}
	}
	if _, err := Fitted(groups, c, []int{0, colQ, colQ}, lowerIsBetter); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("column twice: %v", err)
	}
	fit := g.fitRows(t)
	if _, err := FromRows(fit, Provider{}, nil, nil, lowerIsBetter); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("no labels: %v", err)
	}
	p := g.provider()
	p.Codes[3] = -1
	if _, err := FromRows(fit, p, nil, nil, lowerIsBetter); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("row without provider: %v", err)
	}
}
