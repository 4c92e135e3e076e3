package cohort

import (
	"maps"
	"slices"

	"github.com/lumbar-health/lumbar/analytics/describe"
	"github.com/lumbar-health/lumbar/analytics/moments"
)

// combination is a combination of the terms of a reference.
type combination moments.Combination

func (w combination) mean(m moments.Matrix) (float64, bool) { return moments.Combination(w).Mean(m) }

func (w combination) sum(m moments.Matrix) float64 { return moments.Combination(w).Sum(m) }

func (w combination) squares(m moments.Matrix) float64 { return moments.Combination(w).Squares(m) }

func (w combination) standardDeviation(m moments.Matrix, lost int) (float64, bool) {
	return moments.Combination(w).StdDev(m, lost)
}

// tally is what is known of the gain of one cluster.
type tally struct {
	n   int64
	sum float64
}

// clusteredStdErr is the cluster-robust standard error of a mean; ok is false
// under two clusters. The clusters go by name: sums must not depend on the order.
func clusteredStdErr(clusters map[string]tally) (se float64, ok bool) {
	var list []describe.Cluster
	for _, name := range slices.Sorted(maps.Keys(clusters)) {
		list = append(list, describe.Cluster{N: clusters[name].n, Sum: clusters[name].sum})
	}
	se, err := describe.ClusteredStdErr(list)
	return se, err == nil
}
