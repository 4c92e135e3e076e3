package meta

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
	"github.com/lumbar-health/lumbar/analytics/kendall"
)

// Asymmetry is a test whether estimates follow their standard errors. DF is 0
// where the law is normal.
type Asymmetry struct {
	Statistic, DF, P float64
}

// Egger tests the slope of the estimates on their standard errors by weighted
// least squares, weights 1/v, residual variance estimated, t with k−2.
//
//	under 3 sites               ErrTooFewObservations
//	all variances equal         ErrCollinear
//	no residual spread          ErrZeroVariance
//
// Others as Random. Egger et al. (1997), doi:10.1136/bmj.315.7109.629; as
// metafor's regtest(model = "lm", predictor = "sei").
func Egger(yi, vi []float64) (Asymmetry, error) {
	r, _, err := newRegressed(yi, vi, [][]float64{stdErrors(vi)}, []string{"sei"}, Options{})
	if err != nil {
		return Asymmetry{}, err
	}
	f, err := r.at(0)
	if err != nil {
		return Asymmetry{}, err
	}
	df := r.k - 2
	variance := f.q / df * f.inverse.At(1, 1)
	if r.exact(f) {
		return Asymmetry{}, fmt.Errorf("meta: estimates lie on a line of their standard errors: %w", analytics.ErrZeroVariance)
	}
	t := f.coef[1] / math.Sqrt(variance)
	return Asymmetry{Statistic: t, DF: df, P: dist.TTwoSided(t, df)}, nil
}

// EggerRandom tests the same slope in a random-effects model (REML), by the normal
// law. Errors as Regress; as metafor's regtest of a model.
func EggerRandom(yi, vi []float64) (Asymmetry, error) {
	r, err := Regress(yi, vi, [][]float64{stdErrors(vi)}, []string{"sei"}, Options{})
	if err != nil {
		return Asymmetry{}, err
	}
	c := r.Coefficients[1]
	return Asymmetry{Statistic: c.Statistic, P: c.P}, nil
}

func stdErrors(vi []float64) []float64 {
	out := make([]float64, len(vi))
	for i, v := range vi {
		out[i] = math.Sqrt(v)
	}
	return out
}

// Begg returns the rank correlation of the standardised estimates,
// (y_i − μ)/√(v_i − 1/Σa), with their variances, μ the fixed-effect mean. P is the
// exact p, or with ties that of the normal law. Estimates or variances that are
// all equal: ErrZeroVariance; others as Random. Begg and Mazumdar (1994),
// doi:10.2307/2533446; as metafor's ranktest.
func Begg(yi, vi []float64) (Asymmetry, error) {
	p, err := Random(yi, vi, Options{Method: FE})
	if err != nil {
		return Asymmetry{}, err
	}
	standardised := make([]float64, len(yi))
	for i, y := range yi {
		standardised[i] = (y - p.Value) / math.Sqrt(vi[i]-p.StdErr*p.StdErr)
	}
	c, err := kendall.Tau(standardised, vi)
	if err != nil {
		return Asymmetry{}, fmt.Errorf("meta: Begg's test: %w", err)
	}
	if c.Exact != nil {
		return Asymmetry{Statistic: c.Tau, P: *c.Exact}, nil
	}
	return Asymmetry{Statistic: c.Tau, P: c.P}, nil
}

// LeaveOneOut pools again without each site in turn, in the order given. Errors
// as Random; under 3 sites ErrTooFewObservations.
func LeaveOneOut(yi, vi []float64, opts Options) ([]Pooled, error) {
	if _, _, err := check(yi, vi, opts); err != nil {
		return nil, err
	}
	out := make([]Pooled, len(yi))
	for i := range yi {
		p, err := Random(slices.Delete(slices.Clone(yi), i, i+1), slices.Delete(slices.Clone(vi), i, i+1), opts)
		if err != nil {
			return nil, fmt.Errorf("without site %d: %w", i+1, err)
		}
		out[i] = p
	}
	return out, nil
}

// Filled is a trim-and-fill: Missing sites were thought to be absent on Side
// ("left" or "right"), and Pooled is the result with them filled in.
type Filled struct {
	Missing int
	Side    string
	Pooled  Pooled
}

// maxTrim bounds the rounds of trimming.
const maxTrim = 100

// TrimAndFill estimates by L0 how many sites are missing, pooling by
// DerSimonian and Laird. The side is right when the slope of the estimates on
// their standard errors is negative, else left. With R the sum of the ranks of
// |y − μ| over y > μ, μ from the k − k₀ smallest,
//
//	k₀ = max(0, (4R − k(k+1))/(2k − 1)), rounded
//
// until it stays; the k₀ largest are then mirrored about μ.
//
//	no end of the rounds      ErrNotConverged
//
// Others as Random. Duval and Tweedie (2000), doi:10.1111/j.0006-341X.2000.00455.x;
// as metafor's trimfill.
func TrimAndFill(yi, vi []float64) (Filled, error) {
	slope, err := Regress(yi, vi, [][]float64{stdErrors(vi)}, []string{"sei"}, Options{Method: DL})
	if err != nil && !errors.Is(err, analytics.ErrCollinear) && !errors.Is(err, analytics.ErrTooFewObservations) {
		return Filled{}, err
	}
	f, sign := Filled{Side: "left"}, 1.0
	if err == nil && slope.Coefficients[1].Value < 0 {
		f.Side, sign = "right", -1
	}
	order := make([]int, len(yi))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(sign*yi[a], sign*yi[b]) })
	y, v := make([]float64, len(yi)), make([]float64, len(yi))
	for i, at := range order {
		y[i], v[i] = sign*yi[at], vi[at]
	}
	var centre float64
	if f.Missing, centre, err = trim(y, v); err != nil {
		return Filled{}, err
	}
	filledY, filledV := slices.Clone(yi), slices.Clone(vi)
	for i := len(y) - f.Missing; i < len(y); i++ {
		filledY, filledV = append(filledY, sign*(2*centre-y[i])), append(filledV, v[i])
	}
	f.Pooled, err = Random(filledY, filledV, Options{Method: DL})
	return f, err
}

// trim finds how many of the largest have no match, and the mean without them.
func trim(y, v []float64) (missing int, centre float64, err error) {
	k := float64(len(y))
	for round := 0; round < maxTrim; round++ {
		left := len(y) - missing
		if left < 1 {
			return 0, 0, fmt.Errorf("meta: trim and fill trims every site; it needs more sites than this: %w", analytics.ErrNotConverged)
		}
		centre = y[0]
		if left > 1 {
			p, err := Random(y[:left], v[:left], Options{Method: DL})
			if err != nil {
				return 0, 0, err
			}
			centre = p.Value
		}
		rank := make([]int, len(y))
		for i := range rank {
			rank[i] = i
		}
		slices.SortStableFunc(rank, func(a, b int) int { return cmp.Compare(math.Abs(y[a]-centre), math.Abs(y[b]-centre)) })
		var above float64
		for r, i := range rank {
			if y[i] > centre {
				above += float64(r + 1)
			}
		}
		next := int(math.RoundToEven(math.Max(0, (4*above-k*(k+1))/(2*k-1))))
		if next == missing {
			return missing, centre, nil
		}
		missing = next
	}
	return 0, 0, fmt.Errorf("meta: trim and fill goes in a circle; report the funnel without it: %w", analytics.ErrNotConverged)
}
