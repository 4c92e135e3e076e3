package missing

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dense"
	"github.com/lumbar-health/lumbar/analytics/dist"
	"github.com/lumbar-health/lumbar/analytics/linear"
)

// Pooled is an estimate over m imputations. Within is the mean variance Ū,
// Between that of the estimates B, Total = Within + (1+1/m)·Between. RIV is the
// relative increase in variance, Lambda the share of it due to missing values and
// FMI the fraction of missing information. DF are Barnard and Rubin's degrees of
// freedom, and DFLarge Rubin's of 1987, which ignore how few people there are.
// RIV is infinite where no imputation has variance of its own.
type Pooled struct {
	analytics.Test
	M                      int
	Within, Between, Total float64
	RIV, Lambda, FMI       float64
	DFLarge                float64
}

// leastLambda keeps the degrees of freedom finite where imputations nearly
// agree: the floor of R's mice.
const leastLambda = 1e-4

// pivot is what must be left of a column's own variation after those before it.
const pivot = 1e-12

// Pool combines the estimates of m imputed data sets and their variances by
// Rubin's rules,
//
//	Q̄ = ΣQ/m,  T = Ū + (1+1/m)B,  ν = (m−1)/λ²,  ν_obs = (ν₀+1)/(ν₀+3)·ν₀(1−λ),  df = νν_obs/(ν+ν_obs)
//
// complete is ν₀, the degrees of freedom that complete data would have (n − p);
// +Inf gives Rubin's. Variances are squared standard errors.
//
//	fewer than two imputations                      ErrTooFewObservations
//	a variance below zero, lengths that differ, NaN,
//	complete not above 0, a level outside (0,1)     ErrInvalidParameter
//	variances and spread all zero                   ErrZeroVariance
//
// Agrees with R's mice::pool 3.15.0 to 1e-12. Barnard and Rubin (1999),
// doi:10.1093/biomet/86.4.948; Rubin (1987), doi:10.1002/9780470316696.
func Pool(estimates, variances []float64, complete, level float64) (Pooled, error) {
	m := len(estimates)
	if m < 2 {
		return Pooled{}, fmt.Errorf("missing: %d imputations, need 2 and better 20: %w", m, analytics.ErrTooFewObservations)
	}
	if len(variances) != m || !(complete > 0) {
		return Pooled{}, fmt.Errorf("missing: %d variances for %d estimates, %v degrees of freedom: %w", len(variances), m, complete, analytics.ErrInvalidParameter)
	}
	if err := analytics.CheckLevel(level); err != nil {
		return Pooled{}, fmt.Errorf("missing: %w", err)
	}
	if err := analytics.CheckFinite("missing: estimates", estimates); err != nil {
		return Pooled{}, err
	}
	if err := analytics.CheckFinite("missing: variances", variances); err != nil {
		return Pooled{}, err
	}
	p := Pooled{M: m}
	k := float64(m)
	for i, q := range estimates {
		if variances[i] < 0 {
			return p, fmt.Errorf("missing: the variance of imputation %d is below zero: %w", i+1, analytics.ErrInvalidParameter)
		}
		p.Value += q / k
		p.Within += variances[i] / k
	}
	for _, q := range estimates {
		p.Between += (q - p.Value) * (q - p.Value) / (k - 1)
	}
	p.Total = p.Within + (1+1/k)*p.Between
	if !(p.Total > 0) {
		return p, fmt.Errorf("missing: every imputation has the same estimate and no error: %w", analytics.ErrZeroVariance)
	}
	p.Lambda = (1 + 1/k) * p.Between / p.Total
	p.DF, p.DFLarge = barnardRubin(k, p.Lambda, complete), barnardRubin(k, p.Lambda, math.Inf(1))
	p.RIV = math.Inf(1)
	p.FMI = 1
	if p.Within > 0 {
		p.RIV = (1 + 1/k) * p.Between / p.Within
		p.FMI = (p.RIV + 2/(p.DF+3)) / (1 + p.RIV)
	}
	p.StdErr, p.Level, p.Method = math.Sqrt(p.Total), level, "Rubin's rules"
	half := dist.TCritical(level, p.DF) * p.StdErr
	p.Lower, p.Upper = p.Value-half, p.Value+half
	p.Statistic = p.Value / p.StdErr
	p.P = dist.TTwoSided(p.Statistic, p.DF)
	return p, nil
}

