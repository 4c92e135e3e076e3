package propensity

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/effect"
)

// Target is whom a weighted comparison is about.
type Target int

// The targets. ATE: everybody; ATT: the treated; ATC: the controls; Stabilised:
// everybody, the weights scaled by the arm's share; Overlap: people who might
// have had either (weights e and 1−e); Matching: as a one-to-one match would
// choose them (min(e,1−e)).
const (
	ATE Target = iota
	ATT
	ATC
	Stabilised
	OverlapTarget
	MatchingTarget
)

var targetNames = [...]string{"ate", "att", "atc", "ate_stab", "overlap", "matching"}

// String is the target's short name, as ParseTarget reads it.
func (t Target) String() string { return targetNames[t] }

// ParseTarget reads ate, att, atc, ate_stab, overlap or matching; anything else
// is ErrInvalidParameter.
func ParseTarget(name string) (Target, error) {
	for t, n := range targetNames {
		if n == name {
			return Target(t), nil
		}
	}
	return 0, fmt.Errorf("propensity: target %q, have %v: %w", name, targetNames, analytics.ErrInvalidParameter)
}

// at returns the weight of a person with score e and its slope by the score's
// linear predictor; share is the treated share of the study.
func (t Target) at(treated bool, e, share float64) (weight, slope float64) {
	odds := e / (1 - e)
	switch t {
	case ATT:
		if treated {
			return 1, 0
		}
		return odds, odds
	case ATC:
		if treated {
			return 1 / odds, -1 / odds
		}
		return 1, 0
	case OverlapTarget:
		if treated {
			return 1 - e, -e * (1 - e)
		}
		return e, e * (1 - e)
	case MatchingTarget:
		switch {
		case treated && e > 0.5:
			return 1 / odds, -1 / odds
		case !treated && e < 0.5:
			return odds, odds
		}
		return 1, 0
	}
	factor := 1.0
	if t == Stabilised {
		factor = share
		if !treated {
			factor = 1 - share
		}
	}
	if treated {
		return factor / e, -factor / odds
	}
	return factor / (1 - e), factor * odds
}

// Weight is the weight of one person with score e; Stabilised is as ATE here,
// without the factor of the arm.
func (t Target) Weight(treated bool, e float64) float64 {
	if t == Stabilised {
		t = ATE
	}
	w, _ := t.at(treated, e, 0)
	return w
}

// Weights are the weight of one person of each pattern and its slope by the
// score's linear predictor, zero where a bound holds it.
type Weights struct {
	Target       Target
	Value, Slope []float64
	// Cap is the largest weight let through, 0 without one; Bounded counts the
	// people whose weight or score a bound changed.
	Cap, Bounded float64
}

// NewWeights returns the target's weights at the scores. A score that is not
// strictly between 0 and 1: ErrInvalidParameter.
//
//	ATE t/e + (1−t)/(1−e)    ATT t + (1−t)e/(1−e)    ATC t(1−e)/e + (1−t)
//	overlap t(1−e) + (1−t)e  matching min(e,1−e)/(te + (1−t)(1−e))
//
// Li, Morgan and Zaslavsky (2018), doi:10.1080/01621459.2016.1260466; Li and
// Greene (2013), doi:10.1515/ijb-2012-0030.
func NewWeights(s *effect.Study, score []float64, target Target) (Weights, error) {
	if err := checkScore(s, score); err != nil {
		return Weights{}, err
	}
	w := Weights{Target: target, Value: make([]float64, len(score)), Slope: make([]float64, len(score))}
	share := s.Size(true) / s.N()
	for i, e := range score {
		w.Value[i], w.Slope[i] = target.at(s.Treated[i], e, share)
	}
	return w, nil
}

// TruncatedWeights are NewWeights at scores pulled into [low, high]. Bounds
// outside 0 to 1 or crossed: ErrInvalidParameter.
func TruncatedWeights(s *effect.Study, score []float64, target Target, low, high float64) (Weights, error) {
	if !(low > 0 && low < high && high < 1) {
		return Weights{}, fmt.Errorf("propensity: scores between %v and %v, need 0 < low < high < 1: %w", low, high, analytics.ErrInvalidParameter)
	}
	inside := make([]float64, len(score))
	for i, e := range score {
		inside[i] = math.Min(math.Max(e, low), high)
	}
	w, err := NewWeights(s, inside, target)
	if err != nil {
		return w, err
	}
	for i, e := range score {
		if e != inside[i] {
			w.Slope[i] = 0
			w.Bounded += s.Count[i]
		}
	}
	return w, nil
}

// Capped returns the weights with those above their p-quantile (type 7, both
// arms together) set to it; p = 0.99 is usual. p outside [0,1]: ErrInvalidParameter.
// Cole and Hernán (2008), doi:10.1093/aje/kwn164.
func (w Weights) Capped(s *effect.Study, p float64) (Weights, error) {
	top, err := s.Quantile(w.Value, p, nil)
	if err != nil {
		return w, err
	}
	out := Weights{Target: w.Target, Cap: top, Bounded: w.Bounded, Value: make([]float64, len(w.Value)), Slope: make([]float64, len(w.Value))}
	for i, v := range w.Value {
		if v > top {
			out.Value[i] = top
			out.Bounded += s.Count[i]
			continue
		}
		out.Value[i], out.Slope[i] = v, w.Slope[i]
	}
	return out, nil
}

// Kept lists the patterns whose score lies within [low, high], both ends in:
// the study of Crump's rule at 0.1 and 0.9. Crump, Hotz, Imbens and Mitnik
// (2009), doi:10.1093/biomet/asn055.
func Kept(score []float64, low, high float64) []int {
	var out []int
	for i, e := range score {
		if e >= low && e <= high {
			out = append(out, i)
		}
	}
	return out
}
