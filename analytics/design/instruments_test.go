package design

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/lumbar-health/lumbar/analytics"
)

func TestInstrumented(t *testing.T) {
	nan := math.NaN()
	table, err := NewTable(
		Column{Name: "y", Values: []float64{1, 2, 3, 4, nan, 6}}, Column{Name: "d", Values: []float64{0, 1, 0, 1, 1, 0}},
		Column{Name: "z|1", Values: []float64{5, nan, 7, 8, 9, 4}}, Column{Name: "g", Codes: []int{0, 1, 2, 0, 1, 2}, Levels: []string{"a", "b", "c"}})
	if err != nil {
		t.Fatal(err)
	}
	f, err := ParseInstrumented("y ~ d + g | `z|1` + g")
	if err != nil {
		t.Fatal(err)
	}
	x, z, err := f.Build(table)
	if err != nil {
		t.Fatal(err)
	}
	// Level b has no complete row and so no column.
	if want := []string{"(Intercept)", "d", "gc"}; !slices.Equal(x.Names, want) {
		t.Errorf("model columns %v, want %v", x.Names, want)
	}
	if want := []string{"(Intercept)", "`z|1`", "gc"}; !slices.Equal(z.Names, want) {
		t.Errorf("instrument columns %v, want %v", z.Names, want)
	}
	if want := []int{0, 2, 3, 5}; !slices.Equal(x.Rows, want) || !slices.Equal(z.Rows, want) || !slices.Equal(x.Y, []float64{1, 3, 4, 6}) {
		t.Errorf("rows %v and %v, y %v, want rows %v", x.Rows, z.Rows, x.Y, want)
	}
}

func TestInstrumentedErrors(t *testing.T) {
	for _, text := range []string{"y ~ x", "y ~ x |", "y ~ x | ", "| z", "~ x | z", "y ~ x | z | w", "y ~ x | z +", "y ~ | z"} {
		if _, err := ParseInstrumented(text); !errors.Is(err, analytics.ErrInvalidParameter) {
			t.Errorf("%q: %v", text, err)
		}
	}
	table, err := NewTable(Column{Name: "y", Values: []float64{1, 2}}, Column{Name: "x", Values: []float64{1, 2}}, Column{Name: "z", Values: []float64{math.NaN(), math.NaN()}})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"y ~ x | z", "y ~ x | nowhere", "nothing ~ x | x"} {
		f, err := ParseInstrumented(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := f.Build(table); !errors.Is(err, analytics.ErrInvalidParameter) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
