package dense

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// positive draws a positive definite matrix.
func positive(t *rapid.T, n int) Matrix {
	a := New(n, n)
	for i := range a.Data {
		a.Data[i] = rapid.Float64Range(-2, 2).Draw(t, "cell")
	}
	m := a.TimesTransposed(a)
	for i := 0; i < n; i++ {
		m.Add(i, i, 1)
	}
	return m
}

func TestFactorSolves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 6).Draw(t, "n")
		m := positive(t, n)
		before := m.Clone()
		f, singular := m.Cholesky(1e-12)
		if singular >= 0 {
			t.Fatalf("row %d of a positive definite matrix is singular", singular)
		}
		product := m.Times(f.Inverse())
		for i := 0; i < n; i++ {
			for j := 0; j < n; j++ {
				want := 0.0
				if i == j {
					want = 1
				}
				if math.Abs(product.At(i, j)-want) > 1e-9 {
					t.Fatalf("m·m⁻¹ has %v at %d,%d", product.At(i, j), i, j)
				}
				if l := f.Lower(); math.Abs(l.TimesTransposed(l).At(i, j)-m.At(i, j)) > 1e-9 {
					t.Fatalf("LL′ differs at %d,%d", i, j)
				}
			}
		}
		x := make([]float64, n)
		x[0] = 1
		q, ok := m.QuadraticInverse(x)
		if !ok || math.Abs(q-f.Inverse().At(0, 0)) > 1e-9 {
			t.Fatalf("quadratic form %v, want %v", q, f.Inverse().At(0, 0))
		}
		for i, v := range before.Data {
			if m.Data[i] != v {
				t.Fatal("the matrix was changed")
			}
		}
	})
}

func TestProductsAgree(t *testing.T) {
	a := Matrix{2, 3, []float64{1, 2, 3, 4, 5, 6}}
	want := a.Times(a.Transposed())
	for _, got := range []Matrix{a.TimesTransposed(a), a.Transposed().TransposedTimes(a.Transposed())} {
		for i, v := range want.Data {
			if got.Data[i] != v {
				t.Errorf("product %v, want %v", got.Data, want.Data)
			}
		}
	}
	if got := a.TimesTransposed(a).TraceOfProduct(want); got != want.Times(want).Trace() {
		t.Errorf("trace %v, want %v", got, want.Times(want).Trace())
	}
}

func TestSingularIsNamed(t *testing.T) {
	m := Matrix{3, 3, []float64{1, 1, 0, 1, 1, 0, 0, 0, 1}}
	if _, singular := m.Cholesky(1e-12); singular != 1 {
		t.Errorf("singular row %d, want 1", singular)
	}
	if _, ok := m.QuadraticInverse([]float64{1, 0, 0}); ok {
		t.Error("a singular matrix has a quadratic form")
	}
}
