package dist

import "math"

// KolmogorovTail returns P(sup|B| > x) of the Brownian bridge, Kolmogorov's law:
//
//	2 Σ (−1)^(k−1) exp(−2k²x²)
//
// summed to convergence, for small x by its transform.
func KolmogorovTail(x float64) float64 {
	if x <= 0 {
		return 1
	}
	if x < 1 {
		var s float64
		for k := 1.0; k < 40; k += 2 {
			s += math.Exp(-k * k * math.Pi * math.Pi / (8 * x * x))
		}
		return 1 - math.Sqrt(2*math.Pi)/x*s
	}
	var s float64
	for k := 1.0; k < 40; k++ {
		term := 2 * math.Exp(-2*k*k*x*x)
		if term == 0 {
			break
		}
		if int(k)%2 == 0 {
			term = -term
		}
		s += term
	}
	return s
}
