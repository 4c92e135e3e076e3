package proportions

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
)

// Ratios are the risk ratio p₁/p₀ and the odds ratio with their intervals. A
// ratio is 0 or infinite where a cell is empty; the intervals on the log scale
// and their standard errors are nil there, the score intervals stay. EValue is
// how strong confounding, on the ratio scale, would have to be to explain RR
// away, EValueLimit the same for the Katz limit next to 1.
type Ratios struct {
	RR                  float64
	StdErrLogRR         *float64
	Katz                *Interval
	MiettinenNurminen   Interval
	Koopman             Interval
	OR                  *float64
	StdErrLogOR         *float64
	Woolf               *Interval
	EValue, EValueLimit *float64
	Level               float64
}

// RiskRatio compares two proportions by their ratio, one over zero.
//
//	Katz      RR·exp(±z√(1/x₁ − 1/n₁ + 1/x₀ − 1/n₀))
//	Woolf     OR·exp(±z√(1/a + 1/b + 1/c + 1/d))
//	MN        the φ with |p₁ − φp₀| ≤ z√(V(φ)·N/(N−1)), V at the restricted estimates
//	Koopman   the same without N/(N−1)
//	EValue    RR + √(RR(RR−1)), of 1/RR where RR < 1
//
// Nobody with the event in both groups: ErrZeroVariance; other errors as
// RiskDifference. Katz, Baptista, Azen and Pike (1978), doi:10.2307/2530610;
// Koopman (1984), doi:10.2307/2531405; Miettinen and Nurminen (1985),
// doi:10.1002/sim.4780040211; VanderWeele and Ding (2017), doi:10.7326/M16-2607.
func RiskRatio(one, zero Count, level float64) (Ratios, error) {
	if err := checkAll(level, one, zero); err != nil {
		return Ratios{}, fmt.Errorf("proportions: risk ratio: %w", err)
	}
	if one.Events+zero.Events == 0 {
		return Ratios{}, fmt.Errorf("proportions: risk ratio: nobody had the event: %w", analytics.ErrZeroVariance)
	}
	z := dist.NormalCritical(level)
	x1, n1, x0, n0 := float64(one.Events), float64(one.N), float64(zero.Events), float64(zero.N)
	r := Ratios{RR: (x1 / n1) / (x0 / n0), Level: level}
	r.MiettinenNurminen, r.Koopman = ratioInterval(one, zero, z, true), ratioInterval(one, zero, z, false)
	if x1 > 0 && x0 > 0 {
		se := math.Sqrt(1/x1 - 1/n1 + 1/x0 - 1/n0)
		r.StdErrLogRR, r.Katz = &se, &Interval{r.RR * math.Exp(-z*se), r.RR * math.Exp(z*se)}
		rr, limit := EValue(r.RR), EValueLimit(r.RR, *r.Katz)
		r.EValue, r.EValueLimit = &rr, &limit
	}
	r.OR, r.StdErrLogOR, r.Woolf = woolf(x1, n1-x1, x0, n0-x0, z)
	return r, nil
}

// woolf returns the odds ratio ad/bc, nil where it is 0/0, with its interval,
// nil where a cell is empty.
func woolf(a, b, c, d, z float64) (or, se *float64, i *Interval) {
	if a*d == 0 && b*c == 0 {
		return nil, nil, nil
	}
	ratio := a * d / (c * b)
	if a == 0 || b == 0 || c == 0 || d == 0 {
		return &ratio, nil, nil
	}
	s := math.Sqrt(1/a + 1/b + 1/c + 1/d)
	return &ratio, &s, &Interval{ratio * math.Exp(-z*s), ratio * math.Exp(z*s)}
}

// EValue returns the E-value of a ratio above 0.
func EValue(ratio float64) float64 {
	if ratio < 1 {
		ratio = 1 / ratio
	}
	return ratio + math.Sqrt(ratio*(ratio-1))
}

// EValueLimit returns the E-value of the limit next to 1, which is 1 where the
// interval holds 1.
func EValueLimit(ratio float64, i Interval) float64 {
	switch {
	case i.Low <= 1 && i.High >= 1:
		return 1
	case ratio > 1:
		return EValue(i.Low)
	}
	return EValue(i.High)
}

// scoreRatio is the score statistic of p₁ = ratio·p₀. At the ends of the
// parameter space, where it has no variance, it has the sign of p₁ − ratio·p₀.
func scoreRatio(one, zero Count, ratio float64, corrected bool) float64 {
	x1, n1, x0, n0 := float64(one.Events), float64(one.N), float64(zero.Events), float64(zero.N)
	n := n1 + n0
	// The smaller root of n·φ·p² − (n₁φ + x₁ + n₀ + x₀φ)p + x₁ + x₀.
	a, b, c := n*ratio, n1*ratio+x1+n0+x0*ratio, x1+x0
	p0 := 2 * c / (b + math.Sqrt(math.Max(b*b-4*a*c, 0)))
	p0 = math.Min(p0, math.Min(1, 1/ratio))
	p1 := p0 * ratio
	v := p1*math.Max(1-p1, 0)/n1 + ratio*ratio*p0*(1-p0)/n0
	if corrected {
		v *= n / (n - 1)
	}
	d := x1/n1 - ratio*x0/n0
	switch {
	case v > 0:
		return d / math.Sqrt(v)
	case d == 0:
		return 0
	}
	return math.Copysign(math.Inf(1), d)
}

// ratioInterval inverts the score test on the log scale; its ends are 0 and
// infinity where group 1 or group 0 has no event.
func ratioInterval(one, zero Count, z float64, corrected bool) Interval {
	i := Interval{0, math.Inf(1)}
	score := func(target float64) func(float64) float64 {
		return func(l float64) float64 {
			return math.Max(math.Min(scoreRatio(one, zero, math.Exp(l), corrected)-target, 1e300), -1e300)
		}
	}
	const widest = 300
	centre := 0.0
	if one.Events > 0 && zero.Events > 0 {
		centre = math.Log(one.Proportion() / zero.Proportion())
	}
	if one.Events > 0 {
		hi := centre
		if zero.Events == 0 {
			hi = widest
		}
		if l, ok := dist.Root(score(z), -widest, hi); ok {
			i.Low = math.Exp(l)
		}
	}
	if zero.Events > 0 {
		lo := centre
		if one.Events == 0 {
			lo = -widest
		}
		if l, ok := dist.Root(score(-z), lo, widest); ok {
			i.High = math.Exp(l)
		}
	}
	return i
}
