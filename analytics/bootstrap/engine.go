package bootstrap

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/lumbar-health/lumbar/analytics"
)

// Options are what a run may be given.
type Options struct {
	// Replicates is how many; 0 is 999.
	Replicates int
	// Seed of the run; a replicate's own seed is made of it and its number.
	Seed uint64
	// Strata says for each unit its stratum, from 0: people are resampled within
	// it. nil: one stratum.
	Strata []int
	// Threads is how many run at once; 0 is one a processor. It changes nothing
	// but the time.
	Threads int
	// Interrupt is asked before each replicate; its error stops the run.
	Interrupt func() error
}

// Statistic computes an estimate from how often each unit was drawn. It must
// not keep draws and must be safe to call from several goroutines; an error is
// that replicate's failure.
type Statistic func(draws []float64) (float64, error)

// Worker makes a Statistic with scratch space of its own, one a thread.
type Worker func() Statistic

// Replicates are the values of a run, in the order of their numbers. Failed is
// how many had no value (such as a model that separated in the resample): they
// are left out, and Warnings says so.
type Replicates struct {
	Values   []float64
	Failed   int
	Warnings []string
}

// mostFailed is the share of failed replicates above which there is no answer.
const mostFailed = 0.1

// Run draws people with replacement from units of count people each (people are
// units of one; cells have more), within strata, and computes the statistic of
// each resample: a multinomial bootstrap over rows or cells. The same seed gives
// the same values bit for bit for any number of threads.
//
//	no unit, a count below zero or not whole, Strata of another length   ErrInvalidParameter
//	more than a tenth of the replicates failed                          ErrNotConverged, with the last failure
//
// Efron and Tibshirani (1993), doi:10.1007/978-1-4899-4541-9.
func Run(count []float64, worker Worker, o Options) (Replicates, error) {
	plan, err := newPlan(count, o.Strata)
	if err != nil {
		return Replicates{}, err
	}
	n := o.Replicates
	if n == 0 {
		n = 999
	}
	if n < 2 {
		return Replicates{}, fmt.Errorf("bootstrap: %d replicates, need 2: %w", n, analytics.ErrInvalidParameter)
	}
	values, failures := make([]float64, n), make([]error, n)
	if err := each(n, o, func() func(k int) {
		statistic, draws := worker(), make([]float64, len(count))
		return func(k int) {
			plan.draw(draws, rand.New(rand.NewPCG(o.Seed, uint64(k))))
			values[k], failures[k] = statistic(draws)
			if failures[k] == nil && (math.IsNaN(values[k]) || math.IsInf(values[k], 0)) {
				failures[k] = fmt.Errorf("bootstrap: a replicate has no finite value: %w", analytics.ErrInvalidParameter)
			}
		}
	}); err != nil {
		return Replicates{}, err
	}
	return collect(values, failures)
}

// collect leaves out what failed.
func collect(values []float64, failures []error) (Replicates, error) {
	var out Replicates
	var last error
	for k, v := range values {
		if failures[k] != nil {
			out.Failed++
			last = failures[k]
			continue
		}
		out.Values = append(out.Values, v)
	}
	if float64(out.Failed) > mostFailed*float64(len(values)) {
		return out, fmt.Errorf("bootstrap: more than a tenth of the replicates have no value (the last: %v); the sample is too small or too sparse for this statistic: %w", last, analytics.ErrNotConverged)
	}
	if out.Failed > 0 {
		out.Warnings = append(out.Warnings, "some replicates had no value and were left out")
	}
	return out, nil
}

// each runs n numbered jobs on some threads, each with a job function of its own.
func each(n int, o Options, newJob func() func(k int)) error {
	threads := o.Threads
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	threads = min(threads, n)
	var next atomic.Int64
	var once sync.Once
	var stopped atomic.Bool
	var stop error
	var wg sync.WaitGroup
	for range threads {
		wg.Add(1)
		go func() {
			defer wg.Done()
			job := newJob()
			for {
				k := int(next.Add(1)) - 1
				if k >= n || stopped.Load() {
					return
				}
				if o.Interrupt != nil {
					if err := o.Interrupt(); err != nil {
						once.Do(func() { stop = err; stopped.Store(true) })
						return
					}
				}
				job(k)
			}
		}()
	}
	wg.Wait()
	return stop
}

