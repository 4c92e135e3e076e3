package linear

import (
	"fmt"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/moments"
)

// Along returns w′X_g′e_g of each cluster, w the coefficient's row of (X′X)⁻¹:
// what a cluster adds to the coefficient's error, and all that CR0, CR1 and CR1S
// of one coefficient need, whatever the number of columns. labels says the cluster
// of each row. A coefficient out of range or another number of labels:
// ErrInvalidParameter.
func (o *Rows) Along(coef int, labels []int) ([]float64, error) {
	if coef < 0 || coef >= o.P || len(labels) != o.N {
		return nil, fmt.Errorf("linear: coefficient %d of %d, %d labels for %d rows: %w", coef, o.P, len(labels), o.N, analytics.ErrInvalidParameter)
	}
	w := o.Inv.Row(coef)
	place := map[int]int{}
	var out []float64
	for i, label := range labels {
		g, known := place[label]
		if !known {
			g = len(out)
			place[label] = g
			out = append(out, 0)
		}
		for j, v := range o.Design.Row(i) {
			out[g] += w[j] * v * o.Residuals[i]
		}
	}
	return out, nil
}

// AlongMoments is Along of one matrix of moments a cluster, y and x as in
// FromMoments.
func (f *Fit) AlongMoments(groups []moments.Matrix, y int, x []int, coef int) ([]float64, error) {
	if coef < 0 || coef >= f.P || len(x) != f.P {
		return nil, fmt.Errorf("linear: coefficient %d of %d, %d columns: %w", coef, f.P, len(x), analytics.ErrInvalidParameter)
	}
	w := f.Inv.Row(coef)
	var out []float64
	for _, m := range groups {
		if m.N == 0 {
			continue
		}
		var sum float64
		for a, i := range x {
			score := m.Sum(i, y)
			for b, j := range x {
				score -= m.Sum(i, j) * f.Coef[b]
			}
			sum += w[a] * score
		}
		out = append(out, sum)
	}
	return out, nil
}
