package moments

// Curve is a smooth function of a number,
//
//	Σ Powers[j]·(x−Centre)ʲ + Σ Cubes[k]·max(x−Knots[k], 0)³
//
// a polynomial or a cubic spline, written so that the store can evaluate it.
type Curve struct {
	Centre       float64
	Powers       []float64 // from the constant up
	Knots, Cubes []float64
}

// At returns the curve's value at x.
func (c Curve) At(x float64) float64 {
	var v float64
	for j := len(c.Powers) - 1; j >= 0; j-- {
		v = v*(x-c.Centre) + c.Powers[j]
	}
	for k, knot := range c.Knots {
		if d := x - knot; d > 0 {
			v += c.Cubes[k] * d * d * d
		}
	}
	return v
}
