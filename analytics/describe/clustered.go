package describe

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
)

// Cluster is what is known of one cluster: its size and the sum of its values.
type Cluster struct {
	N   int64
	Sum float64
}

// ClusteredStdErr is the cluster-robust standard error of the mean of all
// values, in their unit:
//
//	SE = √( G/(G−1) · Σ_g (S_g − n_g x̄)² ) / n
//
// with S_g and n_g the sum and size of cluster g of G: the CR1 estimator of a
// model of an intercept alone, whose intervals use t with G−1 degrees of
// freedom. Under two clusters, or nobody in them: ErrTooFewObservations.
//
// R: sandwich::vcovCL(lm(y ~ 1), cluster, type = "HC0", cadjust = TRUE).
func ClusteredStdErr(clusters []Cluster) (float64, error) {
	var n int64
	var sum float64
	for _, c := range clusters {
		n += c.N
		sum += c.Sum
	}
	g := float64(len(clusters))
	if g < 2 || n == 0 {
		return 0, fmt.Errorf("describe: clustered error: %d values in %d clusters, need 2: %w", n, len(clusters), analytics.ErrTooFewObservations)
	}
	mean, ss := sum/float64(n), 0.0
	for _, c := range clusters {
		d := c.Sum - float64(c.N)*mean
		ss += d * d
	}
	return math.Sqrt(g/(g-1)*ss) / float64(n), nil
}
