package glm

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
)

// ProfileInterpolated returns the limits of ProfileInterval as R's MASS prints
// them: the signed root of the profile at steps of a fifth of √χ²₁(1−(1−level)/4)
// standard errors, a cubic spline through them at three times as many points,
// straight lines between these. It is within about 1e-4 of a standard error of
// ProfileInterval, which to prefer; this is for comparison with published limits.
// Errors as ProfileInterval.
func (m *Model) ProfileInterpolated(coef int, level float64) (lower, upper float64, err error) {
	if coef < 0 || coef >= m.P || m.Family == Gaussian {
		return 0, 0, fmt.Errorf("glm: profile of coefficient %d of %d of a %v model: %w", coef, m.P, m.Family, analytics.ErrInvalidParameter)
	}
	if err := analytics.CheckLevel(level); err != nil {
		return 0, 0, fmt.Errorf("glm: %w", err)
	}
	b, z, err := m.profile(coef).grid(math.Sqrt(dist.ChiSquaredUpper((1-level)/4, 1)))
	if err != nil {
		return 0, 0, err
	}
	points, roots := finer(b, z)
	limit := dist.NormalCritical(level)
	lower, okL := crossing(points, roots, -limit)
	upper, okU := crossing(points, roots, limit)
	if !okL || !okU {
		return 0, 0, fmt.Errorf("glm: the profile likelihood of %s has no limit within nine steps; use logistic_firth: %w", m.Names[coef], analytics.ErrNotConverged)
	}
	return lower, upper, nil
}

// grid returns coefficients, ascending, and signed roots of the profile there,
// each side until the root passes most, nine steps of most/5 standard errors at
// the furthest.
func (p *profile) grid(most float64) (b, z []float64, err error) {
	centre, step := p.whole.Coef[p.coef], most/5*math.Sqrt(p.whole.Cov.At(p.coef, p.coef))
	side := func(sign float64) (b, z []float64, err error) {
		for k := 1.0; k < 10; k++ {
			at := centre + sign*k*step
			root, err := p.root(at)
			if err != nil {
				return nil, nil, err
			}
			b, z = append(b, at), append(z, sign*root)
			if root >= most {
				break
			}
		}
		return b, z, nil
	}
	below, zBelow, err := side(-1)
	if err != nil {
		return nil, nil, err
	}
	above, zAbove, err := side(1)
	if err != nil {
		return nil, nil, err
	}
	for k := len(below) - 1; k >= 0; k-- {
		b, z = append(b, below[k]), append(z, zBelow[k])
	}
	return append(append(b, centre), above...), append(append(z, 0), zAbove...), nil
}

// finer evaluates the cubic spline through the points at three times as many,
// evenly spaced.
func finer(x, y []float64) (points, values []float64) {
	b, c, d := spline(x, y)
	n := 3 * len(x)
	first, last := x[0], x[len(x)-1]
	k := 0
	for i := range n {
		at := first + (last-first)*float64(i)/float64(n-1)
		for k < len(x)-2 && at >= x[k+1] {
			k++
		}
		h := at - x[k]
		points, values = append(points, at), append(values, y[k]+h*(b[k]+h*(c[k]+h*d[k])))
	}
	return points, values
}

// spline returns the coefficients of the cubic spline whose ends follow the cubic
// through the outer four points. Forsythe, Malcolm and Moler (1977), Computer
// Methods for Mathematical Computations, section 4.4. It needs four points or more.
func spline(x, y []float64) (b, c, d []float64) {
	n := len(x)
	b, c, d = make([]float64, n), make([]float64, n), make([]float64, n)
	d[0] = x[1] - x[0]
	c[1] = (y[1] - y[0]) / d[0]
	for i := 1; i < n-1; i++ {
		d[i] = x[i+1] - x[i]
		b[i] = 2 * (d[i-1] + d[i])
		c[i+1] = (y[i+1] - y[i]) / d[i]
		c[i] = c[i+1] - c[i]
	}
	b[0], b[n-1] = -d[0], -d[n-2]
	c[0] = (c[2]/(x[3]-x[1]) - c[1]/(x[2]-x[0])) * d[0] * d[0] / (x[3] - x[0])
	c[n-1] = -(c[n-2]/(x[n-1]-x[n-3]) - c[n-3]/(x[n-2]-x[n-4])) * d[n-2] * d[n-2] / (x[n-1] - x[n-4])
	for i := 1; i < n; i++ {
		t := d[i-1] / b[i-1]
		b[i] -= t * d[i-1]
		c[i] -= t * c[i-1]
	}
	c[n-1] /= b[n-1]
	for i := n - 2; i >= 0; i-- {
		c[i] = (c[i] - d[i]*c[i+1]) / b[i]
	}
	for i := range n - 1 {
		b[i] = (y[i+1]-y[i])/d[i] - d[i]*(c[i+1]+2*c[i])
		d[i] = (c[i+1] - c[i]) / d[i]
		c[i] *= 3
	}
	return b, c, d
}

// crossing returns where straight lines between the points reach a value.
func crossing(x, y []float64, value float64) (float64, bool) {
	for k := 1; k < len(x); k++ {
		if y[k-1] <= value && value <= y[k] {
			return x[k-1] + (x[k]-x[k-1])*(value-y[k-1])/(y[k]-y[k-1]), true
		}
	}
	return 0, false
}
