package dist

import "math"

// StudentisedRangeTail returns P(Q > q) for Q the range of k ≥ 2 independent
// standard normal values over an independent √(χ²_df/df); df may be infinite.
// Two nested trapezoidal sums; the inner one adds up the tail itself. Far out it
// keeps its digits, where R's ptukey (Copenhaver and Holland 1988,
// doi:10.1080/00949658808811082) ends at 1e-8 to 1e-14.
func StudentisedRangeTail(q float64, k int, df float64) float64 {
	if q <= 0 {
		return 1
	}
	tail := rangeTail(k)
	return math.Min(overChi(df, math.Min(q, farthest)+5, func(s float64) float64 { return tail(q * s) }), 1)
}

// StudentisedRangeUpper returns q with P(Q > q) = p, 0 < p < 1.
func StudentisedRangeUpper(p float64, k int, df float64) float64 {
	return solveTail(func(q float64) float64 { return StudentisedRangeTail(q, k, df) }, p, 4, 0)
}

// rangeTail returns the function P(range of k normal values > w)
//
//	k ∫ φ(z) {Φ(z)^(k−1) − [Φ(z) − Φ(z−w)]^(k−1)} dz
//
// z being the largest value.
func rangeTail(k int) func(w float64) float64 {
	m := float64(k - 1)
	// The integrand is entire; its growth off the real axis sets the step.
	step := math.Min(0.3, math.Sqrt(0.5/float64(k)))
	type node struct{ z, below, weight float64 }
	var nodes []node
	for z := -8.5; z <= 38; z += step {
		below := NormalTail(-z)
		weight := float64(k) * step * math.Exp(-z*z/2) / math.Sqrt(2*math.Pi) * math.Exp(m*math.Log(below))
		if weight > 0 {
			nodes = append(nodes, node{z, below, weight})
		}
	}
	return func(w float64) float64 {
		var s float64
		for _, n := range nodes {
			if n.z > 10+w/2 { // the largest value is no farther out than that
				break
			}
			share := NormalTail(w-n.z) / n.below
			s -= n.weight * math.Expm1(m*math.Log1p(-math.Min(share, 1)))
		}
		return math.Min(s, 1)
	}
}
