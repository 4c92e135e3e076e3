package estimator

import (
	"errors"
	"slices"
	"testing"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
)

// TestFewNamesRareIndicators: of 20 people an arm, 3 of the treated have the
// first, everybody but 2 controls the second, half the third; the number is none.
func TestFewNamesRareIndicators(t *testing.T) {
	const n = 40
	p := Patterns{Treated: make([]bool, n), Count: make([]float64, n)}
	rare, usual, half, number := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range n {
		p.Treated[i], p.Count[i] = i < n/2, 1
		half[i], usual[i], number[i] = float64(i%2), 1, float64(i)
	}
	rare[0], rare[1], rare[2], usual[n-1], usual[n-2] = 1, 1, 1, 0, 0
	table, err := design.NewTable(design.Column{Name: "rare", Values: rare}, design.Column{Name: "usual", Values: usual},
		design.Column{Name: "half", Values: half}, design.Column{Name: "number", Values: number})
	if err != nil {
		t.Fatal(err)
	}
	f, err := design.Parse("~ rare + usual + half + number")
	if err != nil {
		t.Fatal(err)
	}
	m, err := f.Build(table)
	if err != nil {
		t.Fatal(err)
	}
	small := func(n int64) bool { return n > 0 && n < 8 }
	if got := p.Few(m, small); !slices.Equal(got, []string{"rare", "usual"}) {
		t.Errorf("Few = %q, want rare and usual", got)
	}
}

// TestArmsToldApart: a column of one value in one arm and another in the other
// leaves nothing to compare; it is not left out in silence.
func TestArmsToldApart(t *testing.T) {
	const n = 20
	p := Patterns{Treated: make([]bool, n), Count: make([]float64, n), Sum: make([]float64, n), SumSq: make([]float64, n)}
	site, age := make([]float64, n), make([]float64, n)
	for i := range n {
		p.Treated[i], p.Count[i], p.Sum[i], p.SumSq[i] = i%2 == 0, 1, float64(i), float64(i*i)
		age[i], site[i] = float64(i%7), 0.1
		if p.Treated[i] {
			site[i] = 0.3
		}
	}
	var err error
	if p.Table, err = design.NewTable(design.Column{Name: "age", Values: age}, design.Column{Name: "site", Values: site}); err != nil {
		t.Fatal(err)
	}
	if _, left, err := p.Study("~ age + site"); !errors.Is(err, analytics.ErrNotConverged) {
		t.Errorf("left out %q, %v, want ErrNotConverged", left, err)
	}
}
