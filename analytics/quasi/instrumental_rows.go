package quasi

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dense"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/linear"
	"github.com/lumbar-health/lumbar/analytics/moments"
)

// InstrumentalRows is a fit with what only rows can give: Rows has X̂ as its design
// and y − Xb as residuals, so that its HC errors are those of 2SLS (HC2 and HC3
// with the leverages of X̂).
type InstrumentalRows struct {
	*Instrumental
	Rows  *linear.Rows
	terms []moments.Term
	units []int64
	joint []float64 // the rows of the terms
}

// TwoStageRows reduces the rows of a model and its instruments, as Build of a
// design.Instrumented gives them, to moments and fits those. Columns of the same
// name are the same column. Errors as TwoStage.
func TwoStageRows(model, instruments *design.Matrix) (*InstrumentalRows, error) {
	if model.Y == nil || model.N != instruments.N || model.P == 0 || instruments.P == 0 {
		return nil, fmt.Errorf("quasi: a model with a response and instruments over the same rows are needed: %w", analytics.ErrInvalidParameter)
	}
	r := &InstrumentalRows{}
	y, x, z := r.join(model, instruments)
	m, err := moments.FromRows(r.terms, r.units, r.joint)
	if err != nil {
		return nil, fmt.Errorf("quasi: %v: %w", err, analytics.ErrInvalidParameter)
	}
	if r.Instrumental, err = TwoStage(m, y, x, z); err != nil {
		return nil, err
	}
	predicted := *model
	predicted.X = make([]float64, model.N*model.P)
	r.Rows = &linear.Rows{Fit: r.Fit, Design: &predicted, Fitted: make([]float64, model.N), Residuals: make([]float64, model.N), Leverage: make([]float64, model.N)}
	for i := 0; i < model.N; i++ {
		row := predicted.X[i*model.P : (i+1)*model.P]
		for a, p := range r.projection {
			row[a] = dense.Dot(p, instruments.Row(i))
		}
		r.Rows.Fitted[i] = dense.Dot(r.Coef, model.Row(i))
		r.Rows.Residuals[i] = model.Y[i] - r.Rows.Fitted[i]
		r.Rows.Leverage[i] = r.Leverage(row)
	}
	return r, nil
}

// join lays out the intercept, the columns of both designs, each once, and the
// response.
func (r *InstrumentalRows) join(model, instruments *design.Matrix) (y int, x, z []int) {
	ones := make([]float64, model.N)
	for i := range ones {
		ones[i] = 1
	}
	columns := [][]float64{ones}
	r.terms, r.units = []moments.Term{moments.Intercept()}, []int64{1}
	place := map[string]int{}
	add := func(name string, values []float64) int {
		r.terms, r.units = append(r.terms, moments.Column(name)), append(r.units, unitOf(values))
		columns = append(columns, values)
		return len(columns) - 1
	}
	places := func(m *design.Matrix) (list []int) {
		for j, name := range m.Names {
			at, known := place[name]
			switch {
			case known:
			case m.Assign[j] == 0:
				at = 0
			default:
				at = add(name, m.Column(j))
			}
			place[name] = at
			list = append(list, at)
		}
		return list
	}
	x, z = places(model), places(instruments)
	y = add(model.Response, model.Y)
	r.joint = make([]float64, 0, model.N*len(columns))
	for i := 0; i < model.N; i++ {
		for _, c := range columns {
			r.joint = append(r.joint, c[i])
		}
	}
	return y, x, z
}

// unitOf is the smallest power of ten up to a thousand by which every value is a
// whole number, or 0: sums in such units are exact.
func unitOf(values []float64) int64 {
	for unit := int64(1); unit <= 1000; unit *= 10 {
		whole := true
		for _, v := range values {
			scaled := math.Round(v * float64(unit))
			if scaled/float64(unit) != v || math.Abs(scaled) > 1<<50 {
				whole = false
				break
			}
		}
		if whole {
			return unit
		}
	}
	return 0
}

// ByRows groups the rows by label, one a row, reduces each group to its moments
// and takes those as the clusters. Errors as linear.Fit.Cluster.
func (r *InstrumentalRows) ByRows(labels []int) (*linear.Clustered, error) {
	if len(labels) != r.N {
		return nil, fmt.Errorf("quasi: %d cluster labels for %d rows: %w", len(labels), r.N, analytics.ErrInvalidParameter)
	}
	place := map[int]int{}
	var rows [][]float64
	width := len(r.terms)
	for i, label := range labels {
		g, known := place[label]
		if !known {
			g = len(rows)
			place[label] = g
			rows = append(rows, nil)
		}
		rows[g] = append(rows[g], r.joint[i*width:(i+1)*width]...)
	}
	groups := make([]moments.Matrix, len(rows))
	for g, x := range rows {
		m, err := moments.FromRows(r.terms, r.units, x)
		if err != nil {
			return nil, fmt.Errorf("quasi: %v: %w", err, analytics.ErrInvalidParameter)
		}
		groups[g] = m
	}
	return r.ByMoments(groups)
}
