package doublyrobust

import (
	"fmt"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/effect"
	"github.com/lumbar-health/lumbar/analytics/glm"
	"github.com/lumbar-health/lumbar/analytics/propensity"
)

// Margin is the two mean outcomes with their errors, their difference and their
// ratio. Ratio is nil when Mean0 is zero.
type Margin struct {
	Mean1, Mean0, StdErr1, StdErr0 float64
	Difference, StdErr             float64
	Ratio, RatioStdErr             *float64
}

// margin puts one together from the influences on the two means.
func margin(s *effect.Study, mean1, mean0 float64, influence1, influence0 effect.Influence) Margin {
	m := Margin{
		Mean1: mean1, Mean0: mean0, StdErr1: s.StdErr(influence1), StdErr0: s.StdErr(influence0),
		Difference: mean1 - mean0, StdErr: s.StdErr(influence1.Plus(influence0, -1)),
	}
	if mean0 != 0 {
		ratio := mean1 / mean0
		se := s.StdErr(influence1.Plus(influence0, -ratio).Scale(1 / mean0))
		m.Ratio, m.RatioStdErr = &ratio, &se
	}
	return m
}

// Joint holds three estimators that share one outcome model with the treatment
// as a column and one propensity: g-computation, inverse probability weighting
// (Horvitz–Thompson: divided by the number of people) and their augmented
// combination. InfluenceStdErr is the augmented difference's error with the
// models taken as known.
type Joint struct {
	GFormula, IPTW, AIPTW Margin
	InfluenceStdErr       float64
	Warnings              []string
}

// SingleModel returns them, with errors that account for both models. Errors of
// the models as glm.Fit. Agrees with R's riskRegression::ate 2022.11.28 to 1e-5.
// Ozenne and others (2020), doi:10.1002/bimj.201800298.
func SingleModel(s *effect.Study, family glm.Family, opts propensity.Options) (Joint, error) {
	one, zero, err := jointModel(s, false, family, opts)
	if err != nil {
		return Joint{}, err
	}
	m, err := propensity.Fit(s, opts)
	if err != nil {
		return Joint{}, err
	}
	a, err := augment(s, m, one, zero, opts)
	if err != nil {
		return Joint{}, err
	}
	w, err := propensity.NewWeights(s, m.Score, propensity.ATE)
	if err != nil {
		return Joint{}, err
	}
	everybody := func(bool) bool { return true }
	out := Joint{InfluenceStdErr: a.InfluenceStdErr, Warnings: a.Warnings}
	g1, i1 := averaged(s, one, everybody)
	g0, i0 := averaged(s, zero, everybody)
	out.GFormula = margin(s, g1, g0, i1, i0)
	h1, i1 := horvitzThompson(s, m, w, true)
	h0, i0 := horvitzThompson(s, m, w, false)
	out.IPTW = margin(s, h1, h0, i1, i0)
	_, _, i1 = augmentedMean(s, m, w, one, true)
	_, _, i0 = augmentedMean(s, m, w, zero, false)
	out.AIPTW = margin(s, a.Mean1, a.Mean0, i1, i0)
	return out, nil
}

// horvitzThompson is Σ w·y/N of an arm and the influence on it.
func horvitzThompson(s *effect.Study, m *propensity.Model, w propensity.Weights, treated bool) (mean float64, influence effect.Influence) {
	influence = effect.NewInfluence(s.Len())
	for i, t := range s.Treated {
		if t == treated {
			mean += w.Value[i] * s.Sum[i] / s.N()
			influence.Slope[i] = w.Value[i]
		}
	}
	for i := range influence.Const {
		influence.Const[i] = -mean
	}
	gradient := effect.Gradient(s.Score, func(i int) float64 {
		if s.Treated[i] != treated {
			return 0
		}
		return w.Slope[i] * s.Sum[i]
	})
	return mean, influence.Plus(effect.Correction(s.Score, m.Model, gradient, s.TreatmentResiduals(m.Score)), 1)
}

// binary refuses outcomes other than 0 and 1.
func binary(s *effect.Study) error {
	for i, n := range s.Count {
		if s.Sum[i] != s.SumSq[i] || s.Sum[i] < 0 || s.Sum[i] > n {
			return fmt.Errorf("doublyrobust: the outcome must be 0 or 1 for every person: %w", analytics.ErrInvalidParameter)
		}
	}
	return nil
}
