package missing_test

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/linear"
	"github.com/lumbar-health/lumbar/analytics/missing"
)

func near(a, b, rel float64) bool { return math.Abs(a-b) <= rel*math.Max(1, math.Abs(b)) }

// TestPoolAgreesWithMice compares Rubin's rules with mice and D1 with mitml.
func TestPoolAgreesWithMice(t *testing.T) {
	raw, err := os.ReadFile("testdata/pool.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Pool []struct {
			Q, U, Want []float64
			Complete   float64
		}
		D1 []struct {
			Q, U [][]float64
			Want []float64
		}
	}
	if err := json.Unmarshal(raw, &golden); err != nil {
		t.Fatal(err)
	}
	for k, c := range golden.Pool {
		p, err := missing.Pool(c.Q, c.U, c.Complete, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range []float64{p.Value, p.Within, p.Between, p.Total, p.DF, p.RIV, p.FMI} {
			if !near(v, c.Want[i], 1e-12) {
				t.Errorf("pool %d, number %d: %.15g, want %.15g", k+1, i, v, c.Want[i])
			}
		}
	}
	for k, c := range golden.D1 {
		var u []linear.Sym
		for _, packed := range c.U {
			u = append(u, linear.Sym{N: len(c.Q[0]), Data: packed})
		}
		w, err := missing.D1(c.Q, u)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range []float64{w.F, w.DF1, w.DF2, w.P, w.RIV} {
			if !near(v, c.Want[i], 1e-9) {
				t.Errorf("D1 %d, number %d: %.15g, want %.15g", k+1, i, v, c.Want[i])
			}
		}
	}
}

// TestPoolOfAgreement holds the limits: imputations that agree lose nothing, and
// Rubin's degrees of freedom come with infinitely many people.
func TestPoolOfAgreement(t *testing.T) {
	p, err := missing.Pool([]float64{2, 2, 2}, []float64{4, 4, 4}, 50, 0.95)
	if err != nil || p.Total != 4 || p.RIV != 0 || p.DFLarge != 2e8 || !(p.DF > 47 && p.DF <= 50) {
		t.Errorf("%+v, %v", p, err)
	}
	large, err := missing.Pool([]float64{1, 2, 4}, []float64{1, 1, 1}, math.Inf(1), 0.95)
	if err != nil || large.DF != large.DFLarge {
		t.Errorf("%v and %v, %v", large.DF, large.DFLarge, err)
	}
	certain, err := missing.Pool([]float64{1, 2, 4}, []float64{0, 0, 0}, 50, 0.95)
	if err != nil || certain.FMI != 1 || !math.IsInf(certain.RIV, 1) {
		t.Errorf("no variance within: %+v, %v", certain, err)
	}
}

func TestBadPools(t *testing.T) {
	for name, c := range map[string]struct {
		q, u            []float64
		complete, level float64
		want            error
	}{
		"one":      {[]float64{1}, []float64{1}, 10, 0.95, analytics.ErrTooFewObservations},
		"lengths":  {[]float64{1, 2}, []float64{1}, 10, 0.95, analytics.ErrInvalidParameter},
		"NaN":      {[]float64{1, math.NaN()}, []float64{1, 1}, 10, 0.95, analytics.ErrInvalidParameter},
		"negative": {[]float64{1, 2}, []float64{1, -1}, 10, 0.95, analytics.ErrInvalidParameter},
		"df":       {[]float64{1, 2}, []float64{1, 1}, 0, 0.95, analytics.ErrInvalidParameter},
		"level":    {[]float64{1, 2}, []float64{1, 1}, 10, 0, analytics.ErrInvalidParameter},
		"nothing":  {[]float64{1, 1}, []float64{0, 0}, 10, 0.95, analytics.ErrZeroVariance},
	} {
		if _, err := missing.Pool(c.q, c.u, c.complete, c.level); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	one := linear.Sym{N: 1, Data: []float64{1}}
	flat := linear.Sym{N: 2, Data: []float64{1, 1, 1}}
	for name, c := range map[string]struct {
		q    [][]float64
		u    []linear.Sym
		want error
	}{
		"one":       {[][]float64{{1}}, []linear.Sym{one}, analytics.ErrTooFewObservations},
		"shapes":    {[][]float64{{1}, {1, 2}}, []linear.Sym{one, one}, analytics.ErrInvalidParameter},
		"none":      {[][]float64{{}, {}}, []linear.Sym{one, one}, analytics.ErrInvalidParameter},
		"same":      {[][]float64{{1}, {1}}, []linear.Sym{one, one}, analytics.ErrZeroVariance},
		"collinear": {[][]float64{{1, 2}, {2, 1}}, []linear.Sym{flat, flat}, analytics.ErrCollinear},
	} {
		if _, err := missing.D1(c.q, c.u); !errors.Is(err, c.want) {
			t.Errorf("D1 %s: %v, want %v", name, err, c.want)
		}
	}
}

func TestPatterns(t *testing.T) {
	gaps := [][]bool{{false, true}, {false, false}, {true, true}, {false, true}, {false, false}}
	p, err := missing.Describe(5, 2, func(row, column int) bool { return gaps[row][column] })
	want := []missing.Pattern{{Observed: "10", Count: 2}, {Observed: "11", Count: 2}, {Observed: "00", Count: 1}}
	if err != nil || !slices.Equal(p.List, want) || !slices.Equal(p.Missing, []int{1, 3}) || p.Complete != 2 {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := missing.Describe(5, 0, nil); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("no column: %v", err)
	}
}

func TestTippingPoint(t *testing.T) {
	at := func(p ...float64) *float64 {
		var list []missing.Pooled
		for _, v := range p {
			list = append(list, missing.Pooled{Test: analytics.Test{P: v}})
		}
		return missing.TippingPoint([]float64{-4, 0, 4, 8}, list)
	}
	if got := at(0.001, 0.01, 0.03, 0.07); got == nil || math.Abs(*got-6) > 1e-12 {
		t.Errorf("tips at %v, want 6", got)
	}
	if got := at(0.09, 0.01, 0.17, 0.2); got == nil || math.Abs(*got-1) > 1e-12 {
		t.Errorf("tips nearest to zero at %v, want 1", got)
	}
	if got := at(0.001, 0.01, 0.02, 0.03); got != nil {
		t.Errorf("tips at %v, want never", *got)
	}
}
