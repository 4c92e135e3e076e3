package missing

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/lumbar-health/lumbar/analytics"
)

// Method is how the gaps of a column are filled.
type Method int

// PMM takes the value of one of the people whose prediction is nearest
// (predictive mean matching, type 1): values stay possible ones. Normal draws from
// the Bayesian linear regression.
const (
	PMM Method = iota
	Normal
)

// Variable is a column of the imputation model; NaN is missing. Factors enter as
// indicator columns. A variable without gaps only predicts. The model should hold
// every variable of the analysis, its outcome and the treatment among them.
type Variable struct {
	Name   string
	Values []float64
	Method Method
	// Predictors are the places of the variables it is predicted from; nil: all
	// others.
	Predictors []int
}

// ImputeOptions are what an imputation may be given.
type ImputeOptions struct {
	// Imputations is m; 0 is 20. Iterations of the chain; 0 is 10 where more than
	// one column has gaps and 1 else. Donors of PMM; 0 is 5.
	Imputations, Iterations, Donors int
	// Seed of the run; an imputation's own seed is made of it and its number.
	Seed uint64
	// Threads is how many run at once; 0 is one a processor. It changes nothing
	// but the time.
	Threads int
	// Interrupt is asked before each iteration of each imputation.
	Interrupt func() error
}

// Imputed is m completed tables. Rows holds for each variable the rows that had
// no value, and Filled[k][j] what imputation k put there, in that order.
type Imputed struct {
	variables []Variable
	Rows      [][]int
	Filled    [][][]float64
	Warnings  []string
}

// Column returns a variable complete, as imputation k has it.
func (d *Imputed) Column(k, variable int) []float64 {
	out := append([]float64(nil), d.variables[variable].Values...)
	for at, row := range d.Rows[variable] {
		out[row] = d.Filled[k][variable][at]
	}
	return out
}

// Imputations is how many completed tables there are.
func (d *Imputed) Imputations() int { return len(d.Filled) }

// Pool computes an estimate with its variance from every completed table and
// pools them; complete is the degrees of freedom of complete data. Errors of
// compute stop it; others as Pool.
func (d *Imputed) Pool(compute func(k int) (estimate, variance float64, err error), complete, level float64) (Pooled, error) {
	var q, u []float64
	for k := range d.Filled {
		estimate, variance, err := compute(k)
		if err != nil {
			return Pooled{}, fmt.Errorf("missing: imputation %d: %w", k+1, err)
		}
		q, u = append(q, estimate), append(u, variance)
	}
	return Pool(q, u, complete, level)
}

// Impute fills the gaps of several columns m times by chained equations: each
// column in turn is regressed on the others as they stand, the regression's
// parameters are drawn from their posterior (flat prior)
//
//	σ*² = RSS/χ²(n−p),   b* = b + σ*·(X′X)^(−½)z
//
// and its gaps are filled from the draw. Gaps start as values drawn from the
// column. The same seed gives the same values bit for bit for any number of
// threads.
//
//	no variable, columns of different length, Inf      ErrInvalidParameter
//	a column without a value, fewer rows than columns  ErrTooFewObservations
//	a predictor that the others determine              ErrCollinear, naming it
//
// A predictor that does not vary, at all or among those who have a value of the
// column, has no part in that column's regression.
//
// Own implementation: no kept library has it. Agrees with R's mice 3.15.0 in
// distribution (mice.impute.norm and mice.impute.pmm without their ridge).
// van Buuren (2018), doi:10.1201/9780429492259.
func Impute(variables []Variable, o ImputeOptions) (*Imputed, error) {
	o = o.filled(variables)
	plan, err := newChain(variables, o)
	if err != nil {
		return nil, err
	}
	out := &Imputed{variables: variables, Rows: plan.gaps, Filled: make([][][]float64, o.Imputations)}
	failures := make([]error, o.Imputations)
	threads := o.Threads
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(threads, o.Imputations) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for {
				k := int(next.Add(1)) - 1
				if k >= o.Imputations {
					return
				}
				out.Filled[k], failures[k] = plan.run(rand.New(rand.NewPCG(o.Seed, uint64(k))))
			}
		}()
	}
	wg.Wait()
	for _, err := range failures {
		if err != nil {
			return nil, err
		}
	}
	for j, v := range variables {
		if share := float64(len(plan.gaps[j])) / float64(len(v.Values)); share > 0.5 {
			out.Warnings = append(out.Warnings, "more than half of "+v.Name+" is imputed: the result rests on the imputation model")
		}
	}
	return out, nil
}

