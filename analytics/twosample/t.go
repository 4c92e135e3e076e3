package twosample

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/describe"
	"github.com/lumbar-health/lumbar/analytics/dist"
	"github.com/lumbar-health/lumbar/analytics/moments"
)

// Alternative is the side on which a test looks for a difference.
type Alternative string

// The alternatives, in R's words.
const (
	TwoSided Alternative = "two.sided"
	Greater  Alternative = "greater"
	Less     Alternative = "less"
)

// Group is a sample reduced to its size, mean and variance (divisor n−1).
type Group struct {
	N              int64
	Mean, Variance float64
}

// WelchResult is the comparison of two means. Difference is mean 1 − mean 0 in
// the values' unit. Of a one-sided test, Lower or Upper is infinite.
type WelchResult struct {
	Difference, StdErr  float64
	DF, T, P            float64
	Lower, Upper, Level float64
	N1, N0              int64
	Mean1, Mean0        float64
	StdDev1, StdDev0    float64
	Alternative         Alternative
	Method              string
}

// Options are the level of the interval and the side of the test; the zero
// value is 95 %, two-sided, of a difference of zero.
type Options struct {
	Level       float64
	Alternative Alternative
	Null        float64
}

// Welch compares two means without assuming equal variances
//
//	t = (x̄₁ − x̄₀)/√(s₁²/n₁ + s₀²/n₀),   Welch–Satterthwaite df
//
// from sizes, means and variances (divisor n−1), such as the store returns.
// Assumes independent people and means that are nearly normal.
//
//	a group under 2                ErrTooFewObservations
//	both variances zero            ErrZeroVariance
//	variance < 0, NaN, level       ErrInvalidParameter
//
// Checked against R's t.test to 1e-9. Welch (1947), doi:10.1093/biomet/34.1-2.28.
func Welch(n1 int64, mean1, var1 float64, n0 int64, mean0, var0, level float64) (WelchResult, error) {
	return WelchTest(Group{n1, mean1, var1}, Group{n0, mean0, var0}, Options{Level: level})
}

// WelchTest is Welch with a choice of side and null value.
func WelchTest(g1, g0 Group, opts Options) (WelchResult, error) {
	if err := check(g1, g0); err != nil {
		return WelchResult{}, fmt.Errorf("twosample: welch: %w", err)
	}
	a, b := g1.Variance/float64(g1.N), g0.Variance/float64(g0.N)
	se := math.Sqrt(a + b)
	// In shares of the sum, so that squares neither overflow nor vanish.
	p, q := a/(a+b), b/(a+b)
	df := 1 / (p*p/float64(g1.N-1) + q*q/float64(g0.N-1))
	return finish("Welch t test", g1, g0, se, df, opts)
}

// Pooled compares two means with a common variance (Student's t test), df
// n₁ + n₀ − 2. Errors as Welch. Checked against R's t.test(var.equal = TRUE).
func Pooled(g1, g0 Group, opts Options) (WelchResult, error) {
	if err := check(g1, g0); err != nil {
		return WelchResult{}, fmt.Errorf("twosample: pooled t: %w", err)
	}
	n1, n0 := float64(g1.N), float64(g0.N)
	df := n1 + n0 - 2
	variance := ((n1-1)*g1.Variance + (n0-1)*g0.Variance) / df
	return finish("pooled t test", g1, g0, math.Sqrt(variance*(1/n1+1/n0)), df, opts)
}

// Equivalence is the result of two one-sided tests: the groups are equivalent
// at 5 % when Lower and Upper, the 90 % interval, lie within ± the margin, that
// is when P < 0.05.
type Equivalence struct {
	PLower, PUpper, P float64
	Lower, Upper      float64
}

