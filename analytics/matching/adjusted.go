package matching

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/linear"
	"github.com/lumbar-health/lumbar/analytics/moments"
)

// AdjustedDifference is a difference between the arms of matched pairs net of what
// the covariates of the two still differ by, with DF degrees of freedom.
type AdjustedDifference struct {
	Value, StdErr, DF float64
}

// DifferenceAdjusted regresses the outcome of the people in pairs on their arm and
// covariates x (one row a person; their intercept is not read),
//
//	y = a + τt + x′b + e,
//
// by least squares with the pairs as clusters (CR1S, pairs − 1 degrees of
// freedom): a caliper leaves pairs that are alike, not equal, and τ is the
// difference of a pair that is. Differences within pairs on those of x would
// estimate the same, but hardly differ along the score that pairs agree on, so
// that τ is told badly. A covariate that others determine is left out.
//
//	no more pairs than covariates left      ErrTooFewObservations
//	no residual variation                   ErrZeroVariance
//	rows of another number                  ErrInvalidParameter
//
// Checked against R's lm and sandwich::vcovCL. Abadie and Spiess (2022),
// doi:10.1080/01621459.2020.1840383.
func DifferenceAdjusted(pairs []Pair, y []float64, x *design.Matrix) (AdjustedDifference, error) {
	if x.N != len(y) {
		return AdjustedDifference{}, fmt.Errorf("matching: %d outcomes and %d rows of covariates: %w", len(y), x.N, analytics.ErrInvalidParameter)
	}
	m, err := matchedPeople(pairs, y, x)
	if err != nil {
		return AdjustedDifference{}, err
	}
	kept, err := estimable(m)
	if err != nil {
		return AdjustedDifference{}, fmt.Errorf("matching: pairs: %w", err)
	}
	if len(pairs) < len(kept) {
		return AdjustedDifference{}, fmt.Errorf("matching: %d pairs for %d coefficients: %w", len(pairs), len(kept), analytics.ErrTooFewObservations)
	}
	fit, err := linear.OLS(m.Keep(kept))
	if err != nil {
		return AdjustedDifference{}, fmt.Errorf("matching: pairs: %w", err)
	}
	labels := make([]int, m.N)
	for i := range labels {
		labels[i] = i / 2
	}
	clusters, err := fit.ByRows(labels)
	if err != nil {
		return AdjustedDifference{}, fmt.Errorf("matching: pairs: %w", err)
	}
	cov, err := clusters.Covariance(linear.CR1S)
	if err != nil {
		return AdjustedDifference{}, fmt.Errorf("matching: pairs: %w", err)
	}
	out := AdjustedDifference{Value: fit.Coef[1], StdErr: math.Sqrt(cov.At(1, 1)), DF: float64(len(pairs) - 1)}
	if !(out.StdErr > 0) {
		return out, fmt.Errorf("matching: pairs: the covariates give the outcome exactly; drop those that are part of it: %w", analytics.ErrZeroVariance)
	}
	return out, nil
}

// matchedPeople are the people in pairs, the treated of each before its control:
// intercept, arm and covariates.
func matchedPeople(pairs []Pair, y []float64, x *design.Matrix) (*design.Matrix, error) {
	n := 2 * len(pairs)
	arm := design.Column{Name: "t", Values: make([]float64, n)}
	outcome := design.Column{Name: "y", Values: make([]float64, n)}
	columns, text := []design.Column{}, "y ~ t"
	for j, term := range x.Assign {
		if term == 0 {
			continue
		}
		c := design.Column{Name: fmt.Sprintf("x%d", j), Values: make([]float64, n)}
		for k, p := range pairs {
			c.Values[2*k], c.Values[2*k+1] = x.Row(p.Treated)[j], x.Row(p.Control)[j]
		}
		columns, text = append(columns, c), text+" + "+c.Name
	}
	for k, p := range pairs {
		arm.Values[2*k] = 1
		outcome.Values[2*k], outcome.Values[2*k+1] = y[p.Treated], y[p.Control]
	}
	table, err := design.NewTable(append(columns, arm, outcome)...)
	if err != nil {
		return nil, err
	}
	f, err := design.Parse(text)
	if err != nil {
		return nil, err
	}
	return f.Build(table)
}

// estimable are the columns that the people can estimate, intercept and arm first.
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
	_, kept, _, err := linear.WithoutCollinear(places, 2, func(x []int) (*linear.Fit, error) { return linear.FromMoments(sums, m.P, x) })
	return kept, err
}
