package estimator

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/balance"
	"github.com/lumbar-health/lumbar/analytics/dist"
	"github.com/lumbar-health/lumbar/analytics/doublyrobust"
	"github.com/lumbar-health/lumbar/analytics/effect"
	"github.com/lumbar-health/lumbar/analytics/glm"
	"github.com/lumbar-health/lumbar/analytics/propensity"
)

// Method is an estimator that models treatment, outcome or both.
type Method string

// The estimators.
const (
	GComputation     Method = "gcomputation"
	IPW              Method = "ipw"
	Overlap          Method = "overlap"
	AIPW             Method = "aipw"
	EntropyBalancing Method = "entropy_balancing"
	Matching         Method = "matching"
)

// Estimand is whom an effect is about.
type Estimand string

// The estimands: everybody, the treated, and those who might have had either.
const (
	ATE Estimand = "ATE"
	ATT Estimand = "ATT"
	ATO Estimand = "ATO"
)

// estimands lists what each method can estimate, its own first where it has but
// one.
var estimands = map[Method][]Estimand{
	GComputation:     {ATE, ATT},
	IPW:              {ATE, ATT, ATO},
	Overlap:          {ATO},
	AIPW:             {ATE, ATT},
	EntropyBalancing: {ATE, ATT},
	Matching:         {ATT},
}

// Methods lists the estimators in the order in which they are offered.
func Methods() []Method {
	return []Method{GComputation, IPW, Overlap, AIPW, EntropyBalancing, Matching}
}

// Known says whether there is an estimator of that name.
func Known(name string) bool { return estimands[Method(name)] != nil }

// Of returns the estimand that the method reports where another was asked for:
// that one if it can, or the only one it has. A method that has several and
// not the one asked for: ErrInvalidParameter.
func (m Method) Of(asked Estimand) (Estimand, error) {
	can := estimands[m]
	switch {
	case slices.Contains(can, asked):
		return asked, nil
	case len(can) == 1:
		return can[0], nil
	}
	names := make([]string, len(can))
	for i, e := range can {
		names[i] = string(e)
	}
	return "", fmt.Errorf("%s does not estimate %s: it has %s: %w", m, asked, strings.Join(names, ", "), analytics.ErrInvalidParameter)
}

// Options are what every estimator takes; Level 0 is 0.95. Seed decides what a
// method leaves to chance.
type Options struct {
	Estimand Estimand
	Level    float64
	Seed     uint64
	// Groups of the jackknife; 0 is 200.
	Groups int
	// Influence takes the errors from the influence of each person in a small
	// study too: for whoever needs the estimate alone, or many.
	Influence bool
	Interrupt func() error
}

// Result is a comparison with whom it is about. DF are the degrees of freedom
// of its t interval, 0 where that is normal; Weight is that of a person of each
// pattern, nil where the method has none; Overlap is said where the propensity
// was modelled.
type Result struct {
	effect.Result
	Estimand Estimand
	DF       float64
	Weight   []float64
	Overlap  *Propensity
}

// Propensity says how far the arms overlap: the range of scores, the range that
// both arms reach, and the C statistic of the model.
type Propensity struct {
	Lowest, Highest, CommonLow, CommonHigh float64
	Concordance, MaxWeight                 float64
}

// ESS is the effective number of people, of both arms together.
func (r Result) ESS() float64 { return r.ESS1 + r.ESS0 }

