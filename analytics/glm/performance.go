package glm

import (
	"fmt"
	"math"
	"sort"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
)

// Performance says how well a binomial model predicts: CStatistic is the chance
// that of a person with the outcome and one without the former has the higher
// fitted value (ties half), Brier the mean squared error; McFadden is
// 1 − deviance/null deviance and Nagelkerke the rescaled Cox–Snell R².
type Performance struct {
	CStatistic, Brier, McFadden, Nagelkerke float64
	MeanFitted                              float64
}

// Performance computes it from the cells; prior weights are not used. Outcomes
// other than 0 and 1, or another family: ErrInvalidParameter. Hanley and McNeil
// (1982), doi:10.1148/radiology.143.1.7063747; Nagelkerke (1991),
// doi:10.1093/biomet/78.3.691.
func (m *Model) Performance() (Performance, error) {
	c, err := m.CStatistic()
	if err != nil {
		return Performance{}, err
	}
	p := Performance{CStatistic: c, McFadden: 1 - m.Deviance/m.NullDeviance}
	d := m.data
	for i, n := range d.Count {
		p.Brier += gaussian{}.kernel(0, m.Fitted[i], n, d.Sum[i], d.SumSq[i]) / m.N
		p.MeanFitted += n * m.Fitted[i] / m.N
	}
	p.Nagelkerke = math.Expm1((m.Deviance-m.NullDeviance)/m.N) / math.Expm1(-m.NullDeviance/m.N)
	return p, nil
}

// CStatistic returns the concordance alone; see Performance.
func (m *Model) CStatistic() (float64, error) {
	if m.Family != Binomial || !m.data.Binary() {
		return 0, fmt.Errorf("glm: concordance needs a binomial model of outcomes 0 and 1: %w", analytics.ErrInvalidParameter)
	}
	d := m.data
	var concordant, cases, controls float64 // of those passed, ascending
	for _, tie := range m.byFitted() {
		var c, n float64
		for _, i := range tie {
			c += d.Sum[i]
			n += d.Count[i] - d.Sum[i]
		}
		concordant += c * (controls + n/2)
		cases += c
		controls += n
	}
	if !(cases > 0 && controls > 0) {
		return 0, fmt.Errorf("glm: concordance needs people with and without the outcome: %w", analytics.ErrZeroVariance)
	}
	return concordant / (cases * controls), nil
}

// tieTolerance is the difference of linear predictors that is rounding.
const tieTolerance = 1e-11

// byFitted groups the patterns of equal fitted value, ascending.
func (m *Model) byFitted() [][]int {
	order := make([]int, 0, len(m.Fitted))
	for i, n := range m.data.Count {
		if n > 0 {
			order = append(order, i)
		}
	}
	sort.SliceStable(order, func(a, b int) bool { return m.Eta[order[a]] < m.Eta[order[b]] })
	var ties [][]int
	for k := 0; k < len(order); {
		end := k + 1
		for end < len(order) && m.Eta[order[end]]-m.Eta[order[end-1]] <= tieTolerance*(1+math.Abs(m.Eta[order[k]])) {
			end++
		}
		ties = append(ties, order[k:end])
		k = end
	}
	return ties
}

// Calibration is the Hosmer–Lemeshow table: people, outcomes and their expected
// number by tenth of fitted value, with the test.
type Calibration struct {
	N, Observed, Expected []float64
	ChiSquared, DF, P     float64
}

// HosmerLemeshow compares observed and expected outcomes in groups cut at the
// type-7 quantiles 0, 0.1 … 1 of the fitted values, closed on the right, equal
// cuts joined: χ² = Σ (O−E)²/(E(1−E/n)), groups − 2 degrees of freedom. Fewer
// than three groups: ErrTooFewObservations; others as CStatistic. Hosmer and
// Lemeshow (1980), doi:10.1080/03610928008827941.
func (m *Model) HosmerLemeshow() (Calibration, error) {
	var c Calibration
	if m.Family != Binomial || !m.data.Binary() {
		return c, fmt.Errorf("glm: Hosmer–Lemeshow needs a binomial model of outcomes 0 and 1: %w", analytics.ErrInvalidParameter)
	}
	ties := m.byFitted()
	cuts := m.tenths(ties)
	groups := len(cuts) - 1
	if groups < 3 {
		return c, fmt.Errorf("glm: %d groups of different fitted value, need 3; add a covariate: %w", max(groups, 0), analytics.ErrTooFewObservations)
	}
	c.N, c.Observed, c.Expected = make([]float64, groups), make([]float64, groups), make([]float64, groups)
	g := 0
	for _, tie := range ties {
		for g < groups-1 && m.Fitted[tie[0]] > cuts[g+1] {
			g++
		}
		for _, i := range tie {
			c.N[g] += m.data.Count[i]
			c.Observed[g] += m.data.Sum[i]
			c.Expected[g] += m.data.Count[i] * m.Fitted[i]
		}
	}
	for g, e := range c.Expected {
		if !(c.N[g] > 0) {
			return c, fmt.Errorf("glm: a tenth of the fitted values holds nobody; there are too few people: %w", analytics.ErrTooFewObservations)
		}
		c.ChiSquared += (c.Observed[g] - e) * (c.Observed[g] - e) / (e * (1 - e/c.N[g]))
	}
	c.DF = float64(groups - 2)
	c.P = dist.ChiSquaredTail(c.ChiSquared, c.DF)
	return c, nil
}

// tenths returns the distinct quantiles 0, 0.1 … 1 of the fitted values.
func (m *Model) tenths(ties [][]int) []float64 {
	var upTo []float64 // people up to and with each tie
	var people float64
	for _, tie := range ties {
		for _, i := range tie {
			people += m.data.Count[i]
		}
		upTo = append(upTo, people)
	}
	at := func(place float64) float64 { // the place-th person, from 1
		k := sort.SearchFloat64s(upTo, place)
		return m.Fitted[ties[min(k, len(ties)-1)][0]]
	}
	var cuts []float64
	for k := range 11 {
		index := 1 + (people-1)*(float64(k)*0.1)
		low := math.Floor(index)
		cut, above := at(low), at(math.Ceil(index))
		if above != cut {
			cut = (1-(index-low))*cut + (index-low)*above
		}
		if len(cuts) == 0 || cut != cuts[len(cuts)-1] {
			cuts = append(cuts, cut)
		}
	}
	return cuts
}
