package linear

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/moments"
)

func near(got, want, tol float64) bool { return math.Abs(got-want) <= tol*math.Max(1, math.Abs(want)) }

type rCase struct {
	Formula                                           string
	Coef, Se, HC0, HC1, HC2, HC3, HC4, CR0, CR1, CR1S []float64
	Sigma, R2, F, Loglik, AIC, BIC, Leverage, Cooks   float64
}

type rGolden struct {
	Numbers map[string][]float64
	Cyl     []string
	Within  []float64
	Cases   []rCase
}

func readR(t *testing.T) (rGolden, *design.Table) {
	t.Helper()
	raw, err := os.ReadFile("testdata/linear.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g rGolden
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	columns := []design.Column{{Name: "cyl", Levels: []string{"4", "6", "8"}}}
	for _, c := range g.Cyl {
		columns[0].Codes = append(columns[0].Codes, slices.Index(columns[0].Levels, c))
	}
	for name, v := range g.Numbers {
		columns = append(columns, design.Column{Name: name, Values: v})
	}
	table, err := design.NewTable(columns...)
	if err != nil {
		t.Fatal(err)
	}
	return g, table
}

type fatal interface {
	Fatal(...any)
	Helper()
}

func fitOf(t fatal, table *design.Table, formula string) *Rows {
	t.Helper()
	f, err := design.Parse(formula)
	if err != nil {
		t.Fatal(err)
	}
	m, err := f.Build(table)
	if err != nil {
		t.Fatal(err)
	}
	r, err := OLS(m)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func compareAll(t *testing.T, what string, got, want []float64, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d values, want %d", what, len(got), len(want))
		return
	}
	for i := range want {
		if !near(got[i], want[i], tol) {
			t.Errorf("%s[%d] = %.15g, want %.15g", what, i, got[i], want[i])
		}
	}
}

func stdErrs(s Sym) []float64 {
	out := make([]float64, s.N)
	for i := range out {
		out[i] = math.Sqrt(s.At(i, i))
	}
	return out
}

func TestAgreesWithR(t *testing.T) {
	g, table := readR(t)
	for _, c := range g.Cases {
		r := fitOf(t, table, c.Formula)
		compareAll(t, c.Formula+" coef", r.Coef, c.Coef, 1e-11)
		compareAll(t, c.Formula+" se", stdErrs(r.Covariance()), c.Se, 1e-11)
		for k, want := range [][]float64{c.HC0, c.HC1, c.HC2, c.HC3, c.HC4} {
			cov, err := r.HC(HCKind(k))
			if err != nil {
				t.Fatal(err)
			}
			compareAll(t, c.Formula+" "+HCKind(k).String(), stdErrs(cov), want, 1e-11)
		}
		clusters, err := r.ByRows(ints(g.Numbers["carb"]))
		if err != nil {
			t.Fatal(err)
		}
		for k, want := range [][]float64{c.CR0, c.CR1, c.CR1S} {
			cov, err := clusters.Covariance(CRKind(k))
			if err != nil {
				t.Fatal(err)
			}
			compareAll(t, c.Formula+" CR", stdErrs(cov), want, 1e-10)
		}
		overall, err := r.Overall()
		if err != nil {
			t.Fatal(err)
		}
		l, err := r.Likelihood()
		if err != nil {
			t.Fatal(err)
		}
		influence, err := r.Influence()
		if err != nil {
			t.Fatal(err)
		}
		r2, _ := r.RSquared()
		compareAll(t, c.Formula, []float64{math.Sqrt(r.Sigma2), r2, overall.F, l.LogLik, l.AIC, l.BIC, influence.MaxLeverage, influence.MaxCooks},
			[]float64{c.Sigma, c.R2, c.F, c.Loglik, c.AIC, c.BIC, c.Leverage, c.Cooks}, 1e-11)
	}
}

func ints(x []float64) []int {
	out := make([]int, len(x))
	for i, v := range x {
		out[i] = int(v)
	}
	return out
}

// toMoments reduces a design and its response; the response is the last term.
func toMoments(t fatal, m *design.Matrix, rows []int) moments.Matrix {
	t.Helper()
	terms, units := []moments.Term{moments.Intercept()}, []int64{1}
	for _, name := range m.Names {
		if name != "(Intercept)" {
			terms, units = append(terms, moments.Term{Name: name}), append(units, 0)
		}
	}
	terms, units = append(terms, moments.Term{Name: "y"}), append(units, 0)
	var x []float64
	for _, i := range rows {
		x = append(x, 1)
		for j, v := range m.Row(i) {
			if m.Names[j] != "(Intercept)" {
				x = append(x, v)
			}
		}
		x = append(x, m.Y[i])
	}
	out, err := moments.FromRows(terms, units, x)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func all(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// TestMomentsAreRows holds that a fit from moments equals the fit from rows, its
// clustered errors and the robust errors from a pushed-down meat included.
func TestMomentsAreRows(t *testing.T) {
	g, table := readR(t)
	for _, c := range g.Cases {
		r := fitOf(t, table, c.Formula)
		m := toMoments(t, r.Design, all(r.N))
		x := all(len(m.Terms) - 1)
		if !r.HasIntercept {
			x = x[1:]
		}
		f, err := FromMoments(m, len(m.Terms)-1, x)
		if err != nil {
			t.Fatal(err)
		}
		compareAll(t, c.Formula+" coef", f.Coef, r.Coef, 1e-9)
		compareAll(t, c.Formula+" inverse", f.Inv.Data, r.Inv.Data, 1e-9)
		compareAll(t, c.Formula+" sums", []float64{f.RSS, f.TSS, f.Sigma2, f.MeanY}, []float64{r.RSS, r.TSS, r.Sigma2, r.MeanY}, 1e-10)
		if !slices.Equal(f.Names, r.Names) || f.HasIntercept != r.HasIntercept || f.N != r.N {
			t.Errorf("%s: %v, want %v", c.Formula, f.Names, r.Names)
		}
		meat := NewSym(f.P)
		for i, e := range r.Residuals {
			h := f.Leverage(r.Design.Row(i))
			meat.AddOuter(r.Design.Row(i), e*e*HC3.Weight(h, f.N, f.P))
		}
		cov, err := f.RobustFromMeat(meat.Data, HC3)
		if err != nil {
			t.Fatal(err)
		}
		compareAll(t, c.Formula+" HC3", stdErrs(cov), c.HC3, 1e-9)
		pushedClusters(t, f, r, ints(g.Numbers["carb"]), len(m.Terms)-1, x)
	}
}

// pushedClusters compares clustered errors from moments with those from rows.
func pushedClusters(t *testing.T, f *Fit, r *Rows, labels []int, y int, x []int) {
	t.Helper()
	byLabel := map[int][]int{}
	for i, l := range labels {
		byLabel[l] = append(byLabel[l], i)
	}
	var groups []moments.Matrix
	for _, rows := range byLabel {
		groups = append(groups, toMoments(t, r.Design, rows))
	}
	pushed, err := f.ByMoments(groups, y, x)
	if err != nil {
		t.Fatal(err)
	}
	byRows, err := r.ByRows(labels)
	if err != nil {
		t.Fatal(err)
	}
	for k := CR0; k <= CR2; k++ {
		a, err := pushed.Covariance(k)
		if err != nil {
			t.Fatal(err)
		}
		b, err := byRows.Covariance(k)
		if err != nil {
			t.Fatal(err)
		}
		compareAll(t, "clustered", a.Data, b.Data, 1e-7)
	}
}

// TestClustersOfOneAreHC holds that clusters of one row give HC0, HC2 and HC3.
func TestClustersOfOneAreHC(t *testing.T) {
	_, table := readR(t)
	r := fitOf(t, table, "mpg ~ wt + hp")
	c, err := r.ByRows(all(r.N))
	if err != nil {
		t.Fatal(err)
	}
	for kind, hc := range map[CRKind]HCKind{CR0: HC0, CR2: HC2, CR3: HC3} {
		a, err := c.Covariance(kind)
		if err != nil {
			t.Fatal(err)
		}
		b, err := r.HC(hc)
		if err != nil {
			t.Fatal(err)
		}
		compareAll(t, "clusters of one row", a.Data, b.Data, 1e-10)
	}
}

// TestLongley holds the certified values of NIST StRD Longley, whose columns
// are nearly collinear.
func TestLongley(t *testing.T) {
	y := []float64{60323, 61122, 60171, 61187, 63221, 63639, 64989, 63761, 66019, 67857, 68169, 66513, 68655, 69564, 69331, 70551}
	columns := []design.Column{{Name: "y", Values: y},
		{Name: "x1", Values: []float64{83.0, 88.5, 88.2, 89.5, 96.2, 98.1, 99.0, 100.0, 101.2, 104.6, 108.4, 110.8, 112.6, 114.2, 115.7, 116.9}},
		{Name: "x2", Values: []float64{234289, 259426, 258054, 284599, 328975, 346999, 365385, 363112, 397469, 419180, 442769, 444546, 482704, 502601, 518173, 554894}},
		{Name: "x3", Values: []float64{2356, 2325, 3682, 3351, 2099, 1932, 1870, 3578, 2904, 2822, 2936, 4681, 3813, 3931, 4806, 4007}},
		{Name: "x4", Values: []float64{1590, 1456, 1616, 1650, 3099, 3594, 3547, 3350, 3048, 2857, 2798, 2637, 2552, 2514, 2572, 2827}},
		{Name: "x5", Values: []float64{107608, 108632, 109773, 110929, 112075, 113270, 115094, 116219, 117388, 118734, 120445, 121950, 123366, 125368, 127852, 130081}},
		{Name: "x6", Values: []float64{1947, 1948, 1949, 1950, 1951, 1952, 1953, 1954, 1955, 1956, 1957, 1958, 1959, 1960, 1961, 1962}},
	}
	table, err := design.NewTable(columns...)
	if err != nil {
		t.Fatal(err)
	}
	want := []float64{-3482258.63459582, 15.0618722713733, -0.358191792925910e-01, -2.02022980381683, -1.03322686717359, -0.511041056535807e-01, 1829.15146461355}
	wantSE := []float64{890420.383607373, 84.9149257747669, 0.334910077722432e-01, 0.488399681651699, 0.214274163161675, 0.226073200069370, 455.478499142212}
	r := fitOf(t, table, "y ~ x1 + x2 + x3 + x4 + x5 + x6")
	compareAll(t, "coef", r.Coef, want, 1e-9)
	compareAll(t, "se", stdErrs(r.Covariance()), wantSE, 1e-9)
	compareAll(t, "sigma", []float64{math.Sqrt(r.Sigma2), r.RSS}, []float64{304.854073561965, 836424.055505915}, 1e-10)
	m := toMoments(t, r.Design, all(r.N))
	f, err := FromMoments(m, 7, all(7))
	if err != nil {
		t.Fatal(err)
	}
	compareAll(t, "moments coef", f.Coef, want, 1e-7)
}

func TestWithinSlopesAreGroupEffects(t *testing.T) {
	g, table := readR(t)
	r := fitOf(t, table, "mpg ~ wt + hp")
	byCarb := map[int][]int{}
	for i, l := range ints(g.Numbers["carb"]) {
		byCarb[l] = append(byCarb[l], i)
	}
	var groups []moments.Matrix
	for _, rows := range byCarb {
		groups = append(groups, toMoments(t, r.Design, rows))
	}
	b, err := WithinSlopes(groups, 3, []int{0, 1, 2})
	if err != nil {
		t.Fatal(err)
	}
	compareAll(t, "within", b[1:], g.Within, 1e-10)
	if b[0] != 0 {
		t.Errorf("intercept's place holds %v, want 0", b[0])
	}
	if _, err := WithinSlopes(nil, 3, []int{0, 1}); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("no groups: %v", err)
	}
	if _, err := WithinSlopes(groups[:1], 3, []int{0, 1, 2, 3}); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("response among the columns: %v", err)
	}
}

func TestShiftScaleAndOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(8, 30).Draw(t, "n")
		x, z, y := make([]float64, n), make([]float64, n), make([]float64, n)
		for i := range x {
			x[i] = float64(rapid.IntRange(-50, 50).Draw(t, "x"))
			z[i] = float64(rapid.IntRange(0, 3).Draw(t, "z"))
			y[i] = float64(rapid.IntRange(0, 100).Draw(t, "y"))
		}
		copy(x, []float64{-3, 5, 11, 0, 7})
		copy(z, []float64{0, 1, 2, 3, 1})
		copy(y, []float64{1, 9, 4, 7, 30})
		table, err := design.NewTable(design.Column{Name: "x", Values: x}, design.Column{Name: "z", Values: z}, design.Column{Name: "y", Values: y})
		if err != nil {
			t.Fatal(err)
		}
		a := fitOf(t, table, "y ~ x + z")
		b := fitOf(t, table, "I(3*y + 7) ~ z + I(x/10 - 4)")
		slope, scaled := a.Coef[1], b.Coef[2]
		if !near(scaled, 30*slope, 1e-9) || !near(b.Coef[1], 3*a.Coef[2], 1e-8) || !near(b.Sigma2, 9*a.Sigma2, 1e-9) {
			t.Fatalf("coef %v and %v", a.Coef, b.Coef)
		}
	})
}

