package linear

import (
	"fmt"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/moments"
)

// Shifting is least squares of y + δ·z on the same columns for any δ, such as an
// outcome with something added where it was imputed: the fits of y and of z, and
// the products of their residuals and of their deviations from the mean.
type Shifting struct {
	y, z            *Fit
	residual, total float64
}

// Shifting reduces rows: z has a value a row. Another length, NaN or Inf:
// ErrInvalidParameter.
func (o *Rows) Shifting(z []float64) (*Shifting, error) {
	if len(z) != o.N {
		return nil, fmt.Errorf("linear: %d shifts for %d rows: %w", len(z), o.N, analytics.ErrInvalidParameter)
	}
	if err := analytics.CheckFinite("shift", z); err != nil {
		return nil, fmt.Errorf("linear: %w", err)
	}
	m := *o.Design
	m.Y = z
	fit, err := OLS(&m)
	if err != nil {
		return nil, err
	}
	s := &Shifting{y: o.Fit, z: fit.Fit}
	var meanY, meanZ float64
	if o.HasIntercept {
		meanY, meanZ = o.MeanY, fit.MeanY
	}
	for i, v := range z {
		s.residual += o.Residuals[i] * fit.Residuals[i]
		s.total += (o.Design.Y[i] - meanY) * (v - meanZ)
	}
	return s, nil
}

// ShiftingMoments is Shifting of terms y and z on the terms x, as FromMoments.
func ShiftingMoments(m moments.Matrix, y, z int, x []int) (*Shifting, error) {
	fy, err := FromMoments(m, y, x)
	if err != nil {
		return nil, err
	}
	fz, err := FromMoments(m, z, x)
	if err != nil {
		return nil, err
	}
	cross := m.Sum
	if fy.HasIntercept {
		cross = m.Centred
	}
	s := &Shifting{y: fy, z: fz, total: cross(y, z)}
	s.residual = s.total
	for a, i := range x {
		if i != 0 || !fy.HasIntercept {
			s.residual -= fz.Coef[a] * cross(i, y)
		}
	}
	return s, nil
}

// At returns the fit of y + delta·z.
func (s *Shifting) At(delta float64) *Fit {
	f := *s.y
	f.Coef = make([]float64, f.P)
	for j := range f.Coef {
		f.Coef[j] = s.y.Coef[j] + delta*s.z.Coef[j]
	}
	f.MeanY += delta * s.z.MeanY
	f.TSS += delta * (2*s.total + delta*s.z.TSS)
	f.RSS += delta * (2*s.residual + delta*s.z.RSS)
	if f.RSS <= 1e-14*(s.y.RSS+delta*delta*s.z.RSS) { // what rounding leaves of none
		f.RSS = 0
	}
	f.Sigma2 = f.RSS / float64(f.DF())
	return &f
}