// TOST tests that the difference lies within ±margin by two one-sided Welch
// tests. margin ≤ 0 is ErrInvalidParameter; other errors as Welch.
// Schuirmann (1987), doi:10.1007/BF01068419.
func TOST(g1, g0 Group, margin float64) (Equivalence, error) {
	if !(margin > 0) || math.IsInf(margin, 0) {
		return Equivalence{}, fmt.Errorf("twosample: equivalence: margin %v, need above 0: %w", margin, analytics.ErrInvalidParameter)
	}
	lower, err := WelchTest(g1, g0, Options{Alternative: Greater, Null: -margin})
	if err != nil {
		return Equivalence{}, err
	}
	upper, err := WelchTest(g1, g0, Options{Alternative: Less, Null: margin})
	if err != nil {
		return Equivalence{}, err
	}
	both, err := WelchTest(g1, g0, Options{Level: 0.9})
	if err != nil {
		return Equivalence{}, err
	}
	return Equivalence{PLower: lower.P, PUpper: upper.P, P: math.Max(lower.P, upper.P), Lower: both.Lower, Upper: both.Upper}, nil
}

// FromRows reduces a sample to a Group. Fewer than two values:
// ErrTooFewObservations; NaN: ErrInvalidParameter.
func FromRows(x []float64) (Group, error) {
	mean, sd, err := describe.MeanSD(x)
	return Group{N: int64(len(x)), Mean: mean, Variance: sd * sd}, err
}

// FromMoments reads a Group off one column of moments. Fewer than two rows:
// ErrTooFewObservations.
func FromMoments(m moments.Matrix, col int) (Group, error) {
	if col < 0 || col >= len(m.Terms) {
		return Group{}, fmt.Errorf("twosample: column %d of %d: %w", col, len(m.Terms), analytics.ErrInvalidParameter)
	}
	variance, ok := m.Variance(col)
	if !ok {
		return Group{}, fmt.Errorf("twosample: %d values, need 2: %w", m.N, analytics.ErrTooFewObservations)
	}
	mean, _ := m.Mean(col)
	return Group{N: m.N, Mean: mean, Variance: variance}, nil
}

// check refuses groups of which no t statistic can be made.
func check(g1, g0 Group) error {
	for _, g := range []Group{g1, g0} {
		if g.N < 2 {
			return fmt.Errorf("a group of %d, need 2: %w", g.N, analytics.ErrTooFewObservations)
		}
		if math.IsNaN(g.Mean) || math.IsInf(g.Mean, 0) || !(g.Variance >= 0) || math.IsInf(g.Variance, 0) {
			return fmt.Errorf("mean or variance is not finite: %w", analytics.ErrInvalidParameter)
		}
	}
	if g1.Variance == 0 && g0.Variance == 0 {
		return fmt.Errorf("all values equal in both groups: %w", analytics.ErrZeroVariance)
	}
	return nil
}

// finish turns a standard error into interval and test.
func finish(method string, g1, g0 Group, se, df float64, opts Options) (WelchResult, error) {
	if opts.Level == 0 {
		opts.Level = 0.95
	}
	if err := analytics.CheckLevel(opts.Level); err != nil {
		return WelchResult{}, fmt.Errorf("twosample: %w", err)
	}
	d := g1.Mean - g0.Mean
	t := (d - opts.Null) / se
	if !(df > 0) || !(se > 0) || math.IsInf(se, 0) || math.IsNaN(t) || math.IsInf(t, 0) {
		return WelchResult{}, fmt.Errorf("twosample: means or variances are too large, too small or too alike to compare: %w", analytics.ErrInvalidParameter)
	}
	r := WelchResult{Difference: d, StdErr: se, DF: df, T: t, Level: opts.Level, N1: g1.N, N0: g0.N, Mean1: g1.Mean, Mean0: g0.Mean,
		StdDev1: math.Sqrt(g1.Variance), StdDev0: math.Sqrt(g0.Variance), Alternative: opts.Alternative, Method: method}
	switch opts.Alternative {
	case "", TwoSided:
		half := dist.TCritical(opts.Level, df) * se
		r.Alternative, r.P, r.Lower, r.Upper = TwoSided, dist.TTwoSided(t, df), d-half, d+half
	case Greater:
		r.P, r.Lower, r.Upper = dist.TTail(t, df), d-dist.TUpper(1-opts.Level, df)*se, math.Inf(1)
	case Less:
		r.P, r.Lower, r.Upper = dist.TTail(-t, df), math.Inf(-1), d+dist.TUpper(1-opts.Level, df)*se
	default:
		return WelchResult{}, fmt.Errorf("twosample: alternative %q, have two.sided, greater, less: %w", opts.Alternative, analytics.ErrInvalidParameter)
	}
	return r, nil
}
