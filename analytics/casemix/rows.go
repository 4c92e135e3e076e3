package casemix

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/funnel"
	"github.com/lumbar-health/lumbar/analytics/linear"
)

// Range is the span of the scale's possible scores; predictions are capped to it.
type Range struct {
	Min, Max float64
}

// Provider labels rows: Codes are places in Names, one a row of the fit.
type Provider struct {
	Names []string
	Codes []int
}

// Unit is one provider. MeanFollowUp, MeanBaseline and MeanExpected are raw
// scores; MeanGain and Adjusted.Gain are signed so that positive is better;
// AdjustedFollowUp is on the raw scale. Difference is the mean of observed −
// expected, raw. ResidualSD is the standard deviation of observed − expected
// within the provider (n−1), nil for one record. Limits stand around the
// national mean gain.
type Unit struct {
	Name                                     string
	N                                        int64
	MeanFollowUp, MeanBaseline, MeanExpected float64
	MeanGain, Difference, AdjustedFollowUp   float64
	ResidualSD                               *float64
	Adjusted
	Limits funnel.Limits
}

// Result is all providers. The national figures are over all records given.
// Sigma is the national residual standard deviation, divisor n−p.
type Result struct {
	NationalN                                        int64
	NationalFollowUp, NationalBaseline, NationalGain float64
	Sigma                                            float64
	Units                                            []Unit
	Fit                                              *linear.Fit
}

// FromRows is the own fit over rows: the residuals of a least-squares fit of the
// follow-up score, averaged by provider. baseline is nil where the response is
// itself a gain; capped bounds the predictions, nil for no cap; sign is +1 where
// a higher score is better and −1 where a lower one is. Providers come out in
// the order of Names, those without rows left out.
//
//	a column of other length, a row of no provider, another sign   ErrInvalidParameter
//	residuals that do not vary                                     ErrZeroVariance
//
// Equal to Fit and Adjust on the same rows, taken as one group, to 1e-9 where no
// prediction is capped.
func FromRows(fit *linear.Rows, provider Provider, baseline []float64, capped *Range, sign float64) (Result, error) {
	n := fit.N
	if len(provider.Codes) != n || baseline != nil && len(baseline) != n {
		return Result{}, fmt.Errorf("casemix: columns of other length than the %d rows of the fit: %w", n, analytics.ErrInvalidParameter)
	}
	if sign != 1 && sign != -1 {
		return Result{}, fmt.Errorf("casemix: sign %v, need 1 or -1: %w", sign, analytics.ErrInvalidParameter)
	}
	if !(fit.Sigma2 > 0) {
		return Result{}, fmt.Errorf("casemix: the case-mix terms give every outcome exactly; drop those that are part of it: %w", analytics.ErrZeroVariance)
	}
	r := Result{NationalN: int64(n), Sigma: math.Sqrt(fit.Sigma2), Fit: fit.Fit}
	sums := make([]tally, len(provider.Names))
	for i, g := range provider.Codes {
		if g < 0 || g >= len(sums) {
			return Result{}, fmt.Errorf("casemix: row %d has no provider: %w", i+1, analytics.ErrInvalidParameter)
		}
		expected := fit.Fitted[i]
		if capped != nil {
			expected = math.Min(math.Max(expected, capped.Min), capped.Max)
		}
		b := 0.0
		if baseline != nil {
			b = baseline[i]
		}
		sums[g].add(fit.Design.Y[i], b, expected)
		r.NationalFollowUp += fit.Design.Y[i] / float64(n)
		r.NationalBaseline += b / float64(n)
	}
	r.NationalGain = sign * (r.NationalFollowUp - r.NationalBaseline)
	for g, s := range sums {
		if s.n > 0 {
			u := s.unit(provider.Names[g])
			r.finish(&u, sign)
			r.Units = append(r.Units, u)
		}
	}
	return r, nil
}

// finish fills in what follows from the difference and the national figures.
func (r *Result) finish(u *Unit, sign float64) {
	u.Adjusted = Adjust(sign, u.Difference, r.NationalGain, r.Sigma, u.N)
	u.AdjustedFollowUp = r.NationalFollowUp + u.Difference
	u.MeanGain = sign * (u.MeanFollowUp - u.MeanBaseline)
	u.Limits = funnel.Limits{
		Lower95: r.NationalGain - funnel.AlertZ*u.StdErr, Upper95: r.NationalGain + funnel.AlertZ*u.StdErr,
		Lower998: r.NationalGain - funnel.AlarmZ*u.StdErr, Upper998: r.NationalGain + funnel.AlarmZ*u.StdErr,
	}
}

// tally adds up one provider's rows; residual and squares are Welford's.
type tally struct {
	n                            int64
	followUp, baseline, expected float64
	residual, squares            float64
}

func (t *tally) add(y, baseline, expected float64) {
	t.n++
	t.followUp += y
	t.baseline += baseline
	t.expected += expected
	d := y - expected - t.residual
	t.residual += d / float64(t.n)
	t.squares += d * (y - expected - t.residual)
}

func (t *tally) unit(name string) Unit {
	n := float64(t.n)
	u := Unit{Name: name, N: t.n, MeanFollowUp: t.followUp / n, MeanBaseline: t.baseline / n, MeanExpected: t.expected / n}
	u.Difference = t.residual
	if t.n > 1 {
		sd := math.Sqrt(t.squares / (n - 1))
		u.ResidualSD = &sd
	}
	return u
}
