package bootstrap_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/effect"
)

// people is a simulated study of n people with k normal covariates that decide
// both treatment and outcome; the effect is −8.
func people(t testing.TB, n, k int) *effect.Study {
	t.Helper()
	r := rand.New(rand.NewPCG(11, 7))
	m := &design.Matrix{Names: []string{"(Intercept)"}, Assign: []int{0}, N: n, P: k + 1}
	for j := range k {
		m.Names, m.Assign, m.Labels = append(m.Names, fmt.Sprintf("x%d", j)), append(m.Assign, j+1), append(m.Labels, fmt.Sprintf("x%d", j))
	}
	treatment, y := make([]float64, n), make([]float64, n)
	for i := range n {
		m.X = append(m.X, 1)
		eta, mean := -0.5, 40.0
		for j := range k {
			x := r.NormFloat64()
			m.X = append(m.X, 50+10*x)
			eta += 0.4 * x / float64(j+1)
			mean += 5 * x / float64(j+1)
		}
		if r.Float64() < 1/(1+math.Exp(-eta)) {
			treatment[i] = 1
			mean -= 8
		}
		y[i] = mean + 10*r.NormFloat64()
	}
	s, err := effect.FromRows(treatment, y, m, m)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
