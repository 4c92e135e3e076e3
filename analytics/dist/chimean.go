package dist

import "math"

// farthest is the normal distance beyond which nothing is left to sum: a function
// of t·s changes with ln s no faster than this.
const farthest = 45

// overChi returns E g(S) for S = √(χ²_df/df), g a smooth function between 0 and 1
// that changes over steps of 1/slope of ln S. It sums the integrand over ln S by
// the trapezoidal rule, which converges faster than any power of the step for
// such functions, and goes on until what is left cannot change the last digit,
// so that a tail of 1e-100 keeps its digits. df may be infinite.
func overChi(df, slope float64, g func(s float64) float64) float64 {
	if math.IsInf(df, 1) {
		return g(1)
	}
	// The density of u = ln S is exp(df·u − df·e^{2u}/2) but for its constant,
	// with mode 0 and curvature 2·df there.
	step := 0.7 / math.Sqrt(2*df+slope*slope+1)
	weight := func(u float64) float64 {
		return math.Exp(df * (u - math.Expm1(2*u)/2))
	}
	var sum, mass float64
	add := func(u float64) (more bool) {
		w := weight(u)
		mass += w
		sum += w * g(math.Exp(u))
		return w > 1e-18*sum && w > 1e-300 || math.Abs(u) < 2*step
	}
	add(0)
	for k := 1.0; add(k * step); k++ {
	}
	for k := -1.0; add(k * step); k-- {
	}
	return sum / mass
}
