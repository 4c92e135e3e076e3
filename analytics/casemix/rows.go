package casemix

import (
	"fmt"
	"math"
	"sort"

	"github.com/lumbar-health/lumbar/analytics"
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

// FromRows is the own fit over rows: the residuals of a least-squares fit of the
// follow-up score, averaged by provider. baseline is nil where the response is
// itself a gain; capped bounds the predictions, nil for no cap. Providers come
// out in the order of Names, those without rows left out.
//
// Errors as Published. Equal to Fitted on the same rows to 1e-9 where no
// prediction is capped.
func FromRows(fit *linear.Rows, provider Provider, baseline []float64, capped *Range, opts Options) (Result, error) {
	n := fit.N
	if len(provider.Codes) != n || baseline != nil && len(baseline) != n {
		return Result{}, fmt.Errorf("casemix: columns of other length than the %d rows of the fit: %w", n, analytics.ErrInvalidParameter)
	}
	if opts.Sign != 1 && opts.Sign != -1 || opts.WithinProvider {
		return Result{}, fmt.Errorf("casemix: rows need sign 1 or -1 and have no provider effects: %w", analytics.ErrInvalidParameter)
	}
	if !(fit.Sigma2 > 0) {
		return Result{}, fmt.Errorf("casemix: residuals do not vary: %w", analytics.ErrZeroVariance)
	}
	r := Result{NationalN: int64(n), Sigma: math.Sqrt(fit.Sigma2), Fit: fit.Fit, Method: "own fit"}
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
	r.NationalGain = opts.Sign * (r.NationalFollowUp - r.NationalBaseline)
	for g, s := range sums {
		if s.n > 0 {
			u := s.unit(provider.Names[g])
			r.finish(&u, opts)
			r.Units = append(r.Units, u)
		}
	}
	return r, nil
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

// ordered lists the places of the weights, so that sums do not depend on the
// order of a map.
func ordered(weights map[int]float64) []int {
	places := make([]int, 0, len(weights))
	for i := range weights {
		places = append(places, i)
	}
	sort.Ints(places)
	return places
}
