package sequential

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"testing"

	"pgregory.net/rapid"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
)

func near(got, want, tol float64) bool { return math.Abs(got-want) <= tol*math.Abs(want)+1e-8 }

func TestAgreesWithRpact(t *testing.T) {
	raw, err := os.ReadFile("testdata/boundaries.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g struct {
		Cases []struct {
			Kind              Kind
			Rates             []float64
			Alpha             float64
			Critical, Spent   []float64
			Inflation, Sample float64
		}
	}
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	for _, c := range g.Cases {
		p := Plan{Kind: c.Kind, Rates: c.Rates, Alpha: c.Alpha, Power: 0.8, Delta: 0.1, Gamma: 3}
		if c.Kind == SpendHwangShih {
			p.Gamma = -2
		}
		b, err := Compute(p)
		if err != nil {
			t.Fatal(c.Kind, err)
		}
		for k := range c.Critical {
			if !near(b.Critical[k], c.Critical[k], 1e-5) || !near(b.Spent[k], c.Spent[k], 1e-5) {
				t.Errorf("%s %v look %d: %v spending %v, want %v and %v", c.Kind, c.Rates, k+1, b.Critical[k], b.Spent[k], c.Critical[k], c.Spent[k])
			}
		}
		if !near(b.Inflation, c.Inflation, 1e-5) || !near(b.AverageSample, c.Sample, 1e-5) {
			t.Errorf("%s %v: inflation %v, mean sample %v, want %v and %v", c.Kind, c.Rates, b.Inflation, b.AverageSample, c.Inflation, c.Sample)
		}
	}
}

// TestPublishedConstants holds the tables of Jennison and Turnbull (2000), 2.1 and
// 2.3, for a two-sided level of 0.05.
func TestPublishedConstants(t *testing.T) {
	for _, c := range []struct {
		kind  Kind
		looks int
		want  float64
	}{{Pocock, 2, 2.178}, {Pocock, 5, 2.413}, {Pocock, 10, 2.555}, {OBrienFleming, 2, 1.977}, {OBrienFleming, 5, 2.040}, {OBrienFleming, 10, 2.087}} {
		p := Plan{Kind: c.kind, Alpha: 0.025, Power: 0.9}
		for k := 1; k <= c.looks; k++ {
			p.Rates = append(p.Rates, float64(k)/float64(c.looks))
		}
		b, err := Compute(p)
		if got := b.Critical[c.looks-1]; err != nil || math.Abs(got-c.want) > 0.0011 {
			t.Errorf("%s with %d looks: %v, want %v, %v", c.kind, c.looks, got, c.want, err)
		}
	}
}

// TestLimits holds that one look is the fixed test, and that close looks are integrated as finely as they
// need, so that the error of two looks is that of the bivariate normal law.
func TestLimits(t *testing.T) {
	for _, kind := range Kinds() {
		b, err := Compute(Plan{Kind: kind, Rates: []float64{1}, Alpha: 0.025, Power: 0.9, Delta: 0.25, Gamma: 2})
		if err != nil || !near(b.Critical[0], 1.959963984540054, 1e-9) || !near(b.Inflation, 1, 1e-9) || !near(b.AverageSample, 1, 1e-9) || !near(b.StopByLook[0], 0.9, 1e-9) {
			t.Errorf("%s with one look: %+v, %v", kind, b, err)
		}
	}
	const c = 2.1
	for _, share := range []float64{0.0002, 0.1, 0.5, 0.9, 0.999, 0.9999} {
		got := sum(walk{times: []float64{share, 1}}.crossings([]float64{c, c}))
		// P(max > c) = 2·P(Z > c) − P(both > c), the latter by Simpson's rule.
		rho, h, both := math.Sqrt(share), 1e-5, 0.0
		const n = 800_000
		for i := 0; i <= n; i++ {
			z := c + h*float64(i)
			f := math.Exp(-z*z/2) / math.Sqrt(2*math.Pi) * dist.NormalTail((c-rho*z)/math.Sqrt(1-share))
			switch {
			case i == 0 || i == n:
			case i%2 == 1:
				f *= 4
			default:
				f *= 2
			}
			both += f * h / 3
		}
		if want := 2*dist.NormalTail(c) - both; !near(got, want, 1e-9) {
			t.Errorf("share %v: %v, want %v", share, got, want)
		}
	}
}

func TestIdentities(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		steps := rapid.SliceOfN(rapid.IntRange(5, 50), 1, 5).Draw(r, "steps")
		var total float64
		for _, s := range steps {
			total += float64(s)
		}
		p := Plan{Alpha: rapid.SampledFrom([]float64{0.01, 0.025, 0.1}).Draw(r, "alpha"), Power: 0.9, Delta: rapid.Float64Range(0, 0.5).Draw(r, "delta"), Gamma: rapid.Float64Range(0.5, 4).Draw(r, "gamma")}
		p.Kind = rapid.SampledFrom(Kinds()).Draw(r, "kind")
		var at float64
		for _, s := range steps {
			at += float64(s)
			p.Rates = append(p.Rates, at/total)
		}
		b, err := Compute(p)
		if err != nil {
			r.Fatal(err)
		}
		last := len(steps) - 1
		if !near(b.Spent[last], p.Alpha, 1e-7) || !near(b.StopByLook[last], 0.9, 1e-7) || b.Inflation < 1-1e-9 || b.AverageSample > b.Inflation+1e-9 {
			r.Fatalf("%+v of %+v", b, p)
		}
		for k := 1; k <= last; k++ {
			if b.Spent[k] < b.Spent[k-1] || b.StopByLook[k] < b.StopByLook[k-1] {
				r.Fatalf("spent %v, stopped %v", b.Spent, b.StopByLook)
			}
		}
	})
}

