package power

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
)

// Design is how a difference of means is measured.
type Design int

// TwoSample compares two groups of equal size, Paired the two values of each
// person (StdDev is then that of the differences).
const (
	TwoSample Design = iota
	Paired
)

// T is a two-sided t test planned at the level Alpha for a true difference Delta
// between means, StdDev that of one value, or of one difference when Paired. Sizes
// are people per group, or pairs.
type T struct {
	Design               Design
	Delta, StdDev, Alpha float64
}

// Bounds of what is looked for: the smallest and greatest size, and the largest
// difference in standard deviations.
const (
	smallest      = 1.2
	largest       = 1e9
	largestEffect = 1000
)

func (p T) check(needDelta bool) error {
	if !(p.StdDev > 0) || math.IsInf(p.StdDev, 0) {
		return fmt.Errorf("power: the standard deviation must be above 0: %w", analytics.ErrInvalidParameter)
	}
	if needDelta && (!(math.Abs(p.Delta) > 0) || math.Abs(p.Delta) > largestEffect*p.StdDev) {
		return fmt.Errorf("power: the difference must not be 0, nor above %d standard deviations: %w", largestEffect, analytics.ErrInvalidParameter)
	}
	return checkAlpha(p.Alpha)
}

func checkAlpha(alpha float64) error {
	if err := analytics.CheckLevel(alpha); err != nil {
		return fmt.Errorf("power: alpha: %w", err)
	}
	return nil
}

// checkPower wants a power that a test of that level can be planned for.
func checkPower(power, alpha float64) error {
	if !(power > alpha && power < 1) {
		return fmt.Errorf("power: a power of %v, need one above alpha and below 1: %w", power, analytics.ErrInvalidParameter)
	}
	return nil
}

func checkSize(n float64) error {
	if !(n >= 2) || n > largest {
		return fmt.Errorf("power: a size of %v, need 2 to %v: %w", n, float64(largest), analytics.ErrInvalidParameter)
	}
	return nil
}

// near and far are the chances of rejecting with a difference of the right and of
// the wrong sign.
func (p T) near(n float64) float64 {
	df, ncp := p.law(n)
	return dist.NoncentralTTail(dist.TUpper(p.Alpha/2, df), df, ncp)
}

func (p T) far(n float64) float64 {
	df, ncp := p.law(n)
	return dist.NoncentralTCDF(-dist.TUpper(p.Alpha/2, df), df, ncp)
}

// law returns degrees of freedom and noncentrality.
func (p T) law(n float64) (df, ncp float64) {
	groups := 2.0
	if p.Design == Paired {
		groups = 1
	}
	return (n - 1) * groups, math.Sqrt(n/groups) * math.Abs(p.Delta) / p.StdDev
}

// Power returns the chance of a significant difference of the right sign with n per
// group; both counts rejections of the wrong sign too (R's strict = TRUE).
//
//	n < 2, StdDev ≤ 0, Delta 0 or above 1000·StdDev, Alpha outside (0,1)   ErrInvalidParameter
//
// Agrees with R's power.t.test to 1e-9. Cohen (1988), Statistical Power Analysis.
func (p T) Power(n float64, both bool) (float64, error) {
	if err := p.check(true); err != nil {
		return 0, err
	}
	if err := checkSize(n); err != nil {
		return 0, err
	}
	v := p.near(n)
	if both {
		v += p.far(n)
	}
	return v, nil
}

// SampleSize returns the size per group (or the pairs) with that power, not counting
// rejections of the wrong sign.
//
//	power not between Alpha and 1            ErrInvalidParameter
//	an effect so large that fewer than 1.2 are enough, or so small that 10⁹ are too few   ErrNotConverged
//
// Others as Power. Agrees with R's power.t.test(tol = 1e-13) to 1e-9.
func (p T) SampleSize(power float64) (float64, error) {
	if err := p.check(true); err != nil {
		return 0, err
	}
	if err := checkPower(power, p.Alpha); err != nil {
		return 0, err
	}
	return size(func(n float64) float64 { return p.near(n) - power }, smallest)
}

