package simulate

import (
	"math"
	"math/rand/v2"
)

// Streams of random numbers: each person, record and the world have their own,
// so that any of them can be made alone.
const (
	streamWorld uint64 = iota
	streamPeople
	streamRecords
)

// random draws from one stream.
type random struct{ *rand.Rand }

func newRandom(seed, stream, index uint64) random {
	a := mix(seed + 0x9e3779b97f4a7c15*(stream+1))
	return random{rand.New(rand.NewPCG(a, mix(a^mix(index))))}
}

// mix is the finaliser of splitmix64: neighbouring numbers come out unrelated.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (r random) chance(p float64) bool { return r.Float64() < p }

// normal draws from a normal distribution, cut off at cut standard deviations.
func (r random) normal(mean, sd, cut float64) float64 {
	for {
		if z := r.NormFloat64(); math.Abs(z) <= cut {
			return mean + sd*z
		}
	}
}

// between draws a number with the given mean from a symmetric distribution
// about it that stays in low … high, so that no floor or ceiling moves the
// mean. sd is met where there is room.
func (r random) between(mean, sd, low, high float64) float64 {
	const cut = 2.5
	room := max(min(mean-low, high-mean), 0)
	return r.normal(mean, min(sd, room/cut), cut)
}

// round rounds x to a whole number up or down, so that its mean is x.
func (r random) round(x float64) float64 {
	whole := math.Floor(x)
	if r.chance(x - whole) {
		whole++
	}
	return whole
}

// whole draws a rounded normal number in low … high.
func (r random) whole(mean, sd float64, low, high int) int {
	return min(max(int(math.Round(mean+sd*r.NormFloat64())), low), high)
}

// days draws a skewed number of days with the median, at most longest.
func (r random) days(shortest int, median, spread float64, longest int) int {
	return min(shortest+int(median*math.Exp(spread*r.NormFloat64())), longest)
}

// choose draws an index with probabilities in proportion to the weights.
func (r random) choose(weights ...float64) int {
	total := 0.0
	for _, w := range weights {
		total += w
	}
	at := r.Float64() * total
	for i, w := range weights {
		if at -= w; at < 0 {
			return i
		}
	}
	return len(weights) - 1
}

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
