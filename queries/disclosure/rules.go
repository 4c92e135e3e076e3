package disclosure

import "math"

// Rule names the rules in receipts; a change of any of them changes the name.
const Rule = "hes-2018/1"

// NoRule stands in the receipt of an answer that was not disclosed.
const NoRule = "none"

const (
	// smallest is the fewest people of whom anything is told.
	smallest = 8
	// step is what shown counts are rounded to.
	step = 5
	// MaxDimensions is the most dimensions by which one answer may group.
	MaxDimensions = 3
	// MinimumForPercentile is the fewest people of whom a percentile is told.
	MinimumForPercentile = 20
	// fine is the count from which scores of a short scale show three decimals.
	fine = 100
	// fineRatio is the released denominator from which a ratio shows a third decimal.
	fineRatio = 4000
)

// Count returns what is told of a count of people: ok is false for 1–7, whose
// value is withheld; 0 stays 0; others go to the nearest 5.
func Count(n int64) (released int64, ok bool) {
	switch {
	case n == 0:
		return 0, true
	case n < smallest:
		return 0, false
	}
	return (n + step/2) / step * step, true
}

// small says whether a count is withheld.
func small(n int64) bool { return n != 0 && n < smallest }

// Scale is the range of a score, which decides how many decimals its means show.
type Scale struct{ Min, Max float64 }

// Decimals of a mean over n people: one for scores of ten points and more, such
// as 0–100; for short scales such as EQ-5D's two below 100 people and three from
// there on.
func (s Scale) Decimals(n int64) int {
	switch {
	case s.Max-s.Min >= 4:
		return 1
	case n < fine:
		return 2
	}
	return 3
}

// Round rounds half away from zero to so many decimals. A value that differs
// from a half by less than its own rounding error counts as the half.
func Round(x float64, decimals int) float64 {
	p := math.Pow(10, math.Abs(float64(decimals)))
	scaled := x * p
	if decimals < 0 {
		scaled = x / p
	}
	whole := math.Trunc(scaled)
	if math.Abs(math.Abs(scaled-whole)-0.5) <= 1e-12*math.Max(1, math.Abs(scaled)) {
		whole += math.Copysign(1, scaled)
	} else {
		whole = math.Round(scaled)
	}
	if whole == 0 {
		return 0 // not −0, which JSON would show
	}
	if decimals < 0 {
		return whole * p
	}
	return whole / p
}

// Significant rounds half away from zero to so many significant digits.
func Significant(x float64, digits int) float64 {
	if x == 0 || math.IsInf(x, 0) || math.IsNaN(x) {
		return x
	}
	return Round(x, digits-1-int(math.Floor(math.Log10(math.Abs(x)))))
}

// pValue rounds to two significant digits; below 1 in 10,000 it says that.
func pValue(p float64) float64 { return math.Max(Significant(p, 2), 1e-4) }
