package missing_test

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/lumbar-health/lumbar/analytics/missing"
)

// gappy simulates columns with gaps at random given the complete ones, and
// complete ones.
func gappy(n, incomplete, complete int, method missing.Method) []missing.Variable {
	r := rand.New(rand.NewPCG(3, 5))
	out := make([]missing.Variable, incomplete+complete)
	for j := range out {
		out[j] = missing.Variable{Name: fmt.Sprintf("v%d", j), Values: make([]float64, n), Method: method}
	}
	for i := range n {
		var common float64
		for j := complete - 1; j >= 0; j-- {
			x := r.NormFloat64()
			common += x
			out[incomplete+j].Values[i] = 50 + 10*x
		}
		for j := range incomplete {
			out[j].Values[i] = math.Round(40 + 5*common + 8*r.NormFloat64())
			if r.Float64() < 0.3/(1+math.Exp(-common)) {
				out[j].Values[i] = math.NaN()
			}
		}
	}
	return out
}
