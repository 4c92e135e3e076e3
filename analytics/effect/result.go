package effect

import (
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
)

// Result is a comparison of two arms: the Estimate is Mean1 − Mean0, treated
// minus control, in the outcome's unit, with a normal interval. Warnings say what
// a reader must know before trusting it, in plain words and without counts.
type Result struct {
	analytics.Estimate
	Mean1, Mean0 float64
	// ESS1 and ESS0 are the effective sizes of the arms, (Σw)²/Σw².
	ESS1, ESS0 float64
	Warnings   []string
}

// NewResult fills a result from its two means and the standard error of their
// difference. A level outside (0,1): ErrInvalidParameter.
func (s *Study) NewResult(method string, mean1, mean0, stdErr, level float64) (Result, error) {
	if err := analytics.CheckLevel(level); err != nil {
		return Result{}, err
	}
	difference, half := mean1-mean0, dist.NormalCritical(level)*stdErr
	return Result{
		Estimate: analytics.Estimate{
			Value: difference, StdErr: stdErr, Lower: difference - half, Upper: difference + half,
			Level: level, N: int(math.Round(s.N())), Method: method,
		},
		Mean1: mean1, Mean0: mean0, ESS1: s.Size(true), ESS0: s.Size(false),
	}, nil
}
