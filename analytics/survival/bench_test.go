package survival

import (
	"math"
	"math/rand/v2"
	"testing"
)

// nation is people with five covariates whose times depend on them, whole weeks
// or exact.
func nation(n int, whole bool) *Cohort {
	r := rand.New(rand.NewPCG(1, 2))
	c := &Cohort{Names: []string{"arm", "age", "male", "odi", "bmi"}}
	for i := 0; i < n; i++ {
		x := []float64{float64(r.IntN(2)), 50 + 12*r.NormFloat64(), float64(r.IntN(2)), float64(2 * r.IntN(51)), 28 + 5*r.NormFloat64()}
		t := r.ExpFloat64() * 40 * math.Exp(-0.3*x[0]+0.02*(x[1]-50)-0.1*x[2]+0.01*(x[3]-50))
		end := 156 * r.Float64()
		cause := 1
		if t > end {
			t, cause = end, 0
		}
		if whole {
			t = math.Ceil(t)
		}
		c.X, c.Time, c.Cause = append(c.X, x...), append(c.Time, t), append(c.Cause, cause)
	}
	return c
}

func BenchmarkCox(b *testing.B) {
	for name, whole := range map[string]bool{"weeks": true, "exact": false} {
		c := nation(1_000_000, whole)
		b.Run("million/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Cox(c, 1, Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCoxRobustAndConcordance(b *testing.B) {
	m, err := Cox(nation(1_000_000, true), 1, Options{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		m.residuals = nil
		if _, err := m.Robust(); err != nil {
			b.Fatal(err)
		}
		if _, err := m.Concordance(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkKaplanMeier(b *testing.B) {
	c := nation(1_000_000, true)
	groups := make([]int, c.Len())
	for i := range groups {
		groups[i] = int(c.X[i*5])
	}
	for b.Loop() {
		t, err := TableOf(c, []string{"0", "1"}, groups, 1)
		if err != nil {
			b.Fatal(err)
		}
		for g := range t.Groups {
			if _, err := KaplanMeier(t, g, 1); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := Compare(t, 1, 0); err != nil {
			b.Fatal(err)
		}
	}
}
