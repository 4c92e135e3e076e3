package gee

import (
	"fmt"
	"math"
	"sort"

	"gonum.org/v1/gonum/mat"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/cells"
	"github.com/lumbar-health/lumbar/analytics/dist"
	"github.com/lumbar-health/lumbar/analytics/glm"
	"github.com/lumbar-health/lumbar/analytics/linear"
)

// Denominators says by what the moment estimators of scale and correlation
// divide.
type Denominators int

// RowsAndPairs divides the scale by N and the correlation by the number of pairs
// (R's geepack); LessP by N − p and pairs − p (Liang and Zeger; R's gee), which
// is defined for the independence and exchangeable structures.
const (
	RowsAndPairs Denominators = iota
	LessP
)

// Options are what a fit may be given; the zero value is independence with
// geepack's denominators.
type Options struct {
	Structure    Structure
	Denominators Denominators
	// Interrupt is asked before each iteration; its error stops the fit.
	Interrupt func() error
}

// Model is a fitted population-average model.
type Model struct {
	Names         []string
	Coef          []float64
	Robust, Naive linear.Sym
	Alpha         []float64 // of the working correlation; unstructured: upper triangle by row
	Scale         float64
	// QIC is Pan's criterion, −2·quasi-likelihood at dispersion 1 (Gaussian
	// −Σ(y−μ)²/2) + 2·tr(V_I⁻¹·Robust), V_I the naive covariance of the
	// independence model, its scale included. Smaller is better.
	QIC        float64
	N          int
	Clusters   int
	Iterations int
}

const (
	maxIterations = 500
	tolerance     = 1e-12
)

// fit is a running estimation.
type fit struct {
	data      *Data
	family    glm.Family
	work      working
	opts      Options
	beta      []float64
	residuals []float64 // Pearson
	scale     float64
	bread     linear.Sym
	meat      linear.Sym
	score     []float64
}

// Fit solves the estimating equations
//
//	Σ D′V⁻¹(y − μ) = 0,   V = φ·A^½·R(α)·A^½
//
// by Fisher scoring from the independence estimate, scale φ and correlation α by
// moments of the Pearson residuals after each step, until coefficients, scale and
// correlation stand still to 1e-12. Naive is (ΣD′V⁻¹D)⁻¹, Robust the sandwich
// over clusters. Families: Gaussian, Binomial and Poisson with their canonical
// links, else ErrInvalidParameter. A correlation that is not positive definite or
// an iteration without an end: ErrNotConverged; others as glm.Fit. Agrees with
// R's geepack 1.3.9 to 1e-8 and gee 4.13-25 to 1e-6. Liang and Zeger (1986),
// doi:10.1093/biomet/73.1.13; Pan (2001), doi:10.1111/j.0006-341X.2001.00120.x.
func Fit(d *Data, family glm.Family, opts Options) (*Model, error) {
	if family != glm.Gaussian && family != glm.Binomial && family != glm.Poisson {
		return nil, fmt.Errorf("gee: family %v, have gaussian, binomial and poisson: %w", family, analytics.ErrInvalidParameter)
	}
	if opts.Structure == "" {
		opts.Structure = Independence
	}
	if opts.Denominators == LessP && (opts.Structure == AR1 || opts.Structure == Unstructured) {
		return nil, fmt.Errorf("gee: denominators less p are for the independence and exchangeable correlations: %w", analytics.ErrInvalidParameter)
	}
	start, err := glm.Fit(cells.FromRows(d.design), family, glm.Options{Interrupt: opts.Interrupt})
	if err != nil {
		return nil, err
	}
	alone, _, err := solve(d, family, start.Coef, Options{Structure: Independence, Denominators: opts.Denominators, Interrupt: opts.Interrupt})
	if err != nil {
		return nil, err
	}
	f, iterations, err := solve(d, family, start.Coef, opts)
	if err != nil {
		return nil, err
	}
	m := &Model{Names: d.design.Names, Coef: f.beta, Alpha: f.work.alpha(), Scale: f.scale, N: d.design.N, Clusters: d.Clusters(), Iterations: iterations}
	if m.Naive, err = inverse(f.bread); err != nil {
		return nil, err
	}
	m.Robust = m.Naive.Sandwich(f.meat)
	m.QIC = f.qic(alone.bread, m.Robust)
	return m, nil
}

