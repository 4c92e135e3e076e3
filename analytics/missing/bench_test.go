package missing_test

import (
	"testing"

	"github.com/lumbar-health/lumbar/analytics/missing"
)

// BenchmarkImpute is 20 imputations by chained equations of 3,600 people: three
// columns with gaps, five without, ten iterations.
func BenchmarkImpute(b *testing.B) {
	v := gappy(3600, 3, 5, missing.PMM)
	b.ResetTimer()
	for range b.N {
		if _, err := missing.Impute(v, missing.ImputeOptions{Seed: 1}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkImputeOutcome is the usual case: one outcome with gaps.
func BenchmarkImputeOutcome(b *testing.B) {
	v := gappy(3600, 1, 8, missing.PMM)
	b.ResetTimer()
	for range b.N {
		if _, err := missing.Impute(v, missing.ImputeOptions{Seed: 1}); err != nil {
			b.Fatal(err)
		}
	}
}
