package matching

import (
	"fmt"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/cells"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/glm"
)

// unused is above what rounding leaves in the share of a control that nobody has
// and below any share of up to a hundred million people.
const unused = 1e-9

// EffectAdjusted is Effect after taking out what the covariates x (with their
// intercept, one row a person) say of inexact matches: the matched controls'
// outcome is regressed on x, weighted by their shares, and each outcome is
// compared net of that regression. Collinear columns among the matched controls:
// ErrCollinear. Abadie and Imbens (2011), doi:10.1198/jbes.2009.07333.
func (m *Matches) EffectAdjusted(y []float64, x *design.Matrix) (Replaced, error) {
	if x.N != len(y) || len(y) != len(m.treated)+len(m.controls) {
		return Replaced{}, fmt.Errorf("matching: %d outcomes and %d rows of covariates for %d people: %w", len(y), x.N, len(m.treated)+len(m.controls), analytics.ErrInvalidParameter)
	}
	if err := analytics.CheckFinite("matching: outcome", y); err != nil {
		return Replaced{}, err
	}
	weight := m.Weights()
	used := make([]int, 0, len(m.controls))
	for _, i := range m.controls {
		if weight[i] > unused {
			used = append(used, i)
		}
	}
	rows := cells.Cells{Design: x, Count: make([]float64, x.N), Sum: y, SumSq: make([]float64, x.N)}
	for i, v := range y {
		rows.Count[i], rows.SumSq[i] = 1, v*v
	}
	chosen := make([]float64, len(used))
	for k, i := range used {
		chosen[k] = weight[i]
	}
	fit, err := glm.Fit(rows.Select(used), glm.Gaussian, glm.Options{Weights: chosen})
	if err != nil {
		return Replaced{}, fmt.Errorf("matching: bias adjustment: %w", err)
	}
	net := make([]float64, len(y))
	for i, v := range y {
		net[i] = v
		for j, c := range x.Row(i) {
			net[i] -= c * fit.Coef[j]
		}
	}
	return m.compare(net), nil
}
