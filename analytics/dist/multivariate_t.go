package dist

import "math"

// MaxTTail returns P(max |Tᵢ| > t) of a multivariate t law with df degrees of
// freedom (infinite for normal) whose correlations are lambda[i]·lambda[j], each
// |lambda| < 1: comparisons of several groups with one control, where lambda is
// √(nᵢ/(nᵢ+n₀)). Given the shared normal value z the comparisons are independent:
//
//	1 − ∫∫ Π [Φ((λᵢz + ts)/√(1−λᵢ²)) − Φ((λᵢz − ts)/√(1−λᵢ²))] φ(z) dz f(s) ds
//
// by two nested trapezoidal sums that add up the tail itself. Dunnett (1955),
// doi:10.1080/01621459.1955.10501294.
func MaxTTail(t float64, lambda []float64, df float64) float64 {
	if t <= 0 {
		return 1
	}
	// Narrow factors need a fine step over z.
	narrow := 1.0
	for _, l := range lambda {
		narrow = math.Min(narrow, math.Sqrt(1-l*l)/math.Max(math.Abs(l), 0.1))
	}
	step := math.Max(math.Min(0.3, 0.4*narrow)/math.Sqrt(1+float64(len(lambda))/8), 1e-3)
	tail := func(w float64) float64 {
		// The integrand is the same at z and −z.
		var sum float64
		share := 1.0
		for z := 0.0; z <= 9+math.Min(w, 29); z += step {
			var logIn float64
			for _, l := range lambda {
				root := math.Sqrt(1 - l*l)
				out := NormalTail((l*z+w)/root) + NormalTail((w-l*z)/root)
				logIn += math.Log1p(-math.Min(out, 1))
			}
			sum -= share * math.Exp(-z*z/2) * math.Expm1(logIn)
			share = 2
		}
		return math.Min(sum*step/math.Sqrt(2*math.Pi), 1)
	}
	return math.Min(overChi(df, math.Min(t, farthest)+8, func(s float64) float64 { return tail(t * s) }), 1)
}

// MaxTUpper returns t with P(max |Tᵢ| > t) = p, 0 < p < 1.
func MaxTUpper(p float64, lambda []float64, df float64) float64 {
	return solveTail(func(t float64) float64 { return MaxTTail(t, lambda, df) }, p, 2.5, 0)
}
