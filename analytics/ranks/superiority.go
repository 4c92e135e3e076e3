package ranks

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
	"github.com/lumbar-health/lumbar/analytics/histogram"
)

// placements are, for each value of each sample, the share of the other sample
// below it, ties half, with its mean and sum of squares about the mean.
type placements struct {
	mean, squares [2]float64
	n             [2]float64
}

func place(one, zero histogram.Histogram) placements {
	t := histogram.Align(one, zero)
	p := placements{n: [2]float64{float64(one.N()), float64(zero.N())}}
	for g := range 2 {
		other := t.Counts[1-g]
		share := make([]float64, len(t.Values))
		var below int64
		for i, c := range other {
			share[i] = (float64(below) + float64(c)/2) / p.n[1-g]
			below += c
		}
		for i, c := range t.Counts[g] {
			p.mean[g] += float64(c) * share[i]
		}
		p.mean[g] /= p.n[g]
		for i, c := range t.Counts[g] {
			d := share[i] - p.mean[g]
			p.squares[g] += float64(c) * d * d
		}
	}
	return p
}

// BrunnerMunzelResult tests P(Y₁ > Y₀) + ½P(Y₁ = Y₀) = ½. The estimate's Value is
// that probability with its t interval, which is not cut off at 0 and 1.
type BrunnerMunzelResult struct{ analytics.Test }

// BrunnerMunzel compares two samples whose shapes may differ, by the t
// approximation
//
//	W = (p − ½)/√(s₁²/n₁ + s₀²/n₀),   s² the variance of the placements
//
// with Satterthwaite's degrees of freedom; positive where sample 1 has the larger
// values.
//
//	a sample under 2                     ErrTooFewObservations
//	samples that do not overlap          ErrZeroVariance
//	a histogram that is none, level      ErrInvalidParameter
//
// Brunner and Munzel (2000),
// doi:10.1002/(SICI)1521-4036(200001)42:1<17::AID-BIMJ17>3.0.CO;2-U.
func BrunnerMunzel(one, zero histogram.Histogram, level float64) (BrunnerMunzelResult, error) {
	p, err := bothPlaced(one, zero, level)
	if err != nil {
		return BrunnerMunzelResult{}, fmt.Errorf("ranks: brunner-munzel: %w", err)
	}
	a, b := p.squares[0]/(p.n[0]-1)/p.n[0], p.squares[1]/(p.n[1]-1)/p.n[1]
	if a+b == 0 {
		return BrunnerMunzelResult{}, fmt.Errorf("ranks: brunner-munzel: the samples do not overlap or do not vary: %w", analytics.ErrZeroVariance)
	}
	se := math.Sqrt(a + b)
	df := (a + b) * (a + b) / (a*a/(p.n[0]-1) + b*b/(p.n[1]-1))
	half := dist.TCritical(level, df) * se
	r := BrunnerMunzelResult{}
	r.Estimate = analytics.Estimate{Value: p.mean[0], StdErr: se, Lower: p.mean[0] - half, Upper: p.mean[0] + half, Level: level, N: int(p.n[0] + p.n[1]), Method: "Brunner–Munzel"}
	r.Statistic, r.DF = (p.mean[0]-0.5)/se, df
	r.P = dist.TTwoSided(r.Statistic, df)
	return r, nil
}

// bothPlaced checks two samples of 2 or more and places them.
func bothPlaced(one, zero histogram.Histogram, level float64) (placements, error) {
	if err := analytics.CheckLevel(level); err != nil {
		return placements{}, err
	}
	if err := check(one, zero); err != nil {
		return placements{}, err
	}
	if one.N() < 2 || zero.N() < 2 {
		return placements{}, fmt.Errorf("samples of %d and %d, need 2 of each: %w", one.N(), zero.N(), analytics.ErrTooFewObservations)
	}
	return place(one, zero), nil
}

// Area is the area under the ROC curve of telling sample 1 from sample 0 by
// larger values, which is P(Y₁ > Y₀) + ½P(Y₁ = Y₀). Limits is nil where samples
// that do not overlap leave its variance at zero.
type Area struct {
	Value, Variance float64
	Limits          *[2]float64
	Level           float64
}

// DeLong returns the area with its normal interval, cut off at 0 and 1
//
//	var = S₁/n₁ + S₀/n₀,   S the variances of the placements, divisor n−1
//
// Errors as BrunnerMunzel, but for samples that do not overlap. Checked against
// R's pROC 1.18.0. DeLong, DeLong and Clarke-Pearson (1988), doi:10.2307/2531595.
func DeLong(one, zero histogram.Histogram, level float64) (Area, error) {
	p, err := bothPlaced(one, zero, level)
	if err != nil {
		return Area{}, fmt.Errorf("ranks: delong: %w", err)
	}
	a := Area{Value: p.mean[0], Level: level}
	a.Variance = p.squares[0]/(p.n[0]-1)/p.n[0] + p.squares[1]/(p.n[1]-1)/p.n[1]
	if a.Variance > 0 {
		half := dist.NormalCritical(level) * math.Sqrt(a.Variance)
		a.Limits = &[2]float64{math.Max(a.Value-half, 0), math.Min(a.Value+half, 1)}
	}
	return a, nil
}
