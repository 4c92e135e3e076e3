package dist

import "math"

const (
	epsilon = 1e-16
	tiny    = 1e-300
	maxStep = 200000
)

// regularBeta returns I_x(a,b) and its complement; y = 1−x is given apart so
// that neither tail loses digits.
func regularBeta(a, b, x, y float64) (lower, upper float64) {
	if x <= 0 {
		return 0, 1
	}
	if y <= 0 {
		return 1, 0
	}
	if x > (a+1)/(a+b+2) {
		upper = betaTail(b, a, y, x)
		return 1 - upper, upper
	}
	lower = betaTail(a, b, x, y)
	return lower, 1 - lower
}

// betaTail returns I_x(a,b) for x below the mean of the law. Its leading factor
// xᵃyᵇ/(a B(a,b)) is a binomial point probability times b/(a+b).
func betaTail(a, b, x, y float64) float64 {
	front := binomialPoint(a, a+b, x, y) * b / (a + b)
	if front == 0 {
		return 0
	}
	if y < 0.05 && a > 50 {
		return math.Min(front*betaIntegral(a, b, x, y), 1)
	}
	return math.Min(front*betaFraction(a, b, x), 1)
}

// betaFraction is the continued fraction DLMF 8.17.22 by the modified Lentz
// method; it cancels where x is near 1.
func betaFraction(a, b, x float64) float64 {
	c, d := 1.0, 1/guard(1-(a+b)*x/(a+1))
	f := d
	for m := 1.0; m < maxStep; m++ {
		even := m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		d, c = 1/guard(1+even*d), guard(1+even/c)
		f *= d * c
		odd := -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		d, c = 1/guard(1+odd*d), guard(1+odd/c)
		step := d * c
		f *= step
		if math.Abs(step-1) < epsilon {
			break
		}
	}
	return f
}

// betaIntegral is the same factor as an integral, from u = x e^(−v/a):
//
//	y⁻¹ ∫ e^−v (1 + (x/y)(1 − e^(−v/a)))^(b−1) dv,   v from 0 to ∞
//
// by the double-exponential rule v = e^(w − e^−w); no term cancels.
func betaIntegral(a, b, x, y float64) float64 {
	const step = 1. / 32
	sum := 0.0
	for w := -4.0; w <= 7; w += step {
		v := math.Exp(w - math.Exp(-w))
		f := math.Exp(-v + (b-1)*math.Log1p(-x/y*math.Expm1(-v/a)))
		sum += f * v * (1 + math.Exp(-w))
	}
	return sum * step / y
}

// regularGamma returns P(a,x) and Q(a,x), each computed as itself where small.
func regularGamma(a, x float64) (lower, upper float64) {
	if x <= 0 {
		return 0, 1
	}
	if x < a+1 {
		lower = math.Min(poissonPoint(a, x)*gammaSeries(a, x), 1)
		return lower, 1 - lower
	}
	upper = math.Min(poissonPoint(a, x)*a*gammaFraction(a, x), 1)
	return 1 - upper, upper
}

// gammaSeries returns Σ xᵏ/((a+1)…(a+k)).
func gammaSeries(a, x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; k < maxStep; k++ {
		term *= x / (a + k)
		sum += term
		if term < sum*epsilon {
			break
		}
	}
	return sum
}

// gammaFraction evaluates Γ(a,x)/(xᵃ e^−x) by DLMF 8.9.2 (modified Lentz).
func gammaFraction(a, x float64) float64 {
	b := x + 1 - a
	c, d := 1/tiny, 1/guard(b)
	f := d
	for i := 1.0; i < maxStep; i++ {
		an := -i * (i - a)
		b += 2
		d, c = 1/guard(an*d+b), guard(b+an/c)
		step := d * c
		f *= step
		if math.Abs(step-1) < epsilon {
			break
		}
	}
	return f
}

func guard(v float64) float64 {
	if math.Abs(v) < tiny {
		return tiny
	}
	return v
}
