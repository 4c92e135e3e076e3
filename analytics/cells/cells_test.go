package cells

import (
	"errors"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
)

// table is a small design of two columns with a response.
func table(rows [][3]float64) *design.Matrix {
	m := &design.Matrix{Names: []string{"(Intercept)", "x"}, Assign: []int{0, 1}, N: len(rows), P: 2}
	for i, r := range rows {
		m.X = append(m.X, r[0], r[1])
		m.Y = append(m.Y, r[2])
		m.Rows = append(m.Rows, i)
	}
	return m
}

func TestFromRows(t *testing.T) {
	c := FromRows(table([][3]float64{{1, 2, 0}, {1, 2, 3}}))
	if c.N() != 2 || c.Len() != 2 || c.Sum[1] != 3 || c.SumSq[1] != 9 || math.Abs(c.LogFactorial[1]-math.Log(6)) > 1e-15 || math.Abs(c.YLogY[1]-3*math.Log(3)) > 1e-15 || c.YLogY[0] != 0 {
		t.Errorf("cells of two rows: %+v", c)
	}
	if c.Binary() || !FromRows(table([][3]float64{{1, 2, 0}, {1, 2, 1}})).Binary() {
		t.Error("Binary: 0 and 3 are not 0 and 1, but 0 and 1 are")
	}
}

func TestCollapseKeepsSums(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 40).Draw(t, "n")
		rows := make([][3]float64, n)
		for i := range rows {
			rows[i] = [3]float64{1, float64(rapid.IntRange(-1, 2).Draw(t, "x")), float64(rapid.IntRange(0, 4).Draw(t, "y"))}
		}
		whole := FromRows(table(rows))
		before := slices.Clone(whole.Sum)
		joined, place := whole.Collapse()
		if joined.Len() > 4 || joined.N() != float64(n) || joined.Design.Y != nil {
			t.Fatalf("%d patterns of %v people", joined.Len(), joined.N())
		}
		var sum, squares float64
		for i := range joined.Count {
			sum += joined.Sum[i]
			squares += joined.SumSq[i]
		}
		for i, r := range rows {
			sum -= r[2]
			squares -= r[2] * r[2]
			if joined.Design.Row(place[i])[1] != r[1] {
				t.Fatalf("row %d went to a pattern of x = %v", i, joined.Design.Row(place[i])[1])
			}
		}
		if sum != 0 || squares != 0 || !slices.Equal(whole.Sum, before) {
			t.Fatalf("sums off by %v and %v", sum, squares)
		}
	})
}

func TestCollapseJoinsBothZeros(t *testing.T) {
	if joined, _ := FromRows(table([][3]float64{{1, 0, 1}, {1, math.Copysign(0, -1), 1}})).Collapse(); joined.Len() != 1 {
		t.Errorf("0 and -0 make %d patterns, want 1", joined.Len())
	}
}

func TestSelect(t *testing.T) {
	c := FromRows(table([][3]float64{{1, 1, 5}, {1, 2, 6}, {1, 3, 7}}))
	s := c.Select([]int{2, 0})
	if s.Len() != 2 || s.Sum[0] != 7 || s.Design.Row(1)[1] != 1 || s.Design.Rows[0] != 2 || s.Design.Y[0] != 7 {
		t.Errorf("selected %+v", s)
	}
}

func TestCheck(t *testing.T) {
	good := func() Cells { return FromRows(table([][3]float64{{1, 1, 1}, {1, 2, 0}})) }
	for name, spoil := range map[string]func(*Cells){
		"no design":        func(c *Cells) { c.Design = nil },
		"negative count":   func(c *Cells) { c.Count[0] = -1 },
		"NaN sum":          func(c *Cells) { c.Sum[0] = math.NaN() },
		"short":            func(c *Cells) { c.SumSq = c.SumSq[:1] },
		"infinite column":  func(c *Cells) { c.Design.X[1] = math.Inf(1) },
		"short factorials": func(c *Cells) { c.LogFactorial = c.LogFactorial[:1] },
	} {
		c := good()
		spoil(&c)
		if err := c.Check(); !errors.Is(err, analytics.ErrInvalidParameter) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := good().Check(); err != nil {
		t.Errorf("good cells: %v", err)
	}
}
