package histogram

import (
	"errors"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/lumbar-health/lumbar/analytics"
)

func near(got, want, tol float64) bool { return math.Abs(got-want) <= tol*math.Max(1, math.Abs(want)) }

// scores draws a sample of scores with ties.
func scores(t *rapid.T, name string, least int) []float64 {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) float64 { return float64(rapid.IntRange(-5, 20).Draw(t, "v")) / 2 }), least, 40).Draw(t, name)
}

func must(t interface{ Fatal(...any) }, x []float64) Histogram {
	h, err := FromRows(x)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func equal(a, b Histogram) bool {
	return slices.Equal(a.Values, b.Values) && slices.Equal(a.Counts, b.Counts)
}

func TestRowsAndMergesAndTables(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := scores(t, "a", 1), scores(t, "b", 0)
		before := slices.Clone(a)
		whole := must(t, append(slices.Clone(a), b...))
		if !slices.Equal(a, before) {
			t.Fatal("FromRows changed its input")
		}
		if merged := Merge(must(t, a), must(t, b)); !equal(merged, whole) || merged.Check() != nil {
			t.Fatalf("merge of parts %v, whole %v", merged, whole)
		}
		if pooled := Align(must(t, a), must(t, b)).Pooled(); !equal(pooled, whole) {
			t.Fatalf("aligned %v, whole %v", pooled, whole)
		}
		ones := make([]int64, len(a))
		for i := range ones {
			ones[i] = 1
		}
		fresh, err := New(append([]float64{99}, a...), append([]int64{0}, ones...))
		if err != nil || !equal(fresh, must(t, a)) {
			t.Fatalf("New %v %v", fresh, err)
		}
		if whole.N() != int64(len(a)+len(b)) {
			t.Fatalf("n %d", whole.N())
		}
		mirrored := whole.Map(func(v float64) float64 { return -v })
		if mirrored.Check() != nil || !equal(mirrored.Map(func(v float64) float64 { return -v }), whole) {
			t.Fatal("mirrored twice is not the sample")
		}
		if !equal(whole.Map(math.Abs), mirrored.Map(math.Abs)) {
			t.Fatal("sizes of a mirrored sample differ")
		}
	})
}

func TestSummariesAreThoseOfTheRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := scores(t, "x", 2)
		h := must(t, x)
		var mean, squares float64
		for _, v := range x {
			mean += v / float64(len(x))
		}
		for _, v := range x {
			squares += (v - mean) * (v - mean)
		}
		sorted := slices.Clone(x)
		slices.Sort(sorted)
		gotMean, _ := h.Mean()
		variance, ok := h.Variance()
		if !near(gotMean, mean, 1e-13) || !ok || !near(variance, squares/float64(len(x)-1), 1e-12) {
			t.Fatalf("mean %v variance %v, want %v %v", gotMean, variance, mean, squares/float64(len(x)-1))
		}
		median, _ := h.Median()
		half, err := h.Quantile(0.5)
		if err != nil || median != half || median != (sorted[(len(x)-1)/2]+sorted[len(x)/2])/2 {
			t.Fatalf("median %v, quantile %v %v", median, half, err)
		}
		if low, _ := h.Quantile(0); low != sorted[0] {
			t.Fatalf("lowest %v", low)
		}
		if high, _ := h.Quantile(1); high != sorted[len(x)-1] {
			t.Fatalf("highest %v", high)
		}
		var ranks float64
		for i, r := range h.MidRanks() {
			ranks += r * float64(h.Counts[i])
		}
		if n := float64(len(x)); ranks != n*(n+1)/2 {
			t.Fatalf("ranks add up to %v", ranks)
		}
	})
}

func TestQuantileAndTies(t *testing.T) {
	h := must(t, []float64{4, 1, 2, 2, 10})
	if q, err := h.Quantile(0.9); err != nil || !near(q, 7.6, 1e-15) {
		t.Errorf("0.9 quantile %v %v, R has 7.6", q, err)
	}
	if h.Ties() != 6 || !slices.Equal(h.MidRanks(), []float64{1, 2.5, 4, 5}) {
		t.Errorf("ties %v ranks %v", h.Ties(), h.MidRanks())
	}
	if m, _ := must(t, []float64{1e9 + 1, 1e9 + 2, 1e9 + 3}).Variance(); m != 1 {
		t.Errorf("variance of a large offset %v, want 1", m)
	}
}

func TestErrors(t *testing.T) {
	nan := math.NaN()
	for name, c := range map[string]struct {
		err  error
		want error
	}{
		"rows NaN":      {second(FromRows([]float64{1, nan})), analytics.ErrInvalidParameter},
		"rows Inf":      {second(FromRows([]float64{math.Inf(1)})), analytics.ErrInvalidParameter},
		"new lengths":   {second(New([]float64{1, 2}, []int64{1})), analytics.ErrInvalidParameter},
		"new negative":  {second(New([]float64{1}, []int64{-1})), analytics.ErrInvalidParameter},
		"new NaN":       {second(New([]float64{nan}, []int64{1})), analytics.ErrInvalidParameter},
		"check order":   {Histogram{[]float64{2, 1}, []int64{1, 1}}.Check(), analytics.ErrInvalidParameter},
		"check twice":   {Histogram{[]float64{2, 2}, []int64{1, 1}}.Check(), analytics.ErrInvalidParameter},
		"check zero":    {Histogram{[]float64{2}, []int64{0}}.Check(), analytics.ErrInvalidParameter},
		"check lengths": {Histogram{[]float64{2}, nil}.Check(), analytics.ErrInvalidParameter},
		"check NaN":     {Histogram{[]float64{nan}, []int64{1}}.Check(), analytics.ErrInvalidParameter},
		"quantile 1.5":  {second(Histogram{[]float64{1}, []int64{1}}.Quantile(1.5)), analytics.ErrInvalidParameter},
		"quantile none": {second(Histogram{}.Quantile(0.5)), analytics.ErrTooFewObservations},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", name, c.err, c.want)
		}
	}
	if _, ok := (Histogram{}).Mean(); ok {
		t.Error("an empty sample has a mean")
	}
	if _, ok := (Histogram{}).Median(); ok {
		t.Error("an empty sample has a median")
	}
	if _, ok := must(t, []float64{3}).Variance(); ok {
		t.Error("one person has a variance")
	}
}

func second[T any](_ T, err error) error { return err }
