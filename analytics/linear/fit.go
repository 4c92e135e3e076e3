package linear

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
)

// Fit is a least-squares fit. Coef is in units of the response per unit of the
// column; Inv is (X′X)⁻¹; RSS the residual and TSS the total sum of squares,
// about the mean where the model has an intercept and about zero otherwise;
// Sigma2 = RSS/(N−P), the residual variance. MeanY is the mean response.
type Fit struct {
	Coef         []float64
	Names        []string
	Inv          Sym
	RSS, TSS     float64
	Sigma2       float64
	MeanY        float64
	N, P         int
	HasIntercept bool
}

// DF is the residual degrees of freedom, N − P.
func (f *Fit) DF() int { return f.N - f.P }

// Place returns the coefficient of that name, or -1.
func (f *Fit) Place(name string) int {
	for i, n := range f.Names {
		if n == name {
			return i
		}
	}
	return -1
}

// Covariance returns the model-based covariance of the coefficients,
// Sigma2·(X′X)⁻¹.
func (f *Fit) Covariance() Sym { return f.Inv.Scale(f.Sigma2) }

// Estimate returns one coefficient with its t interval and test, N − P degrees
// of freedom, under a covariance of Covariance, RobustFromMeat or Rows.HC.
// A coefficient out of range or a level outside (0,1): ErrInvalidParameter; a
// standard error of zero: ErrZeroVariance.
func (f *Fit) Estimate(coef int, cov Sym, level float64) (analytics.Test, error) {
	return f.EstimateDF(coef, cov, float64(f.DF()), level)
}

// EstimateDF is Estimate with other degrees of freedom, as clustered errors
// need them.
func (f *Fit) EstimateDF(coef int, cov Sym, df, level float64) (analytics.Test, error) {
	if coef < 0 || coef >= f.P || cov.N != f.P {
		return analytics.Test{}, fmt.Errorf("linear: coefficient %d of %d: %w", coef, f.P, analytics.ErrInvalidParameter)
	}
	if err := analytics.CheckLevel(level); err != nil {
		return analytics.Test{}, fmt.Errorf("linear: %w", err)
	}
	if !(df > 0) {
		return analytics.Test{}, fmt.Errorf("linear: %v degrees of freedom: %w", df, analytics.ErrTooFewObservations)
	}
	se := math.Sqrt(cov.At(coef, coef))
	if !(se > 0) {
		return analytics.Test{}, fmt.Errorf("linear: %s has a standard error of zero: %w", f.Names[coef], analytics.ErrZeroVariance)
	}
	b := f.Coef[coef]
	half := dist.TCritical(level, df) * se
	return analytics.Test{
		Estimate:  analytics.Estimate{Value: b, StdErr: se, Lower: b - half, Upper: b + half, Level: level, N: f.N, Method: "least squares"},
		Statistic: b / se, DF: df, P: dist.TTwoSided(b/se, df),
	}, nil
}

// Contrast returns Σ wᵢ·coefᵢ with its interval and test, as Estimate.
func (f *Fit) Contrast(weights []float64, cov Sym, level float64) (analytics.Test, error) {
	if len(weights) != f.P || cov.N != f.P {
		return analytics.Test{}, fmt.Errorf("linear: %d weights for %d coefficients: %w", len(weights), f.P, analytics.ErrInvalidParameter)
	}
	one := &Fit{Coef: []float64{0}, Names: []string{"contrast"}, N: f.N, P: 1}
	for i, w := range weights {
		one.Coef[0] += w * f.Coef[i]
	}
	v := NewSym(1)
	v.Set(0, 0, cov.Quadratic(weights))
	return one.EstimateDF(0, v, float64(f.DF()), level)
}

// RSquared is 1 − RSS/TSS; ok is false when the response does not vary.
func (f *Fit) RSquared() (r2 float64, ok bool) {
	if f.TSS <= 0 {
		return 0, false
	}
	return 1 - f.RSS/f.TSS, true
}

// FTest is a test of several restrictions at once.
type FTest struct {
	F, DF1, DF2, P float64
}

// Overall tests that every coefficient but the intercept is zero. A model of an
// intercept alone: ErrInvalidParameter; no residual variation: ErrZeroVariance.
func (f *Fit) Overall() (FTest, error) {
	df1 := float64(f.P)
	if f.HasIntercept {
		df1--
	}
	if df1 == 0 {
		return FTest{}, fmt.Errorf("linear: no coefficient but the intercept; add a term: %w", analytics.ErrInvalidParameter)
	}
	return newFTest((f.TSS-f.RSS)/df1, f.Sigma2, df1, float64(f.DF()))
}

// Compare tests a model against one nested in it, both of the same rows.
func Compare(smaller, larger *Fit) (FTest, error) {
	df1 := float64(larger.P - smaller.P)
	if smaller.N != larger.N || df1 <= 0 {
		return FTest{}, fmt.Errorf("linear: the models are not nested; fit both to the same rows, one with the terms of the other: %w", analytics.ErrInvalidParameter)
	}
	return newFTest((smaller.RSS-larger.RSS)/df1, larger.Sigma2, df1, float64(larger.DF()))
}

// CompareRows is Compare with the rows at hand: of nested models RSS₀ − RSS₁ is
// Σ(e₀−e₁)², which keeps its digits where the two sums are nearly equal.
func CompareRows(smaller, larger *Rows) (FTest, error) {
	df1 := float64(larger.P - smaller.P)
	if smaller.N != larger.N || df1 <= 0 {
		return Compare(smaller.Fit, larger.Fit)
	}
	var between float64
	for i, e := range smaller.Residuals {
		between += (e - larger.Residuals[i]) * (e - larger.Residuals[i])
	}
	if math.Abs(between-(smaller.RSS-larger.RSS)) > 1e-8*smaller.RSS { // not nested: the sums differ by more than rounding
		return Compare(smaller.Fit, larger.Fit)
	}
	return newFTest(between/df1, larger.Sigma2, df1, float64(larger.DF()))
}

func newFTest(between, within, df1, df2 float64) (FTest, error) {
	if !(within > 0) {
		return FTest{}, fmt.Errorf("linear: the terms give every outcome exactly; drop those that are part of it: %w", analytics.ErrZeroVariance)
	}
	v := math.Max(between, 0) / within
	return FTest{F: v, DF1: df1, DF2: df2, P: dist.FTail(v, df1, df2)}, nil
}

// Likelihood holds the Gaussian log-likelihood at its maximum and the criteria
// made of it; the residual variance counts as a parameter.
type Likelihood struct {
	LogLik, AIC, BIC float64
}

// Likelihood returns them; a perfect fit has none (ErrZeroVariance).
func (f *Fit) Likelihood() (Likelihood, error) {
	if !(f.RSS > 0) {
		return Likelihood{}, fmt.Errorf("linear: the terms give every outcome exactly; drop those that are part of it: %w", analytics.ErrZeroVariance)
	}
	n, k := float64(f.N), float64(f.P+1)
	l := -n / 2 * (math.Log(2*math.Pi*f.RSS/n) + 1)
	return Likelihood{LogLik: l, AIC: 2*k - 2*l, BIC: k*math.Log(n) - 2*l}, nil
}
