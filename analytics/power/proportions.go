package power

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
)

// Proportions is a two-sided test of two proportions P1 and P2 in groups of equal
// size at the level Alpha.
type Proportions struct{ P1, P2, Alpha float64 }

func (p Proportions) check() error {
	if !(p.P1 > 0 && p.P1 < 1 && p.P2 > 0 && p.P2 < 1) || p.P1 == p.P2 {
		return fmt.Errorf("power: two different proportions between 0 and 1 are needed: %w", analytics.ErrInvalidParameter)
	}
	return checkAlpha(p.Alpha)
}

// spreads are the standard deviations of the difference times √n under one
// proportion and under two.
func (p Proportions) spreads() (null, alternative float64) {
	mean := (p.P1 + p.P2) / 2
	return math.Sqrt(2 * mean * (1 - mean)), math.Sqrt(p.P1*(1-p.P1) + p.P2*(1-p.P2))
}

// Power returns the chance of a significant difference of the right sign with n per
// group, by the normal law without continuity correction.
//
//	proportions equal or outside (0,1), Alpha outside (0,1), n ≤ 0   ErrInvalidParameter
//
// Agrees with R's power.prop.test. Fleiss, Levin and Paik (2003),
// doi:10.1002/0471445428.
func (p Proportions) Power(n float64) (float64, error) {
	if err := p.check(); err != nil {
		return 0, err
	}
	if !(n > 0) || n > largest {
		return 0, fmt.Errorf("power: a size of %v, need more than 0: %w", n, analytics.ErrInvalidParameter)
	}
	null, alternative := p.spreads()
	return dist.NormalTail((-dist.NormalQuantile(p.Alpha/2)*null - math.Sqrt(n)*math.Abs(p.P1-p.P2)) / alternative), nil
}

// SampleSize returns the size per group with that power, in closed form
//
//	n = (z_{α/2}·√(2p̄q̄) + z_β·√(p₁q₁+p₂q₂))²/(p₁−p₂)²
//
// Errors as Power; power not between Alpha and 1: ErrInvalidParameter.
func (p Proportions) SampleSize(power float64) (float64, error) {
	if err := p.check(); err != nil {
		return 0, err
	}
	if err := checkPower(power, p.Alpha); err != nil {
		return 0, err
	}
	null, alternative := p.spreads()
	root := (-dist.NormalQuantile(p.Alpha/2)*null + dist.NormalQuantile(power)*alternative) / (p.P1 - p.P2)
	return root * root, nil
}

// Corrected is SampleSize with the continuity correction of Fleiss,
// n/4·(1 + √(1 + 4/(n|p₁−p₂|)))².
func (p Proportions) Corrected(power float64) (float64, error) {
	n, err := p.SampleSize(power)
	if err != nil {
		return 0, err
	}
	root := 1 + math.Sqrt(1+4/(n*math.Abs(p.P1-p.P2)))
	return n / 4 * root * root, nil
}

// CohenH is the difference of the arcsine-transformed proportions, 2·asin√p₁ −
// 2·asin√p₂.
func (p Proportions) CohenH() float64 {
	return 2*math.Asin(math.Sqrt(p.P1)) - 2*math.Asin(math.Sqrt(p.P2))
}

// ArcsineSize is the size per group on the arcsine scale, rejections of the wrong
// sign counted. Errors as SampleSize; as R's pwr::pwr.2p.test.
func (p Proportions) ArcsineSize(power float64) (float64, error) {
	if err := p.check(); err != nil {
		return 0, err
	}
	if err := checkPower(power, p.Alpha); err != nil {
		return 0, err
	}
	h, z := math.Abs(p.CohenH()), -dist.NormalQuantile(p.Alpha/2)
	return size(func(n float64) float64 {
		shift := h * math.Sqrt(n/2)
		return dist.NormalTail(z-shift) + dist.NormalTail(z+shift) - power
	}, 1e-6)
}

// LogRank is a two-sided log-rank test of two groups of equal size with a hazard
// ratio.
type LogRank struct{ HazardRatio, Alpha float64 }

// Events returns how many events are needed in both groups together, after
// Schoenfeld, 4(z_{α/2}+z_β)²/ln²HR, and after Freedman, (z_{α/2}+z_β)²(HR+1)²/(HR−1)².
//
//	a ratio of 1 or not above 0, Alpha outside (0,1), power not between Alpha and 1   ErrInvalidParameter
//
// Schoenfeld (1981), doi:10.1093/biomet/68.1.316; Freedman (1982),
// doi:10.1002/sim.4780010204.
func (p LogRank) Events(power float64) (schoenfeld, freedman float64, err error) {
	if !(p.HazardRatio > 0) || p.HazardRatio == 1 || math.IsInf(p.HazardRatio, 0) {
		return 0, 0, fmt.Errorf("power: the hazard ratio must be above 0 and not 1: %w", analytics.ErrInvalidParameter)
	}
	if err := checkAlpha(p.Alpha); err != nil {
		return 0, 0, err
	}
	if err := checkPower(power, p.Alpha); err != nil {
		return 0, 0, err
	}
	z := dist.NormalQuantile(power) - dist.NormalQuantile(p.Alpha/2)
	s, f := z/math.Log(p.HazardRatio), z*(p.HazardRatio+1)/(p.HazardRatio-1)
	return 4 * s * s, f * f, nil
}

// DesignEffect returns by how much clusters of mean size m inflate a sample: with
// equal clusters 1+(m−1)·ICC, and with sizes of the coefficient of variation cv
// 1+((1+cv²)m−1)·ICC.
//
//	m < 1, cv < 0, ICC outside [0,1]    ErrInvalidParameter
//
// Kish (1965), Survey Sampling; Eldridge, Ashby and Kerry (2006),
// doi:10.1093/ije/dyl129.
func DesignEffect(m, icc, cv float64) (equal, unequal float64, err error) {
	if !(m >= 1) || math.IsInf(m, 0) || !(icc >= 0 && icc <= 1) || !(cv >= 0) || math.IsInf(cv, 0) {
		return 0, 0, fmt.Errorf("power: clusters of 1 or more, an intraclass correlation from 0 to 1 and a coefficient of variation from 0 are needed: %w", analytics.ErrInvalidParameter)
	}
	return 1 + (m-1)*icc, 1 + ((1+cv*cv)*m-1)*icc, nil
}
