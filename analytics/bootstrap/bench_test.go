package bootstrap_test

import (
	"testing"

	"github.com/lumbar-health/lumbar/analytics/bootstrap"
	"github.com/lumbar-health/lumbar/analytics/propensity"
)

// BenchmarkWeighted is 500 replicates of a propensity-weighted difference among
// 3,600 people, nine covariates, the propensity refitted in each.
func BenchmarkWeighted(b *testing.B) {
	s := people(b, 3600, 9)
	b.ResetTimer()
	for range b.N {
		if _, err := bootstrap.Weighted(s, propensity.ATE, 0.95, bootstrap.Options{Replicates: 500, Seed: 1}); err != nil {
			b.Fatal(err)
		}
	}
}
