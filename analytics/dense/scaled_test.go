package dense

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func pack(m Matrix) (packed []float64) {
	for i := 0; i < m.Rows; i++ {
		packed = append(packed, m.Row(i)[:i+1]...)
	}
	return packed
}

func TestScaledAgreesWithFactor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 6).Draw(t, "n")
		m := positive(t, n)
		packed := pack(m)
		plain, _ := m.Cholesky(1e-12)
		f, singular := FactorScaled(packed, n, 1e-12)
		if singular >= 0 {
			t.Fatalf("column %d of a positive definite matrix is singular", singular)
		}
		for i, v := range pack(m) {
			if packed[i] != v {
				t.Fatal("the matrix was changed")
			}
		}
		if got, want := f.LogDet(), plain.LogDet(); math.Abs(got-want) > 1e-9 {
			t.Fatalf("log determinant %v, want %v", got, want)
		}
		for i, want := range pack(plain.Inverse()) {
			if got := f.Inverse()[i]; math.Abs(got-want) > 1e-9 {
				t.Fatalf("inverse has %v at %d, want %v", got, i, want)
			}
		}
		b := make([]float64, n)
		b[n-1] = 1
		for i, want := range plain.Solve(b) {
			if got := f.Solve(b)[i]; math.Abs(got-want) > 1e-9 {
				t.Fatalf("solution has %v at %d, want %v", got, i, want)
			}
		}
	})
}

func TestScaledIgnoresUnits(t *testing.T) {
	for _, unit := range []float64{1, 1e-8, 1e8} {
		scaled := []float64{1, 0.5 * unit, unit * unit}
		f, singular := FactorScaled(scaled, 2, 1e-12)
		if singular >= 0 || math.Abs(f.Least()-0.75) > 1e-12 {
			t.Errorf("unit %v: singular %d, least share %v, want 0.75", unit, singular, f.Least())
		}
	}
}

func TestScaledNamesTheSingularColumn(t *testing.T) {
	for name, each := range map[string]struct {
		packed []float64
		want   int
	}{
		"no spread":     {[]float64{1, 0, 0}, 1},
		"a combination": {[]float64{1, 0, 1, 1, 1, 2}, 2},
		"not a number":  {[]float64{math.NaN(), 0, 1}, 0},
		"infinite":      {[]float64{1, 0, math.Inf(1)}, 1},
	} {
		n := int(math.Sqrt(float64(2 * len(each.packed))))
		if _, got := FactorScaled(each.packed, n, 1e-12); got != each.want {
			t.Errorf("%s: singular column %d, want %d", name, got, each.want)
		}
	}
}
