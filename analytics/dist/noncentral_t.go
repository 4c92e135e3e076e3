package dist

import "math"

// NoncentralTCDF returns P(T ≤ t) of Student's law with df > 0 degrees of freedom
// and noncentrality ncp: T = (Z + ncp)/√(χ²/df). Integrated numerically over the
// law of χ, so that there is no bound on ncp (R's pt stops at 37.62).
func NoncentralTCDF(t, df, ncp float64) float64 {
	return overChi(df, noncentralSlope(t, ncp), func(s float64) float64 { return NormalTail(ncp - t*s) })
}

// NoncentralTTail returns P(T > t).
func NoncentralTTail(t, df, ncp float64) float64 {
	return overChi(df, noncentralSlope(t, ncp), func(s float64) float64 { return NormalTail(t*s - ncp) })
}

// noncentralSlope is how fast t·s − ncp changes with ln s where it passes zero.
func noncentralSlope(t, ncp float64) float64 {
	return 2*math.Min(math.Abs(t), math.Abs(ncp)+8) + 4
}

// NoncentralTLimits returns the noncentralities of which t is the upper and the
// lower (1−level)/2 quantile: the confidence interval of ncp. ok is false for
// values of t beyond ±10⁴, whose integrand would need a step too fine, and where
// none is found.
func NoncentralTLimits(t, df, level float64) (low, high float64, ok bool) {
	if !(math.Abs(t) <= 1e4) {
		return 0, 0, false
	}
	tail := (1 - level) / 2
	// The spread of T about ncp is near √(1 + t²/2df).
	reach := (NormalCritical(level) + 2) * math.Sqrt(1+t*t/(2*df))
	find := func(sign float64, f func(ncp float64) float64) (float64, bool) {
		for width := reach; width < 1e7; width *= 2 {
			if x, ok := Root(f, math.Min(t, t+sign*width), math.Max(t, t+sign*width)); ok {
				return x, true
			}
		}
		return 0, false
	}
	low, okLow := find(-1, func(ncp float64) float64 { return NoncentralTTail(t, df, ncp) - tail })
	high, okHigh := find(1, func(ncp float64) float64 { return NoncentralTCDF(t, df, ncp) - tail })
	return low, high, okLow && okHigh
}
