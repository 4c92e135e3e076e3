package ranks

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
	"github.com/lumbar-health/lumbar/analytics/histogram"
)

// MannWhitneyResult is the comparison of two samples by ranks. U counts the
// pairs in which the value of sample 1 is above that of sample 0, ties half; its
// Mean and Variance (corrected for ties) hold where the samples are alike. Z and
// P are without, ZCorrected and PCorrected with a continuity correction of ½ (as
// R's wilcox.test). Superiority is P(Y₁ > Y₀) + ½P(Y₁ = Y₀), CliffDelta
// 2·Superiority − 1.
type MannWhitneyResult struct {
	U, Mean, Variance       float64
	Z, P                    float64
	ZCorrected, PCorrected  float64
	Superiority, CliffDelta float64
	N1, N0                  int64
}

// MannWhitney compares two samples by the tie-corrected normal approximation
//
//	z = (U − n₁n₀/2)/√(n₁n₀/12·(N+1 − Σ(t³−t)/(N(N−1))))
//
// two-sided; positive where sample 1 has the larger values. Assumes independent
// people and, to be read as a shift, equal shapes: see BrunnerMunzel.
//
//	an empty sample                ErrTooFewObservations
//	every value the same           ErrZeroVariance
//	a histogram that is none       ErrInvalidParameter
//
// Checked against R's wilcox.test(exact = FALSE) to 1e-9. Mann and Whitney
// (1947), doi:10.1214/aoms/1177730491.
func MannWhitney(one, zero histogram.Histogram) (MannWhitneyResult, error) {
	if err := check(one, zero); err != nil {
		return MannWhitneyResult{}, fmt.Errorf("ranks: mann-whitney: %w", err)
	}
	n1, n0 := float64(one.N()), float64(zero.N())
	n := n1 + n0
	table := histogram.Align(one, zero)
	pooled := table.Pooled()
	r := MannWhitneyResult{U: wins(table), Mean: n1 * n0 / 2, N1: one.N(), N0: zero.N()}
	r.Variance = n1 * n0 / 12 * (n + 1 - pooled.Ties()/(n*(n-1)))
	if len(pooled.Values) < 2 {
		return MannWhitneyResult{}, fmt.Errorf("ranks: mann-whitney: every value is the same: %w", analytics.ErrZeroVariance)
	}
	r.Z, r.P, r.ZCorrected, r.PCorrected = normalTests(r.U-r.Mean, r.Variance)
	r.Superiority = r.U / (n1 * n0)
	r.CliffDelta = 2*r.U/(n1*n0) - 1
	return r, nil
}

// check refuses samples of which no comparison can be made.
func check(samples ...histogram.Histogram) error {
	for _, s := range samples {
		if err := s.Check(); err != nil {
			return err
		}
		if len(s.Values) == 0 {
			return fmt.Errorf("an empty sample; widen the filter: %w", analytics.ErrTooFewObservations)
		}
	}
	return nil
}

// wins counts the pairs in which the first sample of a table is above the
// second, ties half. Exact up to 2⁵³ half pairs.
func wins(t histogram.Table) float64 {
	var u float64
	var below int64
	for i, c1 := range t.Counts[0] {
		c0 := t.Counts[1][i]
		u += float64(c1) * (float64(below) + float64(c0)/2)
		below += c0
	}
	return u
}

// normalTests tests a deviation of a rank sum, without and with a continuity
// correction of ½ towards zero.
func normalTests(d, variance float64) (z, p, zCorrected, pCorrected float64) {
	sd := math.Sqrt(variance)
	corrected := d
	if d != 0 {
		corrected -= math.Copysign(0.5, d)
	}
	return d / sd, dist.NormalTwoSided(d / sd), corrected / sd, dist.NormalTwoSided(corrected / sd)
}
