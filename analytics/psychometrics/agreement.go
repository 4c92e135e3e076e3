package psychometrics

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/describe"
	"github.com/lumbar-health/lumbar/analytics/dist"
	"github.com/lumbar-health/lumbar/analytics/moments"
)

// Pairs are two measurements of the same people, reduced: means, variances and
// covariance (divisor n−1), and the variance of second − first.
type Pairs struct {
	N                              int64
	Mean0, Mean1                   float64
	Variance0, Variance1           float64
	Covariance, DifferenceVariance float64
}

// PairsFromRows reduces two columns. Lengths that differ, NaN or Inf:
// ErrInvalidParameter; fewer than 2 pairs: ErrTooFewObservations.
func PairsFromRows(first, second []float64) (Pairs, error) {
	if len(first) != len(second) {
		return Pairs{}, fmt.Errorf("psychometrics: %d and %d values: %w", len(first), len(second), analytics.ErrInvalidParameter)
	}
	d := make([]float64, len(first))
	for i := range d {
		d[i] = second[i] - first[i]
	}
	p := Pairs{N: int64(len(first))}
	var s [3]float64
	var err error
	for k, x := range [][]float64{first, second, d} {
		var mean float64
		if mean, s[k], err = describe.MeanSD(x); err != nil {
			return Pairs{}, fmt.Errorf("psychometrics: %w", err)
		}
		switch k {
		case 0:
			p.Mean0 = mean
		case 1:
			p.Mean1 = mean
		}
	}
	for i := range first {
		p.Covariance += (first[i] - p.Mean0) * (second[i] - p.Mean1)
	}
	p.Covariance /= float64(p.N - 1)
	p.Variance0, p.Variance1, p.DifferenceVariance = s[0]*s[0], s[1]*s[1], s[2]*s[2]
	return p, nil
}

// PairsFromMoments reads two columns off moments. A place outside of them:
// ErrInvalidParameter; fewer than 2 people: ErrTooFewObservations.
func PairsFromMoments(m moments.Matrix, first, second int) (Pairs, error) {
	for _, c := range []int{first, second} {
		if c < 0 || c >= len(m.Terms) {
			return Pairs{}, fmt.Errorf("psychometrics: column %d of %d: %w", c, len(m.Terms), analytics.ErrInvalidParameter)
		}
	}
	if m.N < 2 {
		return Pairs{}, fmt.Errorf("psychometrics: %d pairs, need 2: %w", m.N, analytics.ErrTooFewObservations)
	}
	p := Pairs{N: m.N}
	p.Mean0, _ = m.Mean(first)
	p.Mean1, _ = m.Mean(second)
	below := float64(m.N - 1)
	p.Variance0, p.Variance1, p.Covariance = m.Centred(first, first)/below, m.Centred(second, second)/below, m.Centred(first, second)/below
	p.DifferenceVariance = math.Max(p.Variance0+p.Variance1-2*p.Covariance, 0)
	if p.DifferenceVariance < 1e-14*(p.Variance0+p.Variance1) {
		p.DifferenceVariance = 0
	}
	return p, nil
}

// Limits is an interval.
type Limits struct{ Low, High float64 }

// Intraclass is one of Shrout and Fleiss's correlations.
type Intraclass struct {
	Name             string
	Value, Low, High float64
}

// Agreement is how two measurements of the same people agree. Bias is second −
// first, LimitsOfAgreement Bias ± 1.96·StdDev, all in points; StdErrLimits is the
// approximate error of each limit, √(3/n)·StdDev. CCC is Lin's concordance
// correlation with the limits of its z-transform, nil where they are undefined,
// as are Pearson's with fewer than 4 people or a correlation of ±1.
type Agreement struct {
	Bias, StdDev      float64
	LimitsOfAgreement Limits
	StdErrLimits      float64
	ICC               []Intraclass
	CCC               float64
	CCCLimits         *Limits
	Pearson           float64
	PearsonLimits     *Limits
	PearsonP          *float64
}

// Agree describes the agreement of two measurements
//
//	ICC(1) = (MSB−MSW)/(MSB+MSW), (2) also counts bias against them, (3) does not
//	CCC    = 2·s₀₁/(s₀²+s₁²+(x̄₁−x̄₀)²), divisor n
//
// with ICC(·,k) of the mean of both. Assumes independent people and, for the
// limits, normal values.
//
//	fewer than 3 pairs                                ErrTooFewObservations
//	a measurement, the differences or the sums of
//	both do not vary                                  ErrZeroVariance
//	level                                             ErrInvalidParameter
//
// Checked against R's psych 2.2.9 (ICC, lmer = FALSE), epiR 2.0.57 (epi.ccc) and
// cor.test to 1e-8. Bland and Altman (1986), doi:10.1016/S0140-6736(86)90837-8;
// Shrout and Fleiss (1979), doi:10.1037/0033-2909.86.2.420; McGraw and Wong (1996),
// doi:10.1037/1082-989X.1.1.30; Lin (1989), doi:10.2307/2532051, corrected (2000),
// doi:10.1111/j.0006-341X.2000.00324.x.
func Agree(p Pairs, level float64) (Agreement, error) {
	if err := analytics.CheckLevel(level); err != nil {
		return Agreement{}, fmt.Errorf("psychometrics: agreement: %w", err)
	}
	if p.N < 3 {
		return Agreement{}, fmt.Errorf("psychometrics: agreement: %d pairs, need 3: %w", p.N, analytics.ErrTooFewObservations)
	}
	between := (p.Variance0 + p.Variance1 + 2*p.Covariance) / 2
	if !(p.Variance0 > 0 && p.Variance1 > 0 && p.DifferenceVariance > 0) || between <= 1e-14*(p.Variance0+p.Variance1) {
		return Agreement{}, fmt.Errorf("psychometrics: agreement: a measurement, the differences or the sums do not vary: %w", analytics.ErrZeroVariance)
	}
	a := Agreement{Bias: p.Mean1 - p.Mean0, StdDev: math.Sqrt(p.DifferenceVariance)}
	a.LimitsOfAgreement = Limits{a.Bias - 1.96*a.StdDev, a.Bias + 1.96*a.StdDev}
	a.StdErrLimits = math.Sqrt(3/float64(p.N)) * a.StdDev
	a.ICC = intraclass(p, between, level)
	a.pearson(p, level)
	a.concordance(p, level)
	return a, nil
}

