package bayes

import "math"

// negligible is how far below its peak, in natural logarithms, an integrand is
// left out: far enough for the variance of a law whose tail falls as the third power.
const negligible = 130.0

// node is a point of an integral with its share of the whole.
type node struct{ u, share float64 }

// integrate returns ln ∫ e^f(u) du over the line and the nodes with their shares,
// by the trapezoidal rule, which for smooth integrands that die away at both ends
// has an error of about e^(−2π·strip/step). f must have one peak region, near
// start, and fall from there. It returns ok false when f does not fall.
func integrate(f func(float64) float64, start, step float64) (logIntegral float64, nodes []node, ok bool) {
	const most = 2_000_000
	values := map[bool][]float64{}
	peak := f(start)
	for _, up := range []bool{false, true} {
		for i := 1; ; i++ {
			if i > most {
				return 0, nil, false
			}
			u := start + step*float64(i)
			if !up {
				u = start - step*float64(i)
			}
			v := f(u)
			if math.IsNaN(v) || math.IsInf(v, 1) {
				return 0, nil, false
			}
			values[up] = append(values[up], v)
			peak = math.Max(peak, v)
			if v < peak-negligible && i > 20 {
				break
			}
		}
	}
	down, up := values[false], values[true]
	add := func(u, v float64) { nodes = append(nodes, node{u, math.Exp(v - peak)}) }
	for i := len(down) - 1; i >= 0; i-- {
		add(start-step*float64(i+1), down[i])
	}
	add(start, f(start))
	for i, v := range up {
		add(start+step*float64(i+1), v)
	}
	var total float64
	for _, n := range nodes {
		total += n.share
	}
	for i := range nodes {
		nodes[i].share /= total
	}
	return peak + math.Log(total*step), nodes, true
}

// highest finds where f is largest on an even grid: a start for integrate.
func highest(f func(float64) float64, lo, hi float64, steps int) float64 {
	best, value := lo, math.Inf(-1)
	for i := 0; i <= steps; i++ {
		u := lo + (hi-lo)*float64(i)/float64(steps)
		if v := f(u); v > value {
			best, value = u, v
		}
	}
	return best
}
