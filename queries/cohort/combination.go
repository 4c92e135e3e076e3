package cohort

import (
	"maps"
	"math"
	"slices"

	"github.com/lumbar-health/lumbar/analytics/moments"
)

// combination is a linear combination of the terms of a matrix: the gain, or
// the follow-up less what was expected.
type combination []float64

// mean is the mean of the combination; ok is false when no row was counted.
func (w combination) mean(m moments.Matrix) (mean float64, ok bool) {
	if m.N == 0 {
		return 0, false
	}
	for i, c := range w {
		if c != 0 {
			v, _ := m.Mean(i)
			mean += c * v
		}
	}
	return mean, true
}

// sum is the sum of the combination over the rows.
func (w combination) sum(m moments.Matrix) (sum float64) {
	for i, c := range w {
		if c != 0 {
			sum += c * m.Sum(i, 0)
		}
	}
	return sum
}

// squares is the sum of squares of the combination about its mean; what
// rounding leaves of none is none.
func (w combination) squares(m moments.Matrix) (ss float64) {
	var raw float64
	for i, ci := range w {
		if ci == 0 || i == 0 {
			continue
		}
		ss += ci * ci * m.Centred(i, i)
		raw += ci * ci * m.Sum(i, i)
		for j := 1; j < i; j++ {
			if w[j] != 0 {
				ss += 2 * ci * w[j] * m.Centred(i, j)
			}
		}
	}
	if ss < 1e-13*raw {
		return 0
	}
	return ss
}

// standardDeviation is that of the combination with divisor n − lost; ok is
// false when n is not above lost.
func (w combination) standardDeviation(m moments.Matrix, lost int) (sd float64, ok bool) {
	if m.N <= int64(lost) || m.N < 2 {
		return 0, false
	}
	return math.Sqrt(w.squares(m) / float64(m.N-int64(lost))), true
}

// tally is what is known of the gain of one cluster.
type tally struct {
	n   int64
	sum float64
}

// clusteredStdErr is the cluster-robust standard error of a mean
//
//	SE = √( G/(G−1) · Σ_g (S_g − n_g x̄)² ) / n
//
// with S_g and n_g the sum and size of cluster g of G: the CR1 estimator of a
// model of an intercept alone, whose intervals use t with G−1 degrees of
// freedom. ok is false under two clusters.
func clusteredStdErr(clusters map[string]tally) (se float64, ok bool) {
	var n int64
	var sum float64
	names := slices.Sorted(maps.Keys(clusters)) // sums must not depend on the order
	for _, name := range names {
		c := clusters[name]
		n += c.n
		sum += c.sum
	}
	g := float64(len(clusters))
	if g < 2 || n == 0 {
		return 0, false
	}
	mean, ss := sum/float64(n), 0.0
	for _, name := range names {
		c := clusters[name]
		d := c.sum - float64(c.n)*mean
		ss += d * d
	}
	return math.Sqrt(g/(g-1)*ss) / float64(n), true
}
