package doublyrobust

import (
	"math"

	"github.com/lumbar-health/lumbar/analytics/balance"
	"github.com/lumbar-health/lumbar/analytics/effect"
	"github.com/lumbar-health/lumbar/analytics/glm"
	"github.com/lumbar-health/lumbar/analytics/propensity"
)

// AIPW is an augmented inverse-probability-weighted comparison of everybody.
// The Result's standard error accounts for the estimation of all three models;
// InfluenceStdErr takes them as known, √Σφ²/n, which is right when all are, and
// InfluenceStdErr1 is that with √(n/(n−1)). Hajek normalises the weights of the
// augmentation; GComputation is the outcome models' own difference.
type AIPW struct {
	effect.Result
	InfluenceStdErr, InfluenceStdErr1 float64
	Hajek, GComputation               float64
}

// Augmented returns the AIPW estimate of the average effect
//
//	mean of m₁ + t(y−m₁)/e − m₀ − (1−t)(y−m₀)/(1−e)
//
// with outcome models mₐ fitted in each arm and a logistic propensity e. It is
// consistent when either is right.
//
//	separation, collinear columns, small arms    as glm.Fit, naming the model
//	a study without Score or Outcome             ErrInvalidParameter
//
// Agrees with golden/lib.R to 1e-6 (its derivatives are numerical).
// Robins, Rotnitzky and Zhao (1994), doi:10.1080/01621459.1994.10476818; Funk
// and others (2011), doi:10.1093/aje/kwq439.
func Augmented(s *effect.Study, family glm.Family, opts propensity.Options) (AIPW, error) {
	m, one, zero, err := threeModels(s, family, opts)
	if err != nil {
		return AIPW{}, err
	}
	return augment(s, m, one, zero, opts)
}

// threeModels fits the propensity and an outcome model in each arm.
func threeModels(s *effect.Study, family glm.Family, opts propensity.Options) (m *propensity.Model, one, zero predicted, err error) {
	if one, err = armModel(s, true, family, opts); err != nil {
		return
	}
	if zero, err = armModel(s, false, family, opts); err != nil {
		return
	}
	m, err = propensity.Fit(s, opts)
	return
}

// augment combines a propensity and outcome predictions.
func augment(s *effect.Study, m *propensity.Model, one, zero predicted, opts propensity.Options) (AIPW, error) {
	w, err := propensity.NewWeights(s, m.Score, propensity.ATE)
	if err != nil {
		return AIPW{}, err
	}
	mean1, known1, full1 := augmentedMean(s, m, w, one, true)
	mean0, known0, full0 := augmentedMean(s, m, w, zero, false)
	r, err := s.NewResult("augmented inverse probability weighting", mean1, mean0, s.StdErr(full1.Plus(full0, -1)), opts.Confidence())
	if err != nil {
		return AIPW{}, err
	}
	n := s.N()
	out := AIPW{Result: r, InfluenceStdErr: s.StdErr(known1.Plus(known0, -1))}
	out.InfluenceStdErr1 = out.InfluenceStdErr * math.Sqrt(n/(n-1))
	out.Hajek = normalised(s, w, one, true) - normalised(s, w, zero, false)
	for i, c := range s.Count {
		out.GComputation += c * (one.mean[i] - zero.mean[i]) / n
	}
	out.ESS1, out.ESS0 = balance.EffectiveSize(s, w.Value, true), balance.EffectiveSize(s, w.Value, false)
	out.Warnings = append(propensity.Positivity(s, m.Score, w), balance.SizeWarnings(s, out.ESS1, out.ESS0)...)
	return out, nil
}

// augmentedMean is the mean outcome were everybody in an arm, with the influence
// on it when the models are known and when they are estimated.
func augmentedMean(s *effect.Study, m *propensity.Model, w propensity.Weights, p predicted, treated bool) (mean float64, known, full effect.Influence) {
	n := s.N()
	known = effect.NewInfluence(s.Len())
	for i, own := range s.Treated {
		known.Const[i] = p.mean[i]
		mean += s.Count[i] * p.mean[i]
		if own == treated {
			known.Const[i] -= w.Value[i] * p.mean[i]
			known.Slope[i] = w.Value[i]
			mean += w.Value[i] * (s.Sum[i] - s.Count[i]*p.mean[i])
		}
	}
	mean /= n
	for i := range known.Const {
		known.Const[i] -= mean
	}
	byScore := effect.Gradient(s.Score, func(i int) float64 {
		if s.Treated[i] != treated {
			return 0
		}
		return w.Slope[i] * (s.Sum[i] - s.Count[i]*p.mean[i])
	})
	byOutcome := effect.Gradient(p.x, func(i int) float64 {
		if s.Treated[i] != treated {
			return s.Count[i] * p.slope[i]
		}
		return s.Count[i] * p.slope[i] * (1 - w.Value[i])
	})
	full = known.
		Plus(effect.Correction(s.Score, m.Model, byScore, s.TreatmentResiduals(m.Score)), 1).
		Plus(p.correction(byOutcome), 1)
	return mean, known, full
}

