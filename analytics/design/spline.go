package design

import (
	"fmt"

	"github.com/lumbar-health/lumbar/analytics"
)

// RestrictedCubicSpline returns the columns of a cubic spline that is linear
// beyond the outer knots: x itself and, for each knot but the last two, the
// truncated cubes
//
//	((x−t_j)₊³ − (x−t_{k−1})₊³·(t_k−t_j)/(t_k−t_{k−1}) + (x−t_k)₊³·(t_{k−1}−t_j)/(t_k−t_{k−1})) / (t_k−t_1)²
//
// in units of x (Harrell's norm 2). Fewer than three knots, or knots not
// ascending: ErrInvalidParameter. Agrees with R's Hmisc::rcspline.eval to 1e-12.
// Harrell (2015), doi:10.1007/978-3-319-19425-7.
func RestrictedCubicSpline(x, knots []float64) ([][]float64, error) {
	k := len(knots)
	if k < 3 {
		return nil, fmt.Errorf("design: %d knots, need 3: %w", k, analytics.ErrInvalidParameter)
	}
	for i := 1; i < k; i++ {
		if !(knots[i] > knots[i-1]) {
			return nil, fmt.Errorf("design: knots must ascend: too few distinct values: %w", analytics.ErrInvalidParameter)
		}
	}
	first, last, before := knots[0], knots[k-1], knots[k-2]
	norm := (last - first) * (last - first)
	out := [][]float64{append([]float64(nil), x...)}
	for _, t := range knots[:k-2] {
		column := make([]float64, len(x))
		for i, v := range x {
			column[i] = (cube(v-t) - cube(v-before)*(last-t)/(last-before) + cube(v-last)*(before-t)/(last-before)) / norm
		}
		out = append(out, column)
	}
	return out, nil
}

// cube is the truncated cube.
func cube(v float64) float64 {
	if v <= 0 {
		return 0
	}
	return v * v * v
}
