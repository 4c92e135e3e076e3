package moments

import (
	"errors"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

var (
	xy    = []Term{Intercept(), Column("x"), Column("y")}
	units = []int64{1, 18, 0}
)

// drawRows draws rows of intercept, x in 18ths about an offset, y a float.
func drawRows(t *rapid.T, label string, offset float64) []float64 {
	var rows []float64
	for range rapid.IntRange(0, 20).Draw(t, label+" n") {
		x := float64(rapid.IntRange(0, 1800).Draw(t, label+" x")) / 18
		y := rapid.Float64Range(-1e3, 1e3).Draw(t, label+" y")
		rows = append(rows, 1, x+offset, y)
	}
	return rows
}

func mustReduce(t interface{ Fatal(...any) }, rows []float64) Matrix {
	m, err := FromRows(xy, units, rows)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMergeIsTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawRows(t, "a", 0), drawRows(t, "b", 1000)
		ma, mb := mustReduce(t, a), mustReduce(t, b)
		merged, err := Merge(ma, mb)
		if err != nil {
			t.Fatal(err)
		}
		whole := mustReduce(t, append(append([]float64(nil), b...), a...))
		if merged.N != whole.N {
			t.Fatalf("n = %d, want %d", merged.N, whole.N)
		}
		for c := range whole.Exact {
			if merged.Exact[c] != whole.Exact[c] {
				t.Fatalf("exact cell %d differs with the order of rows", c)
			}
			if math.Abs(merged.Float[c]-whole.Float[c]) > 1e-9*(1+math.Abs(whole.Float[c])) {
				t.Fatalf("float cell %d: %v, want %v", c, merged.Float[c], whole.Float[c])
			}
		}
		if again := mustReduce(t, a); again.Exact[Cell(1, 1)] != ma.Exact[Cell(1, 1)] || again.N != ma.N {
			t.Fatal("Merge changed its argument")
		}
	})
}

// TestCentredKeepsDigits holds that an offset of 2³⁰ costs no digit of an exact
// sum: the variance of 1, 2, 3 is 1.
func TestCentredKeepsDigits(t *testing.T) {
	const offset = 1 << 30
	m, err := FromRows(xy, []int64{1, 1, 0}, []float64{1, offset + 1, 0, 1, offset + 2, 0, 1, offset + 3, 0})
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := m.Variance(1); !ok || v != 1 {
		t.Errorf("Variance = %v, %v, want 1", v, ok)
	}
	if mean, _ := m.Mean(1); mean != offset+2 {
		t.Errorf("Mean = %v, want %v", mean, offset+2)
	}
	if m.Sum(1, 0) != 3*offset+6 {
		t.Errorf("Sum = %v", m.Sum(1, 0))
	}
	if !m.AllExact(0, 1) || m.AllExact(0, 2) {
		t.Error("AllExact does not follow the units")
	}
}

func TestProductsMatchBigIntegers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Int64().Draw(t, "a"), rapid.Int64().Draw(t, "b")
		want := new(big.Int).Mul(big.NewInt(a), big.NewInt(b))
		if got := product(a, b).Big(); got.Cmp(want) != 0 {
			t.Fatalf("%d × %d = %v, want %v", a, b, got, want)
		}
	})
}

func TestNothingIsNotZero(t *testing.T) {
	m := New(xy, units)
	if _, ok := m.Mean(1); ok {
		t.Error("a mean of no rows")
	}
	if _, ok := m.Variance(1); ok {
		t.Error("a variance of no rows")
	}
	if m.Centred(1, 1) != 0 || m.Index("y") != 2 || m.Index("z") != -1 {
		t.Error("empty matrix")
	}
}

func TestBadRows(t *testing.T) {
	for name, rows := range map[string][]float64{
		"not whole units": {1, 0.05, 0}, "NaN": {1, math.NaN(), 0}, "infinite": {1, 0, math.Inf(1)}, "cut short": {1, 0},
	} {
		if _, err := FromRows(xy, units, rows); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	other := New([]Term{Intercept(), Column("x"), Column("z")}, units)
	if _, err := Merge(New(xy, units), other); !errors.Is(err, ErrShape) {
		t.Errorf("Merge of other terms: %v, want ErrShape", err)
	}
	if _, err := MergeAll(nil); err == nil {
		t.Error("MergeAll of nothing was accepted")
	}
}

// TestInfiniteSums: values whose squares no Float64 holds give no panic and no
// number.
func TestInfiniteSums(t *testing.T) {
	m, err := FromRows(xy, []int64{1, 1, 0}, []float64{1, 1, 1e308, 1, 2, 1e308})
	if err != nil {
		t.Fatal(err)
	}
	if v := m.Centred(2, 2); !math.IsNaN(v) {
		t.Errorf("Centred = %v, want NaN", v)
	}
}
