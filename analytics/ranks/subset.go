package ranks

import (
	"fmt"
	"math"
	"sort"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/histogram"
)

// workLimit bounds the steps of an exact distribution, a few seconds of them,
// tableLimit its cells, and halvesLimit the people of whom every subset of one
// half can be listed.
const (
	workLimit   = 2_000_000_000
	tableLimit  = 10_000_000
	halvesLimit = 44
)

// subsetSums is the law of the sum of a random subset: counts[s] of the subsets
// of the given size have the sum of scores s.
type subsetSums struct {
	counts []float64
	total  float64
}

// newSubsetSums counts subsets of size people by the sum of their whole-number
// scores, each 0 or more (the shift algorithm of Streitberg and Röhmel 1986).
// people[i] have scores[i]. Too large: ErrInvalidParameter.
func newSubsetSums(scores, people []int64, size int64) (subsetSums, error) {
	var n int64
	most := largestSum(scores, people, size)
	for _, c := range people {
		n += c
	}
	if float64(n)*float64(size)*float64(most+1) > workLimit || float64(size+1)*float64(most+1) > tableLimit || logChoose(float64(n), float64(size)) > 700 {
		return subsetSums{}, fmt.Errorf("%d people are too many for an exact distribution, use the asymptotic one: %w", n, analytics.ErrInvalidParameter)
	}
	width := most + 1
	table := make([]float64, (size+1)*width)
	table[0] = 1
	var seen, reached int64
	for i, score := range scores {
		for range people[i] {
			seen++
			reached = min(reached+score, most)
			for j := min(seen, size); j >= 1; j-- {
				from, to := table[(j-1)*width:j*width], table[j*width:(j+1)*width]
				for s := reached; s >= score; s-- {
					to[s] += from[s-score]
				}
			}
		}
	}
	out := subsetSums{counts: table[size*width:]}
	for _, c := range out.counts {
		out.total += c
	}
	return out, nil
}

// largestSum adds up the largest scores of that many people.
func largestSum(scores, people []int64, size int64) int64 {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	sort.Slice(order, func(a, b int) bool { return scores[order[a]] > scores[order[b]] })
	var sum int64
	for _, i := range order {
		take := min(people[i], size)
		sum += take * scores[i]
		size -= take
	}
	return sum
}

func logChoose(n, k float64) float64 {
	a, _ := math.Lgamma(n + 1)
	b, _ := math.Lgamma(k + 1)
	c, _ := math.Lgamma(n - k + 1)
	return a - b - c
}

// outside returns the share of subsets whose sum is as far from centre/scale as
// the observed one or farther, compared in whole numbers.
func (s subsetSums) outside(observed, centre, scale int64) float64 {
	far := observed*scale - centre
	if far < 0 {
		far = -far
	}
	var p float64
	for sum, c := range s.counts {
		if d := int64(sum)*scale - centre; d >= far || -d >= far {
			p += c
		}
	}
	return p / s.total
}

// upTo returns P(sum ≤ k).
func (s subsetSums) upTo(k int64) float64 {
	var p float64
	for _, c := range s.counts[:max(0, min(k+1, int64(len(s.counts))))] {
		p += c
	}
	return p / s.total
}

// quantile returns the smallest k with P(sum ≤ k) ≥ p, with R's slack.
func (s subsetSums) quantile(p float64) int64 {
	var sum float64
	for k, c := range s.counts {
		sum += c / s.total
		if sum >= p*(1-4*2.220446e-16) {
			return int64(k)
		}
	}
	return int64(len(s.counts) - 1)
}

// wholeScores turns ascending whole numbers into the smallest ones that have the
// same proportions, the lowest 0.
func wholeScores(units []int64) []int64 {
	var step int64
	for _, u := range units {
		step = gcd(step, u-units[0])
	}
	out := make([]int64, len(units))
	for i, u := range units {
		out[i] = (u - units[0]) / max(step, 1)
	}
	return out
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// lattice finds the step of which every value is a whole multiple from the
// lowest: a power of ten down to 1e-6. ok is false where there is none.
func lattice(h histogram.Histogram) (units []int64, ok bool) {
	lowest := h.Values[0]
	for scale := 1.0; scale <= 1e6; scale *= 10 {
		units = units[:0]
		fits := true
		for _, v := range h.Values {
			u := (v - lowest) * scale
			whole := math.Round(u)
			if math.Abs(u-whole) > 1e-9*math.Max(1, math.Abs(v)*scale) || whole > 1e12 {
				fits = false
				break
			}
			units = append(units, int64(whole))
		}
		if fits {
			return units, true
		}
	}
	return nil, false
}

// halves returns the share of subsets of that size whose sum lies outside
// (low, high), by listing the sums of both halves of the people (van de Wiel's
// split-up). Up to halvesLimit people.
func halves(values []float64, size int, low, high float64) float64 {
	left, right := sumsBySize(values[:len(values)/2]), sumsBySize(values[len(values)/2:])
	var out, total float64
	for j, sums := range left {
		k := size - j
		if k < 0 || k >= len(right) {
			continue
		}
		other := right[k]
		total += float64(len(sums)) * float64(len(other))
		// As the first sum grows, fewer of the second reach low, more reach high.
		atMost, over := len(other), len(other)
		for _, s := range sums {
			for atMost > 0 && s+other[atMost-1] > low {
				atMost--
			}
			for over > 0 && s+other[over-1] >= high {
				over--
			}
			out += float64(atMost + len(other) - over)
		}
	}
	return out / total
}

// sumsBySize lists the sums of all subsets, by their size, ascending.
func sumsBySize(values []float64) [][]float64 {
	out := make([][]float64, len(values)+1)
	out[0] = []float64{0}
	for i, v := range values {
		for j := i; j >= 0; j-- {
			for _, s := range out[j] {
				out[j+1] = append(out[j+1], s+v)
			}
		}
	}
	for _, sums := range out {
		sort.Float64s(sums)
	}
	return out
}
