package plot

import (
	"math"
	"testing"
)

func limits998(p drawnPoint) (low, high float64) { return p.Lower998, p.Upper998 }

// TestCurveIsTheFormOfLimits: from limits and sizes rounded as answers round
// them, the curve is the formula's own within what that rounding allows.
func TestCurveIsTheFormOfLimits(t *testing.T) {
	const sigma, z, target = 16.0, 3.090232, 11.0
	for _, tau2 := range []float64{0, 7.9} {
		truth := func(n float64) float64 { return z * math.Sqrt(sigma*sigma/n+tau2) }
		var exact, rounded []drawnPoint
		for _, n := range []float64{31, 38, 52, 77, 103, 158, 244, 401} {
			h := truth(n)
			exact = append(exact, drawnPoint{FunnelPoint: FunnelPoint{N: n, Lower998: target - h, Upper998: target + h}})
			near := 5 * math.Round(n/5)
			p := FunnelPoint{N: near, Lower998: math.Round((target-h)*10) / 10, Upper998: math.Round((target+h)*10) / 10}
			rounded = append(rounded, drawnPoint{FunnelPoint: p, round: halfDigit(p.Lower998, p.Upper998)})
		}
		for _, c := range []struct {
			points []drawnPoint
			tol    float64
		}{{exact, 1e-9}, {rounded, 0.03}} {
			a, b, ok := form(c.points, target, limits998)
			if !ok {
				t.Fatalf("tau2 %v: no curve", tau2)
			}
			for _, n := range []float64{35, 90, 300} {
				if got, want := math.Sqrt(a/n+b), truth(n); math.Abs(got-want) > c.tol*want {
					t.Errorf("tau2 %v, n %v: half width %v, want %v", tau2, n, got, want)
				}
			}
		}
	}
}

// TestOtherLimitsAreJoinedAsTheyStand: limits that are not symmetrical, or do
// not follow the size, get no made-up curve.
func TestOtherLimitsAreJoinedAsTheyStand(t *testing.T) {
	point := func(n, low, high float64) drawnPoint {
		return drawnPoint{FunnelPoint: FunnelPoint{N: n, Lower998: low, Upper998: high}}
	}
	for name, points := range map[string][]drawnPoint{
		"proportions near one": {point(40, 0.6, 1), point(100, 0.75, 0.99), point(400, 0.83, 0.96)},
		"one group":            {point(100, 8, 14)},
		"none known":           {point(100, math.NaN(), math.NaN())},
		"against size":         {point(100, 10, 12), point(400, 4, 18)},
	} {
		target := 11.0
		if name == "proportions near one" {
			target = 0.9
		}
		if _, _, ok := form(points, target, limits998); ok {
			t.Errorf("%s: a curve is drawn", name)
		}
	}
	var got []float64
	joined([]drawnPoint{point(40, 1, 9), point(40, 1, 9), point(90, math.NaN(), 8), point(100, 3, 7)}, limits998, 0, func(n, limit float64) {
		got = append(got, n, limit)
	})
	if len(got) != 4 || got[1] != 1 || got[3] != 3 {
		t.Errorf("joined limits %v, want one for each size that is known", got)
	}
}

// TestCurveOfCoarseLimits: EQ-5D limits come with two decimals below 100
// records, a seventh of their own width, and still give the formula's curve.
func TestCurveOfCoarseLimits(t *testing.T) {
	const sigma, z, target = 0.17, 1.959964, 0.423
	d := FunnelData{Target: target}
	for _, n := range []float64{30, 35, 40, 45, 50, 60, 65, 80, 95, 110, 150} {
		h, scale := z*sigma/math.Sqrt(n), 100.0
		if n >= 100 {
			scale = 1000
		}
		low, high := math.Round((target-h)*scale)/scale, math.Round((target+h)*scale)/scale
		d.Points = append(d.Points, FunnelPoint{N: n, Value: target, Target: target, Lower998: low, Upper998: high, Lower95: math.NaN(), Upper95: math.NaN()})
	}
	a, b, ok := form(drawable(d), target, limits998)
	if !ok {
		t.Fatal("no curve")
	}
	for _, n := range []float64{30, 60, 150} {
		if got, want := math.Sqrt(a/n+b), z*sigma/math.Sqrt(n); math.Abs(got-want) > 0.08*want {
			t.Errorf("n %v: half width %v, want %v", n, got, want)
		}
	}
}
