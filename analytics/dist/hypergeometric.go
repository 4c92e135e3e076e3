package dist

import "math"

// Hypergeometric is Fisher's noncentral hypergeometric law of the first cell of
// a 2×2 table with fixed margins: Row1 and Row2 people in the rows, Column1 in
// the first column, and the odds ratio e^LogOdds; LogOdds 0 is the central law.
type Hypergeometric struct {
	Row1, Row2, Column1 int64
	LogOdds             float64
}

// Support returns the smallest and the largest possible cell.
func (h Hypergeometric) Support() (lo, hi int64) {
	return max(0, h.Column1-h.Row2), min(h.Row1, h.Column1)
}

// ratio is the log of P(k+1)/P(k).
func (h Hypergeometric) ratio(k int64) float64 {
	up := float64(h.Row1-k) * float64(h.Column1-k)
	down := float64(k+1) * float64(h.Row2-h.Column1+k+1)
	return math.Log(up/down) + h.LogOdds
}

// mode returns the likeliest cell: the ratio falls as k rises.
func (h Hypergeometric) mode() int64 {
	lo, hi := h.Support()
	for lo < hi {
		mid := lo + (hi-lo)/2
		if h.ratio(mid) > 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// weights returns the probabilities over the support in units of the mode's,
// and their sum; cells under e^−745 of the mode are zero.
func (h Hypergeometric) weights() (w []float64, sum float64) {
	lo, hi := h.Support()
	w = make([]float64, hi-lo+1)
	mode := h.mode()
	odds := math.Exp(h.LogOdds)
	next := func(k int64) float64 {
		up := float64(h.Row1-k) * float64(h.Column1-k)
		down := float64(k+1) * float64(h.Row2-h.Column1+k+1)
		if odds > 0 && !math.IsInf(odds, 1) {
			return up / down * odds
		}
		return math.Exp(h.ratio(k))
	}
	w[mode-lo] = 1
	for k := mode; k < hi && w[k-lo] > 0; k++ {
		w[k+1-lo] = w[k-lo] * next(k)
	}
	for k := mode - 1; k >= lo && w[k+1-lo] > 0; k-- {
		w[k-lo] = w[k+1-lo] / next(k)
	}
	for _, v := range w {
		sum += v
	}
	return w, sum
}

// Mean returns the expected cell.
func (h Hypergeometric) Mean() float64 {
	lo, _ := h.Support()
	w, sum := h.weights()
	var s float64
	for i, v := range w {
		s += float64(i) * v
	}
	return float64(lo) + s/sum
}

// Lower returns P(X ≤ k).
func (h Hypergeometric) Lower(k int64) float64 {
	return h.sumWhere(func(at int64) bool { return at <= k })
}

// Upper returns P(X ≥ k).
func (h Hypergeometric) Upper(k int64) float64 {
	return h.sumWhere(func(at int64) bool { return at >= k })
}

func (h Hypergeometric) sumWhere(in func(k int64) bool) float64 {
	lo, _ := h.Support()
	w, sum := h.weights()
	var s float64
	for i, v := range w {
		if in(lo + int64(i)) {
			s += v
		}
	}
	return s / sum
}

// TwoSided returns the probability of the cells that are no likelier than k,
// with a relative slack of 1e-7 as R's fisher.test.
func (h Hypergeometric) TwoSided(k int64) float64 {
	lo, _ := h.Support()
	w, sum := h.weights()
	limit := w[k-lo] * (1 + 1e-7)
	var s float64
	for _, v := range w {
		if v <= limit {
			s += v
		}
	}
	return math.Min(s/sum, 1)
}

// LogOddsWhere solves f(law) = target over the log odds ratio for a function
// that rises with it; ok is false where the target is not reached within ±700.
func (h Hypergeometric) LogOddsWhere(f func(Hypergeometric) float64, target float64) (logOdds float64, ok bool) {
	return Root(func(l float64) float64 {
		h.LogOdds = l
		return f(h) - target
	}, -700, 700)
}
