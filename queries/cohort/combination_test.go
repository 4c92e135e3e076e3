package cohort

import (
	"math"
	"slices"
	"testing"

	"github.com/lumbar-health/lumbar/analytics/moments"
)

func TestCombinationEqualsRows(t *testing.T) {
	before, after := []float64{40, 36, 52, 20.5, 61}, []float64{30, 36.5, 20, 21, 44}
	var x []float64
	for i := range before {
		x = append(x, 1, before[i], after[i])
	}
	m, err := moments.FromRows([]moments.Term{moments.Intercept(), moments.Column("b"), moments.Column("f")}, []int64{1, 2, 2}, x)
	if err != nil {
		t.Fatal(err)
	}
	gain := combination{atBaseline: 1, atFollowUp: -1}
	var mean, ss float64
	for i := range before {
		mean += (before[i] - after[i]) / 5
	}
	for i := range before {
		ss += math.Pow(before[i]-after[i]-mean, 2)
	}
	if got, ok := gain.mean(m); !ok || math.Abs(got-mean) > 1e-12 {
		t.Errorf("mean = %v, want %v", got, mean)
	}
	if got, ok := gain.standardDeviation(m, 1); !ok || math.Abs(got-math.Sqrt(ss/4)) > 1e-12 {
		t.Errorf("standard deviation = %v, want %v", got, math.Sqrt(ss/4))
	}
	if _, ok := gain.standardDeviation(m, 5); ok {
		t.Error("a standard deviation without degrees of freedom")
	}
	same := combination{atBaseline: 1, atFollowUp: -1}
	for i := range x {
		x[i] = []float64{1, 0.1, 0.7}[i%3]
	}
	m, err = moments.FromRows(m.Terms, []int64{1, 0, 0}, x)
	if err != nil {
		t.Fatal(err)
	}
	if got := same.squares(m); got != 0 {
		t.Errorf("squares of equal values = %v, want 0", got)
	}
}

// R: m <- lm(y ~ 1); sandwich::vcovCL(m, cluster = g, type = "HC0", cadjust = TRUE)
// with y = c(1,2,3,4,5,9), g = c(1,1,2,2,3,3): sums about the mean of 4 are −5,
// −1 and 6, so SE = √(3/2·62)/6.
func TestClusteredStdErr(t *testing.T) {
	got, ok := clusteredStdErr(map[string]tally{"1": {2, 3}, "2": {2, 7}, "3": {2, 14}})
	if want := math.Sqrt(93) / 6; !ok || math.Abs(got-want) > 1e-15 {
		t.Errorf("clusteredStdErr = %v, want %v", got, want)
	}
	if _, ok := clusteredStdErr(map[string]tally{"1": {2, 3}}); ok {
		t.Error("one cluster has a standard error")
	}
}

func TestGroupsAreInOrder(t *testing.T) {
	keys := [][]string{{"10", "b"}, {"", "a"}, {"9", "a"}, {"10", "a"}, {"x", "a"}}
	slices.SortFunc(keys, inOrder)
	want := [][]string{{"9", "a"}, {"10", "a"}, {"10", "b"}, {"x", "a"}, {"", "a"}}
	for i := range keys {
		if !slices.Equal(keys[i], want[i]) {
			t.Fatalf("order %v, want %v", keys, want)
		}
	}
}

// A column that does not vary, or is twice another, is left out and named.
func TestFitLeavesOutWhatItCanNotEstimate(t *testing.T) {
	terms := []moments.Term{moments.Intercept(), moments.Column("b"), moments.Column("f"), moments.Column("constant"), moments.Column("double")}
	var x []float64
	for i := range 30 {
		b := float64(i % 7)
		x = append(x, 1, b, 3+0.5*b+float64(i%3), 5, 2*b)
	}
	m, err := moments.FromRows(terms, []int64{1, 1, 2, 1, 1}, x)
	if err != nil {
		t.Fatal(err)
	}
	e, left, err := fit([]moments.Matrix{m})
	if err != nil || e == nil {
		t.Fatalf("fit = %v, %v", e, err)
	}
	if !slices.Equal(left, []string{"constant", "double"}) || e.lost != 2 {
		t.Errorf("left out %v with %d coefficients, want constant and double, 2", left, e.lost)
	}
	if mean, _ := e.residual.mean(m); math.Abs(mean) > 1e-12 {
		t.Errorf("mean residual %v, want 0: expected scores have the observed mean", mean)
	}
}
