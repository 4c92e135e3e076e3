package moments

import (
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestCombinationEqualsRows(t *testing.T) {
	before, after := []float64{40, 36, 52, 20.5, 61}, []float64{30, 36.5, 20, 21, 44}
	var x []float64
	for i := range before {
		x = append(x, 1, before[i], after[i])
	}
	terms := []Term{Intercept(), Column("b"), Column("f")}
	m, err := FromRows(terms, []int64{1, 2, 2}, x)
	if err != nil {
		t.Fatal(err)
	}
	gain := Combination{1: 1, 2: -1}
	var sum, ss float64
	for i := range before {
		sum += before[i] - after[i]
	}
	for i := range before {
		ss += math.Pow(before[i]-after[i]-sum/5, 2)
	}
	if got, ok := gain.Mean(m); !ok || math.Abs(got-sum/5) > 1e-12 || math.Abs(gain.Sum(m)-sum) > 1e-12 {
		t.Errorf("mean %v and sum %v, want %v and %v", got, gain.Sum(m), sum/5, sum)
	}
	if got, ok := gain.StdDev(m, 1); !ok || math.Abs(got-math.Sqrt(ss/4)) > 1e-12 {
		t.Errorf("standard deviation = %v, want %v", got, math.Sqrt(ss/4))
	}
	if _, ok := gain.StdDev(m, 5); ok {
		t.Error("a standard deviation without degrees of freedom")
	}
	if _, ok := gain.Mean(New(terms, m.Units)); ok {
		t.Error("a mean of nobody")
	}
	for i := range x {
		x[i] = []float64{1, 0.1, 0.7}[i%3]
	}
	if m, err = FromRows(terms, []int64{1, 0, 0}, x); err != nil {
		t.Fatal(err)
	}
	if got := gain.Squares(m); got != 0 {
		t.Errorf("squares of equal values = %v, want 0", got)
	}
}

// The indicator put in by sums is the indicator put in by rows.
func TestWithIndicatorEqualsRows(t *testing.T) {
	arm := Term{Name: "arm"}
	rapid.Check(t, func(t *rapid.T) {
		zero, one := drawRows(t, "zero", 0), drawRows(t, "one", 3)
		got, err := WithIndicator(mustReduce(t, zero), mustReduce(t, one), arm)
		if err != nil {
			t.Fatal(err)
		}
		var rows []float64
		for a, part := range [][]float64{zero, one} {
			for i := 0; i < len(part); i += len(xy) {
				rows = append(append(rows, part[i:i+len(xy)]...), float64(a))
			}
		}
		want, err := FromRows(append(append([]Term(nil), xy...), arm), append(append([]int64(nil), units...), 1), rows)
		if err != nil {
			t.Fatal(err)
		}
		if got.N != want.N {
			t.Fatalf("n = %d, want %d", got.N, want.N)
		}
		for i := range want.Terms {
			for j := range i + 1 {
				if math.Abs(got.Sum(i, j)-want.Sum(i, j)) > 1e-9*(1+math.Abs(want.Sum(i, j))) {
					t.Fatalf("sum %d,%d = %v, want %v", i, j, got.Sum(i, j), want.Sum(i, j))
				}
			}
		}
	})
	if _, err := WithIndicator(New(xy, units), New(xy[:2], units[:2]), arm); !errors.Is(err, ErrShape) {
		t.Errorf("arms of other terms: %v, want ErrShape", err)
	}
}
