package casemix

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/funnel"
	"github.com/lumbar-health/lumbar/analytics/linear"
	"github.com/lumbar-health/lumbar/analytics/moments"
)

// Group is one provider's moments: all groups have the same terms.
type Group struct {
	Name    string
	Moments moments.Matrix
}

// Columns are places in Terms: the follow-up score, the baseline score and the
// prediction that came with the record. A place of 0 (the intercept's) says that
// there is no such column.
type Columns struct {
	FollowUp, Baseline, Expected int
}

// Options: Sign is +1 where a higher score is better and −1 where a lower one
// is; MinModelled is the number of records below which a provider has no
// adjusted figure and no flag (0: every provider has). WithinProvider estimates
// the slopes with provider effects in the model, so that they do not take up
// differences between providers.
type Options struct {
	Sign           float64
	MinModelled    int64
	WithinProvider bool
}

// Unit is one provider. MeanFollowUp, MeanBaseline and MeanExpected are raw
// scores; MeanGain and AdjustedGain are signed so that positive is better;
// AdjustedFollowUp is on the raw scale. Difference is the mean of observed −
// expected less the same nationally, raw. ResidualSD is the standard deviation
// of observed − expected within the provider (n−1), nil for one record. Z is
// Difference, signed, over Sigma/√n. Limits stand around the national mean gain.
// AdjustedGain, AdjustedFollowUp, Z and Outlier are nil under MinModelled.
type Unit struct {
	Name                                     string
	N                                        int64
	MeanFollowUp, MeanBaseline, MeanExpected float64
	MeanGain, Difference                     float64
	ResidualSD                               *float64
	AdjustedGain, AdjustedFollowUp, Z        *float64
	Limits                                   funnel.Limits
	Outlier                                  *funnel.Flag
}

// Result is all providers. The national figures are over all records given,
// whatever is shown later. Sigma is the national residual standard deviation:
// divisor n−1 with published predictions, n−p where the model was fitted here.
type Result struct {
	NationalN                                                      int64
	NationalFollowUp, NationalBaseline, NationalGain, NationalBias float64
	Sigma                                                          float64
	Units                                                          []Unit
	Fit                                                            *linear.Fit // nil with published predictions
	Method                                                         string
}

// Published applies the rule for programmes whose records carry their own
// prediction: no refit,
//
//	d_j = mean_j(y−ŷ) − mean(y−ŷ),   adjusted gain_j = mean gain + sign·d_j
//
// σ and flags from all records' residuals (divisor n−1), without
// over-dispersion. groups must hold every modelled record of one procedure,
// instrument and year: that is the national comparison.
//
//	no groups, under 2 records          ErrTooFewObservations
//	columns out of range, other shapes  ErrInvalidParameter
//	residuals that do not vary          ErrZeroVariance
//
// Reproduces NHS Digital's provider table of 2016/17 (spec, domain 4.1).
func Published(groups []Group, c Columns, opts Options) (Result, error) {
	total, err := merge(groups, c, opts)
	if err != nil {
		return Result{}, err
	}
	if c.Expected == 0 || c.Expected == c.FollowUp {
		return Result{}, fmt.Errorf("casemix: no column of predictions: %w", analytics.ErrInvalidParameter)
	}
	weights := map[int]float64{c.FollowUp: 1, c.Expected: -1}
	sigma := math.Sqrt(spread(total, weights) / float64(total.N-1))
	bias, _ := combine(total, weights)
	expected := func(m moments.Matrix) float64 { v, _ := m.Mean(c.Expected); return v }
	r, err := assemble(groups, total, c, opts, sigma, bias, weights, expected)
	r.Method = "published predictions"
	return r, err
}

// Fitted fits the case-mix model itself: follow-up on the terms x (places, the
// intercept 0 among them), predictions shifted so that their national mean is
// the observed one, d_j = mean_j(y−ŷ), σ with divisor n−p. Predictions are not
// capped at the ends of the scale: moments can not; FromRows can.
//
// Errors as Published and linear.FromMoments. Vector casemix_ols of the domain's
// examples; checked against R's lm to 1e-8. Department of Health (2012), Patient
// Reported Outcome Measures in England: the case-mix adjustment methodology.
func Fitted(groups []Group, c Columns, x []int, opts Options) (Result, error) {
	total, err := merge(groups, c, opts)
	if err != nil {
		return Result{}, err
	}
	fit, err := linear.FromMoments(total, c.FollowUp, x)
	if err != nil {
		return Result{}, fmt.Errorf("casemix: %w", err)
	}
	slopes := fit.Coef
	method := "own fit"
	if opts.WithinProvider {
		matrices := make([]moments.Matrix, len(groups))
		for i, g := range groups {
			matrices[i] = g.Moments
		}
		if slopes, err = linear.WithinSlopes(matrices, c.FollowUp, x); err != nil {
			return Result{}, fmt.Errorf("casemix: %w", err)
		}
		method = "own fit, provider effects in the model"
	}
	weights := map[int]float64{c.FollowUp: 1}
	for k, i := range x {
		if i != 0 {
			weights[i] -= slopes[k]
		}
	}
	constant, _ := combine(total, weights)
	sigma := math.Sqrt(spread(total, weights) / float64(total.N-int64(len(x))))
	expected := func(m moments.Matrix) float64 {
		residual, _ := combine(m, weights)
		y, _ := m.Mean(c.FollowUp)
		return y - (residual - constant)
	}
	r, err := assemble(groups, total, c, opts, sigma, constant, weights, expected)
	r.Fit, r.Method, r.NationalBias = fit, method, 0
	return r, err
}

