package moments

import "math"

// Combination is a linear combination of the terms of a matrix, one weight a
// term: the gain, or the follow-up less what was expected. A shorter one has 0
// for the rest.
type Combination []float64

// Mean is the mean of the combination in points; ok is false when no row was
// counted.
func (w Combination) Mean(m Matrix) (mean float64, ok bool) {
	if m.N == 0 {
		return 0, false
	}
	for i, c := range w {
		if c != 0 {
			v, _ := m.Mean(i)
			mean += c * v
		}
	}
	return mean, true
}

// Sum is the sum of the combination over the rows, in points.
func (w Combination) Sum(m Matrix) (sum float64) {
	for i, c := range w {
		if c != 0 {
			sum += c * m.Sum(i, 0)
		}
	}
	return sum
}

// Squares is the sum of squares of the combination about its mean, in points
// squared; what rounding leaves of none is none.
func (w Combination) Squares(m Matrix) (ss float64) {
	var raw float64
	for i, ci := range w {
		if ci == 0 || i == 0 {
			continue
		}
		ss += ci * ci * m.Centred(i, i)
		raw += ci * ci * m.Sum(i, i)
		for j := 1; j < i; j++ {
			if w[j] != 0 {
				ss += 2 * ci * w[j] * m.Centred(i, j)
			}
		}
	}
	if ss < 1e-13*raw {
		return 0
	}
	return ss
}

// StdDev is the standard deviation of the combination with divisor n − lost, in
// points; ok is false when n is not above lost, or under two.
func (w Combination) StdDev(m Matrix, lost int) (sd float64, ok bool) {
	if m.N <= int64(lost) || m.N < 2 {
		return 0, false
	}
	return math.Sqrt(w.Squares(m) / float64(m.N-int64(lost))), true
}
