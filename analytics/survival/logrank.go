package survival

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dense"
	"github.com/lumbar-health/lumbar/analytics/dist"
)

// LogRank is a comparison of groups: Observed and Expected events by group,
// and the χ² statistic.
type LogRank struct {
	Observed, Expected []float64
	ChiSquared, DF, P  float64
}

// Compare tests whether the groups have the same hazard of cause, other causes
// counting as censored, by the Harrington–Fleming family
//
//	Σ S(t−)^rho·(d_g − d·n_g/n),
//
// S the pooled Kaplan–Meier curve: rho 0 is the log-rank test, 1 Peto and
// Peto's. The variance is hypergeometric, summed over strata. Observed and
// Expected carry the weights S^rho; DF is the groups less one.
//
//	one group, or an empty one       ErrTooFewObservations
//	no events, or nobody comparable  ErrZeroVariance
//	rho negative                     ErrInvalidParameter
//
// Counts must be people: weights have another variance. Checked against R's
// survival::survdiff to 1e-9. Harrington and Fleming (1982),
// doi:10.1093/biomet/69.3.553.
func Compare(t *Table, cause int, rho float64) (LogRank, error) {
	k := len(t.Groups)
	switch {
	case cause < 1 || cause > t.Causes || !(rho >= 0) || math.IsInf(rho, 0):
		return LogRank{}, fmt.Errorf("survival: no such cause, or rho is negative: %w", analytics.ErrInvalidParameter)
	case k < 2:
		return LogRank{}, fmt.Errorf("survival: log-rank: one group, need two: %w", analytics.ErrTooFewObservations)
	}
	for g, name := range t.Groups {
		if t.People(g) == 0 {
			return LogRank{}, fmt.Errorf("survival: log-rank: nobody is in group %q: %w", name, analytics.ErrTooFewObservations)
		}
	}
	r := LogRank{Observed: make([]float64, k), Expected: make([]float64, k), DF: float64(k - 1)}
	variance := dense.New(k, k)
	for s := range t.cells {
		r.stratum(t.cells[s], cause, rho, variance)
	}
	score := make([]float64, 0, k)
	var used []int
	for g := range t.Groups {
		if r.Expected[g] > 0 {
			used = append(used, g)
		}
	}
	if len(used) < 2 {
		return r, fmt.Errorf("survival: log-rank: no event while two groups were followed: %w", analytics.ErrZeroVariance)
	}
	used = used[1:]
	for _, g := range used {
		score = append(score, r.Observed[g]-r.Expected[g])
	}
	var ok bool
	if r.ChiSquared, ok = variance.Pick(used).QuadraticInverse(score); !ok {
		return r, fmt.Errorf("survival: log-rank: no event while the groups were followed together: %w", analytics.ErrZeroVariance)
	}
	r.P = dist.ChiSquaredTail(r.ChiSquared, r.DF)
	return r, nil
}

// stratum adds one stratum's events.
func (r *LogRank) stratum(groups []history, cause int, rho float64, variance dense.Matrix) {
	pooled := 1.0
	walk(groups, func(_ float64, at []*step, n []float64) {
		var d, total float64
		for g := range groups {
			total += n[g]
			if at[g] != nil {
				d += at[g].Events[cause-1]
			}
		}
		if d == 0 {
			return
		}
		w := math.Pow(pooled, rho)
		spread := 0.0
		if total > 1 {
			spread = w * w * d * (total - d) / (total - 1) / total
		}
		for g := range groups {
			if at[g] != nil {
				r.Observed[g] += w * at[g].Events[cause-1]
			}
			r.Expected[g] += w * d * n[g] / total
			for j := range groups {
				variance.Add(g, j, -spread*n[g]*n[j]/total)
			}
			variance.Add(g, g, spread*n[g])
		}
		pooled *= (total - d) / total
	})
}
