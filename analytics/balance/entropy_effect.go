package balance

import (
	"math"

	"github.com/lumbar-health/lumbar/analytics/effect"
)

// Entropy is an entropy-balanced comparison. StdErr accounts for the estimation
// of the weights; FixedStdErr takes them as known. MaxWeight is the largest
// weight of a person of a weighted arm (an arm's weights sum to 1), Divergence
// the controls' Σ w·log(w·n₀). Weight is that of one person of each pattern.
type Entropy struct {
	effect.Result
	FixedStdErr, MaxWeight, Divergence float64
	Weight                             []float64
}

// EntropyATT returns the effect among the treated: controls are tilted to the
// treated means of every column of the study's Score. Errors as EntropyTilt.
// The M-estimation error stacks the equations of the target means, the
// multipliers and the two mean outcomes. Hainmueller (2012), doi:10.1093/pan/mpr025;
// Zhao and Percival (2017), doi:10.1515/jci-2016-0010.
func EntropyATT(s *effect.Study, level float64) (Entropy, error) {
	tilt, err := EntropyTilt(s, false, true)
	if err != nil {
		return Entropy{}, err
	}
	n1 := s.Size(true)
	uniform := &Tilt{Weight: make([]float64, s.Len()), treated: true}
	for i, t := range s.Treated {
		if t {
			uniform.Weight[i] = 1 / n1
		}
	}
	return compareTilted(s, uniform, tilt, "entropy balancing, treated", level)
}

// EntropyATE returns the effect among everybody: each arm is tilted to the means
// of the whole study. Errors as EntropyTilt.
func EntropyATE(s *effect.Study, level float64) (Entropy, error) {
	treated, err := EntropyTilt(s, true, false)
	if err != nil {
		return Entropy{}, err
	}
	control, err := EntropyTilt(s, false, false)
	if err != nil {
		return Entropy{}, err
	}
	return compareTilted(s, treated, control, "entropy balancing, everybody", level)
}

func compareTilted(s *effect.Study, treated, control *Tilt, method string, level float64) (Entropy, error) {
	mean1, mean0 := treated.mean(s), control.mean(s)
	influence := treated.influence(s, mean1).Plus(control.influence(s, mean0), -1)
	r, err := s.NewResult(method, mean1, mean0, s.StdErr(influence), level)
	if err != nil {
		return Entropy{}, err
	}
	e := Entropy{Result: r, Weight: make([]float64, s.Len())}
	fixed := effect.NewInfluence(s.Len())
	n, n0 := s.N(), s.Size(false)
	for i, t := range s.Treated {
		w, m := treated.Weight[i], mean1
		if !t {
			w, m = control.Weight[i], mean0
			if w > 0 {
				e.Divergence += s.Count[i] * w * math.Log(w*n0)
			}
		}
		if len(treated.Columns) > 0 || !t {
			e.MaxWeight = math.Max(e.MaxWeight, w)
		}
		e.Weight[i] = w
		fixed.Const[i], fixed.Slope[i] = -n*w*m, n*w
	}
	e.FixedStdErr = s.StdErr(fixed)
	e.ESS1, e.ESS0 = EffectiveSize(s, e.Weight, true), EffectiveSize(s, e.Weight, false)
	e.Warnings = SizeWarnings(s, e.ESS1, e.ESS0)
	return e, nil
}

// mean is the weighted mean outcome.
func (t *Tilt) mean(s *effect.Study) float64 {
	var m float64
	for i, w := range t.Weight {
		m += w * s.Sum[i]
	}
	return m
}

// influence is that on the weighted mean outcome.
func (t *Tilt) influence(s *effect.Study, mean float64) effect.Influence {
	out := effect.NewInfluence(s.Len())
	n := s.N()
	for i, w := range t.Weight {
		out.Const[i], out.Slope[i] = -n*w*mean, n*w
	}
	if len(t.Columns) == 0 {
		return out
	}
	slope := make([]float64, len(t.Columns))
	for k := range slope {
		for i, w := range t.Weight {
			slope[k] += w * t.z[k][i] * (s.Sum[i] - s.Count[i]*mean)
		}
	}
	_, second := t.moments(s)
	factor, bad := second.Cholesky(pivot)
	if bad >= 0 { // the tilt was solved with this matrix
		return out
	}
	beta := factor.Solve(slope)
	share := 1.0
	if t.onThem {
		share = n / s.Size(true)
	}
	for i, w := range t.Weight {
		var fitted float64
		for k, b := range beta {
			fitted += b * t.z[k][i]
		}
		out.Const[i] -= n * w * fitted
		if !t.onThem || s.Treated[i] {
			out.Const[i] += share * fitted
		}
	}
	return out
}

// SizeWarnings says whether weighting leaves little of an arm.
func SizeWarnings(s *effect.Study, ess1, ess0 float64) []string {
	var out []string
	for _, a := range []struct {
		name    string
		ess, of float64
	}{{"treated", ess1, s.Size(true)}, {"control", ess0, s.Size(false)}} {
		switch {
		case a.ess < 0.1*a.of:
			out = append(out, "the effective size of the "+a.name+" arm is below a tenth of its people: the estimate rests on a few of them")
		case a.ess < 0.5*a.of:
			out = append(out, "the effective size of the "+a.name+" arm is below half of its people")
		}
	}
	return out
}
