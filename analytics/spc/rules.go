package spc

import (
	"math"
	"slices"
)

// Signal says which rule a point breaks.
type Signal string

// The signals, in the order in which the first that holds is taken:
//
//	above_upl, below_lpl     strictly outside the process limits
//	trend_up, trend_down     one of 7 points in a row that strictly rise or fall; a tie ends the row
//	2of3_above, 2of3_below   between near limit and limit, and so is another of 3 points
//	                         in a row that are all on the same side of the mean
//	shift_above, shift_below one of 7 points in a row strictly on one side of the mean; a
//	                         point on the mean ends the row
const (
	Common          Signal = "common"
	AboveLimit      Signal = "above_upl"
	BelowLimit      Signal = "below_lpl"
	TrendUp         Signal = "trend_up"
	TrendDown       Signal = "trend_down"
	TwoOfThreeAbove Signal = "2of3_above"
	TwoOfThreeBelow Signal = "2of3_below"
	ShiftAbove      Signal = "shift_above"
	ShiftBelow      Signal = "shift_below"
)

// apply holds the points against the rules.
func (c *Chart) apply(values []float64, o Options) {
	n := len(values)
	c.Signals = make([]Signal, n)
	side, step, near := make([]int, n), make([]int, n), make([]bool, n)
	for i, x := range values {
		c.Signals[i] = Common
		side[i] = c.side(x)
		if i > 0 && !slices.Contains(o.Gaps, i) {
			step[i] = sign(x - values[i-1])
		}
		outside := x > c.Upper || x < c.Lower
		near[i] = !outside && (x > c.NearUpper || x < c.NearLower)
		if outside {
			c.Outside = append(c.Outside, i)
		}
	}
	c.Trend = trends(step, o.Run)
	c.Shift = shifts(side, o)
	c.TwoOfThree = twoOfThree(side, near, o.Gaps)

	// From the weakest rule to the strongest: the first that matches stays.
	c.mark(c.Shift, func(i int) Signal { return pick(side[i], ShiftAbove, ShiftBelow) })
	c.mark(c.TwoOfThree, func(i int) Signal { return pick(side[i], TwoOfThreeAbove, TwoOfThreeBelow) })
	// A turning point belongs to the trend that it ends, the first point to its own.
	c.mark(c.Trend, func(i int) Signal {
		at := i
		if !endsTrend(step, i, o.Run) {
			at = i + 1
		}
		return pick(step[at], TrendUp, TrendDown)
	})
	c.mark(c.Outside, func(i int) Signal { return pick(side[i], AboveLimit, BelowLimit) })
}

func (c *Chart) mark(points []int, signal func(int) Signal) {
	for _, i := range points {
		c.Signals[i] = signal(i)
	}
}

// side is 1 above the mean, −1 below it and 0 on it.
func (c *Chart) side(x float64) int {
	if math.Abs(x-c.Mean) <= 1e-12*math.Max(math.Abs(x), math.Abs(c.Mean)) {
		return 0
	}
	return sign(x - c.Mean)
}

func sign(d float64) int {
	switch {
	case d > 0:
		return 1
	case d < 0:
		return -1
	}
	return 0
}

func pick(side int, above, below Signal) Signal {
	if side > 0 {
		return above
	}
	return below
}

// trends lists the points of rows of run points that strictly rise or fall:
// run−1 steps of one direction; a step of 0 is a tie, a gap or the first point.
func trends(step []int, run int) []int {
	in := make([]bool, len(step))
	rows(len(step), func(i int) bool { return step[i] != 0 && step[i] == step[i-1] }, func(from, to int) {
		if step[from] != 0 && to-from >= run-1 {
			mark(in, from-1, to)
		}
	})
	return places(in)
}

// endsTrend says whether the steps that lead to a point make a trend.
func endsTrend(step []int, i, run int) bool {
	n := 0
	for j := i; j > 0 && step[j] != 0 && step[j] == step[i]; j-- {
		n++
	}
	// The row may go on behind the point.
	for j := i + 1; n > 0 && j < len(step) && step[j] == step[i]; j++ {
		n++
	}
	return n >= run-1
}

// shifts lists the points of rows of run points strictly on one side of the mean.
func shifts(side []int, o Options) []int {
	in := make([]bool, len(side))
	rows(len(side), func(i int) bool { return side[i] == side[i-1] && !slices.Contains(o.Gaps, i) }, func(from, to int) {
		if side[from] != 0 && to-from >= o.Run {
			mark(in, from, to)
		}
	})
	return places(in)
}

// twoOfThree lists the near points of windows of three points on one side of
// which two or three are near.
func twoOfThree(side []int, near []bool, gaps []int) []int {
	in := make([]bool, len(side))
	for i := 2; i < len(side); i++ {
		if side[i] == 0 || side[i-1] != side[i] || side[i-2] != side[i] || slices.Contains(gaps, i) || slices.Contains(gaps, i-1) {
			continue
		}
		var close []int
		for j := i - 2; j <= i; j++ {
			if near[j] {
				close = append(close, j)
			}
		}
		if len(close) >= 2 {
			for _, j := range close {
				in[j] = true
			}
		}
	}
	return places(in)
}

// rows calls found with each row [from, to) of places in which each is joined to
// the one before it.
func rows(n int, joined func(int) bool, found func(from, to int)) {
	from := 0
	for i := 1; i <= n; i++ {
		if i == n || !joined(i) {
			found(from, i)
			from = i
		}
	}
}

func mark(in []bool, from, to int) {
	for i := from; i < to; i++ {
		in[i] = true
	}
}

func places(in []bool) []int {
	var out []int
	for i, is := range in {
		if is {
			out = append(out, i)
		}
	}
	return out
}
