package propensity

import (
	"errors"
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/balance"
	"github.com/lumbar-health/lumbar/analytics/dense"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/effect"
)

// Contrast is a weighted difference of means (Hájek: each arm's weights are
// normalised). StdErr accounts for the estimated score, FixedStdErr takes the
// weights as known (HC0). MaxWeight is the largest weight of a person, Sum1 and
// Sum0 those of the arms, Lowest and Highest the range of scores.
type Contrast struct {
	effect.Result
	FixedStdErr, MaxWeight float64
	Sum1, Sum0             float64
	Lowest, Highest        float64
	Weights                Weights
}

// Weighted returns the difference of weighted means
//
//	Σ t·w·y / Σ t·w − Σ (1−t)·w·y / Σ (1−t)·w
//
// with the standard error of the stacked estimating equations of the score and
// the two means; the slopes of the weights are exact, a cap or a truncation
// taken as known. A model without a fit (Model nil) stands for scores that are
// known: both errors are then the same. An arm of weights zero: ErrTooFewObservations.
// Agrees with golden/lib.R to 1e-6 (whose derivatives are numerical).
// Lunceford and Davidian (2004), doi:10.1002/sim.1903.
func Weighted(s *effect.Study, m *Model, w Weights, opts Options) (Contrast, error) {
	c := Contrast{Weights: w, Lowest: math.Inf(1), Highest: math.Inf(-1)}
	var mean [2]float64
	sum := [2]float64{}
	for i, t := range s.Treated {
		k := 0
		if t {
			k = 1
		}
		sum[k] += s.Count[i] * w.Value[i]
		mean[k] += s.Sum[i] * w.Value[i]
		if s.Count[i] > 0 {
			c.MaxWeight = math.Max(c.MaxWeight, w.Value[i])
			c.Lowest, c.Highest = math.Min(c.Lowest, m.Score[i]), math.Max(c.Highest, m.Score[i])
		}
	}
	for k := range sum {
		if !(sum[k] > 0) {
			return c, fmt.Errorf("propensity: every weight of an arm is zero; choose another target or trim less: %w", analytics.ErrTooFewObservations)
		}
		mean[k] /= sum[k]
	}
	c.Sum0, c.Sum1 = sum[0], sum[1]
	estimated, fixed := effect.NewInfluence(s.Len()), effect.NewInfluence(s.Len())
	for _, arm := range []struct {
		treated   bool
		mean, sum float64
		sign      float64
	}{{true, mean[1], sum[1], 1}, {false, mean[0], sum[0], -1}} {
		a, b := meanInfluence(s, m, w, arm.treated, arm.mean, arm.sum)
		fixed = fixed.Plus(a, arm.sign)
		estimated = estimated.Plus(b, arm.sign)
	}
	r, err := s.NewResult("weighted by propensity, "+w.Target.String(), mean[1], mean[0], s.StdErr(estimated), opts.Confidence())
	if err != nil {
		return c, err
	}
	c.Result, c.FixedStdErr = r, s.StdErr(fixed)
	c.ESS1, c.ESS0 = balance.EffectiveSize(s, w.Value, true), balance.EffectiveSize(s, w.Value, false)
	c.Warnings = append(Positivity(s, m.Score, w), balance.SizeWarnings(s, c.ESS1, c.ESS0)...)
	return c, nil
}

// meanInfluence is the influence on a weighted mean, with the weights known and
// with the score estimated.
func meanInfluence(s *effect.Study, m *Model, w Weights, treated bool, mean, sum float64) (fixed, estimated effect.Influence) {
	scale := s.N() / sum
	fixed = effect.NewInfluence(s.Len())
	for i, t := range s.Treated {
		if t == treated {
			fixed.Const[i], fixed.Slope[i] = -scale*w.Value[i]*mean, scale*w.Value[i]
		}
	}
	if m.Model == nil {
		return fixed, fixed
	}
	gradient := effect.Gradient(s.Score, func(i int) float64 {
		if s.Treated[i] != treated {
			return 0
		}
		return w.Slope[i] * (s.Sum[i] - s.Count[i]*mean)
	})
	correction := effect.Correction(s.Score, m.Model, gradient, s.TreatmentResiduals(m.Score))
	return fixed, fixed.Plus(correction, scale)
}

// ArmMean returns one arm's weighted mean and its standard error, the estimation
// of the score counted as in Weighted. Weights of zero: ErrTooFewObservations.
func ArmMean(s *effect.Study, m *Model, w Weights, treated bool) (mean, stdErr float64, err error) {
	var sum float64
	for i, t := range s.Treated {
		if t == treated {
			sum += s.Count[i] * w.Value[i]
			mean += s.Sum[i] * w.Value[i]
		}
	}
	if !(sum > 0) {
		return 0, 0, fmt.Errorf("propensity: every weight of the arm is zero: %w", analytics.ErrTooFewObservations)
	}
	mean /= sum
	_, estimated := meanInfluence(s, m, w, treated, mean, sum)
	return mean, s.StdErr(estimated), nil
}

