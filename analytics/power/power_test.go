package power

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"testing"

	"github.com/lumbar-health/lumbar/analytics"
)

func near(got, want, tol float64) bool { return math.Abs(got-want) <= tol*math.Abs(want) }

type golden struct {
	Means []struct {
		Delta, Sd, Power, Alpha, N                         float64
		Size, Paired, Reached, Strict, Detectable, Unequal float64
	}
	Proportions []struct{ P1, P2, Power, Alpha, N, Size, Reached, H, Arcsine float64 }
	Margins     []struct{ Margin, Sd, Power, Alpha, Total float64 }
}

func readGolden(t *testing.T) golden {
	t.Helper()
	raw, err := os.ReadFile("testdata/power.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// check compares a result with R's.
func check(t *testing.T, name string, want, tol float64) func(float64, error) {
	return func(got float64, err error) {
		t.Helper()
		if err != nil || !near(got, want, tol) {
			t.Errorf("%s = %v, %v, want %v", name, got, err, want)
		}
	}
}

func TestMeansAgreeWithR(t *testing.T) {
	for _, c := range readGolden(t).Means {
		p := T{Delta: c.Delta, StdDev: c.Sd, Alpha: c.Alpha}
		check(t, "size", c.Size, 1e-9)(p.SampleSize(c.Power))
		check(t, "power", c.Reached, 1e-9)(p.Power(c.N, false))
		check(t, "strict", c.Strict, 1e-9)(p.Power(c.N, true))
		check(t, "detectable", c.Detectable, 1e-9)(p.Detectable(c.N, c.Power))
		check(t, "unequal", c.Unequal, 1e-9)(p.Unequal(c.N, 3*c.N))
		p.Design = Paired
		check(t, "pairs", c.Paired, 1e-9)(p.SampleSize(c.Power))
		n, err := p.SampleSize(c.Power)
		if err != nil {
			t.Fatal(err)
		}
		check(t, "power of the size", c.Power, 1e-10)(p.Power(n, false))
	}
}

func TestProportionsAgreeWithR(t *testing.T) {
	for _, c := range readGolden(t).Proportions {
		p := Proportions{P1: c.P1, P2: c.P2, Alpha: c.Alpha}
		check(t, "size", c.Size, 1e-9)(p.SampleSize(c.Power))
		check(t, "power", c.Reached, 1e-10)(p.Power(c.N))
		check(t, "arcsine size", c.Arcsine, 1e-6)(p.ArcsineSize(c.Power))
		check(t, "h", c.H, 1e-12)(p.CohenH(), nil)
		n, err := p.Corrected(c.Power)
		if plain, _ := p.SampleSize(c.Power); err != nil || n <= plain {
			t.Errorf("corrected size %v, %v, plain %v", n, err, plain)
		}
	}
}

func TestMarginsAgreeWithRpact(t *testing.T) {
	for _, c := range readGolden(t).Margins {
		perGroup, total, err := NonInferiority{Margin: c.Margin, StdDev: c.Sd, Alpha: c.Alpha}.SampleSize(c.Power)
		check(t, "both groups", c.Total, 1e-5)(total, err)
		if 2*perGroup > total {
			t.Errorf("the normal law needs %v, t %v", 2*perGroup, total)
		}
	}
}

// TestLogRank holds 4·(1.95996+0.84162)²/ln²1.5 and (1.95996+0.84162)²·(2.5/0.5)²
// events.
func TestLogRank(t *testing.T) {
	s, f, err := LogRank{HazardRatio: 1.5, Alpha: 0.05}.Events(0.8)
	if err != nil || !near(s, 190.9692, 1e-5) || !near(f, 196.2220, 1e-5) {
		t.Errorf("%v and %v events, %v", s, f, err)
	}
	turned, turnedF, err := LogRank{HazardRatio: 1 / 1.5, Alpha: 0.05}.Events(0.8)
	if err != nil || !near(turned, s, 1e-12) || !near(turnedF, f, 1e-12) {
		t.Errorf("the ratio turned over: %v and %v events, %v", turned, turnedF, err)
	}
}

func TestDesignEffect(t *testing.T) {
	equal, unequal, err := DesignEffect(25, 0.03, 0.5)
	if err != nil || !near(equal, 1.72, 1e-12) || !near(unequal, 1.9075, 1e-12) {
		t.Errorf("%v and %v, %v", equal, unequal, err)
	}
	if equal, unequal, err = DesignEffect(1, 0.5, 0); err != nil || equal != 1 || unequal != 1 {
		t.Errorf("clusters of one: %v and %v, %v", equal, unequal, err)
	}
}

func TestErrors(t *testing.T) {
	ok := T{Delta: 1, StdDev: 2, Alpha: 0.05}
	for name, c := range map[string]struct {
		err  error
		want error
	}{
		"no difference":  {second(T{StdDev: 2, Alpha: 0.05}.SampleSize(0.9)), analytics.ErrInvalidParameter},
		"no spread":      {second(T{Delta: 1, Alpha: 0.05}.SampleSize(0.9)), analytics.ErrInvalidParameter},
		"alpha":          {second(T{Delta: 1, StdDev: 2, Alpha: 1}.SampleSize(0.9)), analytics.ErrInvalidParameter},
		"power 1":        {second(ok.SampleSize(1)), analytics.ErrInvalidParameter},
		"power of alpha": {second(ok.SampleSize(0.05)), analytics.ErrInvalidParameter},
		"one person":     {second(ok.Power(1, true)), analytics.ErrInvalidParameter},
		"none":           {second(ok.Detectable(0, 0.9)), analytics.ErrInvalidParameter},
		"unequal none":   {second(ok.Unequal(0, 9)), analytics.ErrInvalidParameter},
		"a hair":         {second(T{Delta: 1e-9, StdDev: 2, Alpha: 0.05}.SampleSize(0.9)), analytics.ErrNotConverged},
		"a mountain":     {second(T{Delta: 1e9, StdDev: 2, Alpha: 0.05}.SampleSize(0.9)), analytics.ErrInvalidParameter},
		"a hill":         {second(T{Delta: 1500, StdDev: 2, Alpha: 0.05}.SampleSize(0.5)), analytics.ErrNotConverged},
		"equal shares":   {second(Proportions{P1: 0.5, P2: 0.5, Alpha: 0.05}.SampleSize(0.9)), analytics.ErrInvalidParameter},
		"share of 0":     {second(Proportions{P1: 0, P2: 0.5, Alpha: 0.05}.ArcsineSize(0.9)), analytics.ErrInvalidParameter},
		"share, power":   {second(Proportions{P1: 0.1, P2: 0.5, Alpha: 0.05}.Corrected(0.01)), analytics.ErrInvalidParameter},
		"nobody":         {second(Proportions{P1: 0.1, P2: 0.5, Alpha: 0.05}.Power(0)), analytics.ErrInvalidParameter},
		"hazard ratio 1": {third(LogRank{HazardRatio: 1, Alpha: 0.05}.Events(0.9)), analytics.ErrInvalidParameter},
		"cluster of 0":   {third(DesignEffect(0, 0.1, 0)), analytics.ErrInvalidParameter},
		"ICC above 1":    {third(DesignEffect(5, 1.1, 0)), analytics.ErrInvalidParameter},
		"margin":         {third(NonInferiority{StdDev: 2, Alpha: 0.05}.SampleSize(0.9)), analytics.ErrInvalidParameter},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", name, c.err, c.want)
		}
	}
}

func second(_ float64, err error) error   { return err }
func third(_, _ float64, err error) error { return err }
