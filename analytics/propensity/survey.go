package propensity

import (
	"math"

	"github.com/lumbar-health/lumbar/analytics/effect"
)

// Survey is the weighted difference with the errors that survey software gives
// when the weights are taken as known: HC0 and HC3 of the weighted regression on
// the treatment, and Design = HC0·√(n/(n−1)). HorvitzThompson divides by the
// number of people in place of the sums of weights.
type Survey struct {
	Value, HC0, Design float64
	HC3                *float64 // nil when one person carries an arm
	HorvitzThompson    float64
}

// SurveyErrors returns them. Lumley (2004), doi:10.18637/jss.v009.i08.
func SurveyErrors(s *effect.Study, w Weights) Survey {
	var sum, total [2]float64
	for i, t := range s.Treated {
		k := arm(t)
		sum[k] += s.Count[i] * w.Value[i]
		total[k] += s.Sum[i] * w.Value[i]
	}
	mean := [2]float64{total[0] / sum[0], total[1] / sum[1]}
	n := s.N()
	plain, jack := effect.NewInfluence(s.Len()), effect.NewInfluence(s.Len())
	alone := false
	for i, t := range s.Treated {
		k := arm(t)
		share := w.Value[i] / sum[k] // also the leverage
		alone = alone || 1-share < 1e-8
		plain.Const[i], plain.Slope[i] = -n*share*mean[k], n*share
		jack.Const[i], jack.Slope[i] = plain.Const[i]/(1-share), plain.Slope[i]/(1-share)
	}
	out := Survey{
		Value: mean[1] - mean[0], HC0: s.StdErr(plain),
		HorvitzThompson: total[1]/n - total[0]/n,
	}
	out.Design = out.HC0 * math.Sqrt(n/(n-1))
	if !alone {
		se := s.StdErr(jack)
		out.HC3 = &se
	}
	return out
}

func arm(treated bool) int {
	if treated {
		return 1
	}
	return 0
}
