package twosample

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"testing"

	"pgregory.net/rapid"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/moments"
)

func near(got, want, tol float64) bool { return math.Abs(got-want) <= tol*math.Max(1, math.Abs(want)) }

func mustGroup(t interface{ Fatal(...any) }, x []float64) Group {
	g, err := FromRows(x)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestAgreesWithR(t *testing.T) {
	raw, err := os.ReadFile("testdata/t.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g struct {
		Cases []struct {
			A, B                        []float64
			Pooled                      bool
			Alternative                 Alternative
			Level, DF, P, Se, Low, High float64
			T                           float64
		}
	}
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	for i, c := range g.Cases {
		test := WelchTest
		if c.Pooled {
			test = Pooled
		}
		r, err := test(mustGroup(t, c.A), mustGroup(t, c.B), Options{Level: c.Level, Alternative: c.Alternative})
		if err != nil {
			t.Fatal(err)
		}
		for name, pair := range map[string][2]float64{"t": {r.T, c.T}, "df": {r.DF, c.DF}, "p": {r.P, c.P}, "se": {r.StdErr, c.Se}, "low": {r.Lower, c.Low}, "high": {r.Upper, c.High}} {
			if math.IsInf(pair[0], 0) && pair[1] == 0 { // the open end of a one-sided interval
				continue
			}
			if !near(pair[0], pair[1], 1e-12) {
				t.Errorf("case %d %s = %v, R has %v", i, name, pair[0], pair[1])
			}
		}
	}
}

func TestSwapShiftScale(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string) []float64 {
			x := rapid.SliceOfN(rapid.Float64Range(-100, 100), 3, 20).Draw(t, label)
			x[0], x[1] = -7, 7
			return x
		}
		a, b := mustGroup(t, draw("a")), mustGroup(t, draw("b"))
		for _, test := range []func(g1, g0 Group, o Options) (WelchResult, error){WelchTest, Pooled} {
			r, err := test(a, b, Options{})
			if err != nil {
				t.Fatal(err)
			}
			s, err := test(b, a, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if r.Difference != -s.Difference || r.Lower != -s.Upper || r.P != s.P {
				t.Fatalf("swap: %+v and %+v", r, s)
			}
			k := 3.5
			scaled, err := test(Group{a.N, k*a.Mean + 9, k * k * a.Variance}, Group{b.N, k*b.Mean + 9, k * k * b.Variance}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if !near(scaled.Difference, k*r.Difference, 1e-9) || !near(scaled.P, r.P, 1e-9) {
				t.Fatalf("scale: %+v and %+v", r, scaled)
			}
		}
	})
}

func TestMomentsAreRows(t *testing.T) {
	x := []float64{3, 9, 4, 4, 1}
	var rows []float64
	for _, v := range x {
		rows = append(rows, 1, v)
	}
	m, err := moments.FromRows([]moments.Term{moments.Intercept(), moments.Column("x")}, []int64{1, 1}, rows)
	if err != nil {
		t.Fatal(err)
	}
	got, err := FromMoments(m, 1)
	if err != nil {
		t.Fatal(err)
	}
	want := mustGroup(t, x)
	if got.N != want.N || !near(got.Mean, want.Mean, 1e-15) || !near(got.Variance, want.Variance, 1e-14) {
		t.Errorf("FromMoments = %+v, FromRows = %+v", got, want)
	}
	if _, err := FromMoments(m, 5); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("column out of range: %v", err)
	}
	if _, err := FromMoments(moments.New(m.Terms, m.Units), 1); !errors.Is(err, analytics.ErrTooFewObservations) {
		t.Errorf("no rows: %v", err)
	}
}

// TestEquivalenceFollowsTheInterval holds that TOST rejects exactly when the
// 90 % interval lies within the margin.
func TestEquivalenceFollowsTheInterval(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := Group{N: int64(rapid.IntRange(3, 200).Draw(t, "n1")), Mean: rapid.Float64Range(-3, 3).Draw(t, "m1"), Variance: 4}
		b := Group{N: int64(rapid.IntRange(3, 200).Draw(t, "n0")), Variance: rapid.Float64Range(0.1, 9).Draw(t, "v0")}
		margin := rapid.Float64Range(0.1, 4).Draw(t, "margin")
		e, err := TOST(a, b, margin)
		if err != nil {
			t.Fatal(err)
		}
		within := e.Lower > -margin && e.Upper < margin
		if math.Abs(e.P-0.05) > 1e-9 && within != (e.P < 0.05) {
			t.Fatalf("interval %v to %v, margin %v, p %v", e.Lower, e.Upper, margin, e.P)
		}
	})
}

func TestErrors(t *testing.T) {
	good := Group{N: 5, Mean: 1, Variance: 2}
	for _, c := range []struct {
		name string
		g1   Group
		opts Options
		want error
	}{
		{"empty group", Group{}, Options{}, analytics.ErrTooFewObservations},
		{"one person", Group{N: 1, Mean: 3}, Options{}, analytics.ErrTooFewObservations},
		{"negative variance", Group{N: 5, Variance: -1}, Options{}, analytics.ErrInvalidParameter},
		{"NaN mean", Group{N: 5, Mean: math.NaN(), Variance: 1}, Options{}, analytics.ErrInvalidParameter},
		{"infinite variance", Group{N: 5, Variance: math.Inf(1)}, Options{}, analytics.ErrInvalidParameter},
		{"level", good, Options{Level: 1.5}, analytics.ErrInvalidParameter},
		{"alternative", good, Options{Alternative: "sideways"}, analytics.ErrInvalidParameter},
	} {
		for name, test := range map[string]func(g1, g0 Group, o Options) (WelchResult, error){"welch": WelchTest, "pooled": Pooled} {
			if _, err := test(c.g1, good, c.opts); !errors.Is(err, c.want) {
				t.Errorf("%s %s: %v, want %v", name, c.name, err, c.want)
			}
		}
	}
	flat := Group{N: 5, Mean: 1}
	if _, err := Welch(5, 1, 0, 5, 2, 0, 0.95); !errors.Is(err, analytics.ErrZeroVariance) {
		t.Errorf("both flat: %v", err)
	}
	if _, err := WelchTest(flat, good, Options{}); err != nil {
		t.Errorf("one flat group: %v", err)
	}
	for _, margin := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		if _, err := TOST(good, good, margin); !errors.Is(err, analytics.ErrInvalidParameter) {
			t.Errorf("margin %v: %v", margin, err)
		}
	}
	if _, err := FromRows([]float64{1, math.NaN()}); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("NaN rows: %v", err)
	}
}