// plan lists, for each stratum, the unit of each of its people.
type plan struct{ people [][]int32 }

func newPlan(count []float64, strata []int) (plan, error) {
	if len(count) == 0 {
		return plan{}, fmt.Errorf("bootstrap: no unit to resample: %w", analytics.ErrTooFewObservations)
	}
	if strata != nil && len(strata) != len(count) {
		return plan{}, fmt.Errorf("bootstrap: %d strata for %d units: %w", len(strata), len(count), analytics.ErrInvalidParameter)
	}
	var p plan
	var total float64
	for i, c := range count {
		if !(c >= 0) || c != math.Trunc(c) {
			return plan{}, fmt.Errorf("bootstrap: unit %d has a count that is no whole number: %w", i+1, analytics.ErrInvalidParameter)
		}
		if total += c; total > math.MaxInt32 {
			return plan{}, fmt.Errorf("bootstrap: more than two thousand million people: %w", analytics.ErrInvalidParameter)
		}
		at := 0
		if strata != nil {
			at = strata[i]
		}
		if at < 0 || at > len(count) {
			return plan{}, fmt.Errorf("bootstrap: unit %d is in stratum %d: %w", i+1, at, analytics.ErrInvalidParameter)
		}
		for len(p.people) <= at {
			p.people = append(p.people, nil)
		}
		for range int(c) {
			p.people[at] = append(p.people[at], int32(i))
		}
	}
	if total == 0 {
		return plan{}, fmt.Errorf("bootstrap: nobody to resample: %w", analytics.ErrTooFewObservations)
	}
	return p, nil
}

// draw fills how often each unit comes in a resample.
func (p plan) draw(draws []float64, r *rand.Rand) {
	clear(draws)
	for _, people := range p.people {
		n := uint64(len(people))
		for range people {
			draws[people[r.Uint64N(n)]]++
		}
	}
}

// ByCluster turns a statistic of people into one of clusters, which are then the
// units: a cluster drawn twice brings all its people twice. cluster is that of each
// unit of people, from 0, and count the people in it; the counts returned are one
// a cluster, for Run. A cluster number below zero, lengths that differ:
// ErrInvalidParameter. Davison and Hinkley (1997), section 3.8.
func ByCluster(cluster []int, count []float64, worker Worker) ([]float64, Worker, error) {
	if len(cluster) != len(count) {
		return nil, nil, fmt.Errorf("bootstrap: %d clusters for %d units: %w", len(cluster), len(count), analytics.ErrInvalidParameter)
	}
	var units []float64
	for i, g := range cluster {
		if g < 0 || g > len(cluster) {
			return nil, nil, fmt.Errorf("bootstrap: unit %d is in cluster %d: %w", i+1, g, analytics.ErrInvalidParameter)
		}
		for len(units) <= g {
			units = append(units, 0)
		}
		if count[i] > 0 {
			units[g] = 1
		}
	}
	return units, func() Statistic {
		statistic, people := worker(), make([]float64, len(count))
		return func(draws []float64) (float64, error) {
			for i, g := range cluster {
				people[i] = count[i] * draws[g]
			}
			return statistic(people)
		}
	}, nil
}

// Jackknife returns the influence values (n_s−1)·(t₀ − t without the person), n_s
// the people of its stratum, of a statistic of counts: one for each person, the
// people of a unit after one another. It takes as many evaluations as there are
// units. A unit alone in its stratum has influence zero.
// Davison and Hinkley (1997), section 2.7.3.
func Jackknife(count []float64, statistic Statistic, o Options) ([]float64, error) {
	p, err := newPlan(count, o.Strata)
	if err != nil {
		return nil, err
	}
	left := append([]float64(nil), count...)
	whole, err := statistic(left)
	if err != nil {
		return nil, fmt.Errorf("bootstrap: jackknife: %w", err)
	}
	var out []float64
	for i, c := range count {
		if c == 0 {
			continue
		}
		at := 0
		if o.Strata != nil {
			at = o.Strata[i]
		}
		var l float64
		if size := len(p.people[at]); size > 1 {
			left[i] = c - 1
			without, err := statistic(left)
			left[i] = c
			if err != nil {
				return nil, fmt.Errorf("bootstrap: jackknife: %w", err)
			}
			l = float64(size-1) * (whole - without)
		}
		for range int(c) {
			out = append(out, l)
		}
	}
	return out, nil
}
