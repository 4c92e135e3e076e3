package psychometrics

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/describe"
	"github.com/lumbar-health/lumbar/analytics/dist"
	"github.com/lumbar-health/lumbar/analytics/moments"
)

// Items are the answers of people to the items of a scale, reduced to their
// covariances (divisor n−1).
type Items struct {
	N          int64
	Covariance [][]float64
}

// ItemsFromRows reduces columns of answers, one an item. Lengths that differ, NaN
// or Inf: ErrInvalidParameter; fewer than 2 people: ErrTooFewObservations.
func ItemsFromRows(columns [][]float64) (Items, error) {
	var it Items
	centred := make([][]float64, len(columns))
	for i, x := range columns {
		if len(x) != len(columns[0]) {
			return Items{}, fmt.Errorf("psychometrics: item %d has %d answers, the first %d: %w", i+1, len(x), len(columns[0]), analytics.ErrInvalidParameter)
		}
		mean, _, err := describe.MeanSD(x)
		if err != nil {
			return Items{}, fmt.Errorf("psychometrics: item %d: %w", i+1, err)
		}
		it.N = int64(len(x))
		for _, v := range x {
			centred[i] = append(centred[i], v-mean)
		}
	}
	it.Covariance = symmetric(len(columns), func(i, j int) float64 {
		var s float64
		for r, v := range centred[i] {
			s += v * centred[j][r]
		}
		return s / float64(it.N-1)
	})
	return it, nil
}

// ItemsFromMoments reads items off moments, given by their places. A place
// outside of them: ErrInvalidParameter; fewer than 2 people:
// ErrTooFewObservations.
func ItemsFromMoments(m moments.Matrix, places []int) (Items, error) {
	for _, c := range places {
		if c < 0 || c >= len(m.Terms) {
			return Items{}, fmt.Errorf("psychometrics: column %d of %d: %w", c, len(m.Terms), analytics.ErrInvalidParameter)
		}
	}
	if m.N < 2 {
		return Items{}, fmt.Errorf("psychometrics: %d people, need 2: %w", m.N, analytics.ErrTooFewObservations)
	}
	return Items{N: m.N, Covariance: symmetric(len(places), func(i, j int) float64 {
		return m.Centred(places[i], places[j]) / float64(m.N-1)
	})}, nil
}

func symmetric(n int, at func(i, j int) float64) [][]float64 {
	s := make([][]float64, n)
	for i := range s {
		s[i] = make([]float64, n)
		for j := 0; j <= i; j++ {
			s[i][j] = at(i, j)
			s[j][i] = s[i][j]
		}
	}
	return s
}

// Consistency is Cronbach's alpha of a scale with Feldt's limits. Standardised is
// alpha of the correlations, MeanCorrelation their mean. WithoutItem is alpha of
// the others, nil with two items; ItemRest the correlation of each item with the
// sum of the others, nil where that does not vary.
type Consistency struct {
	Alpha                 float64
	Limits                Limits
	Standardised          float64
	MeanCorrelation       float64
	WithoutItem, ItemRest []*float64
	N                     int64
}

// Cronbach returns the internal consistency of items that are all coded in the
// same direction
//
//	α = k/(k−1)·(1 − Σsᵢ²/s²_total),   limits 1 − (1−α)·F(n−1, (n−1)(k−1))
//
// It says nothing on whether the items measure one thing.
//
//	fewer than 2 items, fewer than 2 people       ErrTooFewObservations
//	an item or the total does not vary            ErrZeroVariance
//	a covariance that is not square, level        ErrInvalidParameter
//
// Checked against R's psych 2.2.9, alpha. Cronbach (1951),
// doi:10.1007/BF02310555; Feldt (1965), doi:10.1007/BF02289499.
func Cronbach(items Items, level float64) (Consistency, error) {
	if err := checkItems(items, level); err != nil {
		return Consistency{}, fmt.Errorf("psychometrics: alpha: %w", err)
	}
	s, k, n := items.Covariance, len(items.Covariance), float64(items.N)
	alpha, ok := alphaWithout(s, -1)
	if !ok {
		return Consistency{}, fmt.Errorf("psychometrics: alpha: the total does not vary: are all items coded in the same direction?: %w", analytics.ErrZeroVariance)
	}
	c := Consistency{Alpha: alpha, N: items.N}
	for i := range s {
		for j := 0; j < i; j++ {
			c.MeanCorrelation += s[i][j] / math.Sqrt(s[i][i]*s[j][j])
		}
	}
	c.MeanCorrelation /= float64(k*(k-1)) / 2
	c.Standardised = float64(k) * c.MeanCorrelation / (1 + float64(k-1)*c.MeanCorrelation)
	tail, df1, df2 := (1-level)/2, n-1, (n-1)*float64(k-1)
	c.Limits = Limits{1 - (1-c.Alpha)*dist.FUpper(tail, df1, df2), 1 - (1-c.Alpha)/dist.FUpper(tail, df2, df1)}
	for i := range s {
		c.WithoutItem = append(c.WithoutItem, nil)
		if a, ok := alphaWithout(s, i); ok && k > 2 {
			c.WithoutItem[i] = &a
		}
		c.ItemRest = append(c.ItemRest, itemRest(s, i))
	}
	return c, nil
}

func checkItems(items Items, level float64) error {
	if err := analytics.CheckLevel(level); err != nil {
		return err
	}
	k := len(items.Covariance)
	if k < 2 || items.N < 2 {
		return fmt.Errorf("%d items of %d people, need 2 of each: %w", k, items.N, analytics.ErrTooFewObservations)
	}
	for i, row := range items.Covariance {
		if len(row) != k {
			return fmt.Errorf("covariances of %d items have a row of %d: %w", k, len(row), analytics.ErrInvalidParameter)
		}
		if err := analytics.CheckFinite("covariances", row); err != nil {
			return err
		}
		if !(row[i] > 0) {
			return fmt.Errorf("item %d does not vary; leave it out: %w", i+1, analytics.ErrZeroVariance)
		}
	}
	return nil
}

// alphaWithout is alpha of all items but one (none left out: −1).
func alphaWithout(s [][]float64, out int) (float64, bool) {
	var own, total, k float64
	for i := range s {
		if i == out {
			continue
		}
		k++
		own += s[i][i]
		for j := range s {
			if j != out {
				total += s[i][j]
			}
		}
	}
	if !(total > 1e-14*own) || k < 2 {
		return 0, false
	}
	return k / (k - 1) * (1 - own/total), true
}

// itemRest correlates an item with the sum of the others.
func itemRest(s [][]float64, item int) *float64 {
	var with, rest float64
	for i := range s {
		if i == item {
			continue
		}
		with += s[item][i]
		for j := range s {
			if j != item {
				rest += s[i][j]
			}
		}
	}
	if !(rest > 0) {
		return nil
	}
	r := with / math.Sqrt(s[item][item]*rest)
	return &r
}
