package glm

import (
	"math/rand/v2"
	"testing"

	"github.com/lumbar-health/lumbar/analytics/cells"
	"github.com/lumbar-health/lumbar/analytics/design"
)

// BenchmarkMillionCells fits a logistic regression of 15 columns on 10⁶ patterns.
func BenchmarkMillionCells(b *testing.B) {
	const n, p = 1_000_000, 15
	r := rand.New(rand.NewPCG(1, 2))
	m := &design.Matrix{N: n, P: p, X: make([]float64, n*p), Names: make([]string, p), Assign: make([]int, p), Y: make([]float64, n)}
	for i := range n {
		x := m.Row(i)
		x[0] = 1
		eta := -0.5
		for j := 1; j < p; j++ {
			x[j] = float64(r.IntN(6))
			eta += 0.05 * x[j]
		}
		m.Y[i] = yesOrNo(r, eta-1)
	}
	data := cells.FromRows(m)
	for b.Loop() {
		if _, err := Fit(data, Binomial, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
