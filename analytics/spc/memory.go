package spc

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
)

// MemoryOptions are the constants of charts with a memory; the textbooks have
// 0.2, 3 and 0.5.
type MemoryOptions struct {
	Weight    float64 // λ of the newest value in the moving mean, 0 < λ ≤ 1
	Width     float64 // L, standard deviations from the mean to the limits
	Allowance float64 // k of the sums, in standard deviations
}

// Memory is a chart of exponentially weighted means and of cumulative sums: small
// lasting changes show earlier than on an XmR chart. Mean and Sigma are those of
// the process, in the unit of the values; the sums are in standard deviations.
type Memory struct {
	Mean, Sigma     float64
	Weighted        []float64
	Lower, Upper    []float64
	SumHigh, SumLow []float64
}

// WithMemory draws both charts of values in order
//
//	z_i = λx_i + (1−λ)z_{i−1}, z_0 = mean;  limits mean ± Lσ·√(λ/(2−λ)·(1 − (1−λ)^{2i}))
//	H_i = max(0, H_{i−1} + u_i − k),  D_i = max(0, D_{i−1} − u_i − k),  u = (x − mean)/σ
//
// σ is the mean moving range over 1.128. Both sums are positive: SumLow grows
// while values are low.
//
//	fewer than two points               ErrTooFewObservations
//	all equal                           ErrZeroVariance
//	a value that is not finite, λ outside
//	(0,1], L ≤ 0, k < 0                 ErrInvalidParameter
//
// Inputs are not modified. Agrees with testdata/r/spc.R to 1e-12. Roberts (1959),
// doi:10.1080/00401706.1959.10489860; Page (1954), doi:10.1093/biomet/41.1-2.100.
func WithMemory(values []float64, o MemoryOptions) (Memory, error) {
	if !(o.Weight > 0 && o.Weight <= 1) || !(o.Width > 0) || !(o.Allowance >= 0) || math.IsInf(o.Width, 0) || math.IsInf(o.Allowance, 0) {
		return Memory{}, fmt.Errorf("spc: ewma and cusum: need 0 < λ ≤ 1, L > 0 and k ≥ 0: %w", analytics.ErrInvalidParameter)
	}
	l, err := limits(values)
	if err != nil {
		return Memory{}, err
	}
	m := Memory{Mean: l.Mean, Sigma: l.Sigma}
	z, high, low := l.Mean, 0.0, 0.0
	for i, x := range values {
		z = o.Weight*x + (1-o.Weight)*z
		half := o.Width * m.Sigma * math.Sqrt(o.Weight/(2-o.Weight)*(1-math.Pow(1-o.Weight, 2*float64(i+1))))
		u := (x - m.Mean) / m.Sigma
		high, low = math.Max(0, high+u-o.Allowance), math.Max(0, low-u-o.Allowance)
		m.Weighted = append(m.Weighted, z)
		m.Lower, m.Upper = append(m.Lower, m.Mean-half), append(m.Upper, m.Mean+half)
		m.SumHigh, m.SumLow = append(m.SumHigh, high), append(m.SumLow, low)
	}
	return m, nil
}
