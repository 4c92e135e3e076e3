package dist

import "math"

// stirlingErrors holds ln n! − ln(√(2πn)(n/e)ⁿ) at n = 0, ½, 1 … 15.
var stirlingErrors = func() [31]float64 {
	var t [31]float64
	for i := 1; i < len(t); i++ {
		n := float64(i) / 2
		lg, _ := math.Lgamma(n + 1)
		t[i] = lg - (n+0.5)*math.Log(n) + n - 0.5*math.Log(2*math.Pi)
	}
	return t
}()

// stirlingError returns ln Γ(n+1) − ln(√(2πn)(n/e)ⁿ), n > 0.
func stirlingError(n float64) float64 {
	if n <= 15 {
		if twice := 2 * n; twice == math.Trunc(twice) {
			return stirlingErrors[int(twice)]
		}
		lg, _ := math.Lgamma(n + 1)
		return lg - (n+0.5)*math.Log(n) + n - 0.5*math.Log(2*math.Pi)
	}
	nn := n * n
	const s0, s1, s2, s3, s4, s5, s6 = 1. / 12, 1. / 360, 1. / 1260, 1. / 1680, 1. / 1188, 691. / 360360, 1. / 156
	return (s0 - (s1-(s2-(s3-(s4-(s5-s6/nn)/nn)/nn)/nn)/nn)/nn) / n
}

// deviance returns x·ln(x/m) + m − x without cancellation for x near m.
func deviance(x, m float64) float64 {
	if math.Abs(x-m) >= 0.1*(x+m) {
		return x*math.Log(x/m) + m - x
	}
	v := (x - m) / (x + m)
	sum := (x - m) * v
	term := 2 * x * v
	for j := 1.0; j < 1000; j++ {
		term *= v * v
		next := sum + term/(2*j+1)
		if next == sum {
			break
		}
		sum = next
	}
	return sum
}

// binomialPoint returns C(n,x) pˣ qⁿ⁻ˣ for real 0 ≤ x ≤ n, q = 1−p given apart.
func binomialPoint(x, n, p, q float64) float64 {
	switch {
	case p == 0:
		return boolTo(x == 0)
	case q == 0:
		return boolTo(x == n)
	case x == 0:
		return powerOf(q, p, n)
	case x == n:
		return powerOf(p, q, n)
	}
	lc := stirlingError(n) - stirlingError(x) - stirlingError(n-x) - deviance(x, n*p) - deviance(n-x, n*q)
	return math.Exp(lc) * math.Sqrt(n/(2*math.Pi*x*(n-x)))
}

// powerOf returns bⁿ where c = 1−b.
func powerOf(b, c, n float64) float64 {
	if c < 0.1 {
		return math.Exp(n * math.Log1p(-c))
	}
	return math.Exp(n * math.Log(b))
}

// poissonPoint returns e^−m mˣ/Γ(x+1) for real x ≥ 0.
func poissonPoint(x, m float64) float64 {
	if m == 0 {
		return boolTo(x == 0)
	}
	if x == 0 {
		return math.Exp(-m)
	}
	return math.Exp(-stirlingError(x)-deviance(x, m)) / math.Sqrt(2*math.Pi*x)
}

func boolTo(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
