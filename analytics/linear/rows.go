package linear

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/lapack64"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
)

// tolerance is R's: a column whose length falls below this share after the
// columns before it are projected out is collinear.
const tolerance = 1e-7

// Rows is a fit with what only rows can give: Residuals, Fitted and Leverage,
// one a row.
type Rows struct {
	*Fit
	Design                      *design.Matrix
	Residuals, Fitted, Leverage []float64
}

// OLS fits the design's response by ordinary least squares, by Householder QR
// of the design with its columns scaled to unit length.
//
//	no more rows than columns       ErrTooFewObservations
//	a column of zeros or a sum of others   ErrCollinear, naming it
//	no response                     ErrInvalidParameter
//
// The design is not modified. Checked against R's lm to 1e-9 and against the
// certified values of NIST StRD Longley.
func OLS(m *design.Matrix) (*Rows, error) {
	if m.Y == nil {
		return nil, fmt.Errorf("linear: the formula has no response: %w", analytics.ErrInvalidParameter)
	}
	if m.P == 0 {
		return nil, fmt.Errorf("linear: the formula has no term: %w", analytics.ErrInvalidParameter)
	}
	if m.N <= m.P {
		return nil, fmt.Errorf("linear: %d rows for %d coefficients: %w", m.N, m.P, analytics.ErrTooFewObservations)
	}
	q, r, scale, err := factorise(m)
	if err != nil {
		return nil, err
	}
	f := &Fit{Names: m.Names, N: m.N, P: m.P, HasIntercept: m.Assign[0] == 0}
	effects := project(q, m.Y)
	f.Coef = backSolve(r, effects)
	f.Inv = inverseGram(r, scale)
	for j, s := range scale {
		f.Coef[j] /= s
	}
	out := &Rows{Fit: f, Design: m}
	out.predict(q)
	return out, nil
}

// factorise returns the thin Q (row after row), R and the column lengths.
func factorise(m *design.Matrix) (q blas64.General, r [][]float64, scale []float64, err error) {
	scale = make([]float64, m.P)
	for i := 0; i < m.N; i++ {
		for j, v := range m.Row(i) {
			scale[j] += v * v
		}
	}
	for j := range scale {
		scale[j] = math.Sqrt(scale[j])
		if scale[j] == 0 {
			return q, nil, nil, fmt.Errorf("linear: column %s is zero in every row: %w", m.Names[j], analytics.ErrCollinear)
		}
	}
	q = blas64.General{Rows: m.N, Cols: m.P, Stride: m.P, Data: make([]float64, m.N*m.P)}
	for i := 0; i < m.N; i++ {
		for j, v := range m.Row(i) {
			q.Data[i*m.P+j] = v / scale[j]
		}
	}
	tau := make([]float64, m.P)
	work := make([]float64, 1)
	lapack64.Geqrf(q, tau, work, -1)
	work = make([]float64, int(work[0]))
	lapack64.Geqrf(q, tau, work, len(work))
	r = make([][]float64, m.P)
	for i := range r {
		r[i] = append(make([]float64, i), q.Data[i*m.P+i:(i+1)*m.P]...)
		if math.Abs(r[i][i]) < tolerance {
			return q, nil, nil, fmt.Errorf("linear: column %s is a combination of those before it: %w", m.Names[i], analytics.ErrCollinear)
		}
	}
	lapack64.Orgqr(q, tau, work[:1], -1)
	work = make([]float64, int(work[0]))
	lapack64.Orgqr(q, tau, work, len(work))
	return q, r, scale, nil
}

// project returns Q′y.
func project(q blas64.General, y []float64) []float64 {
	out := make([]float64, q.Cols)
	for i, v := range y {
		for j, w := range q.Data[i*q.Stride : i*q.Stride+q.Cols] {
			out[j] += w * v
		}
	}
	return out
}

// backSolve returns R⁻¹b for an upper triangle.
func backSolve(r [][]float64, b []float64) []float64 {
	x := append([]float64(nil), b...)
	for i := len(x) - 1; i >= 0; i-- {
		for j := i + 1; j < len(x); j++ {
			x[i] -= r[i][j] * x[j]
		}
		x[i] /= r[i][i]
	}
	return x
}

// inverseGram returns (X′X)⁻¹ = S⁻¹R⁻¹R⁻ᵀS⁻¹ for columns scaled by S.
func inverseGram(r [][]float64, scale []float64) Sym {
	p := len(r)
	inverse := make([][]float64, p) // columns of R⁻¹
	for j := range inverse {
		unit := make([]float64, p)
		unit[j] = 1
		inverse[j] = backSolve(r, unit)
	}
	out := NewSym(p)
	for i := 0; i < p; i++ {
		for j := 0; j <= i; j++ {
			var v float64
			for k := i; k < p; k++ {
				v += inverse[k][i] * inverse[k][j]
			}
			out.Set(i, j, v/(scale[i]*scale[j]))
		}
	}
	return out
}

// predict fills in residuals, leverages and sums of squares.
func (o *Rows) predict(q blas64.General) {
	m := o.Design
	o.Residuals, o.Fitted, o.Leverage = make([]float64, m.N), make([]float64, m.N), make([]float64, m.N)
	var sum, squares float64
	for i, y := range m.Y {
		sum += y
		squares += y * y
		var fitted float64
		for j, v := range m.Row(i) {
			fitted += v * o.Coef[j]
		}
		o.Fitted[i], o.Residuals[i] = fitted, y-fitted
		o.RSS += o.Residuals[i] * o.Residuals[i]
		for _, v := range q.Data[i*q.Stride : i*q.Stride+q.Cols] {
			o.Leverage[i] += v * v
		}
	}
	o.MeanY = sum / float64(m.N)
	centre := 0.0
	if o.HasIntercept {
		centre = o.MeanY
	}
	for _, y := range m.Y {
		o.TSS += (y - centre) * (y - centre)
	}
	if o.RSS <= roundingShare*squares {
		o.RSS = 0
		copy(o.Fitted, m.Y)
		clear(o.Residuals)
	}
	o.Sigma2 = o.RSS / float64(o.DF())
}

// roundingShare is the share of the outcome's squares that is rounding alone: a
// constant outcome, or one that the columns determine, has no residual.
const roundingShare = 1e-25

// Influence holds the largest leverage and Cook's distance, and the
// Durbin–Watson statistic of the residuals in row order.
type Influence struct {
	MaxLeverage, MaxCooks, DurbinWatson float64
}

// Influence returns them; a perfect fit has none (ErrZeroVariance).
func (o *Rows) Influence() (Influence, error) {
	if !(o.RSS > 0) {
		return Influence{}, fmt.Errorf("linear: the terms give every outcome exactly; drop those that are part of it: %w", analytics.ErrZeroVariance)
	}
	var d Influence
	var steps float64
	for i, e := range o.Residuals {
		h := o.Leverage[i]
		d.MaxLeverage = math.Max(d.MaxLeverage, h)
		if h < 1 {
			d.MaxCooks = math.Max(d.MaxCooks, e*e*h/(float64(o.P)*o.Sigma2*(1-h)*(1-h)))
		}
		if i > 0 {
			steps += (e - o.Residuals[i-1]) * (e - o.Residuals[i-1])
		}
	}
	d.DurbinWatson = steps / o.RSS
	return d, nil
}
