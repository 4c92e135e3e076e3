package describe

import (
	"errors"
	"math"
	"testing"

	"github.com/lumbar-health/lumbar/analytics"
)

// R: m <- lm(y ~ 1); sandwich::vcovCL(m, cluster = g, type = "HC0", cadjust = TRUE)
// with y = c(1,2,3,4,5,9), g = c(1,1,2,2,3,3): sums about the mean of 4 are −5,
// −1 and 6, so SE = √(3/2·62)/6.
func TestClusteredStdErr(t *testing.T) {
	got, err := ClusteredStdErr([]Cluster{{2, 3}, {2, 7}, {2, 14}})
	if want := math.Sqrt(93) / 6; err != nil || math.Abs(got-want) > 1e-15 {
		t.Errorf("ClusteredStdErr = %v, %v, want %v", got, err, want)
	}
	for _, few := range [][]Cluster{nil, {{2, 3}}, {{}, {}}} {
		if _, err := ClusteredStdErr(few); !errors.Is(err, analytics.ErrTooFewObservations) {
			t.Errorf("clusters %v: %v, want too few", few, err)
		}
	}
}
