package describe

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/histogram"
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
	h, err := histogram.FromRows(x)
	if err != nil {
		return Summary{}, fmt.Errorf("describe: %w", err)
	}
	return DescribeCounts(h, level)
}

// DescribeCounts is Describe of a histogram, such as the store returns. Nothing
// else of the people is needed.
func DescribeCounts(h histogram.Histogram, level float64) (Summary, error) {
	if err := h.Check(); err != nil {
		return Summary{}, fmt.Errorf("describe: %w", err)
	}
	n := h.N()
	if n < 2 {
		return Summary{}, fmt.Errorf("describe: %d values, need 2: %w", n, analytics.ErrTooFewObservations)
	}
	mean := meanOf(h)
	squares := h.SumSquares()
	var s Summary
	var err error
	s.StdDev = math.Sqrt(squares / float64(n-1))
	if s.Mean, err = interval(int(n), mean, s.StdDev, level); err != nil {
		return Summary{}, err
	}
	s.shape(h, mean)
	s.order(h)
	return s, nil
}

// meanOf is the mean, corrected by the mean deviation from it.
func meanOf(h histogram.Histogram) float64 {
	mean, _ := h.Mean()
	away := make([]float64, len(h.Values))
	for i, v := range h.Values {
		away[i] = float64(h.Counts[i]) * (v - mean)
	}
	return mean + sum(away)/float64(h.N())
}

// shape fills in the coefficients of the third and fourth moments.
func (s *Summary) shape(h histogram.Histogram, mean float64) {
	n := float64(h.N())
	var m2, m3, m4 float64
	for i, v := range h.Values {
		d, c := v-mean, float64(h.Counts[i])
		m2 += c * d * d
		m3 += c * d * d * d
		m4 += c * d * d * d * d
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
func (s *Summary) order(h histogram.Histogram) {
	at := func(p float64, k Kind) float64 { q, _ := CountsQuantile(h, p, k); return q }
	s.Median, s.Q25, s.Q75, s.Q90 = at(0.5, Type7), at(0.25, Type7), at(0.75, Type7), at(0.9, Type7)
	s.Q25Type6, s.Q25Type1 = at(0.25, Type6), at(0.25, Type1)
	s.Min, s.Max = h.Values[0], h.Values[len(h.Values)-1]
	s.TrimmedMean = meanOf(trimmed(h, h.N()/5))
	away := h.Map(func(v float64) float64 { return math.Abs(v - s.Median) })
	s.MAD, _ = CountsQuantile(away, 0.5, Type7)
}

// trimmed leaves out so many people at each end.
func trimmed(h histogram.Histogram, cut int64) histogram.Histogram {
	var kept histogram.Histogram
	low, high := cut, h.N()-cut // the places kept
	var below int64
	for i, c := range h.Counts {
		if k := min(below+c, high) - max(below, low); k > 0 {
			kept.Values, kept.Counts = append(kept.Values, h.Values[i]), append(kept.Counts, k)
		}
		below += c
	}
	return kept
}