func TestErrors(t *testing.T) {
	_, table := readR(t)
	build := func(formula string) *design.Matrix {
		f, err := design.Parse(formula)
		if err != nil {
			t.Fatal(err)
		}
		m, err := f.Build(table)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	few := build("mpg ~ wt + hp + cyl")
	few.N, few.Y = 4, few.Y[:4]
	for _, c := range []struct {
		name string
		m    *design.Matrix
		want error
	}{
		{"twice the same column", build("mpg ~ wt + I(wt * 2)"), analytics.ErrCollinear},
		{"a constant column", build("mpg ~ I(wt - wt + 1)"), analytics.ErrCollinear},
		{"a zero column", build("mpg ~ I(wt - wt)"), analytics.ErrCollinear},
		{"no response", build("~ wt"), analytics.ErrInvalidParameter},
		{"no term", build("mpg ~ 0"), analytics.ErrInvalidParameter},
		{"few rows", few, analytics.ErrTooFewObservations},
	} {
		if _, err := OLS(c.m); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	r := fitOf(t, table, "mpg ~ wt")
	if _, err := r.ByRows(make([]int, r.N)); !errors.Is(err, analytics.ErrTooFewObservations) {
		t.Errorf("one cluster: %v", err)
	}
	if _, err := (&Fit{P: 301}).Cluster(make([]Cluster, 2)); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("301 coefficients: %v", err)
	}
	if _, err := r.ByRows(nil); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("no labels: %v", err)
	}
	if _, err := r.Estimate(9, r.Covariance(), 0.95); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("coefficient out of range: %v", err)
	}
	if _, err := r.Estimate(0, NewSym(2), 0.95); !errors.Is(err, analytics.ErrZeroVariance) {
		t.Errorf("standard error of zero: %v", err)
	}
	if _, err := r.RobustFromMeat(nil, HC3); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("no meat: %v", err)
	}
	if _, err := ParseHC("HC9"); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("HC9: %v", err)
	}
	perfectFit(t, table)
	momentsErrors(t, r)
}

