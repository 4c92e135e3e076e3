package dist

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

type reference struct {
	T            [][]float64 `json:"t"`
	Chi2         [][]float64 `json:"chi2"`
	F            [][]float64 `json:"f"`
	Normal       [][]float64 `json:"normal"`
	TQuantile    [][]float64 `json:"t_quantile"`
	Chi2Quantile [][]float64 `json:"chi2_quantile"`
}

func readReference(t *testing.T) reference {
	t.Helper()
	raw, err := os.ReadFile("testdata/dist.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var r reference
	if err := json.Unmarshal(raw, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func near(t *testing.T, what string, args []float64, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol*math.Abs(want)) {
		t.Errorf("%s(%v) = %.17g, want %.17g (relative error %.1e)", what, args, got, want, math.Abs(got/want-1))
	}
}

func TestTailsAgainstManyDigits(t *testing.T) {
	const tol = 1e-12
	r := readReference(t)
	for _, v := range r.T {
		near(t, "TTwoSided", v, TTwoSided(v[0], v[1]), v[2], tol)
		near(t, "TTail", v, TTail(v[0], v[1]), v[2]/2, tol)
	}
	for _, v := range r.Chi2 {
		near(t, "ChiSquaredTail", v, ChiSquaredTail(v[0], v[1]), v[2], tol)
	}
	for _, v := range r.F {
		near(t, "FTail", v, FTail(v[0], v[1], v[2]), v[3], tol)
	}
	for _, v := range r.Normal {
		near(t, "NormalTail", v, NormalTail(v[0]), v[1], tol)
	}
}

func TestQuantilesAgainstManyDigits(t *testing.T) {
	const tol = 1e-11
	r := readReference(t)
	for _, v := range r.TQuantile {
		near(t, "TCritical", v, TCritical(v[0], v[1]), v[2], tol)
	}
	for _, v := range r.Chi2Quantile {
		near(t, "ChiSquaredUpper", v, ChiSquaredUpper(v[0], v[1]), v[2], tol)
	}
	near(t, "NormalCritical", []float64{0.95}, NormalCritical(0.95), 1.9599639845400542355, tol)
	near(t, "NormalCritical", []float64{0.998}, NormalCritical(0.998), 3.0902323061678135415, tol)
	near(t, "FUpper", []float64{0.05, 4, 20}, FTail(FUpper(0.05, 4, 20), 4, 20), 0.05, tol)
}

func TestTailsAtTheEnds(t *testing.T) {
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"t at 0", TTwoSided(0, 5), 1},
		{"t at infinity", TTwoSided(math.Inf(1), 5), 0},
		{"negative t", TTail(-2, 9) + TTail(2, 9), 1},
		{"F at 0", FTail(0, 2, 3), 1},
		{"F at infinity", FTail(math.Inf(1), 2, 3), 0},
		{"χ² at 0", ChiSquaredTail(0, 3), 1},
		{"upper half quantile", TUpper(0.5, 4), 0},
		{"symmetric quantile", TUpper(0.975, 4) + TUpper(0.025, 4), 0},
		{"Cauchy quantile", TUpper(0.25, 1), 1},
		{"binomial all", BinomialCDF(7, 7, 0.3), 1},
		{"binomial none", BinomialCDF(-1, 7, 0.3), 0},
		{"Poisson point mass", PoissonPoint(0, 0), 1},
	} {
		if math.Abs(c.got-c.want) > 1e-14 {
			t.Errorf("%s = %v, want %v", c.name, c.got, c.want)
		}
	}
}

func TestDiscreteLawsSumToTheirCDF(t *testing.T) {
	var binomial, poisson float64
	for k := 0.0; k < 40; k++ {
		binomial += BinomialPoint(k, 40, 0.37)
		poisson += PoissonPoint(k, 12.5)
		near(t, "BinomialCDF", []float64{k}, BinomialCDF(k, 40, 0.37), binomial, 1e-13)
		near(t, "PoissonCDF", []float64{k}, PoissonCDF(k, 12.5), poisson, 1e-13)
	}
	for _, p := range []float64{0.001, 0.025, 0.5, 0.975, 0.999} {
		if k := BinomialQuantile(p, 400, 0.39); BinomialCDF(k, 400, 0.39) < p || (k > 0 && BinomialCDF(k-1, 400, 0.39) >= p) {
			t.Errorf("BinomialQuantile(%v) = %v is not the smallest", p, k)
		}
		if k := PoissonQuantile(p, 25); PoissonCDF(k, 25) < p || (k > 0 && PoissonCDF(k-1, 25) >= p) {
			t.Errorf("PoissonQuantile(%v) = %v is not the smallest", p, k)
		}
	}
}

func TestRoot(t *testing.T) {
	x, ok := Root(func(x float64) float64 { return x*x*x - 2 }, 0, 4)
	if !ok || math.Abs(x-math.Cbrt(2)) > 1e-15 {
		t.Errorf("Root = %v, %v, want cube root of 2", x, ok)
	}
	if _, ok := Root(func(x float64) float64 { return 1 + x*x }, -1, 1); ok {
		t.Error("Root found a root where there is none")
	}
}
