package funnel

import (
	"fmt"
	"math"
	"sort"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/describe"
)

// tailShare is the share of z scores that is winsorised or truncated at each end.
const tailShare = 0.1

// Trim is what is done with the outer z scores before their spread is taken.
type Trim int

// Winsorise pulls the outer tenths in to the 10 % and 90 % quantiles (type 7);
// Truncate leaves out the units whose rank falls in the outer tenths, as the
// SHMI does.
const (
	Winsorise Trim = iota
	Truncate
)

// Dispersion is the spread of z scores beyond chance. Phi is the mean square of
// the trimmed z scores, 1 by chance alone; Tau2 the between-unit variance on the
// scale of the values (additive model), 0 when k·Phi < k−1. Z, Trimmed, Multiplicative and
// Additive are by unit in the order given: z, trimmed z (of Truncate only the
// units kept), z/√max(1,Phi) and (y−target)/√(s²+Tau2).
type Dispersion struct {
	Phi, Tau2                            float64
	Z, Trimmed, Multiplicative, Additive []float64
}

// Overdispersion estimates the spread of z = (y−target)/s
//
//	φ = Σz²/k,   τ² = max(0, (kφ − (k−1))/(Σw − Σw²/Σw)),   w = 1/s²
//
// over trimmed z scores. With one unit Tau2 is 0.
//
//	no units                     ErrTooFewObservations
//	lengths differ, s ≤ 0, NaN   ErrInvalidParameter
//
// Spiegelhalter (2005), doi:10.1136/qshc.2005.013755, and Spiegelhalter and
// others (2012), doi:10.1111/j.1467-985X.2011.01010.x. Checked against
// golden/lib.R overdisp to 1e-8.
func Overdispersion(values, stdErrs []float64, target float64, trim Trim) (Dispersion, error) {
	if len(values) != len(stdErrs) {
		return Dispersion{}, fmt.Errorf("funnel: %d values and %d standard errors: %w", len(values), len(stdErrs), analytics.ErrInvalidParameter)
	}
	if len(values) == 0 {
		return Dispersion{}, fmt.Errorf("funnel: no units: %w", analytics.ErrTooFewObservations)
	}
	if err := analytics.CheckFinite("values", append([]float64{target}, values...)); err != nil {
		return Dispersion{}, fmt.Errorf("funnel: %w", err)
	}
	d := Dispersion{Z: make([]float64, len(values))}
	for i, s := range stdErrs {
		if !(s > 0) || math.IsInf(s, 0) {
			return Dispersion{}, fmt.Errorf("funnel: unit %d has no standard error above 0: %w", i+1, analytics.ErrInvalidParameter)
		}
		d.Z[i] = (values[i] - target) / s
	}
	kept := d.trim(trim)
	if len(kept) == 0 {
		return Dispersion{}, fmt.Errorf("funnel: %d units leave none after truncation: %w", len(values), analytics.ErrTooFewObservations)
	}
	d.spread(kept, stdErrs)
	for i, z := range d.Z {
		d.Multiplicative = append(d.Multiplicative, z/math.Sqrt(math.Max(1, d.Phi)))
		d.Additive = append(d.Additive, (values[i]-target)/math.Sqrt(stdErrs[i]*stdErrs[i]+d.Tau2))
	}
	return d, nil
}

// trim fills in Trimmed and returns the units behind it.
func (d *Dispersion) trim(trim Trim) []int {
	sorted := append([]float64(nil), d.Z...)
	sort.Float64s(sorted)
	var kept []int
	if trim == Truncate {
		for i, z := range d.Z {
			tenth := math.Floor(averageRank(sorted, z) / tailShare / float64(len(sorted)+1))
			if tenth > 0 && tenth < 1/tailShare-1 {
				kept = append(kept, i)
				d.Trimmed = append(d.Trimmed, z)
			}
		}
		return kept
	}
	lo, _ := describe.SortedQuantile(sorted, tailShare, describe.Type7)
	hi, _ := describe.SortedQuantile(sorted, 1-tailShare, describe.Type7)
	for i, z := range d.Z {
		kept = append(kept, i)
		d.Trimmed = append(d.Trimmed, math.Min(math.Max(z, lo), hi))
	}
	return kept
}

// averageRank is the 1-based rank of z, the mean of the places of its ties.
func averageRank(sorted []float64, z float64) float64 {
	first := sort.SearchFloat64s(sorted, z)
	last := sort.Search(len(sorted), func(i int) bool { return sorted[i] > z })
	return float64(first+1+last) / 2
}

// spread computes phi and tau² over the kept units.
func (d *Dispersion) spread(kept []int, stdErrs []float64) {
	k := float64(len(kept))
	var squares, w1, w2 float64
	for j, i := range kept {
		squares += d.Trimmed[j] * d.Trimmed[j]
		w := 1 / (stdErrs[i] * stdErrs[i])
		w1 += w
		w2 += w * w
	}
	d.Phi = squares / k
	if k > 1 && squares > k-1 {
		d.Tau2 = (squares - (k - 1)) / (w1 - w2/w1)
	}
}
