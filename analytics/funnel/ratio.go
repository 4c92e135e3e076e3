package funnel

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
)

// Ratio is a provider's observed events and those expected of its patients.
type Ratio struct {
	Observed, Expected float64
}

// RatioScale is the scale on which ratios are spread evenly.
type RatioScale int

// LogRatio is the SHMI's: y = log(O/E), s = 1/√E, z scores truncated by rank.
// RootRatio is the Care Quality Commission's: y = √(O/E), target 1, s = 1/(2√E),
// z scores winsorised.
const (
	LogRatio RatioScale = iota
	RootRatio
)

// RatioFunnel is the over-dispersion of ratios with the 99.8 % limits that allow
// for it, a limit each unit, on the scale of O/E.
type RatioFunnel struct {
	Dispersion
	Lower998, Upper998 []float64
}

// Ratios estimates the over-dispersion of observed to expected ratios and draws
//
//	exp(±z·√(1/E + τ²))   of logs,   (1 ± z·√(1/(4E) + τ²))²   of roots
//
// with z = 3.090232. E is not rounded. Of roots the lower limit is the square as
// it stands, which FunnelPlotR leaves out; where z·√(1/(4E)+τ²) > 1 the root is
// below zero and the limit to be drawn is 0.
//
//	no units                                      ErrTooFewObservations
//	an expectation not above 0, observed below 0,
//	of logs a unit with none observed             ErrInvalidParameter
//
// Spiegelhalter and others (2012), doi:10.1111/j.1467-985X.2011.01010.x. Agrees
// with golden/lib.R overdisp to 1e-9.
func Ratios(units []Ratio, scale RatioScale) (RatioFunnel, error) {
	values, stdErrs := make([]float64, len(units)), make([]float64, len(units))
	trim, target := Truncate, 0.0
	if scale == RootRatio {
		trim, target = Winsorise, 1
	}
	for i, u := range units {
		if !(u.Expected > 0) || !(u.Observed >= 0) || scale == LogRatio && u.Observed == 0 {
			return RatioFunnel{}, fmt.Errorf("funnel: unit %d: a ratio on this scale needs events expected and observed; leave the unit out: %w", i+1, analytics.ErrInvalidParameter)
		}
		if values[i], stdErrs[i] = math.Log(u.Observed/u.Expected), 1/math.Sqrt(u.Expected); scale == RootRatio {
			values[i], stdErrs[i] = math.Sqrt(u.Observed/u.Expected), 1/(2*math.Sqrt(u.Expected))
		}
	}
	d, err := Overdispersion(values, stdErrs, target, trim)
	if err != nil {
		return RatioFunnel{}, err
	}
	r := RatioFunnel{Dispersion: d, Lower998: make([]float64, len(units)), Upper998: make([]float64, len(units))}
	for i, s := range stdErrs {
		half := AlarmZ * math.Sqrt(s*s+d.Tau2)
		if r.Lower998[i], r.Upper998[i] = math.Exp(-half), math.Exp(half); scale == RootRatio {
			r.Lower998[i], r.Upper998[i] = (1-half)*(1-half), (1+half)*(1+half)
		}
	}
	return r, nil
}

// PoissonInterval returns the exact interval of the mean of a Poisson count,
//
//	χ²_{2O}(α/2)/2 to χ²_{2(O+1)}(1−α/2)/2,
//
// 0 below when nothing was observed. A count below 0 or not finite, a level
// outside (0,1): ErrInvalidParameter. Garwood (1936), doi:10.1093/biomet/28.3-4.437.
func PoissonInterval(observed, level float64) (low, high float64, err error) {
	if !(observed >= 0) || math.IsInf(observed, 0) {
		return 0, 0, fmt.Errorf("funnel: interval of %v events: %w", observed, analytics.ErrInvalidParameter)
	}
	if err := analytics.CheckLevel(level); err != nil {
		return 0, 0, fmt.Errorf("funnel: %w", err)
	}
	tail := (1 - level) / 2
	if observed > 0 {
		low = dist.ChiSquaredUpper(1-tail, 2*observed) / 2
	}
	return low, dist.ChiSquaredUpper(tail, 2*(observed+1)) / 2, nil
}

// ByarInterval returns Byar's approximation to PoissonInterval,
//
//	O(1 − 1/(9O) − z/(3√O))³ to (O+1)(1 − 1/(9(O+1)) + z/(3√(O+1)))³,
//
// errors as it. Breslow and Day (1987), Statistical Methods in Cancer Research
// II, p. 69.
func ByarInterval(observed, level float64) (low, high float64, err error) {
	if _, _, err := PoissonInterval(observed, level); err != nil {
		return 0, 0, err
	}
	z := dist.NormalCritical(level)
	cube := func(o, side float64) float64 {
		v := 1 - 1/(9*o) + side*z/(3*math.Sqrt(o))
		return o * v * v * v
	}
	if observed > 0 {
		low = cube(observed, -1)
	}
	return low, cube(observed+1, 1), nil
}