// normalised is the augmented mean with the augmentation's weights summing to 1.
func normalised(s *effect.Study, w propensity.Weights, p predicted, treated bool) float64 {
	var mean, gap, sum float64
	for i, own := range s.Treated {
		mean += s.Count[i] * p.mean[i]
		if own == treated {
			gap += w.Value[i] * (s.Sum[i] - s.Count[i]*p.mean[i])
			sum += w.Value[i] * s.Count[i]
		}
	}
	return mean/s.N() + gap/sum
}

// AugmentedTreated returns the AIPW estimate of the effect among the treated
//
//	Σ [t(y−m₀) − (1−t)·e/(1−e)·(y−m₀)] / n₁
//
// with an outcome model of the controls; InfluenceStdErr takes the models as
// known, and the Result's error accounts for their estimation. Mean1 is the
// treated mean and Mean0 what it would have been. Errors as Augmented.
// Mercatanti and Li (2014), doi:10.1214/14-AOAS767.
func AugmentedTreated(s *effect.Study, family glm.Family, opts propensity.Options) (AIPW, error) {
	zero, err := armModel(s, false, family, opts)
	if err != nil {
		return AIPW{}, err
	}
	m, err := propensity.Fit(s, opts)
	if err != nil {
		return AIPW{}, err
	}
	w, err := propensity.NewWeights(s, m.Score, propensity.ATT)
	if err != nil {
		return AIPW{}, err
	}
	known, value := effect.NewInfluence(s.Len()), 0.0
	n, n1 := s.N(), s.Size(true)
	sign := func(i int) float64 {
		if s.Treated[i] {
			return n / n1
		}
		return -w.Value[i] * n / n1
	}
	for i := range s.Treated {
		known.Const[i], known.Slope[i] = -sign(i)*zero.mean[i], sign(i)
		value += sign(i) * (s.Sum[i] - s.Count[i]*zero.mean[i]) / n
	}
	for i, t := range s.Treated {
		if t {
			known.Const[i] -= value * n / n1
		}
	}
	byScore := effect.Gradient(s.Score, func(i int) float64 {
		if s.Treated[i] {
			return 0
		}
		return -w.Slope[i] * n / n1 * (s.Sum[i] - s.Count[i]*zero.mean[i])
	})
	byOutcome := effect.Gradient(zero.x, func(i int) float64 { return -sign(i) * s.Count[i] * zero.slope[i] })
	full := known.
		Plus(effect.Correction(s.Score, m.Model, byScore, s.TreatmentResiduals(m.Score)), 1).
		Plus(zero.correction(byOutcome), 1)
	mean1 := s.Mean(true)
	r, err := s.NewResult("augmented weighting, treated", mean1, mean1-value, s.StdErr(full), opts.Confidence())
	if err != nil {
		return AIPW{}, err
	}
	out := AIPW{Result: r, InfluenceStdErr: s.StdErr(known)}
	out.InfluenceStdErr1 = out.InfluenceStdErr * math.Sqrt(n/(n-1))
	for i, t := range s.Treated {
		if t {
			out.GComputation += (s.Sum[i] - s.Count[i]*zero.mean[i]) / n1
		}
	}
	out.Hajek = treatedNormalised(s, w, zero)
	out.ESS0 = balance.EffectiveSize(s, w.Value, false)
	out.Warnings = append(propensity.Positivity(s, m.Score, w), balance.SizeWarnings(s, out.ESS1, out.ESS0)...)
	return out, nil
}

// treatedNormalised is AugmentedTreated with the controls' weights summing to 1.
func treatedNormalised(s *effect.Study, w propensity.Weights, zero predicted) float64 {
	var gap, sum, treated float64
	for i, t := range s.Treated {
		left := s.Sum[i] - s.Count[i]*zero.mean[i]
		if t {
			treated += left
			continue
		}
		gap += w.Value[i] * left
		sum += w.Value[i] * s.Count[i]
	}
	return treated/s.Size(true) - gap/sum
}
