package psychometrics

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/cells"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/glm"
	"github.com/lumbar-health/lumbar/analytics/histogram"
	"github.com/lumbar-health/lumbar/analytics/ranks"
)

// Cut is a threshold of change with the share of improved people above it and
// of the others below it. The lowest is −Inf, the highest +Inf.
type Cut struct{ Threshold, Sensitivity, Specificity float64 }

// Anchored is what a change must be to matter, by an anchor: whether people say
// that they improved. Youden are the cuts of the largest sum of sensitivity and
// specificity, TopLeft those nearest to the corner (1,1) of the two; several are
// a tie. Intercept and Slope are those of the logistic regression of improved on
// change; Predictive is the change at which its odds are those of the sample,
// Adjusted corrects it for the share of the improved.
type Anchored struct {
	Area                  float64
	Youden, TopLeft       []Cut
	MeanImproved, MeanNot float64
	Improved              float64
	Intercept, Slope      float64
	Predictive, Adjusted  float64
	StdDev, Correlation   float64
}

// MinimalChange returns minimal important changes by an anchor. Change is coded
// so that more is better
//
//	Predictive = (ln(p/(1−p)) − b₀)/b₁
//	Adjusted   = Predictive − (0.090 + 0.103·r)·SD·ln(p/(1−p))
//
// p the share of the improved, r the correlation of change and anchor. Thresholds
// lie midway between neighbouring values. A MIC is of a change within people, not
// of a difference between groups.
//
//	fewer than 2 improved or not improved    ErrTooFewObservations
//	change does not vary, or does not tell
//	the improved from the others             ErrZeroVariance
//	separation                               ErrNotConverged
//	a histogram that is none                 ErrInvalidParameter
//
// Checked against R's pROC 1.18.0 and glm. Terluin, Eekhout, Terwee and de Vet
// (2015), doi:10.1016/j.jclinepi.2015.03.015; Terluin, Eekhout and Terwee (2017),
// doi:10.1016/j.jclinepi.2016.12.015, whose constants are as the reference
// material gives them.
func MinimalChange(improved, not histogram.Histogram) (Anchored, error) {
	area, err := ranks.DeLong(improved, not, 0.95)
	if err != nil {
		return Anchored{}, fmt.Errorf("psychometrics: minimal change: improved against the others: %w", err)
	}
	all := histogram.Merge(improved, not)
	n, n1 := float64(all.N()), float64(improved.N())
	a := Anchored{Area: area.Value, Improved: n1 / n, StdDev: math.Sqrt(all.SumSquares() / (n - 1))}
	if a.StdDev == 0 {
		return Anchored{}, fmt.Errorf("psychometrics: minimal change: every change is the same: %w", analytics.ErrZeroVariance)
	}
	a.MeanImproved, _ = improved.Mean()
	a.MeanNot, _ = not.Mean()
	p := a.Improved
	a.Correlation = (a.MeanImproved - a.MeanNot) * math.Sqrt(p*(1-p)*n/(n-1)) / a.StdDev
	a.cuts(improved, not)
	if err := a.logistic(improved, not); err != nil {
		return Anchored{}, fmt.Errorf("psychometrics: minimal change: %w", err)
	}
	logit := math.Log(p / (1 - p))
	a.Predictive = (logit - a.Intercept) / a.Slope
	a.Adjusted = a.Predictive - (0.090+0.103*a.Correlation)*a.StdDev*logit
	return a, nil
}

// cuts walks the thresholds from below all values to above them.
func (a *Anchored) cuts(improved, not histogram.Histogram) {
	t := histogram.Align(improved, not)
	n1, n0 := improved.N(), not.N()
	above, below := n1, int64(0)
	bestSum, bestCorner := int64(-1), math.Inf(1)
	for i := 0; i <= len(t.Values); i++ {
		c := Cut{Threshold: threshold(t.Values, i), Sensitivity: float64(above) / float64(n1), Specificity: float64(below) / float64(n0)}
		// Sums of shares are compared in whole numbers, so that ties are ties.
		if sum := above*n0 + below*n1; sum >= bestSum {
			if sum > bestSum {
				a.Youden, bestSum = nil, sum
			}
			a.Youden = append(a.Youden, c)
		}
		missed, raised := float64((n1-above)*n0), float64((n0-below)*n1)
		if corner := missed*missed + raised*raised; corner <= bestCorner {
			if corner < bestCorner {
				a.TopLeft, bestCorner = nil, corner
			}
			a.TopLeft = append(a.TopLeft, c)
		}
		if i < len(t.Values) {
			above -= t.Counts[0][i]
			below += t.Counts[1][i]
		}
	}
}

// threshold is the i-th cut, below value i.
func threshold(values []float64, i int) float64 {
	switch i {
	case 0:
		return math.Inf(-1)
	case len(values):
		return math.Inf(1)
	}
	return (values[i-1] + values[i]) / 2
}

// logistic regresses improved on change, one pattern a value.
func (a *Anchored) logistic(improved, not histogram.Histogram) error {
	t := histogram.Align(improved, not)
	k := len(t.Values)
	m := &design.Matrix{Names: []string{"(Intercept)", "change"}, Labels: []string{"change"}, Assign: []int{0, 1}, N: k, P: 2}
	c := cells.Cells{Design: m, Count: make([]float64, k), Sum: make([]float64, k), SumSq: make([]float64, k)}
	for i, v := range t.Values {
		m.X = append(m.X, 1, v)
		m.Rows = append(m.Rows, i)
		yes := float64(t.Counts[0][i])
		c.Count[i], c.Sum[i], c.SumSq[i] = yes+float64(t.Counts[1][i]), yes, yes
	}
	fit, err := glm.Fit(c, glm.Binomial, glm.Options{})
	if err != nil {
		return fmt.Errorf("improved on change: %w", err)
	}
	a.Intercept, a.Slope = fit.Coef[0], fit.Coef[1]
	if math.Abs(a.Slope)*a.StdDev < 1e-12 {
		return fmt.Errorf("change does not tell the improved from the others; use another anchor: %w", analytics.ErrZeroVariance)
	}
	return nil
}
