package doublyrobust

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dense"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/effect"
	"github.com/lumbar-health/lumbar/analytics/glm"
	"github.com/lumbar-health/lumbar/analytics/propensity"
)

// Several is a study of more than two arms: patterns of arm and covariates, with
// people, Σy and Σy². Arm is the place of a pattern's arm in Names, the first
// being the reference.
type Several struct {
	Names             []string
	Arm               []int
	Count, Sum, SumSq []float64
	Score, Outcome    *design.Matrix
}

// ArmMean is the mean outcome were everybody in one arm, by weighting (Hájek),
// by an outcome model and by both. Size and ESS are the arm's people and their
// effective number. InfluenceStdErr is the augmented mean's error with the models
// as known; StdErr counts their estimation.
type ArmMean struct {
	Name                              string
	Size, ESS                         float64
	Weighted, GComputation, Augmented float64
	InfluenceStdErr, StdErr           float64
}

// ArmContrast is an arm's augmented mean minus the reference's.
type ArmContrast struct {
	Name                           string
	Value, InfluenceStdErr, StdErr float64
}

// SeveralArms holds the arms in order and their contrasts with the first.
type SeveralArms struct {
	Model     *glm.Multinomial
	Arms      []ArmMean
	Contrasts []ArmContrast
	Warnings  []string
}

// CompareArms estimates every arm's mean with a multinomial logit propensity and
// outcome models fitted in each arm,
//
//	mean of m_a(x) + 1(A=a)(y − m_a(x))/P(A=a|x)
//
// Fewer than two arms, lengths that differ: ErrInvalidParameter; a model that can
// not be fitted: as glm.FitMultinomial and glm.Fit, naming the arm.
// Imbens (2000), doi:10.1093/biomet/87.3.706.
func CompareArms(s Several, family glm.Family, opts propensity.Options) (SeveralArms, error) {
	n := len(s.Arm)
	if len(s.Names) < 2 || s.Score == nil || s.Outcome == nil || s.Score.N != n || s.Outcome.N != n || len(s.Count) != n || len(s.Sum) != n || len(s.SumSq) != n {
		return SeveralArms{}, fmt.Errorf("doublyrobust: %d arms over %d patterns do not fit together: %w", len(s.Names), n, analytics.ErrInvalidParameter)
	}
	counts := make([][]float64, n)
	for i, a := range s.Arm {
		if a < 0 || a >= len(s.Names) {
			return SeveralArms{}, fmt.Errorf("doublyrobust: pattern %d is in arm %d of %d: %w", i+1, a, len(s.Names), analytics.ErrInvalidParameter)
		}
		counts[i] = make([]float64, len(s.Names))
		counts[i][a] = s.Count[i]
	}
	model, err := glm.FitMultinomial(s.Score, counts, glm.Options{Interrupt: opts.Interrupt})
	if err != nil {
		return SeveralArms{}, fmt.Errorf("propensity: %w", err)
	}
	out := SeveralArms{Model: model}
	var known, full []effect.Influence
	for a, name := range s.Names {
		m, one, err := s.arm(a, model, family, opts)
		if err != nil {
			return out, fmt.Errorf("%s: %w", name, err)
		}
		out.Arms = append(out.Arms, m)
		known, full = append(known, one.known), append(full, one.full)
		if a > 0 {
			out.Contrasts = append(out.Contrasts, ArmContrast{
				Name: name, Value: m.Augmented - out.Arms[0].Augmented,
				InfluenceStdErr: one.study.StdErr(known[a].Plus(known[0], -1)),
				StdErr:          one.study.StdErr(full[a].Plus(full[0], -1)),
			})
		}
		if m.ESS < 0.5*m.Size {
			out.Warnings = append(out.Warnings, "the effective size of "+name+" is below half of its people")
		}
		if one.rare {
			out.Warnings = append(out.Warnings, "some people had hardly a chance to be in "+name+": its mean rests on few who are like them")
		}
	}
	return out, nil
}

// armInfluence is an arm against all others, with the influence on its mean.
type armInfluence struct {
	study       *effect.Study
	known, full effect.Influence
	rare        bool
}

// arm estimates one arm's mean.
func (s Several) arm(a int, model *glm.Multinomial, family glm.Family, opts propensity.Options) (ArmMean, armInfluence, error) {
	study := &effect.Study{Treated: make([]bool, len(s.Arm)), Count: s.Count, Sum: s.Sum, SumSq: s.SumSq, Score: s.Score, Outcome: s.Outcome}
	for i, b := range s.Arm {
		study.Treated[i] = a == b
	}
	one := armInfluence{study: study, known: effect.NewInfluence(len(s.Arm))}
	p, err := armModel(study, true, family, opts)
	if err != nil {
		return ArmMean{}, one, err
	}
	out := ArmMean{Name: s.Names[a], Size: study.Size(true)}
	n := study.N()
	var weights, squares float64
	for i, in := range study.Treated {
		one.known.Const[i] = p.mean[i]
		out.GComputation += s.Count[i] * p.mean[i] / n
		one.rare = one.rare || s.Count[i] > 0 && model.Fitted[i][a] < 0.01
		if !in {
			continue
		}
		w := 1 / model.Fitted[i][a]
		weights += s.Count[i] * w
		squares += s.Count[i] * w * w
		out.Weighted += w * s.Sum[i]
		out.Augmented += w * (s.Sum[i] - s.Count[i]*p.mean[i]) / n
		one.known.Const[i] -= w * p.mean[i]
		one.known.Slope[i] = w
	}
	out.Weighted /= weights
	out.ESS = weights * weights / squares
	out.Augmented += out.GComputation
	for i := range one.known.Const {
		one.known.Const[i] -= out.Augmented
	}
	one.full = one.known.Plus(s.scoreCorrection(a, model, p), 1).Plus(p.correction(effect.Gradient(p.x, func(i int) float64 {
		if study.Treated[i] {
			return s.Count[i] * p.slope[i] * (1 - 1/model.Fitted[i][a])
		}
		return s.Count[i] * p.slope[i]
	})), 1)
	out.InfluenceStdErr, out.StdErr = study.StdErr(one.known), study.StdErr(one.full)
	if math.IsNaN(out.StdErr) {
		return out, one, fmt.Errorf("doublyrobust: the error of the mean is undefined: %w", analytics.ErrNotConverged)
	}
	return out, one, nil
}

// scoreCorrection is what estimating the multinomial propensity adds.
func (s Several) scoreCorrection(a int, model *glm.Multinomial, p predicted) effect.Influence {
	blocks, width := len(s.Names)-1, s.Score.P
	gradient := make([]float64, 0, blocks*width)
	for k := 1; k <= blocks; k++ {
		gradient = append(gradient, effect.Gradient(s.Score, func(i int) float64 {
			if s.Arm[i] != a {
				return 0
			}
			own := 0.0
			if k == a {
				own = 1
			}
			return -(own - model.Fitted[i][k]) / model.Fitted[i][a] * (s.Sum[i] - s.Count[i]*p.mean[i])
		})...)
	}
	direction := model.Cov.Times(gradient)
	out := effect.NewInfluence(len(s.Arm))
	for i, b := range s.Arm {
		x := s.Score.Row(i)
		for k := 1; k <= blocks; k++ {
			own := 0.0
			if k == b {
				own = 1
			}
			out.Const[i] += dense.Dot(x, direction[(k-1)*width:k*width]) * (own - model.Fitted[i][k])
		}
	}
	return out
}