// size finds where f rises through 0.
func size(f func(float64) float64, least float64) (float64, error) {
	hi := 16.0
	for f(hi) < 0 && hi < largest {
		hi *= 4
	}
	n, ok := dist.Root(f, least, hi)
	if !ok {
		return 0, fmt.Errorf("power: no size from %v to %v has that power; change the effect: %w", least, float64(largest), analytics.ErrNotConverged)
	}
	return n, nil
}

// Detectable returns the smallest difference that n per group see with that power;
// Delta is ignored. Errors as SampleSize.
func (p T) Detectable(n, power float64) (float64, error) {
	if err := p.check(false); err != nil {
		return 0, err
	}
	if err := checkPower(power, p.Alpha); err != nil {
		return 0, err
	}
	if err := checkSize(n); err != nil {
		return 0, err
	}
	miss := func(effect float64) float64 {
		q := p
		q.Delta = effect * p.StdDev
		return q.near(n) - power
	}
	hi := 1.0
	for miss(hi) < 0 && hi < 1e5 {
		hi *= 2
	}
	effect, ok := dist.Root(miss, 1e-9, hi)
	if !ok {
		return 0, fmt.Errorf("power: no difference has that power with so few: %w", analytics.ErrNotConverged)
	}
	return effect * p.StdDev, nil
}

// Unequal returns the power of two groups of different sizes, rejections of the
// wrong sign counted. Errors as Power; as R's pwr::pwr.t2n.test.
func (p T) Unequal(n1, n2 float64) (float64, error) {
	if err := p.check(true); err != nil {
		return 0, err
	}
	if !(n1+n2 > 2) || !(n1 >= 1) || !(n2 >= 1) || n1+n2 > 2*largest {
		return 0, fmt.Errorf("power: sizes of %v and %v, need more than 2 together: %w", n1, n2, analytics.ErrInvalidParameter)
	}
	df, ncp := n1+n2-2, math.Abs(p.Delta)/p.StdDev*math.Sqrt(n1*n2/(n1+n2))
	critical := dist.TUpper(p.Alpha/2, df)
	return dist.NoncentralTTail(critical, df, ncp) + dist.NoncentralTCDF(-critical, df, ncp), nil
}

// NonInferiority plans two equal groups, without true difference, to show that one
// mean is not worse by Margin, by a one-sided test at the level Alpha.
type NonInferiority struct {
	Margin, StdDev, Alpha float64
}

// SampleSize returns the size per group by the normal law, 2σ²(z_α+z_β)²/margin²,
// and that of both groups together by the noncentral t law.
//
//	Margin, StdDev ≤ 0, Alpha outside (0,1), power not between Alpha and 1   ErrInvalidParameter
//
// Agrees with R's rpact::getSampleSizeMeans to 1e-5. Chow, Shao and Wang (2008),
// doi:10.1201/9781584889830.
func (p NonInferiority) SampleSize(power float64) (perGroup, total float64, err error) {
	if !(p.Margin > 0) || !(p.StdDev > 0) || math.IsInf(p.StdDev, 0) || p.Margin > largestEffect*p.StdDev {
		return 0, 0, fmt.Errorf("power: margin and standard deviation must be above 0, the margin at most %d of them: %w", largestEffect, analytics.ErrInvalidParameter)
	}
	if err := checkAlpha(p.Alpha); err != nil {
		return 0, 0, err
	}
	if err := checkPower(power, p.Alpha); err != nil {
		return 0, 0, err
	}
	effect := p.Margin / p.StdDev
	z := (dist.NormalQuantile(power) - dist.NormalQuantile(p.Alpha)) / effect
	total, err = size(func(n float64) float64 {
		df := n - 2
		return dist.NoncentralTTail(dist.TUpper(p.Alpha, df), df, math.Sqrt(n)/2*effect) - power
	}, 2*smallest)
	return 2 * z * z, total, err
}
