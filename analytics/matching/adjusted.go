package matching

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/linear"
	"github.com/lumbar-health/lumbar/analytics/moments"
)

// AdjustedDifference is a difference within pairs net of what the covariates of
// the two still differ by, with DF degrees of freedom.
type AdjustedDifference struct {
	Value, StdErr, DF float64
}

// DifferenceAdjusted regresses the differences within pairs of the outcome on
// those of the covariates x (one row a person; their intercept is not read),
//
//	yₜ − y_c = τ + (xₜ − x_c)′b + e,
//
// by least squares with HC3 errors: a caliper leaves pairs that are alike, not
// equal, and τ is the difference of a pair that is. A covariate on which all pairs
// agree, or that others determine, is left out.
//
//	no more pairs than covariates left      ErrTooFewObservations
//	a pair that alone determines a coefficient, no residual variation   ErrZeroVariance
//	rows of another number                  ErrInvalidParameter
//
// Checked against R's lm and sandwich::vcovHC. Rubin (1979),
// doi:10.1080/01621459.1979.10482513.
func DifferenceAdjusted(pairs []Pair, y []float64, x *design.Matrix) (AdjustedDifference, error) {
	if x.N != len(y) {
		return AdjustedDifference{}, fmt.Errorf("matching: %d outcomes and %d rows of covariates: %w", len(y), x.N, analytics.ErrInvalidParameter)
	}
	m, err := differences(pairs, y, x)
	if err != nil {
		return AdjustedDifference{}, err
	}
	kept, err := estimable(m)
	if err != nil {
		return AdjustedDifference{}, fmt.Errorf("matching: pairs: %w", err)
	}
	fit, err := linear.OLS(m.Keep(kept))
	if err != nil {
		return AdjustedDifference{}, fmt.Errorf("matching: pairs: %w", err)
	}
	cov, err := fit.HC(linear.HC3)
	if err != nil {
		return AdjustedDifference{}, fmt.Errorf("matching: pairs: %w", err)
	}
	out := AdjustedDifference{Value: fit.Coef[0], StdErr: math.Sqrt(cov.At(0, 0)), DF: float64(fit.DF())}
	if !(out.StdErr > 0) {
		return out, fmt.Errorf("matching: pairs: the outcome leaves no variation: %w", analytics.ErrZeroVariance)
	}
	return out, nil
}

// differences are those within pairs, an intercept in front.
func differences(pairs []Pair, y []float64, x *design.Matrix) (*design.Matrix, error) {
	columns := []design.Column{{Name: "y", Values: make([]float64, len(pairs))}}
	text := "y ~ 1"
	for j, term := range x.Assign {
		if term == 0 {
			continue
		}
		c := design.Column{Name: fmt.Sprintf("x%d", j), Values: make([]float64, len(pairs))}
		for k, p := range pairs {
			c.Values[k] = x.Row(p.Treated)[j] - x.Row(p.Control)[j]
		}
		columns, text = append(columns, c), text+" + "+c.Name
	}
	for k, p := range pairs {
		columns[0].Values[k] = y[p.Treated] - y[p.Control]
	}
	table, err := design.NewTable(columns...)
	if err != nil {
		return nil, err
	}
	f, err := design.Parse(text)
	if err != nil {
		return nil, err
	}
	return f.Build(table)
}

// estimable are the columns that the pairs can estimate, the intercept first.
func estimable(m *design.Matrix) ([]int, error) {
	terms, rows := []moments.Term{moments.Intercept()}, make([]float64, 0, m.N*(m.P+1))
	places := []int{0}
	for j := 1; j < m.P; j++ {
		terms, places = append(terms, moments.Column(m.Names[j])), append(places, j)
	}
	terms = append(terms, moments.Column("y"))
	for i := range m.N {
		rows = append(append(rows, m.Row(i)...), m.Y[i])
	}
	units := make([]int64, len(terms))
	units[0] = 1
	sums, err := moments.FromRows(terms, units, rows)
	if err != nil {
		return nil, err
	}
	_, kept, _, err := linear.WithoutCollinear(places, 1, func(x []int) (*linear.Fit, error) { return linear.FromMoments(sums, m.P, x) })
	return kept, err
}
