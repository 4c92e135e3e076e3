package psychometrics

import (
	"fmt"
	"math"
	"sort"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
	"github.com/lumbar-health/lumbar/analytics/histogram"
)

// RankCorrelation is Spearman's coefficient; P is nil where it is ±1 or there
// are two people.
type RankCorrelation struct {
	Value float64
	P     *float64
}

// Spearman returns the correlation of mid-ranks, two-sided p by t with n−2
// degrees of freedom. A measurement that does not vary: ErrZeroVariance; other
// errors as PairsFromRows. Checked against R's cor.test(method = "spearman",
// exact = FALSE). Spearman (1904), doi:10.2307/1412159.
func Spearman(first, second []float64) (RankCorrelation, error) {
	p, err := PairsFromRows(midRanks(first), midRanks(second))
	if err == nil {
		err = analytics.CheckFinite("first", first)
	}
	if err == nil {
		err = analytics.CheckFinite("second", second)
	}
	if err != nil {
		return RankCorrelation{}, fmt.Errorf("psychometrics: spearman: %w", err)
	}
	if p.Variance0 == 0 || p.Variance1 == 0 {
		return RankCorrelation{}, fmt.Errorf("psychometrics: spearman: a measurement is the same for everybody; check which columns were chosen: %w", analytics.ErrZeroVariance)
	}
	n := float64(p.N)
	r := RankCorrelation{Value: math.Max(-1, math.Min(1, p.Covariance/math.Sqrt(p.Variance0*p.Variance1)))}
	if rest := 1 - r.Value*r.Value; rest > 1e-14 && p.N > 2 {
		pr := dist.TTwoSided(r.Value*math.Sqrt((n-2)/rest), n-2)
		r.P = &pr
	}
	return r, nil
}

// midRanks ranks a column, ties at their mean.
func midRanks(x []float64) []float64 {
	h, err := histogram.FromRows(x)
	if err != nil {
		return nil
	}
	ranks, out := h.MidRanks(), make([]float64, len(x))
	for i, v := range x {
		out[i] = ranks[sort.SearchFloat64s(h.Values, v)]
	}
	return out
}