// Estimate runs a method other than Matching on a study. The errors of a small
// study, of people or of patterns with one outcome each, are those of a jackknife
// that fits every model anew; of a larger one the influence of each person, or of
// each cluster. Errors are those of the method, and of Of; with a jackknife or
// clusters the interval is Student's with one less degree of freedom than groups.
func Estimate(s *effect.Study, m Method, o Options) (Result, error) {
	if o.Level == 0 {
		o.Level = 0.95
	}
	of, err := m.Of(o.Estimand)
	if err != nil {
		return Result{}, err
	}
	options := propensity.Options{Level: o.Level, Interrupt: o.Interrupt}
	r, err := run(s, m, of, options)
	if err != nil {
		return Result{}, err
	}
	r.Estimand = of
	if !(r.StdErr > rounding*size(s)) {
		return r, fmt.Errorf("%s: the outcome leaves no variation: %w", m, analytics.ErrZeroVariance)
	}
	if s.Cluster != nil {
		r.DF = float64(s.Clusters() - 1)
	}
	if !o.Influence && jackknifed(s) {
		stdErr, df, err := Jackknife(s, r.Value, o.Groups, o.Seed, func(s *effect.Study) (float64, error) {
			if o.Interrupt != nil {
				if err := o.Interrupt(); err != nil {
					return 0, err
				}
			}
			r, err := run(s, m, of, options)
			return r.Value, err
		})
		switch {
		case err == nil:
			r.StdErr, r.DF = stdErr, df
		case o.Interrupt != nil && o.Interrupt() != nil:
			return r, o.Interrupt()
		default:
			r.Warnings = append(r.Warnings, "without some of the people there is no estimate: it rests on few, and its errors may be too small")
		}
	}
	if r.DF > 0 {
		half := dist.TCritical(o.Level, r.DF) * r.StdErr
		r.Lower, r.Upper = r.Value-half, r.Value+half
	}
	return r, nil
}

// rounding is the standard error, as a share of the outcome's size, that is left
// of none.
const rounding = 1e-12

// size is the root mean square of the outcome.
func size(s *effect.Study) float64 {
	var squares float64
	for _, v := range s.SumSq {
		squares += v
	}
	return math.Sqrt(squares / s.N())
}

// P is the two-sided p-value of no difference.
func (r Result) P() float64 {
	if r.DF > 0 {
		return dist.TTwoSided(r.Value/r.StdErr, r.DF)
	}
	return dist.NormalTwoSided(r.Value / r.StdErr)
}

func run(s *effect.Study, m Method, of Estimand, o propensity.Options) (Result, error) {
	switch m {
	case IPW, Overlap:
		return weighted(s, map[Estimand]propensity.Target{ATE: propensity.ATE, ATT: propensity.ATT, ATO: propensity.OverlapTarget}[of], o)
	case EntropyBalancing:
		balanced := balance.EntropyATE
		if of == ATT {
			balanced = balance.EntropyATT
		}
		e, err := balanced(s, o.Confidence())
		return Result{Result: e.Result, Weight: e.Weight}, err
	case AIPW:
		augmented := doublyrobust.Augmented
		if of == ATT {
			augmented = doublyrobust.AugmentedTreated
		}
		a, err := augmented(s, Family(s), o)
		return Result{Result: a.Result}, err
	case GComputation:
		g, err := doublyrobust.ArmSpecific(s, Family(s), o)
		if err == nil && of == ATT {
			g.Result, err = s.NewResult(g.Method, s.Mean(true), s.Mean(true)-g.Treated, g.TreatedStdErr, o.Confidence())
		}
		return Result{Result: g.Result}, err
	}
	return Result{}, fmt.Errorf("estimator: no method %q on patterns: %w", m, analytics.ErrInvalidParameter)
}

func weighted(s *effect.Study, target propensity.Target, o propensity.Options) (Result, error) {
	c, err := propensity.IPW(s, target, o)
	if err != nil {
		return Result{}, err
	}
	model, err := propensity.Fit(s, o)
	if err != nil {
		return Result{}, err
	}
	concordance, err := model.CStatistic()
	if err != nil {
		return Result{}, err
	}
	both := propensity.CommonSupport(s, model.Score)
	return Result{Result: c.Result, Weight: c.Weights.Value, Overlap: &Propensity{
		Lowest: c.Lowest, Highest: c.Highest, CommonLow: both.Low, CommonHigh: both.High,
		Concordance: concordance, MaxWeight: c.MaxWeight,
	}}, nil
}

// Family is the law of the outcome's model: logistic where every outcome is 0
// or 1, linear else.
func Family(s *effect.Study) glm.Family {
	for i, sum := range s.Sum {
		if sum < 0 || sum > s.Count[i] || math.Abs(s.SumSq[i]-sum) > 1e-12*math.Max(1, sum) {
			return glm.Gaussian
		}
	}
	return glm.Binomial
}
