package bootstrap

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/effect"
	"github.com/lumbar-health/lumbar/analytics/propensity"
)

// Weighted bootstraps a propensity-weighted difference of means, the propensity
// model refitted in every resample, so that the interval counts its estimation.
// People are resampled within Options.Strata, whose arms usually are not fixed
// (nil). The patterns of the study must be of people with the same outcome: rows,
// or cells grouped by the outcome too.
//
//	patterns with several outcomes   ErrInvalidParameter
//	other errors                     as propensity.Fit, Run and Of
//
// Returns the estimate, its replicates and their intervals (no BCa: the jackknife
// would refit the model for every person). Austin (2016), doi:10.1002/sim.7084.
func Weighted(s *effect.Study, target propensity.Target, level float64, o Options) (Intervals, error) {
	y, err := outcomes(s)
	if err != nil {
		return Intervals{}, err
	}
	m, err := propensity.Fit(s, propensity.Options{Interrupt: o.Interrupt})
	if err != nil {
		return Intervals{}, err
	}
	w, err := propensity.NewWeights(s, m.Score, target)
	if err != nil {
		return Intervals{}, err
	}
	whole, err := propensity.Weighted(s, m, w, propensity.Options{})
	if err != nil {
		return Intervals{}, err
	}
	if _, err := propensity.NewRefit(s, m); err != nil {
		return Intervals{}, err
	}
	run, err := Run(s.Count, func() Statistic {
		refit, _ := propensity.NewRefit(s, m) // checked above
		return func(draws []float64) (float64, error) {
			score, err := refit.Fit(draws)
			if err != nil {
				return 0, err
			}
			return difference(s, y, score, draws, target)
		}
	}, o)
	if err != nil {
		return Intervals{}, err
	}
	out, err := Of(whole.Value, run.Values, nil, level)
	out.Warnings = append(append(append([]string(nil), whole.Warnings...), run.Warnings...), out.Warnings...)
	return out, err
}

// outcomes is the outcome of each pattern.
func outcomes(s *effect.Study) ([]float64, error) {
	y := make([]float64, s.Len())
	for i, n := range s.Count {
		if n <= 0 {
			continue
		}
		y[i] = s.Sum[i] / n
		if s.SumSq[i]-s.Sum[i]*y[i] > 1e-9*math.Abs(s.SumSq[i]) {
			return nil, fmt.Errorf("bootstrap: pattern %d has people of several outcomes; group by the outcome too: %w", i+1, analytics.ErrInvalidParameter)
		}
	}
	return y, nil
}

// difference is the weighted difference of means of a resample. Stabilised
// weights differ from plain ones by a factor an arm, which cancels.
func difference(s *effect.Study, y, score, draws []float64, target propensity.Target) (float64, error) {
	var sum, total [2]float64
	for i, d := range draws {
		if d == 0 {
			continue
		}
		k := 0
		if s.Treated[i] {
			k = 1
		}
		w := d * target.Weight(s.Treated[i], score[i])
		sum[k] += w
		total[k] += w * y[i]
	}
	if !(sum[0] > 0 && sum[1] > 0) {
		return 0, empty()
	}
	return total[1]/sum[1] - total[0]/sum[0], nil
}
