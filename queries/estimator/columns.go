package estimator

import (
	"math"

	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/store/read"
)

// Column returns places from…to of a column that the store read, missing values
// as design has them. factor makes levels of numbers.
func Column(c read.Column, from, to int, factor bool) design.Column {
	out := design.Column{Name: c.Name}
	if c.Levels != nil {
		out.Levels, out.Codes = c.Levels, make([]int, to-from)
		for i, code := range c.Codes[from:to] {
			out.Codes[i] = int(code)
		}
		return out
	}
	out.Values = append([]float64(nil), c.Numbers[from:to]...)
	for i := range out.Values {
		if c.Missing != nil && c.Missing[from+i] {
			out.Values[i] = math.NaN()
		}
	}
	if factor {
		return design.AsFactor(out)
	}
	return out
}
