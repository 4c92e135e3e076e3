package histogram

import (
	"fmt"
	"math"
	"sort"

	"github.com/lumbar-health/lumbar/analytics"
)

// Histogram is a sample: Values are distinct, finite and ascending, Counts the
// number of people with each, 1 or more. The zero value is an empty sample. The
// slices are shared, never written to.
type Histogram struct {
	Values []float64
	Counts []int64
}

// FromRows counts the values of a sample. NaN or Inf: ErrInvalidParameter. The
// input is not modified.
func FromRows(x []float64) (Histogram, error) {
	if err := analytics.CheckFinite("values", x); err != nil {
		return Histogram{}, fmt.Errorf("histogram: %w", err)
	}
	sorted := append([]float64(nil), x...)
	sort.Float64s(sorted)
	ones := make([]int64, len(sorted))
	for i := range ones {
		ones[i] = 1
	}
	return join(sorted, ones), nil
}

// New makes a histogram of values and counts in any order, as a query returns
// them; a value may come twice, and a count of zero leaves it out. Lengths that
// differ, a negative count, NaN or Inf: ErrInvalidParameter. Inputs are copied.
func New(values []float64, counts []int64) (Histogram, error) {
	if len(values) != len(counts) {
		return Histogram{}, fmt.Errorf("histogram: %d values with %d counts: %w", len(values), len(counts), analytics.ErrInvalidParameter)
	}
	if err := analytics.CheckFinite("values", values); err != nil {
		return Histogram{}, fmt.Errorf("histogram: %w", err)
	}
	order := make([]int, 0, len(values))
	for i, c := range counts {
		if c < 0 {
			return Histogram{}, fmt.Errorf("histogram: a count of %d: %w", c, analytics.ErrInvalidParameter)
		}
		if c > 0 {
			order = append(order, i)
		}
	}
	sort.SliceStable(order, func(a, b int) bool { return values[order[a]] < values[order[b]] })
	v, c := make([]float64, len(order)), make([]int64, len(order))
	for to, from := range order {
		v[to], c[to] = values[from], counts[from]
	}
	return join(v, c), nil
}

// join adds up equal neighbours, in place.
func join(values []float64, counts []int64) Histogram {
	last := -1
	for i, v := range values {
		if last >= 0 && values[last] == v {
			counts[last] += counts[i]
			continue
		}
		last++
		values[last], counts[last] = v, counts[i]
	}
	return Histogram{Values: values[:last+1], Counts: counts[:last+1]}
}

// Check refuses a histogram that was put together by hand and is none: values
// out of order, twice or not finite, counts under 1 (ErrInvalidParameter).
func (h Histogram) Check() error {
	if len(h.Values) != len(h.Counts) {
		return fmt.Errorf("histogram: %d values with %d counts: %w", len(h.Values), len(h.Counts), analytics.ErrInvalidParameter)
	}
	if err := analytics.CheckFinite("values", h.Values); err != nil {
		return fmt.Errorf("histogram: %w", err)
	}
	for i, c := range h.Counts {
		if c < 1 || i > 0 && !(h.Values[i-1] < h.Values[i]) {
			return fmt.Errorf("histogram: place %d: values must ascend and counts be 1 or more: make it with New: %w", i+1, analytics.ErrInvalidParameter)
		}
	}
	return nil
}

// N returns the size of the sample.
func (h Histogram) N() int64 {
	var n int64
	for _, c := range h.Counts {
		n += c
	}
	return n
}

// Merge returns the union of samples.
func Merge(parts ...Histogram) Histogram {
	var values []float64
	var counts []int64
	for _, p := range parts {
		values = append(values, p.Values...)
		counts = append(counts, p.Counts...)
	}
	sort.Stable(byValue{values, counts})
	return join(values, counts)
}

// byValue sorts values with their counts.
type byValue struct {
	values []float64
	counts []int64
}

func (b byValue) Len() int           { return len(b.values) }
func (b byValue) Less(i, j int) bool { return b.values[i] < b.values[j] }
func (b byValue) Swap(i, j int) {
	b.values[i], b.values[j] = b.values[j], b.values[i]
	b.counts[i], b.counts[j] = b.counts[j], b.counts[i]
}

// Map returns the sample of f of each value; f must not return NaN.
func (h Histogram) Map(f func(float64) float64) Histogram {
	values, counts := make([]float64, len(h.Values)), append([]int64(nil), h.Counts...)
	for i, v := range h.Values {
		values[i] = f(v)
	}
	sort.Stable(byValue{values, counts})
	return join(values, counts)
}

// Mean returns the mean; ok is false for an empty sample.
func (h Histogram) Mean() (mean float64, ok bool) {
	if len(h.Values) == 0 {
		return 0, false
	}
	n, origin := float64(h.N()), h.Values[len(h.Values)/2]
	for i, v := range h.Values {
		mean += float64(h.Counts[i]) * (v - origin)
	}
	return origin + mean/n, true
}

// SumSquares returns Σ(v − mean)² over the people, 0 for an empty sample.
func (h Histogram) SumSquares() float64 {
	mean, _ := h.Mean()
	var squares, rest float64
	for i, v := range h.Values {
		d, c := v-mean, float64(h.Counts[i])
		squares += c * d * d
		rest += c * d
	}
	if len(h.Values) > 1 {
		squares -= rest * rest / float64(h.N())
	}
	return math.Max(squares, 0)
}

// Variance returns the variance with divisor n−1; ok is false under two people.
func (h Histogram) Variance() (variance float64, ok bool) {
	n := h.N()
	if n < 2 {
		return 0, false
	}
	return h.SumSquares() / float64(n-1), true
}

// At returns the value of the person who is k-th from below, 0 ≤ k < N.
func (h Histogram) At(k int64) float64 {
	for i, c := range h.Counts {
		if k < c {
			return h.Values[i]
		}
		k -= c
	}
	return math.NaN()
}

// Quantile returns the p-quantile of type 7 of Hyndman and Fan (1996), R's
// default. An empty sample: ErrTooFewObservations; p outside [0,1]:
// ErrInvalidParameter.
func (h Histogram) Quantile(p float64) (float64, error) {
	n := h.N()
	if !(p >= 0 && p <= 1) {
		return 0, fmt.Errorf("histogram: quantile of %v, need 0 to 1: %w", p, analytics.ErrInvalidParameter)
	}
	if n == 0 {
		return 0, fmt.Errorf("histogram: quantile of an empty sample: %w", analytics.ErrTooFewObservations)
	}
	at := float64(n-1) * p
	k := int64(math.Floor(at))
	low := h.At(k)
	if k+1 >= n {
		return low, nil
	}
	high := h.At(k + 1)
	return low + (at-float64(k))*(high-low), nil
}

// Median returns the middle value or the mean of the two middle ones; ok is
// false for an empty sample.
func (h Histogram) Median() (median float64, ok bool) {
	n := h.N()
	if n == 0 {
		return 0, false
	}
	return (h.At((n-1)/2) + h.At(n/2)) / 2, true
}
