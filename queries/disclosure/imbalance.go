package disclosure

import "math"

// Imbalance is the standardised difference of a covariate between two arms,
// treated − control, exact.
type Imbalance struct {
	Value float64
	// Indicator says that the covariate is 0 or 1, with Ones people of 1 among the
	// N of each arm: the difference then follows from four counts of people.
	Indicator bool
	Ones, N   [2]int64
}

// imbalances is a cell: the largest of some by size, without its sign where
// absolute.
type imbalances struct {
	of       []Imbalance
	absolute bool
}

// Difference is an imbalance, as a cell: that of an indicator is made of the
// counts as they are released, and withheld where one of them is.
func Difference(i Imbalance) any { return imbalances{of: []Imbalance{i}} }

// LargestDifference is the largest absolute one of several, as a cell, of those
// that are not withheld; nil without any.
func LargestDifference(of []Imbalance) any {
	if len(of) == 0 {
		return nil
	}
	return imbalances{of, true}
}

// value is the exact cell.
func (c imbalances) value() (float64, bool) {
	return c.largest(func(i Imbalance) (float64, bool) { return i.Value, true })
}

// released is the cell as it may be shown.
func (c imbalances) released() (float64, bool) { return c.largest(Imbalance.released) }

// ShownDifference is the largest absolute imbalance of those that may be shown.
func ShownDifference(of []Imbalance) (float64, bool) { return imbalances{of, true}.released() }

func (c imbalances) largest(value func(Imbalance) (float64, bool)) (largest float64, found bool) {
	for _, i := range c.of {
		v, ok := value(i)
		if !ok {
			continue
		}
		if c.absolute {
			v = math.Abs(v)
		}
		if !found || math.Abs(v) > math.Abs(largest) {
			largest, found = v, true
		}
	}
	return largest, found
}

// released makes the difference of an indicator of released counts: with three
// exact digits of it a count of 1 to 7 could be told.
func (i Imbalance) released() (float64, bool) {
	if !i.Indicator {
		return i.Value, true
	}
	var p [2]float64
	for arm := range p {
		ones, ok := Count(i.Ones[arm])
		n, ok2 := Count(i.N[arm])
		if _, ok3 := Count(i.N[arm] - i.Ones[arm]); !ok || !ok2 || !ok3 || n == 0 {
			return 0, false
		}
		p[arm] = math.Min(1, float64(ones)/float64(n))
	}
	spread := math.Sqrt((p[0]*(1-p[0]) + p[1]*(1-p[1])) / 2)
	if !(spread > 0) {
		return 0, p[0] == p[1]
	}
	return (p[1] - p[0]) / spread, true
}