// IPW fits the propensity model and returns the target's weighted contrast.
// Errors as Fit and Weighted.
func IPW(s *effect.Study, target Target, opts Options) (Contrast, error) {
	m, err := Fit(s, opts)
	if err != nil {
		return Contrast{}, err
	}
	w, err := NewWeights(s, m.Score, target)
	if err != nil {
		return Contrast{}, err
	}
	return Weighted(s, m, w, opts)
}

// Trimmed is IPW with the weights capped at their p-quantile, the model not
// refitted.
func Trimmed(s *effect.Study, target Target, p float64, opts Options) (Contrast, error) {
	m, err := Fit(s, opts)
	if err != nil {
		return Contrast{}, err
	}
	w, err := NewWeights(s, m.Score, target)
	if err == nil {
		w, err = w.Capped(s, p)
	}
	if err != nil {
		return Contrast{}, err
	}
	return Weighted(s, m, w, opts)
}

// Truncated is IPW with the scores pulled into [low, high].
func Truncated(s *effect.Study, target Target, low, high float64, opts Options) (Contrast, error) {
	m, err := Fit(s, opts)
	if err != nil {
		return Contrast{}, err
	}
	w, err := TruncatedWeights(s, m.Score, target, low, high)
	if err != nil {
		return Contrast{}, err
	}
	return Weighted(s, m, w, opts)
}

// Restriction is a comparison among people whose score lies within bounds:
// Kept says how many they are, Before is weighted by the scores of everybody's
// model and Refitted by those of a model fitted to them alone, nil where their
// treatment can not be modelled (Warnings says so).
type Restriction struct {
	Kept     float64
	Before   Contrast
	Refitted *Contrast
	Warnings []string
}

// Restricted drops people whose score lies outside [low, high] and compares the
// rest; Crump's rule is 0.1 and 0.9. The standard error of Before takes the
// restriction and the first model's scores as known (its FixedStdErr).
//
//	an arm that the restriction empties   ErrTooFewObservations
//	other errors                          as Fit and Weighted
func Restricted(s *effect.Study, target Target, low, high float64, opts Options) (Restriction, error) {
	m, err := Fit(s, opts)
	if err != nil {
		return Restriction{}, err
	}
	places := Kept(m.Score, low, high)
	within := s.Select(places)
	if err := within.Check(); err != nil {
		return Restriction{}, fmt.Errorf("propensity: after leaving out scores outside %v to %v: %w", low, high, err)
	}
	r := Restriction{Kept: within.N()}
	score := make([]float64, len(places))
	for k, i := range places {
		score[k] = m.Score[i]
	}
	if r.Before, err = known(within, score, target, opts); err != nil {
		return r, err
	}
	r.Warnings = r.Before.Warnings
	within.Score = estimable(within)
	refitted, err := IPW(within, target, opts)
	switch {
	case errors.Is(err, analytics.ErrNotConverged) || errors.Is(err, analytics.ErrTooFewObservations):
		r.Warnings = append(r.Warnings, "the propensity can not be refitted to the people kept: too few are left")
	case err != nil:
		return r, err
	default:
		r.Refitted, r.Warnings = &refitted, refitted.Warnings
	}
	return r, nil
}

// estimable leaves out the columns that the people of a study can not tell from
// those before them, such as a level that a restriction emptied: the scores are
// the same without them.
func estimable(s *effect.Study) *design.Matrix {
	m := s.Score
	var kept []int
	var basis [][]float64 // orthonormal, over patterns of anybody
	for j := range m.P {
		left := m.Column(j)
		var before float64
		for i, n := range s.Count {
			left[i] *= math.Sqrt(n)
			before += left[i] * left[i]
		}
		for range 2 { // twice is enough
			for _, b := range basis {
				along := dense.Dot(left, b)
				for i := range left {
					left[i] -= along * b[i]
				}
			}
		}
		length := math.Sqrt(dense.Dot(left, left))
		if !(length > 1e-7*math.Sqrt(before)) {
			continue
		}
		for i := range left {
			left[i] /= length
		}
		kept, basis = append(kept, j), append(basis, left)
	}
	if len(kept) == m.P {
		return m
	}
	return m.Keep(kept)
}

// known is a weighted contrast at scores that are taken as known.
func known(s *effect.Study, score []float64, target Target, opts Options) (Contrast, error) {
	w, err := NewWeights(s, score, target)
	if err != nil {
		return Contrast{}, err
	}
	return Weighted(s, &Model{Score: score}, w, opts)
}
