package twosample

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"testing"

	"github.com/lumbar-health/lumbar/analytics"
)

func TestEffectSizesAgreeWithR(t *testing.T) {
	raw, err := os.ReadFile("testdata/effect.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g struct {
		Cases []struct {
			A, B     []float64
			D, Glass [3]float64
			G        float64
			Escalc   [2]float64
			Variance [4]float64
		}
	}
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	for i, c := range g.Cases {
		a, b := mustGroup(t, c.A), mustGroup(t, c.B)
		e, err := EffectSizes(a, b, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		v, err := CompareVariances(a, b, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		for name, p := range map[string][2]float64{
			"d": {e.Cohen.Value, c.D[0]}, "d low": {e.Cohen.Lower, c.D[1]}, "d high": {e.Cohen.Upper, c.D[2]}, "g": {e.Hedges.Value, c.G},
			"glass": {e.Glass.Value, c.Glass[0]}, "glass low": {e.Glass.Lower, c.Glass[1]}, "glass high": {e.Glass.Upper, c.Glass[2]},
			"escalc": {e.Hedges.Value, c.Escalc[0]}, "escalc variance": {e.HedgesVariance, c.Escalc[1]},
			"F": {*v.F, c.Variance[0]}, "F low": {*v.Lower, c.Variance[1]}, "F high": {*v.Upper, c.Variance[2]}, "F p": {v.P, c.Variance[3]},
		} {
			// The limits rest on R's pt, which is good to 1e-11.
			if !near(p[0], p[1], 1e-9) {
				t.Errorf("case %d %s = %v, R has %v", i, name, p[0], p[1])
			}
		}
	}
}

// TestSmallSampleIsContinuous holds the series against log-gamma where both are
// exact enough, and the limit.
func TestSmallSampleIsContinuous(t *testing.T) {
	for _, m := range []float64{40.5, 60, 100} {
		a, _ := math.Lgamma(m / 2)
		b, _ := math.Lgamma((m - 1) / 2)
		if want := math.Exp(a-b) / math.Sqrt(m/2); !near(SmallSample(m), want, 1e-13) {
			t.Errorf("J(%v) = %v, log-gamma has %v", m, SmallSample(m), want)
		}
	}
	if j := SmallSample(1e9); !near(1-j, 0.75e-9, 1e-15) {
		t.Errorf("J(1e9) = %v", j)
	}
	if j := SmallSample(2); !near(j, 1/math.Sqrt(math.Pi), 1e-14) {
		t.Errorf("J(2) = %v, want 1/√π", j)
	}
}

func TestGroupsWithoutSpread(t *testing.T) {
	flat, some := Group{N: 4, Mean: 5}, Group{N: 6, Mean: 3, Variance: 2}
	v, err := CompareVariances(some, flat, 0.95)
	if err != nil || v.F != nil || v.Lower != nil || v.P != 0 {
		t.Errorf("infinite ratio %+v %v", v, err)
	}
	if v, err = CompareVariances(flat, some, 0.95); err != nil || *v.F != 0 || *v.Upper != 0 {
		t.Errorf("ratio of zero %+v %v", v, err)
	}
	if e, err := EffectSizes(some, flat, 0.95); err != nil || e.Glass != nil || e.Cohen.Value >= 0 {
		t.Errorf("Glass over zero %+v %v", e, err)
	}
	if b, err := StandardisedDifference(flat, some); err != nil || !math.IsInf(*b.Treated, 1) {
		t.Errorf("difference over zero %+v %v", b, err)
	}
	if b, err := StandardisedDifference(Group{N: 4, Mean: 3}, some); err != nil || b.Treated != nil || b.Pooled != 0 {
		t.Errorf("no difference over zero %+v %v", b, err)
	}
}

func TestEffectErrors(t *testing.T) {
	some, one, flat := Group{N: 5, Mean: 1, Variance: 2}, Group{N: 1, Mean: 1}, Group{N: 3, Mean: 2}
	for name, c := range map[string]struct{ err, want error }{
		"effect one":      {second(EffectSizes(some, one, 0.95)), analytics.ErrTooFewObservations},
		"effect flat":     {second(EffectSizes(flat, flat, 0.95)), analytics.ErrZeroVariance},
		"effect level":    {second(EffectSizes(some, some, 1)), analytics.ErrInvalidParameter},
		"effect far":      {second(EffectSizes(Group{N: 5, Mean: 1e12, Variance: 1}, some, 0.95)), analytics.ErrNotConverged},
		"balance one":     {second(StandardisedDifference(one, some)), analytics.ErrTooFewObservations},
		"variances flat":  {second(CompareVariances(flat, flat, 0.95)), analytics.ErrZeroVariance},
		"variances NaN":   {second(CompareVariances(Group{N: 3, Mean: 1, Variance: math.NaN()}, some, 0.95)), analytics.ErrInvalidParameter},
		"variances level": {second(CompareVariances(some, some, 0)), analytics.ErrInvalidParameter},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", name, c.err, c.want)
		}
	}
}

func second[T any](_ T, err error) error { return err }
