package describe

import (
	"math"
	"sort"

	"github.com/lumbar-health/lumbar/analytics"
)

// Summary describes one sample. All but N and the shape coefficients are in the
// values' unit. Skewness and Kurtosis (excess) are g₁ and g₂ of divisor n;
// SkewnessType2 and KurtosisType2 are the bias-corrected ones of SAS and SPSS, nil
// under 3 and 4 values. MAD is unscaled. TrimmedMean leaves out ⌊n/5⌋ values at
// each end.
type Summary struct {
	Mean                         analytics.Estimate
	StdDev                       float64
	Median, Q25, Q75, Q90        float64 // type 7
	Q25Type6, Q25Type1           float64
	MAD                          float64
	Skewness, Kurtosis           float64
	SkewnessType2, KurtosisType2 *float64
	TrimmedMean                  float64
	Min, Max                     float64
}

// Describe summarises the values, with the t interval of their mean at the
// level given.
//
//	fewer than 2 values   ErrTooFewObservations
//	all values the same   ErrZeroVariance
//	NaN or Inf input      ErrInvalidParameter
//
// The input is not modified. Checked against R 4.2.2 (stats) to 1e-9.
// Hyndman and Fan (1996); Joanes and Gill (1998), doi:10.1111/1467-9884.00122.
func Describe(x []float64, level float64) (Summary, error) {
	mean, sd, err := MeanSD(x)
	if err != nil {
		return Summary{}, err
	}
	var s Summary
	if s.Mean, err = interval(len(x), mean, sd, level); err != nil {
		return Summary{}, err
	}
	s.StdDev = sd
	s.shape(x, mean)
	s.order(x)
	return s, nil
}

// shape fills in the coefficients of the third and fourth moments.
func (s *Summary) shape(x []float64, mean float64) {
	n := float64(len(x))
	var m2, m3, m4 float64
	for _, v := range x {
		d := v - mean
		m2 += d * d
		m3 += d * d * d
		m4 += d * d * d * d
	}
	m2, m3, m4 = m2/n, m3/n, m4/n
	s.Skewness = m3 / math.Pow(m2, 1.5)
	s.Kurtosis = m4/(m2*m2) - 3
	if n > 2 {
		g := s.Skewness * math.Sqrt(n*(n-1)) / (n - 2)
		s.SkewnessType2 = &g
	}
	if n > 3 {
		g := (n - 1) / ((n - 2) * (n - 3)) * ((n+1)*s.Kurtosis + 6)
		s.KurtosisType2 = &g
	}
}

// order fills in what depends on the sorted values.
func (s *Summary) order(x []float64) {
	sorted := append([]float64(nil), x...)
	sort.Float64s(sorted)
	at := func(p float64, k Kind) float64 { q, _ := SortedQuantile(sorted, p, k); return q }
	s.Median, s.Q25, s.Q75, s.Q90 = at(0.5, Type7), at(0.25, Type7), at(0.75, Type7), at(0.9, Type7)
	s.Q25Type6, s.Q25Type1 = at(0.25, Type6), at(0.25, Type1)
	s.Min, s.Max = sorted[0], sorted[len(sorted)-1]
	cut := len(sorted) / 5
	kept := sorted[cut : len(sorted)-cut]
	s.TrimmedMean = sum(kept) / float64(len(kept))
	away := make([]float64, len(sorted))
	for i, v := range sorted {
		away[i] = math.Abs(v - s.Median)
	}
	sort.Float64s(away)
	s.MAD, _ = SortedQuantile(away, 0.5, Type7)
}
