package ranks

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics/dist"
	"github.com/lumbar-health/lumbar/analytics/histogram"
)

// Distance is the largest distance of two distribution functions with its
// asymptotic p-value.
type Distance struct{ D, P float64 }

// KolmogorovSmirnov compares two distributions in every respect
//
//	D = max|F₁ − F₀|,   p = 2Σ(−1)^(k−1)exp(−2k²x²),  x = D√(n₁n₀/(n₁+n₀))
//
// two-sided. With ties, as scores have, p is too large. Errors as MannWhitney,
// but samples may be constant. Checked against R's ks.test, which stops its
// series at 1e-6. Smirnov (1948), doi:10.1214/aoms/1177730256.
func KolmogorovSmirnov(one, zero histogram.Histogram) (Distance, error) {
	if err := check(one, zero); err != nil {
		return Distance{}, fmt.Errorf("ranks: kolmogorov-smirnov: %w", err)
	}
	n1, n0 := float64(one.N()), float64(zero.N())
	t := histogram.Align(one, zero)
	var d Distance
	var c1, c0 int64
	for i := range t.Values {
		c1 += t.Counts[0][i]
		c0 += t.Counts[1][i]
		d.D = math.Max(d.D, math.Abs(float64(c1)/n1-float64(c0)/n0))
	}
	d.P = dist.KolmogorovTail(d.D * math.Sqrt(n1*n0/(n1+n0)))
	return d, nil
}
