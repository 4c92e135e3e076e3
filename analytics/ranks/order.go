package ranks

import "math"

// kth returns the smallest x in [lo,hi] with atMost(x) ≥ k, by halving the
// floating-point numbers between lo and hi: 64 counts, whatever the size of the
// set, and an exact member of it. atMost must rise from under k to k or more.
func kth(k int64, lo, hi float64, atMost func(x float64) int64) float64 {
	a, b := order(lo), order(hi)
	for a < b {
		mid := a + (b-a)/2
		if atMost(fromOrder(mid)) >= k {
			b = mid
		} else {
			a = mid + 1
		}
	}
	return fromOrder(a)
}

// order maps finite numbers to integers of the same order; −0 is 0.
func order(x float64) uint64 {
	bits := math.Float64bits(x + 0)
	if bits>>63 == 1 {
		return ^bits
	}
	return bits | 1<<63
}

func fromOrder(n uint64) float64 {
	if n>>63 == 1 {
		return math.Float64frombits(n &^ (1 << 63))
	}
	return math.Float64frombits(^n)
}
