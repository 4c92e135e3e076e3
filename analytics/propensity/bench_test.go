package propensity

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/effect"
)

// BenchmarkIPW is a weighted comparison with errors of 100,000 patterns of nine
// covariates.
func BenchmarkIPW(b *testing.B) {
	const n, k = 100_000, 9
	r := rand.New(rand.NewPCG(1, 2))
	m := &design.Matrix{Names: []string{"(Intercept)"}, Assign: []int{0}, N: n, P: k + 1}
	for j := range k {
		name := string(rune('a' + j))
		m.Names, m.Labels, m.Assign = append(m.Names, name), append(m.Labels, name), append(m.Assign, j+1)
	}
	treatment, y := make([]float64, n), make([]float64, n)
	for i := range n {
		m.X = append(m.X, 1)
		var eta float64
		for range k {
			x := r.NormFloat64()
			m.X = append(m.X, x)
			eta += 0.2 * x
		}
		if r.Float64() < 1/(1+math.Exp(-eta)) {
			treatment[i] = 1
		}
		y[i] = 40 + 5*eta + 8*r.NormFloat64()
	}
	s, err := effect.FromRows(treatment, y, m, m)
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for range b.N {
		if _, err := IPW(s, ATE, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
