package quasi

import (
	"fmt"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dense"
	"github.com/lumbar-health/lumbar/analytics/linear"
)

// pivot is the share of a column's own sum of squares that must be left after the
// columns before it are projected out.
const pivot = 1e-12

// factor decomposes the cross-products of n columns; name says which column has no
// spread of its own (ErrCollinear).
func factor(n int, cross func(i, j int) float64, name func(int) string) (dense.Scaled, error) {
	gram := linear.NewSym(n)
	for i := range n {
		for j := range i + 1 {
			gram.Set(i, j, cross(i, j))
		}
	}
	f, singular := dense.FactorScaled(gram.Data, n, pivot)
	if singular >= 0 {
		return f, fmt.Errorf("quasi: column %s is constant or a combination of those before it; drop it: %w", name(singular), analytics.ErrCollinear)
	}
	return f, nil
}

// along returns the parts along each direction of the factor of a column, given
// its cross-product with each of the columns factored.
func along(f dense.Scaled, n int, cross func(i int) float64) []float64 {
	e := make([]float64, n)
	for i := range e {
		e[i] = cross(i)
	}
	f.Forward(e, e)
	return e
}

// coefficients turns parts along the directions into coefficients.
func coefficients(f dense.Scaled, along []float64) []float64 {
	return f.Backward(append([]float64(nil), along...))
}
