package sequential

import (
	"math"
	"sort"

	"github.com/lumbar-health/lumbar/analytics/dist"
)

// reach is how many standard deviations of a normal law are integrated over: the
// rest is below 1e-30.
const reach = 12.0

// Nodes and weights of Gauss and Legendre's rule of eight points on (−1, 1).
var (
	ruleNodes   = [4]float64{0.18343464249564980494, 0.52553240991632898582, 0.79666647741362673959, 0.96028985649753623168}
	ruleWeights = [4]float64{0.36268378337836198297, 0.31370664587788728734, 0.22238103445337447054, 0.10122853629037625915}
)

// path is the law of the test statistic of those who went on after some look:
// masses at points z, ascending, at the share t of the information.
type path struct {
	t       float64
	z, mass []float64
}

// walk follows a statistic whose mean at the share t is drift·√t through looks,
// stopping when it passes upward through a limit. Its increments are independent
// (Armitage, McPherson and Rowe 1969): the law of those who go on is carried from
// look to look by numerical integration.
type walk struct {
	times []float64
	drift float64
}

// tail is the chance that those of the path pass c at look k.
func (w walk) tail(from path, k int, c float64) float64 {
	t := w.times[k]
	if k == 0 {
		return dist.NormalTail(c - w.drift*math.Sqrt(t))
	}
	step := t - from.t
	scale, old, new := 1/math.Sqrt(step), math.Sqrt(from.t), c*math.Sqrt(t)-w.drift*step
	var p float64
	for i, z := range from.z {
		p += from.mass[i] * dist.NormalTail((new-z*old)*scale)
	}
	return p
}

// goOn is the law after look k of those below c.
func (w walk) goOn(from path, k int, c float64) path {
	t := w.times[k]
	mean, before := w.drift*math.Sqrt(t), 0.0
	if k > 0 {
		before = w.times[k-1]
	}
	// A panel is no wider than what smooths the law here and at the next look.
	width := math.Sqrt((t - before) / t)
	if k+1 < len(w.times) {
		width = math.Min(width, math.Sqrt((w.times[k+1]-t)/t))
	}
	width = 1.5 * math.Min(width, 1)
	lo, hi := mean-reach, math.Min(c, mean+reach)
	out := path{t: t}
	if hi <= lo {
		return out
	}
	panels := int(math.Ceil((hi - lo) / width))
	half := (hi - lo) / float64(panels) / 2
	for i := 0; i < panels; i++ {
		centre := lo + half*float64(2*i+1)
		for j := -4; j < 4; j++ {
			at, sign := j, 1.0
			if j < 0 {
				at, sign = -j-1, -1
			}
			z := centre + sign*half*ruleNodes[at]
			out.z = append(out.z, z)
			out.mass = append(out.mass, half*ruleWeights[at]*w.density(from, k, z))
		}
	}
	return out
}

// density of the statistic at look k among those of the path.
func (w walk) density(from path, k int, z float64) float64 {
	t := w.times[k]
	if k == 0 {
		d := z - w.drift*math.Sqrt(t)
		return math.Exp(-d*d/2) / math.Sqrt(2*math.Pi)
	}
	step := t - from.t
	old, spread := math.Sqrt(from.t), math.Sqrt(step)
	target := z*math.Sqrt(t) - w.drift*step
	first := sort.SearchFloat64s(from.z, (target-reach*spread)/old)
	last := sort.SearchFloat64s(from.z, (target+reach*spread)/old)
	var sum float64
	for i := first; i < last; i++ {
		d := (target - from.z[i]*old) / spread
		sum += from.mass[i] * math.Exp(-d*d/2)
	}
	return sum / spread * math.Sqrt(t) / math.Sqrt(2*math.Pi)
}

// crossings are the chances of passing first at each look.
func (w walk) crossings(limits []float64) []float64 {
	out := make([]float64, len(limits))
	var at path
	for k, c := range limits {
		out[k] = w.tail(at, k, c)
		if k+1 < len(limits) {
			at = w.goOn(at, k, c)
		}
	}
	return out
}

func sum(values []float64) float64 {
	var s float64
	for _, v := range values {
		s += v
	}
	return s
}
