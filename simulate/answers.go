package simulate

import (
	"math"

	"github.com/lumbar-health/lumbar/instruments"
)

// pack is what a person is asked each time.
var pack = [...]instruments.ID{"odi", "nrs_back", "nrs_leg", "eq5d5l"}

const skippedItem = 7 // the ODI's eighth, often left out

// gaps says which items of the ODI stay unanswered: mostly none, often the one that
// many skip, seldom half of them, and then there is no score.
func (p *person) gaps(r random) (missing [10]bool) {
	missing[skippedItem] = p.skips || r.chance(0.02)
	switch x := r.Float64(); {
	case x < 0.01:
		missing[r.IntN(len(missing))] = true
	case x < 0.015:
		for i := 5; i < len(missing); i++ {
			missing[i] = true
		}
	}
	return missing
}

// odiAnswers draws codes whose score is on average the level, in points: the
// sum nearest to it goes up or down by chance, and no level of 0 to 100 meets
// a floor.
func odiAnswers(r random, level float64, missing [10]bool) (codes [10]int16) {
	var asked []int
	for i, gap := range missing {
		codes[i] = instruments.Missing
		if !gap {
			asked = append(asked, i)
		}
	}
	sum := int(min(max(r.round(level*float64(len(asked))/20), 0), float64(5*len(asked))))
	for _, at := range asked {
		codes[at] = int16(sum / len(asked))
	}
	for _, at := range r.Perm(len(asked))[:sum%len(asked)] {
		codes[asked[at]]++
	}
	// The same sum, less even: points wander from one item to another.
	for range 8 {
		from, to := asked[r.IntN(len(asked))], asked[r.IntN(len(asked))]
		if from != to && codes[from] > 0 && codes[to] < 5 {
			codes[from]--
			codes[to]++
		}
	}
	return codes
}

// odiScore is the score of the answered items, in points.
func odiScore(codes []int16) float64 {
	sum, n := 0, 0
	for _, c := range codes {
		if c != instruments.Missing {
			sum += int(c)
			n++
		}
	}
	return 100 * float64(sum) / float64(5*n)
}

// painAnswer draws a rating of 0 to 10 that goes with the level.
func painAnswer(r random, base, slope, level float64) []int16 {
	return []int16{int16(r.whole(base+slope*level, 1.2, 0, 10))}
}

// healthAnswers draws the five levels and the scale of EQ-5D-5L.
func healthAnswers(r random, p *person, level float64) []int16 {
	codes := make([]int16, 6)
	for i, d := range [5][2]float64{{1, 0.032}, {0.6, 0.028}, {1, 0.036}, {1.3, 0.034}, {1 + 0.5*float64(p.risk), 0.014}} {
		codes[i] = int16(r.whole(d[0]+d[1]*level, 0.55, 1, 5))
	}
	scale := r.whole(88-0.7*level, 10, 0, 100)
	if r.chance(0.6) {
		scale = int(math.Round(float64(scale)/5)) * 5 // many tick a round number
	}
	codes[5] = int16(scale)
	switch x := r.Float64(); {
	case x < 0.012:
		codes[r.IntN(5)] = instruments.Missing
	case x < 0.03:
		codes[5] = instruments.Missing
	}
	return codes
}