func TestPlanErrors(t *testing.T) {
	good := Plan{Kind: SpendOF, Rates: []float64{0.5, 1}, Alpha: 0.025, Power: 0.9}
	for name, change := range map[string]func(*Plan){
		"no look":        func(p *Plan) { p.Rates = nil },
		"descending":     func(p *Plan) { p.Rates = []float64{0.5, 0.4} },
		"above 1":        func(p *Plan) { p.Rates = []float64{0.5, 1.1} },
		"zero":           func(p *Plan) { p.Rates = []float64{0, 1} },
		"too close":      func(p *Plan) { p.Rates = []float64{0.99999, 1} },
		"NaN":            func(p *Plan) { p.Rates = []float64{math.NaN(), 1} },
		"too many":       func(p *Plan) { p.Rates = make([]float64, maxLooks+1) },
		"alpha 0":        func(p *Plan) { p.Alpha = 0 },
		"alpha one half": func(p *Plan) { p.Alpha = 0.5 },
		"power 1":        func(p *Plan) { p.Power = 1 },
		"kind":           func(p *Plan) { p.Kind = "triangular" },
		"Δ":              func(p *Plan) { p.Kind, p.Delta = WangTsiatis, 0.7 },
		"γ":              func(p *Plan) { p.Kind, p.Gamma = SpendPower, 0 },
		"γ NaN":          func(p *Plan) { p.Kind, p.Gamma = SpendHwangShih, math.NaN() },
		"nothing spent":  func(p *Plan) { p.Rates = []float64{0.001, 1} },
	} {
		p := good
		change(&p)
		if _, err := Compute(p); !errors.Is(err, analytics.ErrInvalidParameter) {
			t.Errorf("%s: %v", name, err)
		}
	}
	stop := errors.New("stop")
	good.Interrupt = func() error { return stop }
	if _, err := Compute(good); !errors.Is(err, stop) {
		t.Errorf("interrupted: %v", err)
	}
}

func TestMixture(t *testing.T) {
	rho, err := OptimalRho(100, 0.05)
	if err != nil || !near(rho, 0.2963410269947932, 1e-13) {
		t.Errorf("ρ = %v, %v", rho, err)
	}
	at := func(r float64) float64 {
		v, err := MixtureRadius(100, 2, r, 0.05)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if !near(at(rho), 2*0.30354463966359313, 1e-13) {
		t.Errorf("radius %v", at(rho))
	}
	if at(rho) > at(rho*1.4) || at(rho) > at(rho/1.4) {
		t.Errorf("ρ %v is not near the best: %v, %v, %v", rho, at(rho/1.4), at(rho), at(rho*1.4))
	}
	a, err := Follow([]float64{1, -1, 3, 3, 3, 3, 3, 3}, 1, 0.25)
	if err != nil || a.P[0] > 1 {
		t.Fatal(a, err)
	}
	for i := 1; i < len(a.P); i++ {
		if a.P[i] > a.P[i-1] || a.P[i] > math.Exp(-a.LogRatio[i])+1e-15 {
			t.Errorf("p %v of %v", a.P, a.LogRatio)
		}
	}
	// Under p the sequence with ρ² = τ²/σ² leaves 0 out: they are one test.
	n, mean, tau2 := 40.0, 0.6, 0.25
	l, err := MixtureRatio(n, mean, 1, tau2)
	if err != nil {
		t.Fatal(err)
	}
	radius, err := MixtureRadius(n, 1, math.Sqrt(tau2), math.Exp(-l))
	if err != nil || !near(radius, mean, 1e-10) {
		t.Errorf("radius %v at its own p, want the mean %v, %v", radius, mean, err)
	}
	for name, err := range map[string]error{
		"alpha 1": second(OptimalRho(10, 1)), "alpha 0.9": second(OptimalRho(10, 0.9)), "size 0": second(OptimalRho(0, 0.05)), "t 0": second(MixtureRadius(0, 1, 1, 0.05)), "sd 0": second(MixtureRadius(5, 0, 1, 0.05)),
		"ρ 0": second(MixtureRadius(5, 1, 0, 0.05)), "τ² 0": second(MixtureRatio(5, 1, 1, 0)), "NaN": second(MixtureRatio(5, math.NaN(), 1, 1)),
	} {
		if !errors.Is(err, analytics.ErrInvalidParameter) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Follow(nil, 1, 1); !errors.Is(err, analytics.ErrTooFewObservations) {
		t.Errorf("nothing to follow: %v", err)
	}
}

func second(_ float64, err error) error { return err }