// intraclass are the six correlations of two raters: MSB between people, MSJ
// between measurements, MSE the rest, MSW the last two together.
func intraclass(p Pairs, msb, level float64) []Intraclass {
	const k = 2
	n := float64(p.N)
	mse := p.DifferenceVariance / 2
	msj := n * (p.Mean1 - p.Mean0) * (p.Mean1 - p.Mean0) / 2
	msw := (msj + (n-1)*mse) / n
	tail := (1 - level) / 2
	one := ratioLimits(msb/msw, n-1, n, tail)
	three := ratioLimits(msb/mse, n-1, n-1, tail)
	of := func(l float64) float64 { return (l - 1) / (l + k - 1) }
	mean := func(l float64) float64 { return 1 - 1/l }
	icc2 := (msb - mse) / (msb + (k-1)*mse + k*(msj-mse)/n)
	two := agreementLimits(n, msb, msj, mse, icc2, tail)
	mean2 := func(r float64) float64 { return r * k / (1 + r*(k-1)) }
	return []Intraclass{
		{"ICC1", of(msb / msw), of(one.Low), of(one.High)},
		{"ICC2", icc2, two.Low, two.High},
		{"ICC3", of(msb / mse), of(three.Low), of(three.High)},
		{"ICC1k", mean(msb / msw), mean(one.Low), mean(one.High)},
		{"ICC2k", (msb - mse) / (msb + (msj-mse)/n), mean2(two.Low), mean2(two.High)},
		{"ICC3k", mean(msb / mse), mean(three.Low), mean(three.High)},
	}
}

// ratioLimits are the limits of a ratio of mean squares.
func ratioLimits(f, df1, df2, tail float64) Limits {
	return Limits{f / dist.FUpper(tail, df1, df2), f * dist.FUpper(tail, df2, df1)}
}

// agreementLimits are those of ICC(2,1), with Satterthwaite's degrees of freedom
// for the mixture of MSJ and MSE.
func agreementLimits(n, msb, msj, mse, icc, tail float64) Limits {
	const k = 2
	f := msj / mse
	a, b := k*icc*f, n*(1+(k-1)*icc)-k*icc
	v := (k - 1) * (n - 1) * (a + b) * (a + b) / ((n-1)*a*a + b*b)
	rest := k*msj + (k*n-k-n)*mse
	if !(v > 0.01) { // the quantiles run to infinity and to zero
		return Limits{-n * mse / rest, -mse / rest}
	}
	up, down := dist.FUpper(tail, n-1, v), dist.FUpper(tail, v, n-1)
	return Limits{n * (msb - up*mse) / (up*rest + n*msb), n * (down*msb - mse) / (rest + n*down*msb)}
}

// pearson fills in the correlation.
func (a *Agreement) pearson(p Pairs, level float64) {
	n := float64(p.N)
	a.Pearson = math.Max(-1, math.Min(1, p.Covariance/math.Sqrt(p.Variance0*p.Variance1)))
	if 1-a.Pearson*a.Pearson < 1e-14 {
		return
	}
	pr := dist.TTwoSided(math.Sqrt(n-2)*a.Pearson/math.Sqrt(1-a.Pearson*a.Pearson), n-2)
	a.PearsonP = &pr
	if p.N > 3 {
		a.PearsonLimits = zLimits(a.Pearson, 1/math.Sqrt(n-3), level)
	}
}

// zLimits are limits on the scale of Fisher's z.
func zLimits(r, se, level float64) *Limits {
	half := dist.NormalCritical(level) * se
	return &Limits{math.Tanh(math.Atanh(r) - half), math.Tanh(math.Atanh(r) + half)}
}

// concordance fills in Lin's coefficient.
func (a *Agreement) concordance(p Pairs, level float64) {
	n := float64(p.N)
	shrink := (n - 1) / n
	v0, v1, d := p.Variance0*shrink, p.Variance1*shrink, a.Bias
	c, r := 2*p.Covariance*shrink/(v0+v1+d*d), a.Pearson
	a.CCC = c
	if r == 0 || 1-c*c < 1e-14 {
		return
	}
	u2 := d * d / math.Sqrt(v0*v1)
	v := (1-r*r)*c*c*(1-c*c)/(r*r) + 2*c*c*c*(1-c)*u2/r - c*c*c*c*u2*u2/(2*r*r)
	if v/(n-2) >= 0 {
		a.CCCLimits = zLimits(c, math.Sqrt(v/(n-2))/(1-c*c), level)
	}
}
