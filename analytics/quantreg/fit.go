package quantreg

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/dist"
	"github.com/lumbar-health/lumbar/analytics/linear"
)

// Options are what a fit may be given.
type Options struct {
	// Interrupt is asked before each exchange; its error stops the fit.
	Interrupt func() error
}

// Fit is a regression of a quantile.
type Fit struct {
	Tau       float64
	Names     []string
	Coef      []float64
	Objective float64 // Σ (y − x′b)(tau − [y < x′b])
	Basis     []int   // the rows that the solution passes through

	design *design.Matrix
	opts   Options
}

// Regress fits the quantile tau of the design's response,
//
//	b = argmin Σ ρ(y − x′b),   ρ(u) = u(tau − [u < 0])
//
// by the simplex method; the coefficients then solve the equations of the rows
// in the basis exactly. Where the minimum is not unique it is one of its
// vertices.
//
//	tau outside (0,1), no response, NaN or Inf   ErrInvalidParameter
//	no more rows than columns                    ErrTooFewObservations
//	a column that others determine               ErrCollinear
//
// Agrees with R's quantreg::rq(method = "br") in the objective to 1e-12.
// Barrodale and Roberts (1974), doi:10.1145/355616.361024; Koenker and d'Orey
// (1987), doi:10.2307/2347802.
func Regress(m *design.Matrix, tau float64, opts Options) (*Fit, error) {
	if !(tau > 0 && tau < 1) {
		return nil, fmt.Errorf("quantreg: quantile %v, need between 0 and 1: %w", tau, analytics.ErrInvalidParameter)
	}
	if m.Y == nil || m.P == 0 {
		return nil, fmt.Errorf("quantreg: no response or no column: %w", analytics.ErrInvalidParameter)
	}
	if m.N <= m.P {
		return nil, fmt.Errorf("quantreg: %d rows for %d coefficients: %w", m.N, m.P, analytics.ErrTooFewObservations)
	}
	for _, s := range [][]float64{m.X, m.Y} {
		if err := analytics.CheckFinite("quantreg: value", s); err != nil {
			return nil, err
		}
	}
	s := newSimplex(m, tau)
	if err := s.solve(m, opts.Interrupt); err != nil {
		return nil, err
	}
	f := &Fit{Tau: tau, Names: m.Names, Basis: s.basis(), design: m, opts: opts}
	return f, f.through()
}

// through solves for the coefficients whose plane passes through the basis.
func (f *Fit) through() error {
	p := f.design.P
	x, y := mat.NewDense(p, p, nil), mat.NewVecDense(p, nil)
	for k, i := range f.Basis {
		x.SetRow(k, f.design.Row(i))
		y.SetVec(k, f.design.Y[i])
	}
	var b mat.VecDense
	if err := b.SolveVec(x, y); err != nil {
		if c, near := err.(mat.Condition); !near || math.IsInf(float64(c), 0) {
			return fmt.Errorf("quantreg: the rows of the solution are collinear; drop a column: %w", analytics.ErrCollinear)
		}
	}
	for _, v := range b.RawVector().Data {
		f.Coef = append(f.Coef, v+0) // −0 is 0
	}
	for i, y := range f.design.Y {
		u := y - f.at(i)
		if u < 0 {
			f.Objective += u * (f.Tau - 1)
		} else {
			f.Objective += u * f.Tau
		}
	}
	return nil
}

// at is the fitted quantile of a row.
func (f *Fit) at(i int) float64 {
	var v float64
	for j, x := range f.design.Row(i) {
		v += x * f.Coef[j]
	}
	return v
}

// bandwidth is Hall and Sheather's at α = 0.05.
func bandwidth(tau float64, n int) float64 {
	q := dist.NormalQuantile(tau)
	density := math.Exp(-q*q/2) / math.Sqrt(2*math.Pi)
	h := math.Pow(float64(n), -1.0/3) * math.Pow(dist.NormalCritical(0.95), 2.0/3) * math.Pow(1.5*density*density/(2*q*q+1), 1.0/3)
	for tau-h < 0 || tau+h > 1 {
		h /= 2
	}
	return h
}

// Covariance returns the Hendricks–Koenker sandwich ("nid"), for residuals that
// are independent but not alike:
//
//	τ(1−τ)·H⁻¹X′XH⁻¹,   H = Σ fᵢxᵢxᵢ′,   fᵢ = 2h/(xᵢ′(b(τ+h) − b(τ−h)) − ε)
//
// fᵢ not below zero, h Hall and Sheather's bandwidth at α = 0.05, ε =
// 2⁻⁵²^(2/3). Quantiles that do not spread: ErrZeroVariance. Koenker (2005),
// doi:10.1017/CBO9780511754098, section 3.4.2.
func (f *Fit) Covariance() (linear.Sym, error) {
	m := f.design
	h := bandwidth(f.Tau, m.N)
	above, err := Regress(m, f.Tau+h, f.opts)
	if err != nil {
		return linear.Sym{}, err
	}
	below, err := Regress(m, f.Tau-h, f.opts)
	if err != nil {
		return linear.Sym{}, err
	}
	weighted, gram := linear.NewSym(m.P), linear.NewSym(m.P)
	for i := range m.N {
		density := math.Max(0, 2*h/(above.at(i)-below.at(i)-tolerance))
		weighted.AddOuter(m.Row(i), density)
		gram.AddOuter(m.Row(i), 1)
	}
	var chol mat.Cholesky
	if !chol.Factorize(weighted.Dense()) {
		return linear.Sym{}, fmt.Errorf("quantreg: the quantiles near %v do not spread, so the error is undefined; use a bootstrap: %w", f.Tau, analytics.ErrZeroVariance)
	}
	var inverse mat.SymDense
	if err := chol.InverseTo(&inverse); err != nil {
		return linear.Sym{}, fmt.Errorf("quantreg: the quantiles near %v hardly spread, so the error is undefined; use a bootstrap: %w", f.Tau, analytics.ErrZeroVariance)
	}
	bread := linear.NewSym(m.P)
	for i := range m.P {
		for j := range i + 1 {
			bread.Set(i, j, inverse.At(i, j))
		}
	}
	return bread.Sandwich(gram).Scale(f.Tau * (1 - f.Tau)), nil
}