// solve iterates to the solution; the sums are those at it.
func solve(d *Data, family glm.Family, start []float64, opts Options) (*fit, int, error) {
	less := 0.0
	if opts.Denominators == LessP {
		less = float64(d.design.P)
	}
	work, err := newWorking(d, opts.Structure, less)
	if err != nil {
		return nil, 0, err
	}
	f := &fit{data: d, family: family, work: work, opts: opts, beta: append([]float64(nil), start...), residuals: make([]float64, d.design.N)}
	if err := f.moments(less); err != nil {
		return nil, 0, err
	}
	for k := 1; k <= maxIterations; k++ {
		if opts.Interrupt != nil {
			if err := opts.Interrupt(); err != nil {
				return nil, k, err
			}
		}
		before := f.state()
		if err := f.sums(); err != nil {
			return nil, k, err
		}
		cov, err := inverse(f.bread)
		if err != nil {
			return nil, k, err
		}
		step := cov.Times(f.score)
		var far float64 // of the step in standard errors
		for j, s := range step {
			f.beta[j] += s
			far = math.Max(far, math.Abs(s)/math.Sqrt(cov.At(j, j)))
		}
		if err := f.moments(less); err != nil {
			return nil, k, err
		}
		if far < 1e-10 && still(before, f.state()) {
			return f, k, f.sums()
		}
	}
	return nil, maxIterations, fmt.Errorf("gee: no convergence in %d iterations; use a simpler correlation, such as independence: %w", maxIterations, analytics.ErrNotConverged)
}

// state is the scale and the correlation.
func (f *fit) state() []float64 { return append([]float64{f.scale}, f.work.alpha()...) }

// still says whether two states are the same to the tolerance.
func still(a, b []float64) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !(math.Abs(a[i]-b[i]) <= tolerance*(1+math.Abs(b[i]))) {
			return false
		}
	}
	return true
}

// moments recomputes the Pearson residuals, the scale and the correlation.
func (f *fit) moments(less float64) error {
	d := f.data.design
	var squares, size float64
	for i := range f.residuals {
		mu, _ := f.mean(i)
		f.residuals[i] = (d.Y[i] - mu) / math.Sqrt(f.family.Variance(mu))
		squares += f.residuals[i] * f.residuals[i]
		size += d.Y[i] * d.Y[i]
	}
	f.scale = squares / (float64(d.N) - less)
	if math.IsNaN(f.scale) || math.IsInf(f.scale, 0) {
		return fmt.Errorf("gee: fitted values have left the family's range; drop extreme values: %w", analytics.ErrNotConverged)
	}
	if !(f.scale > 0) || f.family == glm.Gaussian && squares < 1e-24*size {
		return fmt.Errorf("gee: the terms give every outcome exactly; drop those that are part of it: %w", analytics.ErrZeroVariance)
	}
	return f.work.estimate(f.residuals, f.scale)
}

// mean is the mean of a row and its slope.
func (f *fit) mean(i int) (mu, slope float64) {
	var eta float64
	for j, v := range f.data.design.Row(i) {
		eta += v * f.beta[j]
	}
	return f.family.Mean(eta)
}

