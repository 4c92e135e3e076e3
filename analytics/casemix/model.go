package casemix

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/funnel"
	"github.com/lumbar-health/lumbar/analytics/linear"
	"github.com/lumbar-health/lumbar/analytics/moments"
)

// Model says which follow-up score is expected of a record. Residual is
// follow-up − expected, raw, as a combination of the terms; Lost is what the
// divisor of a residual standard deviation loses; Sigma is that of all records,
// 0 where each comparison takes its own.
type Model struct {
	Residual moments.Combination
	Lost     int
	Sigma    float64
}

// Published is the model of programmes whose records carry their own
// prediction: no refit, divisor n−1. The arguments are places of the terms.
func Published(followUp, predicted int) Model {
	residual := make(moments.Combination, max(followUp, predicted)+1)
	residual[followUp], residual[predicted] = 1, -1
	return Model{Residual: residual, Lost: 1}
}

// Fit estimates the model of follow-up, term y, on the terms x (places, the
// intercept 0 first) from the moments of the providers: slopes within providers,
// so that they do not take up differences between providers, then the constant
// by which the expected scores have the mean of the observed ones, and
//
//	σ² = Σ(follow-up − expected)²/(n − p)
//
// with p the slopes and the constant. One group gives ordinary least squares.
// Expected scores are not capped at the ends of the scale: moments cannot. A
// term that does not vary within providers, or is a combination of others, is
// dropped and its place returned.
//
//	fewer records than 2p           ErrTooFewObservations
//	no slope can be estimated       ErrCollinear
//	residuals that do not vary      ErrZeroVariance
//
// Other errors as linear.WithinSlopes. Vector casemix_ols of the domain's
// examples; checked against R's lm to 1e-10. Department of Health (2012), Patient
// Reported Outcome Measures in England: the case-mix adjustment methodology.
func Fit(groups []moments.Matrix, y int, x []int) (Model, []int, error) {
	slopes, kept, dropped, err := linear.WithoutCollinear(x, 1, func(x []int) ([]float64, error) {
		return linear.WithinSlopes(groups, y, x)
	})
	if err != nil {
		return Model{}, dropped, fmt.Errorf("casemix: %w", err)
	}
	total, err := moments.MergeAll(groups)
	if err != nil {
		return Model{}, dropped, fmt.Errorf("casemix: %w", err)
	}
	p := len(kept)
	switch {
	case p < 2:
		return Model{}, dropped, fmt.Errorf("casemix: no term can be estimated: %w", analytics.ErrCollinear)
	case total.N < 2*int64(p):
		return Model{}, dropped, fmt.Errorf("casemix: fewer than two records for each of %d coefficients: %w", p, analytics.ErrTooFewObservations)
	}
	m := Model{Residual: make(moments.Combination, len(total.Terms)), Lost: p}
	m.Residual[y] = 1
	for k, i := range kept[1:] {
		m.Residual[i] = -slopes[k+1]
	}
	constant, _ := m.Residual.Mean(total)
	m.Residual[0] = -constant
	m.Sigma, _ = m.Residual.StdDev(total, p)
	if !(m.Sigma > 0) {
		return Model{}, dropped, fmt.Errorf("casemix: the case-mix terms give every outcome exactly; drop those that are part of it: %w", analytics.ErrZeroVariance)
	}
	return m, dropped, nil
}

// Adjusted is a provider held against its reference. Gain and StdErr are in
// points, positive is better; Z = (Gain − reference's gain)/StdErr.
type Adjusted struct {
	Gain, StdErr, Z float64
	Outlier         funnel.Flag
}

// Adjust returns the adjusted gain of n records
//
//	gain + sign·difference,   standard error σ/√n
//
// gain is the reference's mean gain and difference the mean of observed −
// expected less the reference's, raw; sign is −1 where a lower score is better.
func Adjust(sign, difference, gain, sigma float64, n int64) Adjusted {
	a := Adjusted{Gain: gain + sign*difference, StdErr: sigma / math.Sqrt(float64(n))}
	a.Z = sign * difference / a.StdErr
	a.Outlier = funnel.Classify(a.Z)
	return a
}
