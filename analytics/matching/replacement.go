package matching

import (
	"fmt"
	"math"
	"sort"

	"github.com/lumbar-health/lumbar/analytics"
)

// tolerance is what a squared standardised distance may exceed the smallest by
// and still count as a tie: that of Matching::Match.
const tolerance = 1e-5

// Replaced is matching of each treated person to the nearest controls, which may
// be used again. StdErr is Abadie and Imbens's for matching on a known measure;
// Simple ignores that controls are shared.
type Replaced struct {
	Value, StdErr, Simple float64
	N                     int // treated people
}

// window is the controls matched to a treated person: places from, to (out) of
// the sorted controls.
type window struct{ from, to int }

// Matches are the windows of the treated over the controls in order of measure.
type Matches struct {
	treated, controls []int // places of the people
	windows           []window
}

// WithReplacement finds for each treated person the controls whose squared
// distance, the measure in standard deviations (n−1) of all people, is within
// 1e-5 of the smallest; they share the match equally.
//
//	lengths that differ, NaN                     ErrInvalidParameter
//	an arm without people                        ErrTooFewObservations
//	a measure that is the same for everybody     ErrZeroVariance
//
// Takes n·log n time. Abadie and Imbens (2006), doi:10.1111/j.1468-0262.2006.00655.x.
func WithReplacement(measure []float64, treated []bool) (*Matches, error) {
	chooser, pool, err := split(measure, treated)
	if err != nil {
		return nil, err
	}
	sd := deviation(measure)
	if !(sd > 0) {
		return nil, fmt.Errorf("matching: everybody has the same measure: %w", analytics.ErrZeroVariance)
	}
	m := &Matches{treated: chooser, controls: pool, windows: make([]window, len(chooser))}
	sort.SliceStable(pool, func(a, b int) bool { return measure[pool[a]] < measure[pool[b]] })
	value := func(k int) float64 { return measure[pool[k]] / sd }
	for k, i := range chooser {
		x := measure[i] / sd
		squared := func(j int) float64 { d := value(j) - x; return d * d }
		at := sort.Search(len(pool), func(j int) bool { return value(j) >= x })
		least := math.Inf(1)
		if at < len(pool) {
			least = squared(at)
		}
		if at > 0 {
			least = math.Min(least, squared(at-1))
		}
		m.windows[k] = window{
			from: sort.Search(at, func(j int) bool { return squared(j) <= least+tolerance }),
			to:   at + sort.Search(len(pool)-at, func(j int) bool { return squared(at+j) > least+tolerance }),
		}
	}
	return m, nil
}

// deviation is the standard deviation, divisor n−1.
func deviation(x []float64) float64 {
	n := float64(len(x))
	if n < 2 {
		return 0
	}
	var mean, squares float64
	for _, v := range x {
		mean += v / n
	}
	for _, v := range x {
		squares += (v - mean) * (v - mean)
	}
	return math.Sqrt(squares / (n - 1))
}

// Effect returns the mean over the treated of y minus the mean of their matches,
//
//	variance [Σ(τᵢ−τ)² + σ²·Σ(K² − Σ shares²)]/n₁²
//
// K the sum of the shares in which a control was used, σ² half the mean squared
// deviation of a matched difference from τ. Agrees with R's Matching::Match
// 4.10-8 to 1e-9.
func (m *Matches) Effect(y []float64) (Replaced, error) {
	if len(y) != len(m.treated)+len(m.controls) {
		return Replaced{}, fmt.Errorf("matching: %d outcomes for %d people: %w", len(y), len(m.treated)+len(m.controls), analytics.ErrInvalidParameter)
	}
	if err := analytics.CheckFinite("matching: outcome", y); err != nil {
		return Replaced{}, err
	}
	return m.compare(y), nil
}

// compare does so from sums of the sorted controls' outcomes.
func (m *Matches) compare(y []float64) Replaced {
	var centre float64 // keeps the digits of squares
	for _, i := range m.treated {
		centre += y[i] / float64(len(m.treated))
	}
	sums, squares := make([]float64, len(m.controls)+1), make([]float64, len(m.controls)+1)
	for k, i := range m.controls {
		v := y[i] - centre
		sums[k+1], squares[k+1] = sums[k]+v, squares[k]+v*v
	}
	n := float64(len(m.treated))
	effects := make([]float64, len(m.treated))
	out := Replaced{N: len(m.treated)}
	for k, w := range m.windows {
		effects[k] = y[m.treated[k]] - centre - (sums[w.to]-sums[w.from])/float64(w.to-w.from)
		out.Value += effects[k] / n
	}
	var between, sigma2, pairs float64
	for k, w := range m.windows {
		between += (effects[k] - out.Value) * (effects[k] - out.Value)
		// Over the matches of one person: Σ(a − yⱼ)²/size, a its own less τ.
		a, size := y[m.treated[k]]-centre-out.Value, float64(w.to-w.from)
		spread := a*a - 2*a*(sums[w.to]-sums[w.from])/size + (squares[w.to]-squares[w.from])/size
		sigma2 += spread / 2 / n
		pairs += spread
	}
	out.StdErr = math.Sqrt(between+sigma2*m.reuse()) / n
	out.Simple = math.Sqrt(pairs) / n
	return out
}

// reuse is Σ(K² − Σ shares²) over the controls.
func (m *Matches) reuse() float64 {
	share, square := m.shares()
	var total float64
	for k, s := range share {
		total += s*s - square[k]
	}
	return total
}

// shares are, for each sorted control, the sum of its shares and of their squares.
func (m *Matches) shares() (share, square []float64) {
	share, square = make([]float64, len(m.controls)+1), make([]float64, len(m.controls)+1)
	for _, w := range m.windows {
		size := float64(w.to - w.from)
		share[w.from] += 1 / size
		share[w.to] -= 1 / size
		square[w.from] += 1 / (size * size)
		square[w.to] -= 1 / (size * size)
	}
	for k := 1; k < len(share); k++ {
		share[k] += share[k-1]
		square[k] += square[k-1]
	}
	return share[:len(m.controls)], square[:len(m.controls)]
}

// Weights are the shares of each person in the comparison: 1 for the treated and
// the sum of its shares for a control.
func (m *Matches) Weights() []float64 {
	out := make([]float64, len(m.treated)+len(m.controls))
	for _, i := range m.treated {
		out[i] = 1
	}
	share, _ := m.shares()
	for k, i := range m.controls {
		out[i] = math.Max(share[k], 0)
	}
	return out
}
