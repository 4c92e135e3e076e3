package propensity

import (
	"errors"
	"fmt"
	"math"
	"sort"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/effect"
	"github.com/lumbar-health/lumbar/analytics/glm"
)

// Options are what the estimators share; the zero value is a 95 % interval.
type Options struct {
	// Level of the interval; 0 is 0.95.
	Level float64
	// Interrupt is asked in every iteration of a model.
	Interrupt func() error
}

// Confidence is the level in use.
func (o Options) Confidence() float64 {
	if o.Level == 0 {
		return 0.95
	}
	return o.Level
}

// Model is a fitted propensity: Score is the probability of treatment of each
// pattern of the study.
type Model struct {
	*glm.Model
	Score []float64
}

// Fit fits the logistic regression of treatment on the columns of the study's
// Score. Separation, that is people who were certain of their arm, is
// ErrNotConverged and says which column; other errors as glm.Fit.
// Rosenbaum and Rubin (1983), doi:10.1093/biomet/70.1.41.
func Fit(s *effect.Study, opts Options) (*Model, error) {
	data, err := s.ScoreCells()
	if err != nil {
		return nil, err
	}
	m, err := glm.Fit(data, glm.Binomial, glm.Options{Interrupt: opts.Interrupt})
	if errors.Is(err, analytics.ErrNotConverged) {
		return nil, fmt.Errorf("propensity: the arm of some people was certain; restrict the study to people who might have had either, or drop the column: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("propensity: %w", err)
	}
	return &Model{Model: m, Score: m.Fitted}, nil
}

// Overlap is the range of scores that both arms have.
type Overlap struct{ Low, High float64 }

// CommonSupport returns the range of scores that both arms reach. Low above High:
// the arms do not overlap.
func CommonSupport(s *effect.Study, score []float64) Overlap {
	low, high := [2]float64{math.Inf(1), math.Inf(1)}, [2]float64{math.Inf(-1), math.Inf(-1)}
	for i, t := range s.Treated {
		if s.Count[i] <= 0 {
			continue
		}
		k := 0
		if t {
			k = 1
		}
		low[k], high[k] = math.Min(low[k], score[i]), math.Max(high[k], score[i])
	}
	return Overlap{Low: math.Max(low[0], low[1]), High: math.Min(high[0], high[1])}
}

// Concordance is the C statistic: the probability that a treated person has the
// higher score than a control, ties half. Near 1 the arms hardly overlap.
func Concordance(s *effect.Study, score []float64) float64 {
	order := make([]int, len(score))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(a, b int) bool { return score[order[a]] < score[order[b]] })
	var below, wins float64 // controls of a lower score
	for k := 0; k < len(order); {
		var tied [2]float64
		end := k
		for ; end < len(order) && score[order[end]] == score[order[k]]; end++ {
			tied[arm(s.Treated[order[end]])] += s.Count[order[end]]
		}
		wins += tied[1] * (below + tied[0]/2)
		below += tied[0]
		k = end
	}
	return wins / (s.Size(true) * s.Size(false))
}

// checkScore refuses scores that are no probability strictly inside 0 to 1.
func checkScore(s *effect.Study, score []float64) error {
	if len(score) != s.Len() {
		return fmt.Errorf("propensity: %d scores for %d patterns: %w", len(score), s.Len(), analytics.ErrInvalidParameter)
	}
	for i, e := range score {
		if !(e > 0 && e < 1) && s.Count[i] > 0 {
			return fmt.Errorf("propensity: the score of pattern %d is not between 0 and 1: somebody was certain of their arm; restrict the study to people both arms have: %w", i+1, analytics.ErrInvalidParameter)
		}
	}
	return nil
}
