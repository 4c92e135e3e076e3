package glm

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
	"github.com/lumbar-health/lumbar/analytics/linear"
)

// factors returns the prior weight of pattern i, μ′/V and μ′ there.
func (m *Model) factors(i int) (weight, ratio, slope float64) {
	mu, slope := m.Family.Mean(m.Eta[i])
	ratio = 1
	if v := m.Family.Variance(mu); v > 0 {
		ratio = slope / v
	}
	return m.opts.weight(i), ratio, slope
}

// Score returns what multiplies the row x of pattern i in its share of the
// score: w·(Σy − n·μ)·μ′/V. The sum of score times row over patterns is zero.
func (m *Model) Score(i int) float64 {
	w, ratio, _ := m.factors(i)
	return w * ratio * (m.data.Sum[i] - m.data.Count[i]*m.Fitted[i])
}

// ScoreSquare returns what multiplies xx′ in the pattern's share of the sum of
// squared scores over people: w²·(Σy² − 2μΣy + nμ²)·(μ′/V)².
func (m *Model) ScoreSquare(i int) float64 {
	w, ratio, _ := m.factors(i)
	d := m.data
	return w * w * ratio * ratio * gaussian{}.kernel(0, m.Fitted[i], d.Count[i], d.Sum[i], d.SumSq[i])
}

// Information returns what multiplies xx′ in the pattern's share of X′WX:
// w·n·μ′²/V.
func (m *Model) Information(i int) float64 {
	w, ratio, slope := m.factors(i)
	return w * m.data.Count[i] * slope * ratio
}

// Pearson returns Pearson's χ², Σ w(y−μ)²/V(μ).
func (m *Model) Pearson() float64 {
	var total float64
	d := m.data
	for i, n := range d.Count {
		if v := m.Family.Variance(m.Fitted[i]); v > 0 {
			total += m.opts.weight(i) * gaussian{}.kernel(0, m.Fitted[i], n, d.Sum[i], d.SumSq[i]) / v
		}
	}
	return total
}

// HC0 returns the robust covariance (X′WX)⁻¹·Σ sᵢsᵢ′·(X′WX)⁻¹, s the score of a
// person, from the cells' sums alone. It makes no correction for few people.
// Agrees with R's sandwich::vcovHC(type = "HC0"). White (1982),
// doi:10.2307/1912526.
func (m *Model) HC0() linear.Sym {
	meat := linear.NewSym(m.P)
	for i := range m.Eta {
		if f := m.ScoreSquare(i); f > 0 {
			meat.AddOuter(m.data.Design.Row(i), f)
		}
	}
	return m.Unscaled.Sandwich(meat)
}

// Estimate returns one coefficient with its normal interval and Wald test under
// a covariance of Cov, HC0 or a cluster's; a Gaussian model's has N − P degrees
// of freedom. A coefficient out of range or a level outside (0,1):
// ErrInvalidParameter; a standard error of zero: ErrZeroVariance.
func (m *Model) Estimate(coef int, cov linear.Sym, level float64) (analytics.Test, error) {
	df := math.Inf(1)
	if m.Family == Gaussian {
		df = m.N - float64(m.P)
	}
	return m.EstimateDF(coef, cov, df, level)
}

// EstimateDF is Estimate with t intervals of other degrees of freedom; +Inf is
// the normal law, which the result shows as DF 0.
func (m *Model) EstimateDF(coef int, cov linear.Sym, df, level float64) (analytics.Test, error) {
	if coef < 0 || coef >= m.P || cov.N != m.P {
		return analytics.Test{}, fmt.Errorf("glm: coefficient %d of %d: %w", coef, m.P, analytics.ErrInvalidParameter)
	}
	if err := analytics.CheckLevel(level); err != nil {
		return analytics.Test{}, fmt.Errorf("glm: %w", err)
	}
	b, se := m.Coef[coef], math.Sqrt(cov.At(coef, coef))
	if !(se > 0) {
		return analytics.Test{}, fmt.Errorf("glm: %s has a standard error of zero: %w", m.Names[coef], analytics.ErrZeroVariance)
	}
	critical, shown := dist.NormalCritical(level), 0.0
	if !math.IsInf(df, 1) {
		critical, shown = dist.TCritical(level, df), df
	}
	return analytics.Test{
		Estimate:  analytics.Estimate{Value: b, StdErr: se, Lower: b - critical*se, Upper: b + critical*se, Level: level, N: int(math.Round(m.N)), Method: m.Family.String() + " regression"},
		Statistic: b / se, DF: shown, P: dist.TTwoSided(b/se, df),
	}, nil
}

// LogLik returns the log-likelihood; ok is false where the cells do not give it
// (counts without LogFactorial, a negative binomial), and for a Gaussian fit
// without residuals.
func (m *Model) LogLik() (value float64, ok bool) {
	kernel := m.kernelAt(func(i int) float64 { return m.Eta[i] })
	switch m.Family.(type) {
	case gaussian:
		if !(m.Dispersion > 0) {
			return 0, false
		}
		for i, n := range m.data.Count {
			if w := m.opts.weight(i); w > 0 {
				value += n * math.Log(w) / 2
			}
		}
		return value - m.N/2*(math.Log(2*math.Pi*kernel/m.N)+1), true
	case binomial:
		return -kernel / 2, m.data.Binary()
	case poisson:
		factorial, ok := m.logFactorial()
		return -kernel/2 - factorial, ok
	}
	return 0, false
}

// logFactorial is Σ w·log y!.
func (m *Model) logFactorial() (value float64, ok bool) {
	if m.data.LogFactorial == nil {
		return 0, m.data.Binary()
	}
	for i, v := range m.data.LogFactorial {
		value += m.opts.weight(i) * v
	}
	return value, true
}
