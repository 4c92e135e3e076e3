package survival

import (
	"fmt"
	"math"
	"sort"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dense"
)

// Robust is Lin and Wei's sandwich covariance, row after row: dfbeta residuals
// summed within clusters (rows where Cluster is nil; a cell of several people
// counts as that many) and squared, without a small-sample factor. Weights are
// taken as known. Fewer than two clusters: ErrTooFewObservations. Checked
// against R's coxph(robust = TRUE). Lin and Wei (1989),
// doi:10.1080/01621459.1989.10478874.
func (m *Model) Robust() ([]float64, error) {
	s := m.rows
	u := m.scoreResiduals()
	sums := dense.New(s.p, s.p)
	if m.cohort.Cluster == nil {
		if m.People < 2 {
			return nil, fmt.Errorf("survival: robust errors: one person: %w", analytics.ErrTooFewObservations)
		}
		for k, row := range s.order {
			w := m.cohort.weight(int(row))
			sums.AddOuter(s.people[k]*w*w, u[k*s.p:(k+1)*s.p], u[k*s.p:(k+1)*s.p])
		}
		return m.own(m.cov.Sandwich(sums)), nil
	}
	byCluster := map[int][]float64{}
	for k, row := range s.order {
		g := m.cohort.Cluster[row]
		if byCluster[g] == nil {
			byCluster[g] = make([]float64, s.p)
		}
		for j, v := range u[k*s.p : (k+1)*s.p] {
			byCluster[g][j] += s.mass[k] * v
		}
	}
	if len(byCluster) < 2 {
		return nil, fmt.Errorf("survival: robust errors: one cluster, need two: %w", analytics.ErrTooFewObservations)
	}
	names := make([]int, 0, len(byCluster))
	for g := range byCluster {
		names = append(names, g)
	}
	sort.Ints(names)
	for _, g := range names {
		sums.AddOuter(1, byCluster[g], byCluster[g])
	}
	return m.own(m.cov.Sandwich(sums)), nil
}

// hazardStep is what one time adds to the martingale part of those at risk: a to
// the hazard and b to its product with x̄; aDead and bDead for those who have the
// event then, whom Efron keeps at risk in part.
type hazardStep struct {
	time, a, aDead, g float64
	b, bDead, mean    []float64
}

// hazards lists them by stratum, times ascending.
func (m *Model) hazards() [][]hazardStep {
	s := m.rows
	out := make([][]hazardStep, len(s.strata)-1)
	stratum := 0
	s.pass(m.b, func(d *deaths) {
		for d.first >= s.strata[stratum+1] {
			stratum++
		}
		t := d.ties(m.Ties == Efron)
		h := hazardStep{time: d.time, a: t.c1, aDead: t.c1 - t.c2, g: d.g, b: make([]float64, s.p), bDead: make([]float64, s.p), mean: make([]float64, s.p)}
		for j := range h.b {
			h.b[j] = d.atRisk.s1[j]*t.q0 - d.dead.s1[j]*t.q1
			h.bDead[j] = h.b[j] - d.atRisk.s1[j]*t.q1 + d.dead.s1[j]*t.q2
			h.mean[j] = d.meanSum(t, j) / d.mass
		}
		out[stratum] = append(out[stratum], h)
	})
	for _, list := range out {
		for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
			list[i], list[j] = list[j], list[i]
		}
	}
	return out
}

// scoreResiduals are those of every place, per person and without weight:
// [event](x − x̄) − e^η ∫(x − x̄)dΛ.
func (m *Model) scoreResiduals() []float64 {
	if m.residuals != nil {
		return m.residuals
	}
	s := m.rows
	p := s.p
	u := make([]float64, s.n*p)
	for stratum, steps := range m.hazards() {
		var a float64
		b := make([]float64, p)
		next := 0
		for k := s.strata[stratum+1] - 1; k >= s.strata[stratum]; k-- {
			for ; next < len(steps) && steps[next].time < s.time[k]; next++ {
				a += steps[next].a
				for j, v := range steps[next].b {
					b[j] += v
				}
			}
			x, to := s.x[k*p:(k+1)*p], u[k*p:(k+1)*p]
			f := math.Exp(s.eta(k, m.b))
			for j := range to {
				to[j] = -f * (x[j]*a - b[j])
			}
			if next == len(steps) || steps[next].time != s.time[k] {
				continue
			}
			h := steps[next]
			for j := range to {
				if s.event[k] {
					to[j] += x[j] - h.mean[j] - f*(x[j]*h.aDead-h.bDead[j])
				} else {
					to[j] -= f * (x[j]*h.a - h.b[j])
				}
			}
		}
		m.addLater(u, stratum, steps)
	}
	m.residuals = u
	return u
}

// addLater subtracts the hazard that Fine and Gray's weights keep after a
// competing event: e^η·entry·Σ_{t > T} g(t)·(x·a − b).
func (m *Model) addLater(u []float64, stratum int, steps []hazardStep) {
	s := m.rows
	if s.later == nil {
		return
	}
	var a float64
	b := make([]float64, s.p)
	next := len(steps) - 1
	for k := s.strata[stratum]; k < s.strata[stratum+1]; k++ { // falling times
		for ; next >= 0 && steps[next].time > s.time[k]; next-- {
			a += steps[next].g * steps[next].a
			for j, v := range steps[next].b {
				b[j] += steps[next].g * v
			}
		}
		if w := s.later.entry[k]; w > 0 {
			f := w * math.Exp(s.eta(k, m.b))
			for j, x := range s.x[k*s.p : (k+1)*s.p] {
				u[k*s.p+j] -= f * (x*a - b[j])
			}
		}
	}
}
