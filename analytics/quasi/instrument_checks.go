package quasi

import (
	"fmt"
	"slices"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dense"
	"github.com/lumbar-health/lumbar/analytics/dist"
	"github.com/lumbar-health/lumbar/analytics/linear"
)

// firstStageTests compares the regression of each endogenous column on all
// instruments with that on the exogenous ones.
func (s *stages) firstStageTests(iv *Instrumental) error {
	df1, df2 := float64(len(s.zs)-s.exogen), float64(s.m.N)-float64(len(s.z))
	for k, i := range s.xs {
		if slices.Contains(s.zs, i) {
			continue
		}
		excluded := s.along[k][s.exogen:]
		left := s.cross(i, i) - dense.Dot(s.along[k], s.along[k])
		if !(left > pivot*s.cross(i, i)) {
			return fmt.Errorf("quasi: the instruments give %s without error, so that it is its own instrument: %w", s.name(i), analytics.ErrCollinear)
		}
		f := linear.FTest{F: dense.Dot(excluded, excluded) / df1 / (left / df2), DF1: df1, DF2: df2}
		f.P = dist.FTail(f.F, df1, df2)
		iv.FirstStage = append(iv.FirstStage, FirstStage{Name: s.name(i), FTest: f})
	}
	return nil
}

// wuHausman adds the first stages' residuals to the model of the response.
func (s *stages) wuHausman(iv *Instrumental) {
	var endogenous []int // places among xs
	for k, i := range s.xs {
		if !slices.Contains(s.zs, i) {
			endogenous = append(endogenous, k)
		}
	}
	p := len(s.xs)
	// A residual times a column: what the column has beyond its projection.
	beyond := func(k, j int) float64 { return s.cross(s.xs[k], s.xs[j]) - dense.Dot(s.along[k], s.along[j]) }
	place := func(i int) (k int, residual bool) {
		if i < p {
			return i, false
		}
		return endogenous[i-p], true
	}
	joint, err := factor(p+len(endogenous), func(i, j int) float64 {
		k, first := place(i)
		l, second := place(j)
		if first || second {
			return beyond(k, l)
		}
		return s.cross(s.xs[k], s.xs[l])
	}, func(i int) string { k, _ := place(i); return s.name(s.xs[k]) })
	df1, df2 := float64(len(endogenous)), float64(s.m.N)-float64(len(s.x)+len(endogenous))
	if err != nil || df2 < 1 {
		return
	}
	e := along(joint, p+len(endogenous), func(i int) float64 {
		k, residual := place(i)
		v := s.cross(s.xs[k], s.y)
		if residual {
			v -= dense.Dot(s.along[k], s.alongY)
		}
		return v
	})
	left := s.cross(s.y, s.y) - dense.Dot(e, e)
	if !(left > pivot*s.cross(s.y, s.y)) {
		return
	}
	f := linear.FTest{F: dense.Dot(e[p:], e[p:]) / df1 / (left / df2), DF1: df1, DF2: df2}
	f.P = dist.FTail(f.F, df1, df2)
	iv.WuHausman = &f
}

// sargan takes the part of the residuals that the instruments predict.
func (s *stages) sargan(iv *Instrumental, b []float64) {
	df := float64(len(s.zs) - len(s.xs))
	if df == 0 || !(iv.RSS > 0) {
		return
	}
	u := append([]float64(nil), s.alongY...)
	for k, v := range b {
		for c := range u {
			u[c] -= v * s.along[k][c]
		}
	}
	c := linear.ChiTest{Statistic: float64(s.m.N) * dense.Dot(u, u) / iv.RSS, DF: df}
	c.P = dist.ChiSquaredTail(c.Statistic, df)
	iv.Sargan = &c
}
