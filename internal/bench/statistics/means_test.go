package statistics

import (
	"math"

	"github.com/lumbar-health/lumbar/analytics/describe"
	"github.com/lumbar-health/lumbar/analytics/moments"
	"github.com/lumbar-health/lumbar/store/read"
)

// groupedMeans are the means of the outcome with their intervals, by region, arm
// and month of referral. Of all groups the sums are compared.
func (n asked) groupedMeans() values {
	n.b.Helper()
	groups, err := n.Store.Reader().Moments(n.b.Context(), read.Question{
		Selection: read.Selection{Programme: programmeID, By: []string{"region", "intervention", "month"}},
		Terms:     []moments.Term{moments.Column("odi_12m")},
	})
	if err != nil {
		n.b.Fatal(err)
	}
	out := values{"groups": float64(len(groups))}
	for i, g := range groups {
		e, err := describe.MeanInterval(g.Moments, 1, 0.95)
		if err != nil {
			n.b.Fatal(err)
		}
		sd := e.StdErr * math.Sqrt(float64(e.N))
		if i == 0 {
			out["n"], out["mean"], out["sd"] = float64(e.N), e.Value, sd
		}
		out["means"], out["sds"] = out["means"]+e.Value, out["sds"]+sd
	}
	return out
}
