package timeseries

import (
	"fmt"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
	"github.com/lumbar-health/lumbar/analytics/linear"
)

// DurbinWatson returns Σ(e_t − e_{t−1})²/Σe_t²: 2 for residuals without serial
// correlation, less where neighbours resemble each other. Durbin and Watson
// (1950), doi:10.2307/2332391.
func DurbinWatson(o *linear.Rows) (float64, error) {
	d, err := o.Influence()
	return d.DurbinWatson, err
}

// BreuschGodfrey tests for serial correlation up to an order: n·R² of the
// residuals on the design and their own lags, lags before the first period taken
// as 0, referred to χ² with as many degrees of freedom as lags.
//
//	an order under 1    ErrInvalidParameter
//	too few periods for the lags   ErrTooFewObservations
//
// Agrees with R's lmtest::bgtest to 1e-9. Godfrey (1978), doi:10.2307/1913829.
func BreuschGodfrey(o *linear.Rows, order int) (linear.ChiTest, error) {
	if order < 1 || order >= o.N {
		return linear.ChiTest{}, fmt.Errorf("timeseries: Breusch–Godfrey of order %d, need 1 to %d: %w", order, o.N-1, analytics.ErrInvalidParameter)
	}
	lagged := o.Design
	for j := 1; j <= order; j++ {
		column := make([]float64, o.N)
		copy(column[j:], o.Residuals)
		lagged = lagged.Append(fmt.Sprintf("lag %d", j), column)
	}
	lagged.Y = o.Residuals
	fit, err := linear.OLS(lagged)
	if err != nil {
		return linear.ChiTest{}, fmt.Errorf("timeseries: Breusch–Godfrey: %w", err)
	}
	c := linear.ChiTest{Statistic: float64(o.N) * (1 - fit.RSS/o.RSS), DF: float64(order)}
	c.P = dist.ChiSquaredTail(c.Statistic, c.DF)
	return c, nil
}

// Autocorrelations returns those of lags 1 to most, about the mean, divisor n.
//
//	no more values than lags     ErrTooFewObservations
//	values that do not vary      ErrZeroVariance
func Autocorrelations(e []float64, most int) ([]float64, error) {
	n := len(e)
	if n <= most {
		return nil, fmt.Errorf("timeseries: %d values for %d lags: %w", n, most, analytics.ErrTooFewObservations)
	}
	var mean, square float64
	for _, v := range e {
		mean += v / float64(n)
	}
	for _, v := range e {
		square += (v - mean) * (v - mean)
	}
	if !(square > 0) {
		return nil, fmt.Errorf("timeseries: every value is the same, so there is no correlation to test: %w", analytics.ErrZeroVariance)
	}
	out := make([]float64, most)
	for j := range out {
		for t := j + 1; t < n; t++ {
			out[j] += (e[t] - mean) * (e[t-j-1] - mean)
		}
		out[j] /= square
	}
	return out, nil
}

// LjungBox tests that n values have no autocorrelation at the lags given in order
// from 1: n(n+2)·Σ r_j²/(n−j), referred to χ² with as many degrees of freedom as
// lags. Ljung and Box (1978), doi:10.1093/biomet/65.2.297; as R's Box.test.
func LjungBox(autocorrelations []float64, n int) linear.ChiTest {
	c := linear.ChiTest{DF: float64(len(autocorrelations))}
	for j, r := range autocorrelations {
		c.Statistic += r * r / float64(n-j-1)
	}
	c.Statistic *= float64(n) * float64(n+2)
	c.P = dist.ChiSquaredTail(c.Statistic, c.DF)
	return c
}
