package timeseries

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/linear"
)

// NeweyWest returns the covariance of a fit's coefficients that allows for serial
// correlation up to lag periods and for unequal spread
//
//	V = (X′X)⁻¹·[Γ₀ + Σ_j (1 − j/(lag+1))·(Γ_j + Γ_j′)]·(X′X)⁻¹,   Γ_j = Σ_t e_t e_{t−j} x_t x_{t−j}′
//
// by Bartlett's kernel, without prewhitening; adjust multiplies by n/(n−p). Rows
// must be in the order of time. Assumes correlation that dies out within the lag. A
// lag beyond the series has the weights of that lag over the lags there are.
//
//	lag < 0                               ErrInvalidParameter
//	a lag so long that the sums cancel    ErrZeroVariance
//
// Agrees with R's sandwich::NeweyWest(prewhite = FALSE) to 1e-9. Newey and West
// (1987), doi:10.2307/1913610.
func NeweyWest(o *linear.Rows, lag int, adjust bool) (linear.Sym, error) {
	if lag < 0 {
		return linear.Sym{}, fmt.Errorf("timeseries: a lag of %d, need 0 or more: %w", lag, analytics.ErrInvalidParameter)
	}
	meat := linear.NewSym(o.P)
	for j := 0; j <= min(lag, o.N-1); j++ {
		weight := 1 - float64(j)/float64(lag+1)
		for t := j; t < o.N; t++ {
			e := weight * o.Residuals[t] * o.Residuals[t-j]
			now, before := o.Design.Row(t), o.Design.Row(t-j)
			for a := range now {
				for b := 0; b <= a; b++ {
					v := now[a] * before[b]
					if j > 0 {
						v += now[b] * before[a]
					}
					meat.Set(a, b, meat.At(a, b)+e*v)
				}
			}
		}
	}
	cov, err := o.RobustFromMeat(meat.Data, linear.HC0)
	if err != nil {
		return cov, err
	}
	for j := 0; j < o.P; j++ {
		if !(cov.At(j, j) > 1e-10*o.Sigma2*o.Inv.At(j, j)) {
			return cov, fmt.Errorf("timeseries: over a lag of %d the sums cancel; take a shorter one: %w", lag, analytics.ErrZeroVariance)
		}
	}
	if adjust {
		cov = cov.Scale(float64(o.N) / float64(o.DF()))
	}
	return cov, nil
}

// Bandwidth returns Newey and West's automatic bandwidth in periods, whose whole
// part is the lag:
//
//	1.1447·((s₁/s₀)²·n)^(1/3),   s₀ = σ₀ + 2Σσ_j,  s₁ = 2Σ j·σ_j,  j to ⌊4(n/100)^(2/9)⌋
//
// σ_j are the autocovariances of the scores x_t·e_t summed over the columns, the
// intercept's left out unless it is the only one.
//
//	scores that cancel (s₀ = 0)    ErrZeroVariance
//
// Agrees with R's sandwich::bwNeweyWest(prewhite = FALSE). Newey and West (1994),
// doi:10.2307/2297912.
func Bandwidth(o *linear.Rows) (float64, error) {
	n := float64(o.N)
	score := make([]float64, o.N)
	for t, e := range o.Residuals {
		for j, v := range o.Design.Row(t) {
			if o.Design.Assign[j] != 0 || o.P == 1 {
				score[t] += v * e
			}
		}
	}
	var s0, s1 float64
	most := min(int(math.Floor(4*math.Pow(n/100, 2./9))), o.N-1)
	for j := 0; j <= most; j++ {
		var sigma float64
		for t := j; t < o.N; t++ {
			sigma += score[t] * score[t-j]
		}
		sigma /= n
		if j == 0 {
			s0 = sigma
			continue
		}
		s0 += 2 * sigma
		s1 += 2 * float64(j) * sigma
	}
	if s0 == 0 {
		return 0, fmt.Errorf("timeseries: the scores cancel, there is no automatic bandwidth; give a lag: %w", analytics.ErrZeroVariance)
	}
	return 1.1447 * math.Cbrt(s1/s0*s1/s0*n), nil
}

// AutomaticLag is the whole part of the bandwidth, at most a million.
func AutomaticLag(bandwidth float64) int { return int(math.Min(math.Floor(bandwidth), 1e6)) }
