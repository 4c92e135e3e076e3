package doublyrobust

import (
	"github.com/lumbar-health/lumbar/analytics/effect"
	"github.com/lumbar-health/lumbar/analytics/glm"
	"github.com/lumbar-health/lumbar/analytics/propensity"
)

// GComputation is a comparison by outcome models fitted in each arm: the Result
// is over everybody, Treated is the difference over the treated. The Result's
// error takes the covariates as random and the models as possibly wrong.
type GComputation struct {
	effect.Result
	Treated, TreatedStdErr float64
}

// ArmSpecific returns the mean of m₁(x) − m₀(x), each model fitted in its arm on
// the study's Outcome columns, over everybody and over the treated. Errors by
// M-estimation. Errors of the models as glm.Fit, naming the arm.
// Snowden, Rose and Mortimer (2011), doi:10.1093/aje/kwq472.
func ArmSpecific(s *effect.Study, family glm.Family, opts propensity.Options) (GComputation, error) {
	one, err := armModel(s, true, family, opts)
	if err != nil {
		return GComputation{}, err
	}
	zero, err := armModel(s, false, family, opts)
	if err != nil {
		return GComputation{}, err
	}
	everybody := func(bool) bool { return true }
	mean1, influence1 := averaged(s, one, everybody)
	mean0, influence0 := averaged(s, zero, everybody)
	r, err := s.NewResult("g-computation by arm", mean1, mean0, s.StdErr(influence1.Plus(influence0, -1)), opts.Confidence())
	if err != nil {
		return GComputation{}, err
	}
	out := GComputation{Result: r}
	treated := func(t bool) bool { return t }
	mean1, influence1 = averaged(s, one, treated)
	mean0, influence0 = averaged(s, zero, treated)
	out.Treated, out.TreatedStdErr = mean1-mean0, s.StdErr(influence1.Plus(influence0, -1))
	return out, nil
}

// averaged is the mean prediction over some arms and the influence on it.
func averaged(s *effect.Study, p predicted, of func(treated bool) bool) (mean float64, influence effect.Influence) {
	var people float64
	for i, t := range s.Treated {
		if of(t) {
			people += s.Count[i]
			mean += s.Count[i] * p.mean[i]
		}
	}
	mean /= people
	scale := s.N() / people
	influence = effect.NewInfluence(s.Len())
	for i, t := range s.Treated {
		if of(t) {
			influence.Const[i] = scale * (p.mean[i] - mean)
		}
	}
	gradient := effect.Gradient(p.x, func(i int) float64 {
		if !of(s.Treated[i]) {
			return 0
		}
		return scale * s.Count[i] * p.slope[i]
	})
	return mean, influence.Plus(p.correction(gradient), 1)
}

// Standardised returns the margins of one outcome model of the treatment, the
// Outcome columns and all their products, over everybody. With the model's own
// covariance its delta-method error takes the covariates as fixed. Errors as
// glm.Fit and glm.Model.Standardise.
func Standardised(s *effect.Study, family glm.Family, opts propensity.Options) (glm.Margins, error) {
	one, zero, err := jointModel(s, true, family, opts)
	if err != nil {
		return glm.Margins{}, err
	}
	return one.model.Standardise(one.x, zero.x, nil, one.model.Cov)
}
