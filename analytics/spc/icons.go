package spc

import "math"

// Direction says which way is good.
type Direction int

// Directions; Neutral is neither.
const (
	LowerBetter  Direction = -1
	Neutral      Direction = 0
	HigherBetter Direction = 1
)

// Variation is what the icon of a chart says of its last point.
type Variation string

// Variations: common cause, or a special cause that is an improvement, a concern
// or neither.
const (
	CommonCause Variation = "common_cause"
	Improvement Variation = "improvement"
	Concern     Variation = "concern"
	Special     Variation = "neutral"
)

// Variation is the icon of variation: what the last point's signal means where
// better is the good direction; ok is false of a chart without points. A trend is
// judged by where it goes, also on the other side of the mean; NHSRplotthedots
// goes by the side of the mean that the point is on.
func (c Chart) Variation(better Direction) (v Variation, ok bool) {
	if len(c.Signals) == 0 {
		return "", false
	}
	return c.Signals[len(c.Signals)-1].Variation(better), true
}

// Variation is what the signal means where better is the good direction.
func (s Signal) Variation(better Direction) Variation {
	var way Direction
	switch s {
	case AboveLimit, TrendUp, TwoOfThreeAbove, ShiftAbove:
		way = HigherBetter
	case BelowLimit, TrendDown, TwoOfThreeBelow, ShiftBelow:
		way = LowerBetter
	default:
		return CommonCause
	}
	switch better {
	case way:
		return Improvement
	case Neutral:
		return Special
	}
	return Concern
}

// Assurance is what the icon of a chart says of a target.
type Assurance string

// Assurances: the process as it is will reach the target, miss it, or now this
// and now that.
const (
	ConsistentlyPass Assurance = "consistently_pass"
	ConsistentlyFail Assurance = "consistently_fail"
	Inconsistent     Assurance = "inconsistent"
)

// Assurance is the icon of assurance: a target outside the process limits is
// always met or always missed, one between them (or on one) by chance. ok is
// false where no direction is good.
func (l Limits) Assurance(target float64, better Direction) (a Assurance, ok bool) {
	if better == Neutral || math.IsNaN(target) {
		return "", false
	}
	above, below := target > l.Upper, target < l.Lower
	switch {
	case !above && !below:
		return Inconsistent, true
	case above == (better == HigherBetter):
		return ConsistentlyFail, true
	}
	return ConsistentlyPass, true
}
