package survival

import (
	"math"

	"github.com/lumbar-health/lumbar/analytics/dense"
)

// BaselineHazard returns the cumulative hazard, at each of the times, of a person
// of a stratum whose covariates are all 0: Σ w̄ Σ_k 1/S0_k by the model's rule
// for ties. It is flat after the last event and 0 before the first.
func (m *Model) BaselineHazard(stratum int, times []float64) []float64 {
	out := make([]float64, len(times))
	s := m.rows
	shift := -dense.Dot(m.Coef, s.centre)
	at := 0
	s.pass(m.b, func(d *deaths) {
		for d.first >= s.strata[at+1] {
			at++
		}
		if m.cohort.stratum(int(s.order[d.first])) != stratum {
			return
		}
		step := d.ties(m.Ties == Efron).c1
		for i, t := range times {
			if d.time <= t {
				out[i] += step
			}
		}
	})
	for i := range out {
		out[i] *= math.Exp(shift)
	}
	return out
}
