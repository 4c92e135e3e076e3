package design

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/lumbar-health/lumbar/analytics"
)

// ages is a small sample with repeats, as patterns and person by person.
func ages(t *testing.T) (patterns, people *Table) {
	t.Helper()
	values, counts := []float64{40, 18, 61, 55, 33, 29, 72}, []float64{3, 1, 2, 4, 1, 0, 2}
	var everybody []float64
	for i, v := range values {
		for range int(counts[i]) {
			everybody = append(everybody, v)
		}
	}
	table, err := NewTable(Column{Name: "age", Values: values})
	if err != nil {
		t.Fatal(err)
	}
	if patterns, err = table.Counted(counts); err != nil {
		t.Fatal(err)
	}
	if people, err = NewTable(Column{Name: "age", Values: everybody}); err != nil {
		t.Fatal(err)
	}
	return patterns, people
}

// TestCurvesOfPatternsAreThoseOfPeople: poly() and rcs() are fitted to people,
// however they are grouped, and the store's terms are the same columns.
func TestCurvesOfPatternsAreThoseOfPeople(t *testing.T) {
	patterns, people := ages(t)
	x, _ := people.Column("age")
	for _, text := range []string{"~ poly(age, 2)", "~ poly(age, 4)", "~ rcs(age, 3)", "~ rcs(age, 4)", "~ rcs(age, c(20, 40, 60))"} {
		f, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(f.Curved(), []string{"age"}) {
			t.Errorf("%s: Curved() = %v", text, f.Curved())
		}
		grouped, err := f.Build(patterns)
		if err != nil {
			t.Fatal(err)
		}
		single, err := f.Build(people)
		if err != nil {
			t.Fatal(err)
		}
		terms, err := f.Terms(nil, map[string]Frequencies{"age": frequencies(x.Values, nil)})
		if err != nil {
			t.Fatal(err)
		}
		byAge := map[float64][]float64{}
		values, _ := patterns.Column("age")
		for i, age := range values.Values {
			byAge[age] = grouped.Row(i)
		}
		for i, age := range x.Values {
			for j, v := range single.Row(i) {
				if !near(v, byAge[age][j], 1e-13) {
					t.Errorf("%s: column %s at %v: %v of people, %v of patterns", text, single.Names[j], age, v, byAge[age][j])
				}
				if j == 0 {
					continue
				}
				if terms[j-1].Name != single.Names[j] {
					t.Errorf("%s: term %q, want %q", text, terms[j-1].Name, single.Names[j])
				}
				factor := terms[j-1].Factors[0]
				pushed := age
				if factor.Curve != nil {
					pushed = factor.Curve.At(age)
				}
				if !near(v, pushed, 1e-12) {
					t.Errorf("%s: term %s at %v = %v, want %v", text, single.Names[j], age, pushed, v)
				}
			}
		}
	}
}

func near(a, b, tolerance float64) bool { return math.Abs(a-b) <= tolerance*math.Max(1, math.Abs(b)) }

// TestSplineNames are those of R's rms.
func TestSplineNames(t *testing.T) {
	_, people := ages(t)
	f, err := Parse("~ rcs(age, 4)")
	if err != nil {
		t.Fatal(err)
	}
	m, err := f.Build(people)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"(Intercept)", "rcs(age, 4)age", "rcs(age, 4)age'", "rcs(age, 4)age''"}; !slices.Equal(m.Names, want) {
		t.Errorf("columns %q, want %q", m.Names, want)
	}
}

func TestBadCurves(t *testing.T) {
	_, people := ages(t)
	for _, text := range []string{
		"~ poly(age)", "~ poly(age, 0)", "~ poly(age, 9)", "~ rcs(age)", "~ rcs(age, 2)", "~ rcs(age, 8)", "~ rcs(age, 3.5)",
		"~ rcs(age, c(1, 2))", "~ rcs(age, c(3, 2, 1))", "~ rcs(age, c(a, b, c))", "~ rcs(age + 1, 3)", "~ rcs(other, 3)",
	} {
		f, err := Parse(text)
		if err == nil {
			_, err = f.Build(people)
		}
		if !errors.Is(err, analytics.ErrInvalidParameter) {
			t.Errorf("%s: %v, want ErrInvalidParameter", text, err)
		}
	}
	for _, text := range []string{"~ poly(age, 2)", "~ rcs(age, 3)"} {
		f, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Terms(nil, nil); !errors.Is(err, analytics.ErrInvalidParameter) {
			t.Errorf("%s without known values: %v, want ErrInvalidParameter", text, err)
		}
	}
	if _, err := people.Counted([]float64{1}); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("Counted: %v, want ErrInvalidParameter", err)
	}
}
