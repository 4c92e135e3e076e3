package dist

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// NormalQuantile returns z with P(Z ≤ z) = p, 0 < p < 1.
func NormalQuantile(p float64) float64 { return mathext.NormalQuantile(p) }

// NormalCritical returns z with P(|Z| ≤ z) = level: 1.959964 for 0.95.
func NormalCritical(level float64) float64 { return -mathext.NormalQuantile((1 - level) / 2) }

// TCritical returns t with P(|T| ≤ t) = level under df degrees of freedom.
func TCritical(level, df float64) float64 { return TUpper((1-level)/2, df) }

// TUpper returns t with P(T > t) = q, 0 < q < 1.
func TUpper(q, df float64) float64 {
	if q == 0.5 {
		return 0
	}
	if q > 0.5 {
		return -TUpper(1-q, df)
	}
	if math.IsInf(df, 1) {
		return -NormalQuantile(q)
	}
	return solveTail(func(t float64) float64 { return TTail(t, df) }, q, -NormalQuantile(q)+1e-3, 0)
}

// ChiSquaredUpper returns x with P(X > x) = q, 0 < q < 1.
func ChiSquaredUpper(q, df float64) float64 {
	// Wilson and Hilferty's cube gives the start.
	h := 2 / (9 * df)
	start := df * math.Pow(math.Max(1-h-NormalQuantile(q)*math.Sqrt(h), 0.01), 3)
	return solveTail(func(x float64) float64 { return ChiSquaredTail(x, df) }, q, start, 0)
}

// FUpper returns f with P(F > f) = q, 0 < q < 1.
func FUpper(q, df1, df2 float64) float64 {
	return solveTail(func(f float64) float64 { return FTail(f, df1, df2) }, q, 1, 0)
}

// BinomialQuantile returns the smallest k with P(X ≤ k) ≥ p.
func BinomialQuantile(p, n, prob float64) float64 {
	return smallest(func(k float64) bool { return BinomialCDF(k, n, prob) >= p }, n)
}

// PoissonQuantile returns the smallest k with P(X ≤ k) ≥ p under mean m.
func PoissonQuantile(p, m float64) float64 {
	limit := m + 40*math.Sqrt(m) + 100
	return smallest(func(k float64) bool { return PoissonCDF(k, m) >= p }, math.Ceil(limit))
}

// smallest returns the first k in 0…limit for which reached holds.
func smallest(reached func(float64) bool, limit float64) float64 {
	lo, hi := 0.0, limit
	for lo < hi {
		mid := math.Floor((lo + hi) / 2)
		if reached(mid) {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// solveTail finds x > floor with tail(x) = q for a decreasing tail: a bracket,
// then Brent's method on ln tail, which is nearly linear in x far out.
func solveTail(tail func(float64) float64, q, start, floor float64) float64 {
	lo, hi := floor, math.Max(start, floor+1e-3)
	for i := 0; tail(hi) > q && i < 2000; i++ {
		lo, hi = hi, floor+2*(hi-floor)
	}
	target := math.Log(q)
	value := func(x float64) float64 { return math.Log(math.Max(tail(x), tiny)) - target }
	flo, fhi := value(lo), value(hi)
	if flo <= 0 {
		return lo
	}
	return brent(value, lo, hi, flo, fhi)
}

// brent finds the root of f in [a,b], where f(a) and f(b) differ in sign, to
// the last digits of x (Brent 1973, chapter 4).
func brent(f func(float64) float64, a, b, fa, fb float64) float64 {
	c, fc := a, fa
	d := b - a
	e := d
	for i := 0; i < 300; i++ {
		if (fb > 0) == (fc > 0) {
			c, fc = a, fa
			d = b - a
			e = d
		}
		if math.Abs(fc) < math.Abs(fb) {
			a, b, c = b, c, b
			fa, fb, fc = fb, fc, fb
		}
		tol := 2e-16 * math.Abs(b)
		m := (c - b) / 2
		if math.Abs(m) <= tol || fb == 0 {
			return b
		}
		d, e = brentStep(a, b, c, fa, fb, fc, d, e, m, tol)
		a, fa = b, fb
		if math.Abs(d) > tol {
			b += d
		} else {
			b += math.Copysign(tol, m)
		}
		fb = f(b)
	}
	return b
}

// brentStep chooses between interpolation and bisection.
func brentStep(a, b, c, fa, fb, fc, d, e, m, tol float64) (step, previous float64) {
	if math.Abs(e) < tol || math.Abs(fa) <= math.Abs(fb) {
		return m, m
	}
	s := fb / fa
	var p, q float64
	if a == c {
		p, q = 2*m*s, 1-s
	} else {
		u, r := fa/fc, fb/fc
		p = s * (2*m*u*(u-r) - (b-a)*(r-1))
		q = (u - 1) * (r - 1) * (s - 1)
	}
	if p > 0 {
		q = -q
	} else {
		p = -p
	}
	if 2*p < math.Min(3*m*q-math.Abs(tol*q), math.Abs(e*q)) {
		return p / q, d
	}
	return m, m
}

// Root finds x in [lo,hi] with f(x) = 0 to the last digits; ok is false when f
// has the same sign at both ends.
func Root(f func(float64) float64, lo, hi float64) (x float64, ok bool) {
	flo, fhi := f(lo), f(hi)
	switch {
	case flo == 0:
		return lo, true
	case fhi == 0:
		return hi, true
	case (flo > 0) == (fhi > 0):
		return 0, false
	}
	return brent(f, lo, hi, flo, fhi), true
}
