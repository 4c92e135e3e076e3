package propensity

import (
	"fmt"

	"github.com/lumbar-health/lumbar/analytics/effect"
)

// Bounds of what a score and a weight may be before a reader is warned.
const (
	lowScore, highScore = 0.05, 0.95
	heavy               = 10 // times the mean weight of the arm
)

// Positivity returns what a reader must know about the overlap of the arms:
// scores near 0 or 1 where the target weights by their inverse, people whom the
// other arm does not reach, weights far above their arm's mean.
func Positivity(s *effect.Study, score []float64, w Weights) []string {
	var out []string
	common := CommonSupport(s, score)
	if common.Low > common.High {
		return append(out, "the arms do not overlap: nobody in one arm has a score that anybody in the other has; the estimate is an extrapolation")
	}
	var extreme, outside bool
	var largest, sum [2]float64
	for i, t := range s.Treated {
		if s.Count[i] <= 0 {
			continue
		}
		k := 0
		if t {
			k = 1
		}
		extreme = extreme || w.inverts(t, score[i])
		outside = outside || score[i] < common.Low || score[i] > common.High
		largest[k] = max(largest[k], w.Value[i])
		sum[k] += s.Count[i] * w.Value[i]
	}
	bounded := w.Bounded > 0
	if extreme && !bounded {
		out = append(out, fmt.Sprintf("some people have a propensity below %v or above %v: treatment was nearly certain for them; compare with overlap weights or a trimmed estimate", lowScore, highScore))
	}
	if outside && (w.Target == ATE || w.Target == Stabilised || w.Target == ATT || w.Target == ATC) {
		out = append(out, "some people have a propensity that nobody in the other arm has")
	}
	for k, name := range []string{"control", "treated"} {
		if largest[k] > heavy*sum[k]/s.Size(k == 1) {
			out = append(out, fmt.Sprintf("the largest weight of the %s arm is more than %d times its mean", name, heavy))
		}
	}
	return out
}

// inverts says whether the target divides by a probability that is nearly zero.
func (w Weights) inverts(treated bool, e float64) bool {
	switch w.Target {
	case ATE, Stabilised:
		return treated && e < lowScore || !treated && e > highScore
	case ATT:
		return !treated && e > highScore
	case ATC:
		return treated && e < lowScore
	}
	return false
}
