package kendall

import (
	"fmt"
	"math"
	"slices"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
)

// maxRows bounds the columns, of which every pair is looked at.
const maxRows = 20000

// Correlation is Kendall's rank correlation. S is concordant less discordant
// pairs; Tau is τ-b, −1 to 1; Variance is that of S under no association, with
// ties counted. P is two-sided by the normal law, PContinuity the same with |S|
// less 1. Exact is the exact p, nil when a column has ties.
type Correlation struct {
	S, Tau, Variance float64
	Z, ZContinuity   float64
	P, PContinuity   float64
	Exact            *float64
	N                int
}

// Tau returns
//
//	τ-b = S / √((n₀−t₁)(n₀−t₂)),   n₀ = n(n−1)/2, t pairs tied in a column
//
// Assumes independent rows under no association. The columns are not modified.
//
//	under 2 rows, or over 20 000       ErrTooFewObservations, ErrInvalidParameter
//	lengths differ, NaN, infinite      ErrInvalidParameter
//	a column of one value              ErrZeroVariance
//
// Agrees with R's cor.test(method = "kendall") to 1e-12. Kendall (1970), Rank
// Correlation Methods; Valz, McLeod and Thompson (1995) for the variance.
func Tau(x, y []float64) (Correlation, error) {
	n := len(x)
	if n != len(y) || n > maxRows {
		return Correlation{}, fmt.Errorf("kendall: %d and %d values, need as many of each and at most %d: %w", n, len(y), maxRows, analytics.ErrInvalidParameter)
	}
	for _, column := range [][]float64{x, y} {
		if err := analytics.CheckFinite("values", column); err != nil {
			return Correlation{}, fmt.Errorf("kendall: %w", err)
		}
	}
	if n < 2 {
		return Correlation{}, fmt.Errorf("kendall: %d rows, need 2: %w", n, analytics.ErrTooFewObservations)
	}
	var s int64
	for i := range x {
		for j := 0; j < i; j++ {
			s += sign(x[i]-x[j]) * sign(y[i]-y[j])
		}
	}
	tx, ty := ties(x), ties(y)
	size := float64(n)
	pairs := size * (size - 1) / 2
	if tx.pairs == pairs || ty.pairs == pairs {
		return Correlation{}, fmt.Errorf("kendall: every value of a column is the same: %w", analytics.ErrZeroVariance)
	}
	c := Correlation{N: n, S: float64(s), Tau: float64(s) / math.Sqrt((pairs-tx.pairs)*(pairs-ty.pairs))}
	c.Variance = (size*(size-1)*(2*size+5)-tx.spread-ty.spread)/18 + 2*tx.pairs*ty.pairs/(size*(size-1))
	if n > 2 {
		c.Variance += tx.triples * ty.triples / (9 * size * (size - 1) * (size - 2))
	}
	spread := math.Sqrt(c.Variance)
	c.Z = c.S / spread
	c.ZContinuity = math.Copysign(math.Max(math.Abs(c.S)-1, 0), c.S) / spread
	c.P, c.PContinuity = dist.NormalTwoSided(c.Z), dist.NormalTwoSided(c.ZContinuity)
	if tx.pairs == 0 && ty.pairs == 0 {
		p := exact(n, s)
		c.Exact = &p
	}
	return c, nil
}

func sign(v float64) int64 {
	switch {
	case v > 0:
		return 1
	case v < 0:
		return -1
	}
	return 0
}

// tieSums are sums over the groups of t equal values: t(t−1)/2, t(t−1)(2t+5) and
// t(t−1)(t−2).
type tieSums struct{ pairs, spread, triples float64 }

func ties(v []float64) tieSums {
	sorted := slices.Clone(v)
	slices.Sort(sorted)
	var s tieSums
	for i := 0; i < len(sorted); {
		j := i
		for j < len(sorted) && sorted[j] == sorted[i] {
			j++
		}
		t := float64(j - i)
		s.pairs += t * (t - 1) / 2
		s.spread += t * (t - 1) * (2*t + 5)
		s.triples += t * (t - 1) * (t - 2)
		i = j
	}
	return s
}

// exactLimit is where the exact law gives way to Edgeworth's series: with so many
// rows they agree to 1e-6 and the exact one would need the square of n(n−1)/2.
const exactLimit = 170

// exact is the two-sided p of S among all orders of n distinct values: the law of
// the number of inversions, added up one value at a time.
func exact(n int, s int64) float64 {
	if n > exactLimit {
		return edgeworth(float64(n), math.Abs(float64(s)))
	}
	most := n * (n - 1) / 2
	law := make([]float64, most+1) // chance of k inversions among the first m values
	law[0] = 1
	reach := 0
	for m := 2; m <= n; m++ {
		reach += m - 1
		next := make([]float64, most+1)
		var window float64
		for k := 0; k <= reach; k++ {
			if k <= reach-(m-1) {
				window += law[k]
			}
			if k >= m {
				window -= law[k-m]
			}
			next[k] = max(window, 0) / float64(m)
		}
		law = next
	}
	// |S| or more: the law is symmetric, so twice the tail of few inversions.
	abs := s
	if abs < 0 {
		abs = -abs
	}
	var tail float64
	for k := 0; k <= (most-int(abs))/2; k++ {
		tail += law[k]
	}
	return math.Min(1, 2*tail)
}

// edgeworth is the tail of |S| by the fourth cumulant.
func edgeworth(n, s float64) float64 {
	variance := n * (n - 1) * (2*n + 5) / 18
	z := math.Max(s-1, 0) / math.Sqrt(variance)
	// κ₄/σ⁴ of the number of inversions: −Σ(k⁴−1)/120 over (Σ(k²−1)/12)².
	fourth := -(n*(n+1)*(2*n+1)*(3*n*n+3*n-1)/30 - n) / 120
	inversions := variance / 4
	excess := fourth / (inversions * inversions)
	density := math.Exp(-z*z/2) / math.Sqrt(2*math.Pi)
	return math.Min(1, math.Max(0, 2*(dist.NormalTail(z)+density*excess/24*(z*z*z-3*z))))
}
