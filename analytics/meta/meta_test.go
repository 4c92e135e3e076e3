package meta

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/lumbar-health/lumbar/analytics"
)

func near(got, want, tol float64) bool { return math.Abs(got-want) <= tol*math.Max(1, math.Abs(want)) }

type rCase struct {
	Yi, Vi                                          []float64
	Method                                          Method
	Test                                            string
	Estimate, Se, P, Low, High, Tau2, I2, H2, Q, Qp float64
	SeTau2                                          *float64 `json:"se_tau2"`
	PiLow                                           *float64 `json:"pi_low"`
	PiHigh                                          *float64 `json:"pi_high"`
	Blup                                            []float64
	BlupSe                                          []float64 `json:"blup_se"`
}

func TestAgreesWithMetafor(t *testing.T) {
	raw, err := os.ReadFile("testdata/meta.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g struct{ Cases []rCase }
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	if len(g.Cases) != 125 {
		t.Fatalf("%d cases, want 125", len(g.Cases))
	}
	for i, c := range g.Cases {
		tol := 1e-9
		switch c.Method {
		case REML, ML, EB, PM: // metafor's own iterations stop here
			tol = 1e-7
		}
		opts := Options{Method: c.Method, HartungKnapp: c.Test != "z", AdHoc: c.Test == "adhoc"}
		p, units, err := Shrink(c.Yi, c.Vi, opts)
		if err != nil {
			t.Fatal(err)
		}
		pairs := map[string][2]float64{"estimate": {p.Value, c.Estimate}, "se": {p.StdErr, c.Se}, "p": {p.P, c.P}, "low": {p.Lower, c.Low}, "high": {p.Upper, c.High},
			"tau2": {p.Tau2, c.Tau2}, "I2": {p.I2, c.I2}, "H2": {p.H2, c.H2}, "Q": {p.Q, c.Q}, "Qp": {p.QP, c.Qp}}
		if c.SeTau2 != nil {
			pairs["se_tau2"] = [2]float64{*p.Tau2StdErr, *c.SeTau2}
		}
		if c.Method != FE {
			pairs["pi_low"], pairs["pi_high"] = [2]float64{*p.PredictionLower, *c.PiLow}, [2]float64{*p.PredictionUpper, *c.PiHigh}
		}
		for k, b := range c.Blup {
			pairs["blup"+string(rune('a'+k))], pairs["blup se"+string(rune('a'+k))] = [2]float64{units[k].Value, b}, [2]float64{units[k].StdErr, c.BlupSe[k]}
		}
		for name, pair := range pairs {
			if !near(pair[0], pair[1], tol) {
				t.Errorf("case %d %s %s %s = %.12g, metafor has %.12g", i, c.Method, c.Test, name, pair[0], pair[1])
			}
		}
	}
}

var schools = struct{ y, v []float64 }{
	y: []float64{28, 8, -3, 7, -1, 1, 18, 12}, v: []float64{225, 100, 256, 121, 81, 121, 100, 324},
}

func TestIdentities(t *testing.T) {
	methods := []Method{FE, DL, REML, ML, PM, HE, SJ, HS, EB}
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.IntRange(2, 12).Draw(t, "k")
		y, v := make([]float64, k), make([]float64, k)
		for i := range y {
			y[i] = rapid.Float64Range(-20, 20).Draw(t, "y")
			v[i] = rapid.Float64Range(0.1, 10).Draw(t, "v")
		}
		y[0], y[1] = -1, 3
		opts := Options{Method: rapid.SampledFrom(methods).Draw(t, "method"), HartungKnapp: rapid.Bool().Draw(t, "hk")}
		a, err := Random(y, v, opts)
		if err != nil {
			t.Fatal(err)
		}
		scaled, variances := make([]float64, k), make([]float64, k)
		for i := range y { // scale, shift and reverse
			scaled[k-1-i], variances[k-1-i] = 2*y[i]+5, 4*v[i]
		}
		b, err := Random(scaled, variances, opts)
		if err != nil {
			t.Fatal(err)
		}
		if !near(b.Value, 2*a.Value+5, 1e-6) || !near(b.StdErr, 2*a.StdErr, 1e-6) || !near(b.Tau2, 4*a.Tau2, 1e-6) || !near(b.I2, a.I2, 1e-6) {
			t.Fatalf("%+v and %+v", a, b)
		}
		var total float64
		for _, w := range a.Weights {
			total += w
		}
		if a.Tau2 < 0 || !near(total, 100, 1e-9) || a.I2 < 0 || a.I2 > 100 {
			t.Fatalf("%+v", a)
		}
	})
}

// TestQProfileSolvesItsEquation holds the limits against their definition.
func TestQProfileSolvesItsEquation(t *testing.T) {
	h, err := Tau2Interval(schools.y, schools.v, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := sample{y: schools.y, v: schools.v, k: 8}
	if h.Lower != 0 || !near(s.q(h.Upper), 1.689869180677355, 1e-10) { // qchisq(.025, 7)
		t.Errorf("%+v, Q at the upper limit %v", h, s.q(h.Upper))
	}
	if !near(h.Tau*h.Tau, h.Tau2, 1e-12) || h.I2Lower != 0 || h.H2Lower != 1 {
		t.Errorf("%+v", h)
	}
}

func TestErrorsAndEdges(t *testing.T) {
	for _, c := range []struct {
		name string
		y, v []float64
		opts Options
		want error
	}{
		{"no sites", nil, nil, Options{}, analytics.ErrTooFewObservations},
		{"one site", []float64{1}, []float64{1}, Options{}, analytics.ErrTooFewObservations},
		{"lengths", []float64{1, 2}, []float64{1}, Options{}, analytics.ErrInvalidParameter},
		{"zero variance", []float64{1, 2}, []float64{1, 0}, Options{}, analytics.ErrInvalidParameter},
		{"NaN", []float64{1, math.NaN()}, []float64{1, 1}, Options{}, analytics.ErrInvalidParameter},
		{"NaN variance", []float64{1, 2}, []float64{1, math.NaN()}, Options{}, analytics.ErrInvalidParameter},
		{"level", []float64{1, 2}, []float64{1, 1}, Options{Level: 2}, analytics.ErrInvalidParameter},
		{"method", []float64{1, 2}, []float64{1, 1}, Options{Method: "guess"}, analytics.ErrInvalidParameter},
		{"estimates equal but for rounding", []float64{0.1 + 0.2, 0.3, 0.3}, []float64{1, 3, 2}, Options{HartungKnapp: true}, analytics.ErrZeroVariance},
		{"equal estimates", []float64{2, 2}, []float64{1, 3}, Options{HartungKnapp: true}, analytics.ErrZeroVariance},
	} {
		if _, err := Random(c.y, c.v, c.opts); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	for _, m := range []Method{FE, DL, REML, ML, PM, HE, SJ, HS, EB} {
		p, err := Random([]float64{2, 2, 2}, []float64{1, 2, 3}, Options{Method: m})
		if err != nil || p.Tau2 != 0 || p.Value != 2 || p.I2 != 0 || math.IsNaN(p.QP) {
			t.Errorf("%s of equal estimates: %+v, %v", m, p, err)
		}
	}
	if _, err := QBased([]float64{1, 2}, []float64{1, 1}, 0.95); !errors.Is(err, analytics.ErrTooFewObservations) {
		t.Errorf("k−2 of two sites: %v", err)
	}
	y := slices.Clone(schools.y)
	if _, err := Random(y, schools.v, Options{}); err != nil || !slices.Equal(y, schools.y) {
		t.Errorf("Random changed its input, or %v", err)
	}
}
