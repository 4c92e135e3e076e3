package multiplicity

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/lumbar-health/lumbar/analytics"
)

// Method is a way of adjusting.
type Method string

// The methods. Bonferroni, Holm, Hochberg and Hommel hold the chance of any false
// rejection (family-wise); BH and BY the expected share of false ones among the
// rejections. Holm, Bonferroni and BY need nothing of how the tests depend on each
// other; Hochberg, Hommel and BH need independence or positive dependence.
const (
	Bonferroni Method = "bonferroni"
	Holm       Method = "holm"
	Hochberg   Method = "hochberg"
	Hommel     Method = "hommel"
	BH         Method = "BH"
	BY         Method = "BY"
)

// Methods lists every method.
func Methods() []Method { return []Method{Holm, Hochberg, Hommel, Bonferroni, BH, BY} }

// maxHommel bounds Hommel's method, whose work grows with the square of the
// number of tests.
const maxHommel = 20000

// Adjust returns the adjusted p-values in the order given: the smallest level of
// the whole family at which each test is rejected. With p₍₁₎ ≤ … ≤ p₍ₘ₎:
//
//	Bonferroni  min(1, m·p)
//	Holm        max over j ≤ i of (m−j+1)·p₍ⱼ₎
//	Hochberg    min over j ≥ i of (m−j+1)·p₍ⱼ₎
//	BH          min over j ≥ i of m/j·p₍ⱼ₎;   BY the same times Σ 1/j
//	Hommel      by closed testing of Simes' test
//
// Equal p-values have equal adjusted values. p is not modified.
//
//	no p-value                              ErrTooFewObservations
//	outside [0,1], NaN, unknown method      ErrInvalidParameter
//	Hommel of more than 20 000              ErrInvalidParameter
//
// Agrees with R's p.adjust to 1e-12. Holm (1979); Hochberg (1988),
// doi:10.1093/biomet/75.4.800; Hommel (1988), doi:10.1093/biomet/75.2.383;
// Benjamini and Hochberg (1995), doi:10.1111/j.2517-6161.1995.tb02031.x;
// Benjamini and Yekutieli (2001), doi:10.1214/aos/1013699998.
func Adjust(method Method, p []float64) ([]float64, error) {
	if len(p) == 0 {
		return nil, fmt.Errorf("multiplicity: no p-value: %w", analytics.ErrTooFewObservations)
	}
	for i, v := range p {
		if !(v >= 0 && v <= 1) {
			return nil, fmt.Errorf("multiplicity: p-value %d lies outside 0 to 1: %w", i+1, analytics.ErrInvalidParameter)
		}
	}
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	sorted := make([]float64, len(p))
	for i, at := range order {
		sorted[i] = p[at]
	}
	adjusted, err := adjustSorted(method, sorted)
	if err != nil {
		return nil, err
	}
	out := make([]float64, len(p))
	for i, at := range order {
		out[at] = math.Min(adjusted[i], 1)
	}
	return out, nil
}

// adjustSorted adjusts ascending p-values.
func adjustSorted(method Method, p []float64) ([]float64, error) {
	m := float64(len(p))
	rest := func(i int) float64 { return m - float64(i) } // tests from place i on
	switch method {
	case Bonferroni:
		return stepDown(p, func(int) float64 { return m }), nil
	case Holm:
		return stepDown(p, rest), nil
	case Hochberg:
		return stepUp(p, rest), nil
	case BH:
		return stepUp(p, func(i int) float64 { return m / float64(i+1) }), nil
	case BY:
		var harmonic float64
		for i := range p {
			harmonic += 1 / float64(i+1)
		}
		return stepUp(p, func(i int) float64 { return harmonic * m / float64(i+1) }), nil
	case Hommel:
		if len(p) > maxHommel {
			return nil, fmt.Errorf("multiplicity: %d p-values, at most %d for Hommel's method; take Hochberg's: %w", len(p), maxHommel, analytics.ErrInvalidParameter)
		}
		return hommel(p), nil
	}
	return nil, fmt.Errorf("multiplicity: method %q, have %v: %w", method, Methods(), analytics.ErrInvalidParameter)
}

// stepDown multiplies and keeps the running maximum from the smallest.
func stepDown(p []float64, factor func(int) float64) []float64 {
	out := make([]float64, len(p))
	highest := 0.0
	for i, v := range p {
		highest = math.Max(highest, factor(i)*v)
		out[i] = highest
	}
	return out
}

// stepUp multiplies and keeps the running minimum from the largest.
func stepUp(p []float64, factor func(int) float64) []float64 {
	out := make([]float64, len(p))
	lowest := math.Inf(1)
	for i := len(p) - 1; i >= 0; i-- {
		lowest = math.Min(lowest, factor(i)*p[i])
		out[i] = lowest
	}
	return out
}

// hommel closes Simes' test: test i is rejected when every set of tests that holds
// it is. Of the sets of s tests the hardest to reject holds the s−1 largest
// p-values beside p₍ᵢ₎, or the s largest when i is one of them.
func hommel(p []float64) []float64 {
	m := len(p)
	out := slices.Clone(p) // the sets of one
	for s := 2; s <= m; s++ {
		first := m - s + 1 // place of the (s−1)th largest
		top := math.Inf(1) // Simes over the s−1 largest, at ranks 2 to s
		for r := 2; r <= s; r++ {
			top = math.Min(top, float64(s)*p[first+r-2]/float64(r))
		}
		for i := range p {
			// A p-value among the largest has Simes of the s largest, whose
			// first is at place m−s.
			own := math.Min(float64(s)*p[min(i, first-1)], top)
			out[i] = math.Max(out[i], own)
		}
	}
	return out
}
