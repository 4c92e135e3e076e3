package design

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/lumbar-health/lumbar/analytics"
)

func TestRandomTermsAreTakenOut(t *testing.T) {
	for text, want := range map[string]struct {
		fixed  []string
		random [][]string
		groups []string
	}{
		"y ~ x + (1 | g)":                    {[]string{"x"}, [][]string{{}}, []string{"g"}},
		"y ~ (1 | g)":                        {[]string{}, [][]string{{}}, []string{"g"}},
		"y ~ (1 + z | g) + x":                {[]string{"x"}, [][]string{{"z"}}, []string{"g"}},
		"y ~ a * b + (z | `my group`)":       {[]string{"a", "b", "a:b"}, [][]string{{"z"}}, []string{"my group"}},
		"y ~ x + (1 | g) + I(x^2) + (1 | h)": {[]string{"x", "I(x^2)"}, [][]string{{}, {}}, []string{"g", "h"}},
		"y ~ x":                              {[]string{"x"}, nil, nil},
	} {
		m, err := ParseMixed(text)
		if err != nil {
			t.Errorf("ParseMixed(%q): %v", text, err)
			continue
		}
		if !slices.Equal(m.Fixed.Labels(), want.fixed) || len(m.Random) != len(want.random) {
			t.Errorf("%s: fixed %q, %d random terms, want %q, %d", text, m.Fixed.Labels(), len(m.Random), want.fixed, len(want.random))
			continue
		}
		for i, r := range m.Random {
			if r.Group != want.groups[i] || !slices.Equal(r.Terms.Labels(), want.random[i]) || !r.Terms.HasIntercept() {
				t.Errorf("%s: random term %d is %q by %q", text, i, r.Terms.Labels(), r.Group)
			}
		}
	}
	if m, err := ParseMixed("y ~ x + (0 + x | g)"); err != nil || m.Random[0].Terms.HasIntercept() {
		t.Errorf("(0 + x | g) has an intercept, or %v", err)
	}
}

func TestRandomTermRefusals(t *testing.T) {
	for _, text := range []string{"y ~ x | g", "y ~ (1 || g)", "y ~ (1 | g", "y ~ x * (1 | g)", "y ~ (1 | a:b)", "y ~ (1 | a/b)", "y ~ (1 | g) x", "y ~ (| g)", "y ~ (1 |)", "", "y ~ 1)|("} {
		if _, err := ParseMixed(text); !errors.Is(err, analytics.ErrInvalidParameter) {
			t.Errorf("ParseMixed(%q): %v, want ErrInvalidParameter", text, err)
		}
	}
}

func TestMixedDesignsShareTheirRows(t *testing.T) {
	nan := math.NaN()
	table, err := NewTable(
		Column{Name: "y", Values: []float64{1, 2, 3, 4, nan}},
		Column{Name: "x", Values: []float64{1, 2, 3, 4, 5}},
		Column{Name: "z", Values: []float64{1, nan, 3, 4, 5}},
		Column{Name: "g", Codes: []int{0, 1, 1, -1, 2}, Levels: []string{"a", "b", "c"}})
	if err != nil {
		t.Fatal(err)
	}
	m, err := ParseMixed("y ~ x + (1 + z | g)")
	if err != nil {
		t.Fatal(err)
	}
	fixed, random, err := m.Build(table)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(fixed.Rows, []int{0, 2}) || !slices.Equal(random[0].Column(1), []float64{1, 3}) || !slices.Equal(random[0].Group.Levels, []string{"a", "b"}) {
		t.Errorf("rows %v, slopes %v, groups %v, want 0 2, 1 3, a b", fixed.Rows, random[0].Column(1), random[0].Group.Levels)
	}
}

// FuzzParseMixed holds that no text makes the parser panic.
func FuzzParseMixed(f *testing.F) {
	for _, s := range []string{"y ~ x + (1 | g)", "y~(a|b)+(c|d)", "`(|`~(1|`)`)", "((|))"} {
		f.Add(s)
	}
	f.Fuzz(func(_ *testing.T, text string) { _, _ = ParseMixed(text) })
}
