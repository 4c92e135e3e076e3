package timeseries

import (
	"fmt"
	"math"
	"slices"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
	"github.com/lumbar-health/lumbar/analytics/kendall"
)

// maxTrend bounds a series, of which every pair's slope is held.
const maxTrend = 5000

// Trend is a test for a steady rise or fall by ranks, with the slope a period.
type Trend struct {
	kendall.Correlation
	// Slope is the median of the slopes of all pairs, in units a period.
	Slope, Lower, Upper, Level float64
}

// MannKendall tests whether a series rises or falls, its values one period apart
// in the order of time, and estimates the slope after Sen with Gilbert's interval
//
//	S = Σ sign(y_j − y_i), j > i;   z = (S ∓ 1)/√Var(S), ties counted
//	slope = median of (y_j − y_i)/(j − i);   limits at the ranks (N ∓ z·√Var(S))/2
//
// of the N slopes, between two ranks in proportion. Assumes periods independent
// of each other: serial correlation makes p too small.
//
//	under 3 values, above 5 000    ErrTooFewObservations, ErrInvalidParameter
//	all values equal               ErrZeroVariance
//
// Values are not modified. Agrees with R's cor.test and the trend package. Mann
// (1945), doi:10.2307/1907187; Sen (1968), doi:10.1080/01621459.1968.10480934;
// Gilbert (1987), Statistical Methods for Environmental Pollution Monitoring.
func MannKendall(y []float64, level float64) (Trend, error) {
	if err := analytics.CheckLevel(level); err != nil {
		return Trend{}, fmt.Errorf("timeseries: trend: %w", err)
	}
	n := len(y)
	if n < 3 {
		return Trend{}, fmt.Errorf("timeseries: trend: %d values, need 3: %w", n, analytics.ErrTooFewObservations)
	}
	if n > maxTrend {
		return Trend{}, fmt.Errorf("timeseries: trend: %d values, at most %d; take longer periods: %w", n, maxTrend, analytics.ErrInvalidParameter)
	}
	time := make([]float64, n)
	for i := range time {
		time[i] = float64(i)
	}
	c, err := kendall.Tau(time, y)
	if err != nil {
		return Trend{}, fmt.Errorf("timeseries: trend: %w", err)
	}
	slopes := make([]float64, 0, n*(n-1)/2)
	for i := range y {
		for j := i + 1; j < n; j++ {
			slopes = append(slopes, (y[j]-y[i])/float64(j-i))
		}
	}
	slices.Sort(slopes)
	count, half := float64(len(slopes)), dist.NormalCritical(level)*math.Sqrt(c.Variance)
	return Trend{
		Correlation: c, Level: level,
		Slope: atRank(slopes, (count+1)/2),
		Lower: atRank(slopes, (count-half)/2),
		Upper: atRank(slopes, (count+half)/2+1),
	}, nil
}

// atRank is the value at a rank counted from 1, between two in proportion, the
// ends beyond them.
func atRank(sorted []float64, rank float64) float64 {
	rank = math.Min(math.Max(rank, 1), float64(len(sorted)))
	whole := math.Floor(rank)
	v := sorted[int(whole)-1]
	if rank > whole {
		v += (rank - whole) * (sorted[int(whole)] - v)
	}
	return v
}
