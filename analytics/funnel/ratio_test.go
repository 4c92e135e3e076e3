package funnel

import (
	"errors"
	"math"
	"testing"

	"github.com/lumbar-health/lumbar/analytics"
)

// TestPoissonInterval compares with R 4.2.2, qchisq, and with Byar's
// approximation.
func TestPoissonInterval(t *testing.T) {
	for _, c := range []struct{ observed, low, high float64 }{{0, 0, 3.688879}, {1, 0.025318, 5.571643}, {10, 4.795389, 18.390356}, {100, 81.363991, 121.626794}} {
		low, high, err := PoissonInterval(c.observed, 0.95)
		if err != nil || math.Abs(low-c.low) > 1e-6 || math.Abs(high-c.high) > 1e-6 {
			t.Errorf("interval of %v events = %v to %v (%v), want %v to %v", c.observed, low, high, err, c.low, c.high)
		}
		a, b, err := ByarInterval(c.observed, 0.95)
		if err != nil || math.Abs(a-c.low) > 0.06 || math.Abs(b-c.high) > 0.06 {
			t.Errorf("Byar's interval of %v events = %v to %v (%v)", c.observed, a, b, err)
		}
	}
}

// TestRatios writes the formulas out for units without and with over-dispersion.
func TestRatios(t *testing.T) {
	even := []Ratio{{100, 100}, {52, 50}, {198, 200}, {81, 80}, {39, 40}}
	for _, scale := range []RatioScale{LogRatio, RootRatio} {
		f, err := Ratios(even, scale)
		if err != nil {
			t.Fatal(err)
		}
		if f.Tau2 != 0 || !(f.Phi < 1) {
			t.Errorf("scale %d: phi %v, tau² %v of units that agree", scale, f.Phi, f.Tau2)
		}
		want := math.Exp(3.0902323061678135 / 10)
		if scale == RootRatio {
			want = math.Pow(1+3.0902323061678135/20, 2)
		}
		if !near(f.Upper998[0], want, 1e-12) {
			t.Errorf("scale %d: upper limit %v, want %v", scale, f.Upper998[0], want)
		}
	}
	wide := []Ratio{{150, 100}, {20, 50}, {320, 200}, {40, 80}, {70, 40}, {30, 60}, {90, 50}, {200, 100}, {35, 70}, {160, 90}}
	f, err := Ratios(wide, RootRatio)
	if err != nil {
		t.Fatal(err)
	}
	if !(f.Phi > 1 && f.Tau2 > 0) || !near(f.Z[0], (math.Sqrt(1.5)-1)*20, 1e-12) || !near(f.Lower998[0], math.Pow(1-3.0902323061678135*math.Sqrt(0.0025+f.Tau2), 2), 1e-12) {
		t.Errorf("phi %v, tau² %v, z %v, limit %v", f.Phi, f.Tau2, f.Z[0], f.Lower998[0])
	}
}

func TestRatioErrors(t *testing.T) {
	for name, c := range map[string]struct {
		units []Ratio
		scale RatioScale
		want  error
	}{
		"no units":         {nil, LogRatio, analytics.ErrTooFewObservations},
		"nothing expected": {[]Ratio{{1, 0}}, RootRatio, analytics.ErrInvalidParameter},
		"log of nothing":   {[]Ratio{{0, 3}, {1, 1}}, LogRatio, analytics.ErrInvalidParameter},
		"observed is NaN":  {[]Ratio{{math.NaN(), 3}}, RootRatio, analytics.ErrInvalidParameter},
	} {
		if _, err := Ratios(c.units, c.scale); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if _, _, err := PoissonInterval(-1, 0.95); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("-1 events: %v", err)
	}
	if _, _, err := ByarInterval(3, 2); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("level 2: %v", err)
	}
}