// filled sets the defaults.
func (o ImputeOptions) filled(variables []Variable) ImputeOptions {
	if o.Imputations == 0 {
		o.Imputations = 20
	}
	if o.Donors == 0 {
		o.Donors = 5
	}
	if o.Iterations == 0 {
		incomplete := 0
		for _, v := range variables {
			for _, x := range v.Values {
				if math.IsNaN(x) {
					incomplete++
					break
				}
			}
		}
		o.Iterations = 1
		if incomplete > 1 {
			o.Iterations = 10
		}
	}
	return o
}

// chain is what every imputation shares: the columns in standard deviations
// about their mean, their gaps and who has a value.
type chain struct {
	variables    []Variable
	options      ImputeOptions
	n            int
	scaled       [][]float64
	centre, unit []float64
	gaps, given  [][]int
	predictors   [][]int
}

func newChain(variables []Variable, o ImputeOptions) (*chain, error) {
	if len(variables) == 0 || o.Imputations < 1 || o.Iterations < 1 || o.Donors < 1 {
		return nil, fmt.Errorf("missing: %d variables, %d imputations, %d iterations, %d donors, need one of each: %w", len(variables), o.Imputations, o.Iterations, o.Donors, analytics.ErrInvalidParameter)
	}
	c := &chain{variables: variables, options: o, n: len(variables[0].Values)}
	for j, v := range variables {
		if err := c.add(v); err != nil {
			return nil, err
		}
		for _, k := range v.Predictors {
			if k < 0 || k >= len(variables) || k == j {
				return nil, fmt.Errorf("missing: %s is predicted from variable %d of %d: %w", v.Name, k, len(variables), analytics.ErrInvalidParameter)
			}
		}
	}
	for j, v := range variables {
		from := v.Predictors
		if from == nil {
			for k := range variables {
				if k != j {
					from = append(from, k)
				}
			}
		}
		var varying []int
		for _, k := range from {
			if c.unit[k] > 0 && c.varies(k, j) {
				varying = append(varying, k)
			}
		}
		c.predictors = append(c.predictors, varying)
		if len(c.gaps[j]) > 0 && len(c.given[j]) <= len(varying)+1 {
			return nil, fmt.Errorf("missing: %s has fewer values than its model has coefficients; use fewer predictors: %w", v.Name, analytics.ErrTooFewObservations)
		}
	}
	return c, nil
}

// varies says whether a predictor differs among the rows that have a value of
// another column; where it does not, its coefficient can not be told. One with
// gaps does once they are filled.
func (c *chain) varies(predictor, of int) bool {
	if len(c.gaps[predictor]) > 0 || len(c.gaps[of]) == 0 {
		return true
	}
	x, given := c.scaled[predictor], c.given[of]
	for _, i := range given[1:] {
		if x[i] != x[given[0]] {
			return true
		}
	}
	return false
}

// add takes in a variable: its gaps, mean and standard deviation.
func (c *chain) add(v Variable) error {
	if len(v.Values) != c.n {
		return fmt.Errorf("missing: %s has %d rows, others %d: %w", v.Name, len(v.Values), c.n, analytics.ErrInvalidParameter)
	}
	var gaps, given []int
	var sum, squares float64
	for i, x := range v.Values {
		switch {
		case math.IsInf(x, 0):
			return fmt.Errorf("missing: %s row %d is not finite: %w", v.Name, i+1, analytics.ErrInvalidParameter)
		case math.IsNaN(x):
			gaps = append(gaps, i)
		default:
			given = append(given, i)
			sum += x
		}
	}
	if len(given) == 0 {
		return fmt.Errorf("missing: %s has no value at all; leave it out: %w", v.Name, analytics.ErrTooFewObservations)
	}
	mean := sum / float64(len(given))
	for _, i := range given {
		squares += (v.Values[i] - mean) * (v.Values[i] - mean)
	}
	unit := math.Sqrt(squares / float64(len(given)))
	if unit < 1e-12*math.Abs(mean) {
		unit = 0
	}
	scaled := make([]float64, c.n)
	for _, i := range given {
		if unit > 0 {
			scaled[i] = (v.Values[i] - mean) / unit
		}
	}
	c.centre, c.unit, c.scaled = append(c.centre, mean), append(c.unit, unit), append(c.scaled, scaled)
	c.gaps, c.given = append(c.gaps, gaps), append(c.given, given)
	return nil
}
