package funnel

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"testing"

	"pgregory.net/rapid"

	"github.com/lumbar-health/lumbar/analytics"
)

func near(got, want, tol float64) bool { return math.Abs(got-want) <= tol*math.Max(1, math.Abs(want)) }

type rGolden struct {
	N, Events, Mean, Se, Binomial, Poisson []float64
	Cases                                  []struct {
		How         string
		MeanPhi     float64   `json:"mean_phi"`
		MeanTau2    float64   `json:"mean_tau2"`
		MeanLow95   []float64 `json:"mean_low95"`
		MeanHigh998 []float64 `json:"mean_high998"`
		PropPhi     float64   `json:"prop_phi"`
		PropTau2    float64   `json:"prop_tau2"`
		PropLow95   []float64 `json:"prop_low95"`
		PropHigh998 []float64 `json:"prop_high998"`
	}
}

func TestAgreesWithR(t *testing.T) {
	raw, err := os.ReadFile("testdata/funnel.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g rGolden
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	var units []Unit
	var counts []Count
	for i := range g.N {
		units = append(units, Unit{N: int64(g.N[i]), Value: g.Mean[i], StdErr: g.Se[i]})
		counts = append(counts, Count{Events: int64(g.Events[i]), N: int64(g.N[i])})
	}
	for _, c := range g.Cases {
		opts := Options{}
		if c.How == "truncate" {
			opts.Trim = Truncate
		}
		means, err := Means(units, 11, opts)
		if err != nil {
			t.Fatal(err)
		}
		props, err := Proportions(counts, opts)
		if err != nil {
			t.Fatal(err)
		}
		if !near(means.Phi, c.MeanPhi, 1e-12) || !near(means.Tau2, c.MeanTau2, 1e-12) || !near(props.Phi, c.PropPhi, 1e-12) || !near(props.Tau2, c.PropTau2, 1e-12) {
			t.Errorf("%s: means φ %v τ² %v, proportions φ %v τ² %v", c.How, means.Phi, means.Tau2, props.Phi, props.Tau2)
		}
		for i := range units {
			m, p := means.Units[i], props.Units[i]
			if !near(m.Overdispersed.Lower95, c.MeanLow95[i], 1e-12) || !near(m.Overdispersed.Upper998, c.MeanHigh998[i], 1e-12) ||
				!near(p.Lower95, c.PropLow95[i], 1e-12) || !near(p.Overdispersed.Upper998, c.PropHigh998[i], 1e-12) {
				t.Errorf("%s unit %d: %+v and %+v", c.How, i, m, p)
			}
		}
	}
	for i, n := range []int64{5, 20, 300} {
		if got, err := BinomialLimit(0.37, n, 0.025); err != nil || !near(got, g.Binomial[i], 1e-12) {
			t.Errorf("BinomialLimit(%d) = %v, %v, R has %v", n, got, err, g.Binomial[i])
		}
	}
	for i, e := range []float64{0.5, 8, 120} {
		if got, err := PoissonLimit(e, 0.999); err != nil || !near(got, g.Poisson[i], 1e-12) {
			t.Errorf("PoissonLimit(%v) = %v, %v, R has %v", e, got, err, g.Poisson[i])
		}
	}
}

// flags lists a result's flags in the words of the domain's vectors.
func flags(r Result, which func(UnitResult) Flag) []string {
	words := map[Flag]string{None: "in", AlertLow: "alert", AlertHigh: "alert", AlarmLow: "alarm", AlarmHigh: "alarm"}
	var out []string
	for _, u := range r.Units {
		out = append(out, words[which(u)])
	}
	return out
}

// TestDomainMeanVector is the vector of domain 4.2: only unit 9 stays an
// outlier once over-dispersion is allowed for.
func TestDomainMeanVector(t *testing.T) {
	means := []float64{8.5, 14, 7, 11, 14.5, 9.2, 12.5, 16, 3, 9}
	sizes := []int64{400, 225, 100, 64, 144, 81, 256, 36, 49, 196}
	var units []Unit
	for i, m := range means {
		units = append(units, Unit{N: sizes[i], Value: m, StdErr: 16 / math.Sqrt(float64(sizes[i]))})
	}
	r, err := Means(units, 11, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(r.Phi-4.97504) > 5e-6 || math.Abs(r.Tau2-7.908452) > 5e-7 {
		t.Errorf("φ %v τ² %v, want 4.97504 and 7.908452", r.Phi, r.Tau2)
	}
	want := []string{"alarm", "alert", "alert", "in", "alert", "in", "in", "in", "alarm", "in"}
	for i, f := range flags(r, func(u UnitResult) Flag { return u.Outlier }) {
		if f != want[i] {
			t.Errorf("unit %d is %s, want %s", i+1, f, want[i])
		}
	}
	for i, f := range flags(r, func(u UnitResult) Flag { return u.OutlierOverdispersed }) {
		if (f == "alert") != (i == 8) {
			t.Errorf("unit %d is %s with over-dispersion", i+1, f)
		}
	}
}

func TestIdentities(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.IntRange(1, 30).Draw(t, "k")
		units, scaled := make([]Unit, k), make([]Unit, k)
		for i := range units {
			units[i] = Unit{N: 1, Value: rapid.Float64Range(-9, 9).Draw(t, "value"), StdErr: rapid.Float64Range(0.2, 3).Draw(t, "se")}
			scaled[k-1-i] = Unit{N: 1, Value: 3*units[i].Value - 4, StdErr: 3 * units[i].StdErr}
		}
		a, err := Means(units, 1, Options{})
		if err != nil {
			t.Fatal(err)
		}
		b, err := Means(scaled, -1, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if !near(a.Phi, b.Phi, 1e-9) || !near(9*a.Tau2, b.Tau2, 1e-6) || a.Tau2 < 0 {
			t.Fatalf("%v %v and %v %v", a.Phi, a.Tau2, b.Phi, b.Tau2)
		}
		for i, u := range a.Units {
			if !(u.Overdispersed.Lower998 <= u.Lower998+1e-12 && u.Lower998 < u.Lower95 && u.Lower95 < u.Upper95 && u.Upper95 < u.Upper998) {
				t.Fatalf("limits of unit %d: %+v", i, u)
			}
			if u.Outlier == None && u.OutlierOverdispersed != None {
				t.Fatalf("unit %d is flagged only with over-dispersion", i)
			}
		}
	})
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		name  string
		units []Unit
		opts  Options
		want  error
	}{
		{"no units", nil, Options{}, analytics.ErrTooFewObservations},
		{"no spread", []Unit{{N: 3, Value: 1}}, Options{}, analytics.ErrInvalidParameter},
		{"NaN", []Unit{{N: 3, Value: math.NaN(), StdErr: 1}}, Options{}, analytics.ErrInvalidParameter},
		{"nothing left", []Unit{{N: 3, Value: 1, StdErr: 0}}, Options{Trim: Truncate}, analytics.ErrInvalidParameter},
	} {
		if _, err := Means(c.units, 1, c.opts); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	for _, counts := range [][]Count{{{Events: 3, N: 2}}, {{Events: -1, N: 2}}, {{Events: 0, N: 0}}} {
		if _, err := Proportions(counts, Options{}); !errors.Is(err, analytics.ErrInvalidParameter) {
			t.Errorf("counts %v: %v", counts, err)
		}
	}
	if _, err := Proportions(nil, Options{}); !errors.Is(err, analytics.ErrTooFewObservations) {
		t.Errorf("no counts: %v", err)
	}
	if r, err := Proportions([]Count{{Events: 5, N: 5}, {Events: 7, N: 7}}, Options{}); err != nil || r.Target != 1 || r.Units[0].Upper95 != 1 {
		t.Errorf("events everywhere: %+v, %v", r, err)
	}
	if _, err := Overdispersion([]float64{1}, nil, 0, Winsorise); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("lengths: %v", err)
	}
	for _, target := range []float64{0, 1, math.NaN()} {
		if _, err := BinomialLimit(target, 5, 0.025); !errors.Is(err, analytics.ErrInvalidParameter) {
			t.Errorf("target %v: %v", target, err)
		}
	}
	if _, err := PoissonLimit(0, 0.5); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("nothing expected: %v", err)
	}
}
