package timeseries

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/linear"
)

// Autoregressive is a segmented model whose errors have the correlation φ^d at
// periods d apart. Sigma is the standard deviation of an error; LogLik the
// (restricted) log-likelihood at its maximum.
type Autoregressive struct {
	Names        []string
	Coef, StdErr []float64
	Phi, Sigma   float64
	LogLik       float64
	N, P         int
	Restricted   bool
}

// InterruptedAR1 fits the segmented model by generalised least squares with
// autoregressive errors of order 1, φ by restricted maximum likelihood or, with
// restricted false, by maximum likelihood. season as Interrupted. A missing
// period is no obstacle: two values d periods apart have the correlation φ^d.
//
//	errors of Interrupted
//	time not in whole periods, or twice the same   ErrInvalidParameter
//	a likelihood that rises to the edge |φ| = 1     ErrNotConverged
//
// The standard errors take φ as known, divisor n−p in σ² under REML and under ML
// alike, as R's nlme::gls. Agrees with nlme::gls(corAR1) to 1e-6. Pinheiro and
// Bates (2000), doi:10.1007/b98882.
func InterruptedAR1(s Series, season float64, restricted bool) (Autoregressive, error) {
	fit, err := Interrupted(s, season)
	if err != nil {
		return Autoregressive{}, err
	}
	m := fit.Design
	gaps := make([]float64, m.N)
	for i := 1; i < m.N; i++ {
		gaps[i] = s.Time[m.Rows[i]] - s.Time[m.Rows[i-1]]
		if gaps[i] < 1 || gaps[i] != math.Trunc(gaps[i]) {
			return Autoregressive{}, fmt.Errorf("timeseries: times must be different whole periods: %w", analytics.ErrInvalidParameter)
		}
	}
	profile := func(phi float64) float64 {
		l, _, _, err := likelihood(m, gaps, phi, restricted)
		if err != nil {
			return math.Inf(-1)
		}
		return l
	}
	phi, err := peak(profile)
	if err != nil {
		return Autoregressive{}, err
	}
	l, whitened, sigma, err := likelihood(m, gaps, phi, restricted)
	if err != nil {
		return Autoregressive{}, err
	}
	a := Autoregressive{Names: m.Names, Coef: whitened.Coef, Phi: phi, Sigma: sigma, LogLik: l, N: m.N, P: m.P, Restricted: restricted}
	for j := range a.Coef {
		a.StdErr = append(a.StdErr, math.Sqrt(whitened.Sigma2*whitened.Inv.At(j, j)))
	}
	return a, nil
}

// likelihood is the (restricted) log-likelihood at φ with coefficients and σ at
// their best, by least squares on the whitened rows
//
//	(x_t − φ^d x_{t−1}) / √(1 − φ^2d)
func likelihood(m *design.Matrix, gaps []float64, phi float64, restricted bool) (l float64, fit *linear.Rows, sigma float64, err error) {
	w := *m
	w.X, w.Y = append([]float64(nil), m.X...), append([]float64(nil), m.Y...)
	w.Assign = []int{1, 1, 1, 1, 1, 1}[:m.P] // no column is an intercept any more
	var logDet float64
	for i := m.N - 1; i > 0; i-- {
		r := math.Pow(math.Abs(phi), gaps[i])
		if phi < 0 && math.Mod(gaps[i], 2) == 1 {
			r = -r
		}
		left := 1 - r*r
		logDet += math.Log(left)
		scale := 1 / math.Sqrt(left)
		for j := 0; j < m.P; j++ {
			w.X[i*m.P+j] = (w.X[i*m.P+j] - r*w.X[(i-1)*m.P+j]) * scale
		}
		w.Y[i] = (w.Y[i] - r*w.Y[i-1]) * scale
	}
	if fit, err = linear.OLS(&w); err != nil {
		return 0, nil, 0, err
	}
	n, p := float64(m.N), float64(m.P)
	free := n
	if restricted {
		free = n - p
		logInverse, err := logDeterminant(fit.Inv)
		if err != nil {
			return 0, nil, 0, err
		}
		logDet -= logInverse
	}
	l = -free/2*(math.Log(2*math.Pi*fit.RSS/free)+1) - logDet/2
	return l, fit, math.Sqrt(fit.RSS / free), nil
}

func logDeterminant(s linear.Sym) (float64, error) {
	var chol mat.Cholesky
	if !chol.Factorize(s.Dense()) {
		return 0, fmt.Errorf("timeseries: the covariance is not positive definite: %w", analytics.ErrCollinear)
	}
	return chol.LogDet(), nil
}

// peak finds the maximum of a function over (−1, 1): a grid, even in artanh φ,
// then the golden section about its best point.
func peak(f func(float64) float64) (float64, error) {
	const steps, reach = 200, 4.0 // |φ| up to 0.9993
	at := func(i int) float64 { return math.Tanh(reach * float64(2*i-steps) / steps) }
	best, height := -1, math.Inf(-1)
	for i := 0; i <= steps; i++ {
		if v := f(at(i)); v > height {
			best, height = i, v
		}
	}
	if best <= 0 || best == steps {
		return 0, fmt.Errorf("timeseries: the likelihood rises to the edge of what φ may be, as for a random walk: %w", analytics.ErrNotConverged)
	}
	lo, hi := at(best-1), at(best+1)
	ratio := (math.Sqrt(5) - 1) / 2
	a, b := hi-ratio*(hi-lo), lo+ratio*(hi-lo)
	fa, fb := f(a), f(b)
	for hi-lo > 1e-10 {
		if fa > fb {
			hi, b, fb = b, a, fa
			a = hi - ratio*(hi-lo)
			fa = f(a)
		} else {
			lo, a, fa = a, b, fb
			b = lo + ratio*(hi-lo)
			fb = f(b)
		}
	}
	return (lo + hi) / 2, nil
}
