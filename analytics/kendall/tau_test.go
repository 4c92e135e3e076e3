package kendall

import (
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/lumbar-health/lumbar/analytics"
)

func near(got, want, tol float64) bool { return math.Abs(got-want) <= tol*math.Max(1, math.Abs(want)) }

// Values of R 4.2.2: cor.test(x, y, method = "kendall").
func TestAgreesWithR(t *testing.T) {
	c, err := Tau([]float64{3.1, 2.2, 5.5, 4.7, 1.0, 9.9, 7.3, 8.2}, []float64{2, 1, 4, 7, 3, 9, 6, 10})
	if err != nil || c.Exact == nil || !near(*c.Exact, 0.03115079365079354, 1e-13) {
		t.Errorf("exact p %v, %v", c.Exact, err)
	}
	c, err = Tau([]float64{3, 2, 5, 5, 1, 9, 7, 5}, []float64{2, 1, 4, 4, 3, 9, 6, 4})
	if err != nil || c.Exact != nil || !near(c.Tau, 0.84, 1e-13) || !near(c.ZContinuity, 2.6186146828319079, 1e-13) ||
		!near(c.PContinuity, 0.0088287609528186414, 1e-12) || !near(c.Z, 2.7495454169735036, 1e-13) || !near(c.P, 0.0059677991979564223, 1e-12) {
		t.Errorf("tied columns: %+v, %v", c, err)
	}
}

// TestExactLawMeetsTheSeries holds the change from one to the other.
func TestExactLawMeetsTheSeries(t *testing.T) {
	n := exactLimit
	for _, s := range []int64{1, 401, 1351, 2201, 3001} {
		e, a := exact(n, s), edgeworth(float64(n), float64(s))
		if math.Abs(e-a) > 1e-5 {
			t.Errorf("n %d, S %d: exact %v, series %v", n, s, e, a)
		}
	}
	if p := exact(4, 6); !near(p, 2./24, 1e-15) {
		t.Errorf("P(|S| ≥ 6) of 4 = %v, want 2/24", p)
	}
	if p := exact(5, 0); p != 1 {
		t.Errorf("P(|S| ≥ 0) = %v, want 1", p)
	}
}

func TestIdentities(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		n := rapid.IntRange(2, 30).Draw(r, "n")
		value := rapid.Custom(func(r *rapid.T) float64 { return float64(rapid.IntRange(0, 6).Draw(r, "v")) })
		x, y := rapid.SliceOfN(value, n, n).Draw(r, "x"), rapid.SliceOfN(value, n, n).Draw(r, "y")
		a, err := Tau(x, y)
		if err != nil {
			if !errors.Is(err, analytics.ErrZeroVariance) {
				r.Fatal(err)
			}
			return
		}
		b, err := Tau(y, x)
		if err != nil || a.S != b.S || !near(a.Tau, b.Tau, 1e-13) || !near(a.P, b.P, 1e-12) {
			r.Fatalf("swapped: %+v, %+v, %v", a, b, err)
		}
		minus := make([]float64, n)
		for i, v := range y {
			minus[i] = 3 - 2*v
		}
		c, err := Tau(x, minus)
		if err != nil || c.S != -a.S || !near(c.PContinuity, a.PContinuity, 1e-12) || math.Abs(a.Tau) > 1+1e-12 {
			r.Fatalf("reversed: %+v, %+v, %v", a, c, err)
		}
	})
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		x, y []float64
		want error
	}{
		{nil, nil, analytics.ErrTooFewObservations},
		{[]float64{1}, []float64{1}, analytics.ErrTooFewObservations},
		{[]float64{1, 2}, []float64{1}, analytics.ErrInvalidParameter},
		{[]float64{1, math.NaN()}, []float64{1, 2}, analytics.ErrInvalidParameter},
		{[]float64{1, 2, 3}, []float64{4, 4, 4}, analytics.ErrZeroVariance},
	} {
		if _, err := Tau(c.x, c.y); !errors.Is(err, c.want) {
			t.Errorf("Tau(%v, %v) = %v, want %v", c.x, c.y, err, c.want)
		}
	}
}
