package mixed

import "math"

// MaxPoints is the most points of quadrature.
const MaxPoints = 100

// hermite returns the nodes and weights with ∫f(z)φ(z)dz ≈ Σw·f(z), φ the
// standard normal density, by Newton's method on the normalised polynomials
// from the largest node down.
func hermite(n int) (nodes, weights []float64) {
	nodes, weights = make([]float64, n), make([]float64, n)
	// orthonormal: p_{k+1} = (z·p_k − √k·p_{k−1})/√(k+1)
	evaluate := func(z float64) (p, before float64) {
		p = 1
		for k := 0; k < n; k++ {
			p, before = (z*p-math.Sqrt(float64(k))*before)/math.Sqrt(float64(k+1)), p
		}
		return p, before
	}
	z := math.Sqrt(float64(4*n + 2))
	for i := 0; i < (n+1)/2; i++ {
		for step := 0; step < 200; step++ {
			p, before := evaluate(z)
			slope := math.Sqrt(float64(n)) * before
			for _, found := range nodes[:i] { // deflated by the roots already found
				slope -= p * (1/(z-found) + 1/(z+found))
			}
			move := p / slope
			z -= move
			if math.Abs(move) < 1e-15*(1+math.Abs(z)) {
				break
			}
		}
		if n%2 == 1 && i == n/2 {
			z = 0
		}
		_, before := evaluate(z)
		nodes[i], nodes[n-1-i] = z, -z
		w := 1 / (float64(n) * before * before)
		weights[i], weights[n-1-i] = w, w
		z -= 1e-3
	}
	return nodes, weights
}
