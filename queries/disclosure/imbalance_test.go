package disclosure

import (
	"math"
	"testing"
)

// TestDifferenceOfAnIndicatorTellsNoSmallCount asks for the standardised
// difference of a level that few have: of one arm nobody and of the other 1 to 7
// of 50, where three digits would tell which.
func TestDifferenceOfAnIndicatorTellsNoSmallCount(t *testing.T) {
	baseline := Imbalance{Value: -0.2}
	for ones := int64(1); ones < smallest; ones++ {
		few := Imbalance{Value: math.Sqrt(2 * float64(ones) / (50 - float64(ones))), Indicator: true, Ones: [2]int64{0, ones}, N: [2]int64{60, 50}}
		rest := few
		rest.Ones = [2]int64{60, 50 - ones}
		for _, i := range []Imbalance{few, rest} {
			if v, withheld, err := cellOf(t, Difference(i)); v != nil || !withheld || err != nil {
				t.Errorf("%d of 50: %v, withheld %v, %v", ones, v, withheld, err)
			}
			if v, _, _ := cellOf(t, LargestDifference([]Imbalance{i, baseline})); v != 0.2 {
				t.Errorf("%d of 50 beside a difference of -0.2: %v", ones, v)
			}
		}
	}
}

// TestDifferenceOfAnIndicatorIsOfReleasedCounts compares 13 of 52 with 21 of 48:
// 15 of 50 with 20 of 50 as they are released.
func TestDifferenceOfAnIndicatorIsOfReleasedCounts(t *testing.T) {
	i := Imbalance{Value: 0.4, Indicator: true, Ones: [2]int64{13, 21}, N: [2]int64{52, 48}}
	want := Significant(0.1/math.Sqrt((0.3*0.7+0.4*0.6)/2), 3)
	if v, withheld, err := cellOf(t, Difference(i)); v != want || withheld || err != nil {
		t.Errorf("%v, withheld %v, %v, want %v", v, withheld, err, want)
	}
	r := Record{Cells: map[string]any{"x": Difference(i)}}
	if v, err := r.exact(Measure{Name: "x", Kind: KindNumber}); v != 0.4 || err != nil {
		t.Errorf("undisclosed %v, %v, want 0.4", v, err)
	}
	if LargestDifference(nil) != nil {
		t.Error("the largest of none is a cell")
	}
}

func cellOf(t *testing.T, cell any) (any, bool, error) {
	t.Helper()
	r := Record{Cells: map[string]any{"x": cell, "_n": int64(48)}}
	return r.cell(Measure{Name: "x", Kind: KindNumber, N: "_n"}, true)
}
