package sensitivity

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
)

// EValue is the least strength of association, as a risk ratio with both
// treatment and outcome, that a confounder needs to explain the effect: Estimate
// for the ratio itself, Limit for the interval's end nearer to 1, 1 where the
// interval has 1 inside.
type EValue struct {
	Ratio, Lower, Upper float64
	Estimate, Limit     float64
}

// RiskRatio returns the E-value of a risk ratio and its interval
//
//	E = r + √(r(r−1)),   r = RR, or 1/RR where RR < 1
//
// A ratio or limit that is not above zero, or an interval without the ratio
// inside: ErrInvalidParameter. Agrees with golden/lib.R.
// VanderWeele and Ding (2017), doi:10.7326/M16-2607.
func RiskRatio(ratio, lower, upper float64) (EValue, error) {
	for _, v := range []float64{ratio, lower, upper} {
		if !(v > 0) || math.IsInf(v, 0) {
			return EValue{}, fmt.Errorf("sensitivity: ratio %v with interval %v to %v, need finite numbers above zero: %w", ratio, lower, upper, analytics.ErrInvalidParameter)
		}
	}
	if lower > ratio || upper < ratio {
		return EValue{}, fmt.Errorf("sensitivity: the interval %v to %v does not hold the ratio %v: %w", lower, upper, ratio, analytics.ErrInvalidParameter)
	}
	e := EValue{Ratio: ratio, Lower: lower, Upper: upper, Estimate: strength(ratio), Limit: 1}
	switch {
	case lower > 1:
		e.Limit = strength(lower)
	case upper < 1:
		e.Limit = strength(upper)
	}
	return e, nil
}

func strength(r float64) float64 {
	if r < 1 {
		r = 1 / r
	}
	return r + math.Sqrt(r*(r-1))
}

// OddsRatio returns the E-value of an odds ratio and its interval. The outcome
// being rare (under 15 % at the end of follow-up) it is taken as a risk ratio,
// else its square root is. Errors as RiskRatio.
// VanderWeele and Ding (2017), doi:10.7326/M16-2607, table 2.
func OddsRatio(ratio, lower, upper float64, rare bool) (EValue, error) {
	if !rare {
		ratio, lower, upper = math.Sqrt(ratio), math.Sqrt(lower), math.Sqrt(upper)
	}
	return RiskRatio(ratio, lower, upper)
}

// MeanDifference returns the E-value of a standardised difference d of means
// with standard error stdErr, through the risk ratio it is near to
//
//	RR ≈ exp(0.91·d),   interval exp(0.91·d ± 1.78·stdErr)
//
// d is in standard deviations of the outcome; its sign does not matter. A
// negative stdErr, NaN or Inf: ErrInvalidParameter.
// VanderWeele and Ding (2017), doi:10.7326/M16-2607.
func MeanDifference(d, stdErr float64) (EValue, error) {
	if math.IsNaN(d) || math.IsInf(d, 0) || !(stdErr >= 0) || math.IsInf(stdErr, 0) {
		return EValue{}, fmt.Errorf("sensitivity: difference %v with standard error %v: %w", d, stdErr, analytics.ErrInvalidParameter)
	}
	return RiskRatio(math.Exp(0.91*d), math.Exp(0.91*d-1.78*stdErr), math.Exp(0.91*d+1.78*stdErr))
}