// barnardRubin is the degrees of freedom for a complete-data ν₀.
func barnardRubin(m, lambda, complete float64) float64 {
	lambda = math.Max(lambda, leastLambda)
	large := (m - 1) / (lambda * lambda)
	if math.IsInf(complete, 1) {
		return large
	}
	observed := (complete + 1) / (complete + 3) * complete * (1 - lambda)
	return large * observed / (large + observed)
}

// Wald is a test of several coefficients at once over imputations: F with DF1
// and DF2, RIV the average relative increase in variance.
type Wald struct{ F, DF1, DF2, P, RIV float64 }

// D1 tests that all of several coefficients are zero, from their estimates and
// covariances in each imputation, with a common relative increase in variance
//
//	r = (1+1/m)·tr(B·Ū⁻¹)/k,   F = Q̄′Ū⁻¹Q̄/(k(1+r))
//
// and the large-sample degrees of freedom: t = k(m−1),
// 4 + (t−4)(1+(1−2/t)/r)² for t > 4, else t(1+1/k)(1+1/r)²/2.
//
//	fewer than two imputations              ErrTooFewObservations
//	shapes that differ, no coefficient      ErrInvalidParameter
//	a mean covariance that has no inverse   ErrCollinear
//	imputations that all agree              ErrZeroVariance
//
// Agrees with R's mitml::testModels 0.4-4 to 1e-10. Li, Raghunathan and Rubin
// (1991), doi:10.1080/01621459.1991.10475152.
func D1(estimates [][]float64, covariances []linear.Sym) (Wald, error) {
	m := len(estimates)
	if m < 2 {
		return Wald{}, fmt.Errorf("missing: %d imputations, need 2: %w", m, analytics.ErrTooFewObservations)
	}
	k := len(estimates[0])
	if k == 0 || len(covariances) != m {
		return Wald{}, fmt.Errorf("missing: %d covariances for %d imputations of %d coefficients: %w", len(covariances), m, k, analytics.ErrInvalidParameter)
	}
	mean, within := make([]float64, k), linear.NewSym(k)
	for i, q := range estimates {
		if len(q) != k || covariances[i].N != k {
			return Wald{}, fmt.Errorf("missing: imputation %d has other coefficients: %w", i+1, analytics.ErrInvalidParameter)
		}
		for j, v := range q {
			mean[j] += v / float64(m)
		}
		for j, v := range covariances[i].Data {
			within.Data[j] += v / float64(m)
		}
	}
	factor, bad := dense.Unpack(within.Data, k).Cholesky(pivot)
	if bad >= 0 {
		return Wald{}, fmt.Errorf("missing: coefficient %d is a combination of those before it: %w", bad+1, analytics.ErrCollinear)
	}
	quadratic := func(x []float64) float64 { return dense.Dot(x, factor.Solve(x)) }
	var trace float64
	gap := make([]float64, k)
	for _, q := range estimates {
		for j, v := range q {
			gap[j] = v - mean[j]
		}
		trace += quadratic(gap) / float64(m-1)
	}
	w := Wald{DF1: float64(k), RIV: (1 + 1/float64(m)) * trace / float64(k)}
	if !(w.RIV > 0) {
		return w, fmt.Errorf("missing: every imputation has the same estimates; test one of them: %w", analytics.ErrZeroVariance)
	}
	w.F = quadratic(mean) / (float64(k) * (1 + w.RIV))
	t := float64(k * (m - 1))
	if t > 4 {
		c := 1 + (1-2/t)/w.RIV
		w.DF2 = 4 + (t-4)*c*c
	} else {
		c := 1 + 1/w.RIV
		w.DF2 = t * (1 + 1/float64(k)) * c * c / 2
	}
	w.P = dist.FTail(w.F, w.DF1, w.DF2)
	return w, nil
}
