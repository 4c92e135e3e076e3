package matching

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"testing"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
)

// pairsOfR are the pairs of testdata/r/adjusted.R: rows 1 and 2, 3 and 4, …
func pairsOfR(t *testing.T) (pairs []Pair, y []float64, x *design.Matrix, value, stdErr, df float64) {
	t.Helper()
	raw, err := os.ReadFile("testdata/adjusted.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g struct {
		A, B, Y           []float64
		Value, StdErr, DF float64
	}
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	twice := make([]float64, len(g.A)) // which the first determines
	for i := range twice {
		twice[i] = 2 * g.A[i]
	}
	table, err := design.NewTable(design.Column{Name: "a", Values: g.A}, design.Column{Name: "b", Values: g.B}, design.Column{Name: "twice", Values: twice})
	if err != nil {
		t.Fatal(err)
	}
	f, err := design.Parse("~ a + b + twice")
	if err != nil {
		t.Fatal(err)
	}
	if x, err = f.Build(table); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(g.A); i += 2 {
		pairs = append(pairs, Pair{Treated: i, Control: i + 1})
	}
	return pairs, g.Y, x, g.Value, g.StdErr, g.DF
}

func TestDifferenceAdjusted(t *testing.T) {
	pairs, y, x, value, stdErr, df := pairsOfR(t)
	d, err := DifferenceAdjusted(pairs, y, x)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(d.Value-value) > 1e-11 || math.Abs(d.StdErr-stdErr) > 1e-11 || d.DF != df {
		t.Errorf("DifferenceAdjusted = %+v, R has %v, %v, %v", d, value, stdErr, df)
	}
	swapped := make([]Pair, len(pairs))
	for i, p := range pairs {
		swapped[i] = Pair{Treated: p.Control, Control: p.Treated}
	}
	if s, err := DifferenceAdjusted(swapped, y, x); err != nil || math.Abs(s.Value+d.Value) > 1e-11 || math.Abs(s.StdErr-d.StdErr) > 1e-11 {
		t.Errorf("arms swapped: %+v, %v, want the negative of %+v", s, err, d)
	}
	if _, err := DifferenceAdjusted(pairs[:2], y, x); !errors.Is(err, analytics.ErrTooFewObservations) {
		t.Errorf("two pairs: %v, want ErrTooFewObservations", err)
	}
	if _, err := DifferenceAdjusted(pairs, make([]float64, len(y)), x); !errors.Is(err, analytics.ErrZeroVariance) {
		t.Errorf("a constant outcome: %v, want ErrZeroVariance", err)
	}
	if _, err := DifferenceAdjusted(pairs, y[1:], x); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("an outcome short: %v, want ErrInvalidParameter", err)
	}
}