// sums passes over the clusters: bread ΣD′V⁻¹D, score and ΣUU′.
func (f *fit) sums() error {
	p := f.data.design.P
	f.bread, f.meat, f.score = linear.NewSym(p), linear.NewSym(p), make([]float64, p)
	own := make([]float64, p)
	left, right := f.buffer(p), f.buffer(p+1)
	for _, rows := range f.data.clusters {
		for k, i := range rows {
			mu, slope := f.mean(i)
			weight := slope / math.Sqrt(f.family.Variance(mu))
			for j, v := range f.data.design.Row(i) {
				left[k][j] = weight * v
				right[k][j] = weight * v
			}
			right[k][p] = f.residuals[i]
		}
		if err := f.work.solve(rows, right[:len(rows)]); err != nil {
			return err
		}
		clear(own)
		for k := range rows {
			at := 0
			for a, v := range left[k] {
				v /= f.scale
				own[a] += v * right[k][p]
				for b := range a + 1 {
					f.bread.Data[at] += v * right[k][b]
					at++
				}
			}
		}
		f.meat.AddOuter(own, 1)
		for j, v := range own {
			f.score[j] += v
		}
	}
	return nil
}

// buffer returns rows for the largest cluster.
func (f *fit) buffer(width int) [][]float64 {
	out := make([][]float64, f.data.largest)
	for k := range out {
		out[k] = make([]float64, width)
	}
	return out
}

// inverse of a symmetric positive matrix, scaled to a unit diagonal first.
func inverse(s linear.Sym) (linear.Sym, error) {
	scaled := mat.NewSymDense(s.N, nil)
	d := make([]float64, s.N)
	for i := range d {
		d[i] = math.Sqrt(s.At(i, i))
		for j := range i + 1 {
			scaled.SetSym(i, j, s.At(i, j)/(d[i]*d[j]))
		}
	}
	var chol mat.Cholesky
	if !chol.Factorize(scaled) {
		return s, fmt.Errorf("gee: the information is singular; drop a term: %w", analytics.ErrCollinear)
	}
	var inv mat.SymDense
	if err := chol.InverseTo(&inv); err != nil {
		return s, fmt.Errorf("gee: the information is singular; drop a term: %w", analytics.ErrCollinear)
	}
	out := linear.NewSym(s.N)
	for i := range d {
		for j := range i + 1 {
			out.Set(i, j, inv.At(i, j)/(d[i]*d[j]))
		}
	}
	return out, nil
}

// qic is Pan's criterion; alone is the independence model's V_I⁻¹.
func (f *fit) qic(alone, robust linear.Sym) float64 {
	var quasi, trace float64
	for i, y := range f.data.design.Y {
		mu, _ := f.mean(i)
		switch f.family {
		case glm.Gaussian:
			quasi -= (y - mu) * (y - mu) / 2
		case glm.Binomial:
			quasi += times(y, math.Log(mu)) + times(1-y, math.Log1p(-mu))
		case glm.Poisson:
			quasi += times(y, math.Log(mu)) - mu
		}
	}
	for i := range alone.N {
		for j := range alone.N {
			trace += alone.At(i, j) * robust.At(i, j)
		}
	}
	return -2*quasi + 2*trace
}

// times is a·b, 0 where a is.
func times(a, b float64) float64 {
	if a == 0 {
		return 0
	}
	return a * b
}

// Wald returns the squared ratio of a coefficient to its robust error with its
// χ² p. An error of zero: ErrZeroVariance.
func (m *Model) Wald(coef int) (statistic, p float64, err error) {
	v := m.Robust.At(coef, coef)
	if !(v > 0) {
		return 0, 0, fmt.Errorf("gee: %s has a robust error of zero; there are too few clusters: %w", m.Names[coef], analytics.ErrZeroVariance)
	}
	statistic = m.Coef[coef] * m.Coef[coef] / v
	return statistic, dist.ChiSquaredTail(statistic, 1), nil
}

// ascending lists the gaps.
func ascending(sums map[float64]lag) []float64 {
	out := make([]float64, 0, len(sums))
	for d := range sums {
		out = append(out, d)
	}
	sort.Float64s(out)
	return out
}
