package analytics

import (
	"fmt"
	"math"
)

// Estimate is a number with its uncertainty. Value, StdErr, Lower and Upper are
// in the unit of the quantity; Level is the coverage of [Lower, Upper], such as
// 0.95; N counts the observations used; Method names the variant.
type Estimate struct {
	Value, StdErr, Lower, Upper float64
	Level                       float64
	N                           int
	Method                      string
}

// Test is an estimate with the test of its being zero: Statistic is Value over
// StdErr, DF its degrees of freedom (0 where the law is normal), P two-sided
// unless Method says otherwise.
type Test struct {
	Estimate
	Statistic, DF, P float64
}

// CheckLevel returns ErrInvalidParameter unless 0 < level < 1.
func CheckLevel(level float64) error {
	if !(level > 0 && level < 1) {
		return fmt.Errorf("confidence level %v, need between 0 and 1: %w", level, ErrInvalidParameter)
	}
	return nil
}

// CheckFinite returns ErrInvalidParameter when a value is NaN or infinite; name
// says which column it is, the value itself is not repeated.
func CheckFinite(name string, values []float64) error {
	for i, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("%s: row %d is missing or not finite; filter such rows first: %w", name, i+1, ErrInvalidParameter)
		}
	}
	return nil
}