// merge checks the arguments and adds the groups up.
func merge(groups []Group, c Columns, opts Options) (moments.Matrix, error) {
	if opts.Sign != 1 && opts.Sign != -1 {
		return moments.Matrix{}, fmt.Errorf("casemix: sign %v, need 1 or -1: %w", opts.Sign, analytics.ErrInvalidParameter)
	}
	if len(groups) == 0 {
		return moments.Matrix{}, fmt.Errorf("casemix: no providers: %w", analytics.ErrTooFewObservations)
	}
	parts := make([]moments.Matrix, len(groups))
	for i, g := range groups {
		parts[i] = g.Moments
	}
	total, err := moments.MergeAll(parts)
	if err != nil {
		return total, fmt.Errorf("casemix: %v: %w", err, analytics.ErrInvalidParameter)
	}
	p := len(total.Terms)
	for _, i := range []int{c.FollowUp, c.Baseline, c.Expected} {
		if i < 0 || i >= p {
			return total, fmt.Errorf("casemix: column %d of %d: %w", i, p, analytics.ErrInvalidParameter)
		}
	}
	if c.FollowUp == 0 {
		return total, fmt.Errorf("casemix: no column of follow-up scores: %w", analytics.ErrInvalidParameter)
	}
	if total.N < 2 {
		return total, fmt.Errorf("casemix: %d records, need 2: %w", total.N, analytics.ErrTooFewObservations)
	}
	return total, nil
}

// combine returns the mean of Σ wᵢxᵢ.
func combine(m moments.Matrix, weights map[int]float64) (mean float64, ok bool) {
	if m.N == 0 {
		return 0, false
	}
	for _, i := range ordered(weights) {
		v, _ := m.Mean(i)
		mean += weights[i] * v
	}
	return mean, true
}

// spread returns the sum of squares of Σ wᵢxᵢ about its mean.
func spread(m moments.Matrix, weights map[int]float64) float64 {
	places := ordered(weights)
	var ss float64
	for _, i := range places {
		for _, j := range places {
			ss += weights[i] * weights[j] * m.Centred(i, j)
		}
	}
	return math.Max(ss, 0)
}

// assemble makes the units. bias is the national mean of the residual.
func assemble(groups []Group, total moments.Matrix, c Columns, opts Options, sigma, bias float64, weights map[int]float64, expected func(moments.Matrix) float64) (Result, error) {
	if !(sigma > 0) {
		return Result{}, fmt.Errorf("casemix: residuals do not vary: %w", analytics.ErrZeroVariance)
	}
	r := Result{NationalN: total.N, Sigma: sigma, NationalBias: bias}
	r.NationalFollowUp, _ = total.Mean(c.FollowUp)
	if c.Baseline > 0 {
		r.NationalBaseline, _ = total.Mean(c.Baseline)
	}
	r.NationalGain = opts.Sign * (r.NationalFollowUp - r.NationalBaseline)
	for _, g := range groups {
		m := g.Moments
		if m.N == 0 {
			continue
		}
		u := Unit{Name: g.Name, N: m.N, MeanExpected: expected(m)}
		u.MeanFollowUp, _ = m.Mean(c.FollowUp)
		if c.Baseline > 0 {
			u.MeanBaseline, _ = m.Mean(c.Baseline)
		}
		residual, _ := combine(m, weights)
		u.Difference = residual - bias
		if m.N > 1 {
			sd := math.Sqrt(spread(m, weights) / float64(m.N-1))
			u.ResidualSD = &sd
		}
		r.finish(&u, opts)
		r.Units = append(r.Units, u)
	}
	return r, nil
}

// finish fills in what follows from the difference and the national figures.
func (r *Result) finish(u *Unit, opts Options) {
	se := r.Sigma / math.Sqrt(float64(u.N))
	u.MeanGain = opts.Sign * (u.MeanFollowUp - u.MeanBaseline)
	u.Limits = funnel.Limits{
		Lower95: r.NationalGain - funnel.AlertZ*se, Upper95: r.NationalGain + funnel.AlertZ*se,
		Lower998: r.NationalGain - funnel.AlarmZ*se, Upper998: r.NationalGain + funnel.AlarmZ*se,
	}
	if u.N < opts.MinModelled {
		return
	}
	d := opts.Sign * u.Difference
	gain, score, z := r.NationalGain+d, r.NationalFollowUp+u.Difference, d/se
	flag := funnel.Classify(z)
	u.AdjustedGain, u.AdjustedFollowUp, u.Z, u.Outlier = &gain, &score, &z, &flag
}
