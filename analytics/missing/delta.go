package missing

import "sort"

// Shift returns y with delta added where `of` says so: the pattern-mixture
// assumption that what was imputed lies delta away from what people alike
// reported. y is not modified. Cro and others (2020), doi:10.1002/sim.8569.
func Shift(y []float64, delta float64, of func(i int) bool) []float64 {
	out := append([]float64(nil), y...)
	for i := range out {
		if of(i) {
			out[i] += delta
		}
	}
	return out
}

// TippingPoint returns the delta nearest to zero at which the two-sided p of an
// effect crosses 0.05, by linear interpolation of p between neighbouring deltas;
// nil where it does not cross. Results are in the order of the deltas.
func TippingPoint(deltas []float64, results []Pooled) *float64 {
	const line = 0.05
	order := make([]int, len(deltas))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(a, b int) bool { return deltas[order[a]] < deltas[order[b]] })
	var best *float64
	for k := 1; k < len(order); k++ {
		a, b := order[k-1], order[k]
		pa, pb := results[a].P-line, results[b].P-line
		if pa*pb > 0 || pa == pb {
			continue
		}
		at := deltas[a] + (deltas[b]-deltas[a])*pa/(pa-pb)
		if best == nil || abs(at) < abs(*best) {
			best = &at
		}
	}
	return best
}

func abs(x float64) float64 {
	if x < 0 {
		return -x
	}
	return x
}
