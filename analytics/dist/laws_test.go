package dist

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

// within compares with a relative tolerance, also far out in a tail.
func within(got, want, tol float64) bool { return math.Abs(got-want) <= tol*math.Abs(want) }

func readGolden(t *testing.T, name string, into any) {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}

// degrees reads 0 as infinitely many.
func degrees(df float64) float64 {
	if df == 0 {
		return math.Inf(1)
	}
	return df
}

func TestLawsOfComparisonsAgreeWithMpmath(t *testing.T) {
	var g struct {
		NoncentralT    [][4]float64 `json:"noncentral_t"`
		Hypergeometric []struct {
			M, N, K, X            int64
			L, Mean, Lower, Upper float64
		}
		Kolmogorov [][2]float64
	}
	readGolden(t, "laws.golden.json", &g)
	for _, c := range g.NoncentralT {
		if got := NoncentralTTail(c[0], c[1], c[2]); !within(got, c[3], 1e-12) {
			t.Errorf("P(T > %v; df %v, ncp %v) = %v, want %v", c[0], c[1], c[2], got, c[3])
		}
		if got := NoncentralTCDF(-c[0], c[1], -c[2]); !within(got, c[3], 1e-12) {
			t.Errorf("mirrored: P(T < %v) = %v, want %v", -c[0], got, c[3])
		}
	}
	for _, c := range g.Hypergeometric {
		h := Hypergeometric{Row1: c.M, Row2: c.N, Column1: c.K, LogOdds: c.L}
		for name, pair := range map[string][2]float64{"mean": {h.Mean(), c.Mean}, "lower": {h.Lower(c.X), c.Lower}, "upper": {h.Upper(c.X), c.Upper}} {
			if !within(pair[0], pair[1], 1e-11) {
				t.Errorf("%+v %s at %d = %v, want %v", h, name, c.X, pair[0], pair[1])
			}
		}
	}
	for _, c := range g.Kolmogorov {
		if got := KolmogorovTail(c[0]); !within(got, c[1], 1e-13) {
			t.Errorf("Kolmogorov tail at %v = %v, want %v", c[0], got, c[1])
		}
	}
}

func TestRangesAndMaximaAgreeWithQuadrature(t *testing.T) {
	var g struct {
		Ranges [][4]float64
		Maxima []struct {
			T, DF, P float64
			Lambda   []float64
		}
	}
	readGolden(t, "ranges.golden.json", &g)
	for _, c := range g.Ranges {
		if got := StudentisedRangeTail(c[0], int(c[1]), degrees(c[2])); !within(got, c[3], 1e-9) {
			t.Errorf("P(range > %v; k %v, df %v) = %v, want %v", c[0], c[1], c[2], got, c[3])
		}
	}
	for _, c := range g.Maxima {
		if got := MaxTTail(c.T, c.Lambda, degrees(c.DF)); !within(got, c.P, 1e-9) {
			t.Errorf("P(max|T| > %v; λ %v, df %v) = %v, want %v", c.T, c.Lambda, c.DF, got, c.P)
		}
	}
}

func TestRangeOfTwoIsStudentsT(t *testing.T) {
	for _, df := range []float64{1, 2.5, 30, math.Inf(1)} {
		for _, q := range []float64{0.1, 1, 3.5, 12, 40} {
			if got, want := StudentisedRangeTail(q, 2, df), TTwoSided(q/math.Sqrt2, df); want > 1e-290 && !within(got, want, 1e-11) {
				t.Errorf("df %v: range tail at %v = %v, t has %v", df, q, got, want)
			}
		}
	}
}

func TestOneComparisonIsStudentsT(t *testing.T) {
	for _, df := range []float64{1, 7, 400, math.Inf(1)} {
		for _, x := range []float64{0.2, 2, 9} {
			if got, want := MaxTTail(x, []float64{0.7}, df), TTwoSided(x, df); !within(got, want, 1e-11) {
				t.Errorf("df %v: tail of the largest of one at %v = %v, t has %v", df, x, got, want)
			}
		}
	}
}

func TestLawsInvert(t *testing.T) {
	if q := StudentisedRangeUpper(0.05, 5, 20); !within(StudentisedRangeTail(q, 5, 20), 0.05, 1e-12) {
		t.Errorf("studentised range quantile %v has tail %v", q, StudentisedRangeTail(q, 5, 20))
	}
	lambda := []float64{0.5, 0.6, 0.7}
	if x := MaxTUpper(0.05, lambda, 15); !within(MaxTTail(x, lambda, 15), 0.05, 1e-12) {
		t.Errorf("quantile %v has tail %v", x, MaxTTail(x, lambda, 15))
	}
	for _, c := range [][2]float64{{0, 10}, {2.5, 8}, {-40, 1200}, {60, 3}, {700, 50}} {
		low, high, ok := NoncentralTLimits(c[0], c[1], 0.95)
		if !ok || !within(NoncentralTTail(c[0], c[1], low), 0.025, 1e-9) || !within(NoncentralTCDF(c[0], c[1], high), 0.025, 1e-9) {
			t.Errorf("limits of t %v: %v, %v, %v", c[0], low, high, ok)
		}
	}
	for _, c := range [][3]float64{{0.025, 276, 100}, {0.5, 0.5, 40.5}, {1e-6, 3, 3}, {0.975, 2, 900}} {
		if x := BetaQuantile(c[0], c[1], c[2]); !within(BetaCDF(x, c[1], c[2]), c[0], 1e-12) {
			t.Errorf("beta quantile %v has P(X ≤ x) = %v, want %v", x, BetaCDF(x, c[1], c[2]), c[0])
		}
		if x := BetaUpper(c[0], c[1], c[2]); !within(BetaTail(x, c[1], c[2]), c[0], 1e-11) {
			t.Errorf("beta upper %v has tail %v, want %v", x, BetaTail(x, c[1], c[2]), c[0])
		}
	}
	h := Hypergeometric{Row1: 12, Row2: 9, Column1: 8}
	l, ok := h.LogOddsWhere(Hypergeometric.Mean, 6)
	h.LogOdds = l
	if !ok || !within(h.Mean(), 6, 1e-13) {
		t.Errorf("mean 6 at log odds %v gives %v", l, h.Mean())
	}
}

func TestBetaEnds(t *testing.T) {
	for _, c := range []struct{ got, want float64 }{
		{BetaQuantile(0, 2, 3), 0}, {BetaQuantile(1, 2, 3), 1}, {BetaUpper(0, 2, 3), 1}, {BetaUpper(1, 2, 3), 0},
		{KolmogorovTail(0), 1}, {StudentisedRangeTail(0, 3, 5), 1}, {MaxTTail(0, []float64{0.5}, 5), 1},
	} {
		if c.got != c.want {
			t.Errorf("got %v, want %v", c.got, c.want)
		}
	}
}
