package describe

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
	"github.com/lumbar-health/lumbar/analytics/moments"
)

// MeanSD returns the mean and the standard deviation, divisor n−1, in the
// values' unit.
//
// The mean is a compensated sum; the deviations are taken about it in a second
// pass with the correction of Chan, Golub and LeVeque (1983), so that a large
// offset costs no digits.
//
//	fewer than 2 values   ErrTooFewObservations
//	NaN or Inf input      ErrInvalidParameter
//
// Agrees with NIST StRD NumAcc3 and NumAcc4 to the digits that the inputs carry.
func MeanSD(x []float64) (mean, sd float64, err error) {
	if err := analytics.CheckFinite("values", x); err != nil {
		return 0, 0, fmt.Errorf("describe: mean: %w", err)
	}
	if len(x) < 2 {
		return 0, 0, fmt.Errorf("describe: mean: %d values, need 2: %w", len(x), analytics.ErrTooFewObservations)
	}
	n := float64(len(x))
	mean = sum(x) / n
	var squares, rest float64
	for _, v := range x {
		d := v - mean
		squares += d * d
		rest += d
	}
	mean += rest / n
	return mean, math.Sqrt((squares - rest*rest/n) / (n - 1)), nil
}

// MeanInterval returns the mean of one column of moments with its t interval
//
//	x̄ ± t(n−1) · sd/√n
//
// in points; col is the place of the term in m.Terms. The sums are centred
// exactly where the column counts whole units. Assumes independent people; the
// interval of a clustered sample is too narrow.
//
//	fewer than 2 rows      ErrTooFewObservations
//	all values the same    ErrZeroVariance
//	level outside (0,1)    ErrInvalidParameter
//
// Equal to Describe on the same rows to 1e-12.
func MeanInterval(m moments.Matrix, col int, level float64) (analytics.Estimate, error) {
	if col < 0 || col >= len(m.Terms) {
		return analytics.Estimate{}, fmt.Errorf("describe: mean interval: column %d of %d: %w", col, len(m.Terms), analytics.ErrInvalidParameter)
	}
	variance, ok := m.Variance(col)
	if !ok {
		return analytics.Estimate{}, fmt.Errorf("describe: mean interval: %d values, need 2: %w", m.N, analytics.ErrTooFewObservations)
	}
	mean, _ := m.Mean(col)
	return interval(int(m.N), mean, math.Sqrt(variance), level)
}

// interval is the t interval of a mean.
func interval(n int, mean, sd, level float64) (analytics.Estimate, error) {
	if err := analytics.CheckLevel(level); err != nil {
		return analytics.Estimate{}, fmt.Errorf("describe: mean interval: %w", err)
	}
	if sd == 0 {
		return analytics.Estimate{}, fmt.Errorf("describe: mean interval: %d equal values: %w", n, analytics.ErrZeroVariance)
	}
	se := sd / math.Sqrt(float64(n))
	half := dist.TCritical(level, float64(n-1)) * se
	return analytics.Estimate{Value: mean, StdErr: se, Lower: mean - half, Upper: mean + half, Level: level, N: n, Method: "t interval of a mean"}, nil
}

// sum adds with Neumaier's compensation.
func sum(x []float64) float64 {
	var s, lost float64
	for _, v := range x {
		t := s + v
		if math.Abs(s) >= math.Abs(v) {
			lost += (s - t) + v
		} else {
			lost += (v - t) + s
		}
		s = t
	}
	return s + lost
}
