package dist

import "math"

// BetaCDF returns P(X ≤ x) of the beta law with a, b > 0.
func BetaCDF(x, a, b float64) float64 {
	lower, _ := regularBeta(a, b, x, 1-x)
	return lower
}

// BetaTail returns P(X > x) of the beta law with a, b > 0.
func BetaTail(x, a, b float64) float64 {
	_, upper := regularBeta(a, b, x, 1-x)
	return upper
}

// BetaQuantile returns x with P(X ≤ x) = p, 0 ≤ p ≤ 1.
func BetaQuantile(p, a, b float64) float64 {
	switch {
	case p <= 0:
		return 0
	case p >= 1:
		return 1
	}
	// 1 − X is beta with b, a; its odds are those of F with 2b and 2a.
	return a / (a + b*FUpper(p, 2*b, 2*a))
}

// BetaUpper returns x with P(X > x) = q, 0 ≤ q ≤ 1.
func BetaUpper(q, a, b float64) float64 {
	switch {
	case q <= 0:
		return 1
	case q >= 1:
		return 0
	}
	f := FUpper(q, 2*a, 2*b)
	if math.IsInf(f, 1) {
		return 1
	}
	return a * f / (b + a*f)
}
