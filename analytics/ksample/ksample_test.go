package ksample

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/histogram"
	"github.com/lumbar-health/lumbar/analytics/ranks"
	"github.com/lumbar-health/lumbar/analytics/twosample"
)

func near(got, want, tol float64) bool { return math.Abs(got-want) <= tol*math.Max(1, math.Abs(want)) }

func must(t interface{ Fatal(...any) }, x []float64) histogram.Histogram {
	h, err := histogram.FromRows(x)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func reduced(groups []histogram.Histogram) []twosample.Group {
	out := make([]twosample.Group, len(groups))
	for i, g := range groups {
		out[i] = Reduce(g)
	}
	return out
}

type rCase struct {
	Groups            [][]float64
	F, Welch          [4]float64
	Kruskal, Levene   [2]float64
	BrownForsythe     [2]float64 `json:"brown_forsythe"`
	Bartlett, Fligner [2]float64
	Tukey             [][4]float64
	GamesHowell       [][6]float64 `json:"games_howell"`
	Dunnett           [][3]float64
}

func readR(t *testing.T) []rCase {
	t.Helper()
	raw, err := os.ReadFile("testdata/ksample.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g struct{ Cases []rCase }
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	return g.Cases
}

func compare(t *testing.T, where int, tol float64, pairs map[string][2]float64) {
	t.Helper()
	for name, p := range pairs {
		if !near(p[0], p[1], tol) {
			t.Errorf("case %d: %s = %v, R has %v", where, name, p[0], p[1])
		}
	}
}

func (c rCase) histograms(t *testing.T) (out []histogram.Histogram) {
	for _, x := range c.Groups {
		out = append(out, must(t, x))
	}
	return out
}

func TestTestsAgreeWithR(t *testing.T) {
	for i, c := range readR(t) {
		h := c.histograms(t)
		a, err := OneWay(reduced(h))
		if err != nil {
			t.Fatal(err)
		}
		k, err := KruskalWallis(h)
		if err != nil {
			t.Fatal(err)
		}
		bf, err := Levene(h, true)
		if err != nil {
			t.Fatal(err)
		}
		l, err := Levene(h, false)
		if err != nil {
			t.Fatal(err)
		}
		b, err := Bartlett(reduced(h))
		if err != nil {
			t.Fatal(err)
		}
		f, err := Fligner(h)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, i, 1e-11, map[string][2]float64{
			"F": {a.F, c.F[0]}, "df1": {a.DF1, c.F[1]}, "df2": {a.DF2, c.F[2]}, "p": {a.P, c.F[3]},
			"Welch F": {a.Welch.F, c.Welch[0]}, "Welch df": {a.Welch.DF2, c.Welch[2]}, "Welch p": {a.Welch.P, c.Welch[3]},
			"H": {k.Statistic, c.Kruskal[0]}, "H p": {k.P, c.Kruskal[1]}, "Brown-Forsythe": {bf.F, c.BrownForsythe[0]}, "its p": {bf.P, c.BrownForsythe[1]},
			"Levene": {l.F, c.Levene[0]}, "Bartlett": {b.Statistic, c.Bartlett[0]}, "Bartlett p": {b.P, c.Bartlett[1]}, "Fligner": {f.Statistic, c.Fligner[0]}, "Fligner p": {f.P, c.Fligner[1]},
		})
	}
}

func TestPairsAgreeWithR(t *testing.T) {
	for i, c := range readR(t) {
		g := reduced(c.histograms(t))
		tukey, err := Tukey(g, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		for j, w := range c.Tukey {
			p := tukey[j]
			// ptukey and qtukey are good to 1e-6 only.
			compare(t, i, 2e-6, map[string][2]float64{"Tukey d": {p.Difference, w[0]}, "low": {p.Lower, w[1]}, "high": {p.Upper, w[2]}, "p": {p.P, w[3]}})
		}
		howell, err := GamesHowell(g, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		for j, w := range c.GamesHowell {
			p := howell[j]
			compare(t, i, 2e-6, map[string][2]float64{"Howell d": {p.Difference, w[0]}, "low": {p.Lower, w[1]}, "high": {p.Upper, w[2]}, "t": {math.Abs(p.T), w[3]}, "df": {p.DF, w[4]}, "p": {p.P, w[5]}})
		}
		dunnett, err := Dunnett(g, 0, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		for j, w := range c.Dunnett {
			// multcomp simulates p to 1e-3.
			compare(t, i, 1e-3, map[string][2]float64{"Dunnett d": {dunnett[j].Difference, w[0]}, "t": {dunnett[j].T, w[1]}, "p": {dunnett[j].P, w[2]}})
		}
	}
}

// TestTwoGroups holds the tests of several groups against those of two.
func TestTwoGroups(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) histogram.Histogram {
			return must(t, rapid.SliceOfN(rapid.Custom(func(t *rapid.T) float64 { return float64(rapid.IntRange(0, 20).Draw(t, "v")) }), 2, 20).Draw(t, name))
		}
		h := []histogram.Histogram{draw("a"), draw("b")}
		g := reduced(h)
		pooled, err := twosample.Pooled(g[1], g[0], twosample.Options{})
		if errors.Is(err, analytics.ErrZeroVariance) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		a, err := OneWay(g)
		if err != nil || !near(a.F, pooled.T*pooled.T, 1e-9) || !near(a.P, pooled.P, 1e-9) {
			t.Fatalf("F %v p %v %v, t² %v p %v", a.F, a.P, err, pooled.T*pooled.T, pooled.P)
		}
		tukey, err := Tukey(g, 0.95)
		if err != nil || !near(tukey[0].P, pooled.P, 1e-9) || !near(tukey[0].Lower, pooled.Lower, 1e-8) {
			t.Fatalf("Tukey %+v %v, t test %+v", tukey, err, pooled)
		}
		dunnett, err := Dunnett(g, 0, 0.95)
		if err != nil || !near(dunnett[0].P, pooled.P, 1e-9) || !near(dunnett[0].Upper, pooled.Upper, 1e-8) {
			t.Fatalf("Dunnett %+v %v, t test %+v", dunnett, err, pooled)
		}
		if a.Welch != nil {
			w, err := twosample.WelchTest(g[1], g[0], twosample.Options{})
			if err != nil || !near(a.Welch.F, w.T*w.T, 1e-9) || !near(a.Welch.DF2, w.DF, 1e-9) {
				t.Fatalf("Welch %+v, t test %+v", a.Welch, w)
			}
		}
		k, err := KruskalWallis(h)
		if err != nil {
			t.Fatal(err)
		}
		mw, err := ranks.MannWhitney(h[1], h[0])
		if err != nil || !near(k.Statistic, mw.Z*mw.Z, 1e-10) {
			t.Fatalf("H %v, z² %v", k.Statistic, mw.Z*mw.Z)
		}
		j, err := JonckheereTerpstra(h)
		if err != nil || !near(j.J, mw.U, 1e-15) || !near(j.Z, mw.Z, 1e-9) {
			t.Fatalf("J %+v %v, U %+v", j, err, mw)
		}
	})
}

func TestReversedOrder(t *testing.T) {
	h := []histogram.Histogram{must(t, []float64{1, 2, 2, 3}), must(t, []float64{2, 4, 6}), must(t, []float64{5, 5, 7, 9})}
	up, err := JonckheereTerpstra(h)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(h)
	down, err := JonckheereTerpstra(h)
	if err != nil || !near(up.Z, -down.Z, 1e-12) || up.Z <= 0 {
		t.Errorf("up %+v, down %+v, %v", up, down, err)
	}
}

func TestErrors(t *testing.T) {
	some, flat, one, none := must(t, []float64{1, 2, 4}), must(t, []float64{2, 2}), must(t, []float64{7}), histogram.Histogram{}
	h := func(x ...histogram.Histogram) []histogram.Histogram { return x }
	nan := []twosample.Group{{N: 3, Mean: math.NaN(), Variance: 1}, {N: 3, Mean: 1, Variance: 1}}
	for name, c := range map[string]struct{ err, want error }{
		"anova one group":     {second(OneWay(reduced(h(some)))), analytics.ErrTooFewObservations},
		"anova empty":         {second(OneWay(reduced(h(some, none)))), analytics.ErrTooFewObservations},
		"anova singles":       {second(OneWay(reduced(h(one, one)))), analytics.ErrTooFewObservations},
		"anova flat":          {second(OneWay(reduced(h(flat, flat)))), analytics.ErrZeroVariance},
		"anova NaN":           {second(OneWay(nan)), analytics.ErrInvalidParameter},
		"kruskal flat":        {second(KruskalWallis(h(flat, flat))), analytics.ErrZeroVariance},
		"kruskal empty":       {second(KruskalWallis(h(flat, none))), analytics.ErrTooFewObservations},
		"jonckheere two":      {second(JonckheereTerpstra(h(one, one))), analytics.ErrTooFewObservations},
		"jonckheere flat":     {second(JonckheereTerpstra(h(flat, flat))), analytics.ErrZeroVariance},
		"levene flat":         {second(Levene(h(flat, flat), true)), analytics.ErrZeroVariance},
		"bartlett single":     {second(Bartlett(reduced(h(some, one)))), analytics.ErrTooFewObservations},
		"bartlett flat":       {second(Bartlett(reduced(h(some, flat)))), analytics.ErrZeroVariance},
		"fligner flat":        {second(Fligner(h(flat, flat))), analytics.ErrZeroVariance},
		"tukey level":         {second(Tukey(reduced(h(some, some)), 1)), analytics.ErrInvalidParameter},
		"games-howell single": {second(GamesHowell(reduced(h(some, one)), 0.95)), analytics.ErrTooFewObservations},
		"pairs one group":     {second(WelchPairs(reduced(h(some)), 0.95)), analytics.ErrTooFewObservations},
		"dunnett control":     {second(Dunnett(reduced(h(some, some)), 2, 0.95)), analytics.ErrInvalidParameter},
		"dunnett flat":        {second(Dunnett(reduced(h(flat, flat)), 0, 0.95)), analytics.ErrZeroVariance},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", name, c.err, c.want)
		}
	}
	if a, err := OneWay(reduced(h(some, one, some))); err != nil || a.Welch != nil {
		t.Errorf("Welch's test with a group of one: %+v %v", a.Welch, err)
	}
}

func second[T any](_ T, err error) error { return err }
