package dist

import "math"

// NormalTail returns P(Z > z).
func NormalTail(z float64) float64 { return 0.5 * math.Erfc(z/math.Sqrt2) }

// NormalTwoSided returns P(|Z| > |z|).
func NormalTwoSided(z float64) float64 { return math.Erfc(math.Abs(z) / math.Sqrt2) }

// TTail returns P(T > t) under Student's law with df > 0 degrees of freedom,
// which need not be whole.
func TTail(t, df float64) float64 {
	half := TTwoSided(t, df) / 2
	if t < 0 {
		return 1 - half
	}
	return half
}

// TTwoSided returns P(|T| > |t|).
func TTwoSided(t, df float64) float64 {
	if math.IsInf(df, 1) {
		return NormalTwoSided(t)
	}
	if math.IsInf(t, 0) {
		return 0
	}
	// t²/(df+t²) and its complement, without overflow of t².
	x, y := df/t/t, 1.0
	if t == 0 {
		return 1
	}
	if x > 1 {
		y = 1 / (1 + x)
		x = 1 / (1 + t*t/df)
	} else {
		y = 1 / (1 + x)
		x *= y
	}
	lower, _ := regularBeta(df/2, 0.5, x, y)
	return lower
}

// ChiSquaredTail returns P(X > x) under χ² with df > 0 degrees of freedom.
func ChiSquaredTail(x, df float64) float64 {
	_, upper := regularGamma(df/2, x/2)
	return upper
}

// FTail returns P(F > f) with df1 and df2 degrees of freedom.
func FTail(f, df1, df2 float64) float64 {
	if f <= 0 {
		return 1
	}
	if math.IsInf(f, 1) {
		return 0
	}
	total := df2 + df1*f
	lower, _ := regularBeta(df2/2, df1/2, df2/total, df1*f/total)
	return lower
}

// BinomialPoint returns P(X = k) for n trials of probability p.
func BinomialPoint(k, n, p float64) float64 {
	if k < 0 || k > n {
		return 0
	}
	return binomialPoint(k, n, p, 1-p)
}

// BinomialCDF returns P(X ≤ k).
func BinomialCDF(k, n, p float64) float64 {
	if k < 0 {
		return 0
	}
	if k >= n {
		return 1
	}
	_, upper := regularBeta(k+1, n-k, p, 1-p)
	return upper
}

// PoissonPoint returns P(X = k) under mean m.
func PoissonPoint(k, m float64) float64 {
	if k < 0 {
		return 0
	}
	return poissonPoint(k, m)
}

// PoissonCDF returns P(X ≤ k) under mean m.
func PoissonCDF(k, m float64) float64 {
	if k < 0 {
		return 0
	}
	_, upper := regularGamma(k+1, m)
	return upper
}
