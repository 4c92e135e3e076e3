package survival

import (
	"fmt"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dense"
	"github.com/lumbar-health/lumbar/analytics/dist"
)

// Gray is a comparison of groups' cumulative incidence.
type Gray struct {
	Cause             int
	ChiSquared, DF, P float64
}

// maxGrayGroups bounds the groups: the work grows with their cube.
const maxGrayGroups = 200

// CompareIncidence is Gray's test (rho 0) of equal cumulative incidence of a
// cause in every group, stratified where the table has strata: the log-rank
// test with R = n(1−F(t−))/S(t−) in place of the people at risk.
//
//	one group, or an empty one          ErrTooFewObservations
//	no event of the cause               ErrZeroVariance
//	more than 200 groups                ErrInvalidParameter
//
// Checked against R's cmprsk 2.2-11 to 1e-10. Gray (1988),
// doi:10.1214/aos/1176350951.
func CompareIncidence(t *Table, cause int) (Gray, error) {
	k := len(t.Groups)
	switch {
	case cause < 1 || cause > t.Causes:
		return Gray{}, fmt.Errorf("survival: no such cause: %w", analytics.ErrInvalidParameter)
	case k < 2:
		return Gray{}, fmt.Errorf("survival: Gray's test: one group, need two: %w", analytics.ErrTooFewObservations)
	}
	if k > maxGrayGroups {
		return Gray{}, fmt.Errorf("survival: Gray's test: %d groups, at most %d; join groups: %w", k, maxGrayGroups, analytics.ErrInvalidParameter)
	}
	for g, name := range t.Groups {
		if t.People(g) == 0 {
			return Gray{}, fmt.Errorf("survival: Gray's test: nobody is in group %q: %w", name, analytics.ErrTooFewObservations)
		}
	}
	score, variance := make([]float64, k), dense.New(k, k)
	for s := range t.cells {
		path := grayPath(t.cells[s], cause)
		total := dense.New(k, k) // C at the end
		for _, p := range path {
			for g := range score {
				score[g] += p.score[g]
			}
			p.accumulate(total)
		}
		running := dense.New(k, k)
		for _, p := range path {
			p.accumulate(running)
			p.spread(total, running, variance)
		}
	}
	keep := make([]int, k-1)
	for g := range keep {
		keep[g] = g
	}
	chi, ok := variance.Pick(keep).QuadraticInverse(score[:k-1])
	if !ok {
		return Gray{}, fmt.Errorf("survival: Gray's test: cause %d has no event while the groups were followed together: %w", cause, analytics.ErrZeroVariance)
	}
	df := float64(k - 1)
	return Gray{Cause: cause, ChiSquared: chi, DF: df, P: dist.ChiSquaredTail(chi, df)}, nil
}

// grayStep is one time with an event, in the letters of Gray's paper: h the
// people that would be at risk had nobody had an event, hTotal their sum.
type grayStep struct {
	n, own, other, survival, survivalAfter, h, score []float64
	events, hTotal, pooled, pooledAfter              float64
}

// grayPath lists the times with an event of any cause.
func grayPath(groups []history, cause int) []grayStep {
	k := len(groups)
	survival, incidence := make([]float64, k), make([]float64, k)
	for g := range survival {
		survival[g] = 1
	}
	var pooled float64
	var out []grayStep
	walk(groups, func(_ float64, at []*step, n []float64) {
		p := grayStep{n: append([]float64(nil), n...), own: make([]float64, k), other: make([]float64, k), h: make([]float64, k), score: make([]float64, k),
			survival: append([]float64(nil), survival...), survivalAfter: make([]float64, k), pooled: pooled, pooledAfter: pooled}
		any := false
		var atRisk float64
		for g := range groups {
			if at[g] != nil {
				p.own[g] = at[g].Events[cause-1]
				p.other[g] = at[g].total() - p.own[g]
				any = any || p.own[g]+p.other[g] > 0
			}
			p.events += p.own[g]
			p.survivalAfter[g] = survival[g]
			if n[g] > 0 && survival[g] > 0 {
				p.h[g] = n[g] / survival[g]
				p.survivalAfter[g] = after(survival[g], p.own[g]+p.other[g], n[g])
			}
			p.hTotal += p.h[g]
			atRisk += p.h[g] * (1 - incidence[g])
		}
		if !any {
			return
		}
		if p.events > 0 {
			p.pooledAfter += p.events / p.hTotal
		}
		for g := range groups {
			if p.events > 0 {
				p.score[g] = p.own[g] - p.events*p.h[g]*(1-incidence[g])/atRisk
			}
			if n[g] > 0 {
				incidence[g] += survival[g] * p.own[g] / n[g]
			}
		}
		copy(survival, p.survivalAfter)
		pooled = p.pooledAfter
		out = append(out, p)
	})
	return out
}

// a is the cell of diag(h) − hh′/H.
func (p grayStep) a(i, j int) float64 {
	v := -p.h[i] * p.h[j] / p.hTotal
	if i == j {
		v += p.h[i]
	}
	return v
}

// accumulate adds a·d/(H(1−P)) to c.
func (p grayStep) accumulate(c dense.Matrix) {
	if p.events == 0 || p.pooled >= 1 {
		return
	}
	f := p.events / (p.hTotal * (1 - p.pooled))
	for i := 0; i < c.Rows; i++ {
		for j := 0; j < c.Rows; j++ {
			c.Add(i, j, p.a(i, j)*f)
		}
	}
}

// spread adds the time's share of the variance; c is C so far, total its end.
func (p grayStep) spread(total, c, variance dense.Matrix) {
	k := c.Rows
	u := make([]float64, k)
	addOuter := func(w float64) {
		for i := range u {
			for j := range u {
				variance.Add(i, j, w*u[i]*u[j])
			}
		}
	}
	for g := 0; g < k; g++ {
		if p.n[g] == 0 {
			continue
		}
		ratio := 0.0
		if p.survivalAfter[g] > 0 {
			ratio = (1 - p.pooledAfter) / p.survivalAfter[g]
		}
		if p.events > 0 && p.survival[g] > 0 {
			bracket := 1.0
			if p.events != 1 {
				bracket -= (p.events - 1) / (p.hTotal*p.survival[g] - 1)
			}
			for i := range u {
				u[i] = p.a(i, g) + (1-ratio)*(total.At(i, g)-c.At(i, g))
			}
			addOuter(bracket * p.survival[g] * p.events / (p.hTotal * p.n[g]))
		}
		if d := p.other[g]; d > 0 && p.survivalAfter[g] > 0 {
			bracket := 1.0
			if d != 1 {
				bracket -= (d - 1) / (p.n[g] - 1)
			}
			for i := range u {
				u[i] = ratio * (total.At(i, g) - c.At(i, g))
			}
			addOuter(bracket * square1(p.survival[g]) * d / square1(p.n[g]))
		}
	}
}