// perfectFit holds that a fit without residual variation has no test.
func perfectFit(t *testing.T, table *design.Table) {
	t.Helper()
	perfect := fitOf(t, table, "I(wt - wt) ~ wt")
	if _, err := perfect.Overall(); !errors.Is(err, analytics.ErrZeroVariance) {
		t.Errorf("perfect fit: %v", err)
	}
	if _, err := perfect.Likelihood(); !errors.Is(err, analytics.ErrZeroVariance) {
		t.Errorf("likelihood of a perfect fit: %v", err)
	}
}

// momentsErrors holds the refusals of FromMoments.
func momentsErrors(t *testing.T, r *Rows) {
	t.Helper()
	m := toMoments(t, r.Design, all(r.N))
	for name, c := range map[string]struct {
		m    moments.Matrix
		y    int
		x    []int
		want error
	}{
		"place twice":  {m, 2, []int{0, 1, 1}, analytics.ErrInvalidParameter},
		"out of range": {m, 2, []int{0, 7}, analytics.ErrInvalidParameter},
		"y among x":    {m, 1, []int{0, 1}, analytics.ErrInvalidParameter},
		"no columns":   {m, 2, nil, analytics.ErrInvalidParameter},
		"no rows":      {moments.New(m.Terms, m.Units), 2, []int{0, 1}, analytics.ErrTooFewObservations},
	} {
		if _, err := FromMoments(c.m, c.y, c.x); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	terms := []moments.Term{moments.Intercept(), moments.Column("a"), moments.Column("b"), moments.Column("y")}
	same, err := moments.FromRows(terms, []int64{1, 1, 1, 1}, []float64{1, 1, 2, 5, 1, 2, 4, 3, 1, 3, 6, 8, 1, 4, 8, 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := FromMoments(same, 3, []int{0, 1, 2}); !errors.Is(err, analytics.ErrCollinear) {
		t.Errorf("twice the same column in moments: %v", err)
	}
}
