package linear

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/moments"
)

// Compact is a fit with its data reduced to a triangle: Design has the columns
// and the response of the model over P + 1 rows, whose cross-products are those
// of all rows. Least squares on any of its columns has the coefficients and the
// residual sum of squares that all rows give.
type Compact struct {
	*Fit
	Design *design.Matrix
}

// Compact reduces the rows by QR.
func (o *Rows) Compact() (*Compact, error) {
	q, r, scale, err := factorise(o.Design)
	if err != nil {
		return nil, err
	}
	c := newCompact(o.Fit, o.Design)
	for i, v := range project(q, o.Design.Y) {
		for j := i; j < o.P; j++ {
			c.Design.X[i*o.P+j] = r[i][j] * scale[j]
		}
		c.Design.Y[i] = v
	}
	c.Design.Y[o.P] = math.Sqrt(o.RSS)
	return c, nil
}

// CompactMoments is Compact of the same rows' cross-products: term y on the terms
// x as in FromMoments, of which d names the terms (design.Formula.Summed). A
// design of other columns: ErrInvalidParameter; other errors as FromMoments.
func CompactMoments(m moments.Matrix, y int, x []int, d *design.Matrix) (*Compact, error) {
	fit, err := FromMoments(m, y, x)
	if err != nil {
		return nil, err
	}
	if d.P != fit.P || len(d.Assign) != fit.P {
		return nil, fmt.Errorf("linear: a design of %d columns for moments of %d: %w", d.P, fit.P, analytics.ErrInvalidParameter)
	}
	intercept, others, err := placesOf(m, y, x)
	if err != nil {
		return nil, err
	}
	cross := m.Sum
	if intercept >= 0 {
		cross = m.Centred
	}
	t, err := decompose(m, cross, y, others)
	if err != nil {
		return nil, err
	}
	c := newCompact(fit, d)
	root := math.Sqrt(float64(m.N))
	at, row := make([]int, 0, len(others)), 0 // the columns of others
	for j, i := range x {
		if intercept >= 0 {
			mean, _ := m.Mean(i)
			c.Design.X[j] = root * mean
		}
		if j != intercept {
			at = append(at, j)
		}
	}
	if intercept >= 0 {
		c.Design.Y[0], row = root*fit.MeanY, 1
	}
	for i := range others {
		for k := i; k < len(others); k++ {
			c.Design.X[(row+i)*fit.P+at[k]] = t.r[i][k] * t.scale[k]
		}
		c.Design.Y[row+i] = t.effects[i]
	}
	c.Design.Y[fit.P] = math.Sqrt(t.rss)
	return c, nil
}

// newCompact is the shape of one, its cells zero.
func newCompact(f *Fit, like *design.Matrix) *Compact {
	d := *like
	d.N, d.Rows = f.P+1, nil
	d.X, d.Y = make([]float64, d.N*f.P), make([]float64, d.N)
	return &Compact{Fit: f, Design: &d}
}
