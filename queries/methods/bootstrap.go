package methods

import (
	"fmt"

	"github.com/lumbar-health/lumbar/analytics/bootstrap"
)

// resampled is a statistic with its intervals.
type resampled struct {
	bootstrap.Intervals
	replicates int
}

func bothEnds(l bootstrap.Limits) []float64 { return []float64{l.Lower, l.Upper} }

var bootstrapKeys = []key[resampled]{
	scalar("t0", func(r resampled) float64 { return r.Estimate }),
	scalar("bias", func(r resampled) float64 { return r.Bias }),
	scalar("se", func(r resampled) float64 { return r.StdErr }),
	value("percentile", Numbers, func(r resampled) any { return bothEnds(r.Percentile) }),
	value("basic", Numbers, func(r resampled) any { return bothEnds(r.Basic) }),
	{Key{Name: "bca", Shape: Numbers, Optional: true}, func(r resampled) any {
		if r.BCa == nil {
			return nil
		}
		return bothEnds(*r.BCa)
	}},
	value("normal", Numbers, func(r resampled) any { return bothEnds(r.Normal) }),
	scalar("n_replicates", func(r resampled) float64 { return float64(r.replicates) }),
	warningsKey(func(r resampled) []string { return r.Warnings }),
}

// The run when no replicates come with the request.
const (
	defaultReplicates = 999
	defaultSeed       = 1
	mostReplicates    = 100_000
)

func bootstrapMethods() []Method {
	return []Method{
		define("bootstrap", spec{name: "bootstrap_ci",
			roles: []Role{{Name: "y", Kind: Numeric, Help: "the outcome"}, {Name: "g", Kind: Label, Optional: true, Help: "the groups, of difference_in_means"}},
			params: []Param{
				{Name: "statistic", Kind: Text, OneOf: []string{"median_plus_mean", "mean", "median", "difference_in_means"}, Help: "what is computed of y; difference_in_means is level1 − level0 of g, resampled within g"},
				{Name: "level1", Kind: Level, Optional: true, Help: "the group whose mean comes first"},
				{Name: "level0", Kind: Level, Optional: true, Help: "the group whose mean is taken off"},
				{Name: "input_t", Kind: NumberList, Optional: true, Help: "replicates made elsewhere; without them they are drawn here"},
				{Name: "input_L", Kind: NumberList, Optional: true, Help: "influence values for BCa; without them the jackknife is run here"},
				{Name: "R", Kind: Number, Optional: true, Help: "how many replicates are drawn here, 999 when absent"},
				{Name: "seed", Kind: Number, Optional: true, Help: "the seed of the draws made here, 1 when absent"},
			}, page: Page{
				Title:     "Bootstrap intervals",
				When:      "An interval for anything without a formula for its error.",
				Variant:   "Own implementation: no kept library has BCa. Multinomial resampling of rows, within groups for a difference; percentile, basic, BCa and bias-corrected normal intervals; order statistic (R+1)α, interpolated on the scale of normal quantiles; acceleration from the jackknife. One seed a replicate: the same answer on any machine.",
				Assumes:   "Independent rows; enough of them that the sample looks like the population.",
				Formula:   "percentile t*₍₍R+1₎α₎;  basic 2t₀ − t*₍₍R+1₎₍1−α₎₎;  BCa α* = Φ(z₀+(z₀+z)/(1−a(z₀+z)))",
				Reference: "Davison and Hinkley (1997), doi:10.1017/CBO9780511802843",
				Checked:   "R package boot 1.3-28.1, given its replicates",
				PushDown:  "n by value of the outcome (and group)",
			}}, bootstrapKeys, runBootstrap),
	}
}

func runBootstrap(in *Input) (r resampled, err error) {
	y, groups, err := in.resample()
	if err != nil {
		return r, err
	}
	var worker bootstrap.Worker
	switch in.Text("statistic", "") {
	case "mean":
		worker = bootstrap.Mean(y)
	case "median":
		worker = bootstrap.Median(y)
	case "median_plus_mean":
		worker = bootstrap.Sum(bootstrap.Median(y), bootstrap.Mean(y))
	default:
		worker = bootstrap.DifferenceInMeans(y, groups)
	}
	one := make([]float64, len(y))
	for i := range one {
		one[i] = 1
	}
	estimate, err := worker()(one)
	if err != nil {
		return r, err
	}
	o, err := in.resampling(groups)
	if err != nil {
		return r, err
	}
	values, warnings := in.List("input_t"), []string(nil)
	if values == nil {
		run, err := bootstrap.Run(one, worker, o)
		if err != nil {
			return r, err
		}
		values, warnings = run.Values, run.Warnings
	}
	influence := in.List("input_L")
	if influence == nil {
		if influence, err = bootstrap.Jackknife(one, worker(), o); err != nil {
			return r, err
		}
	}
	r.replicates = len(values)
	r.Intervals, err = bootstrap.Of(estimate, values, influence, 0.95)
	r.Warnings = append(warnings, r.Warnings...)
	return r, err
}

// resampling reads how to draw.
func (in *Input) resampling(strata []int) (bootstrap.Options, error) {
	n, seed := in.Number("R", defaultReplicates), in.Number("seed", defaultSeed)
	if !(n >= 2 && n <= mostReplicates && n == float64(int(n))) {
		return bootstrap.Options{}, fmt.Errorf("param R: %v replicates, need a whole number from 2 to %d: %w", n, mostReplicates, ErrRequest)
	}
	if !(seed >= 0 && seed <= 1<<53 && seed == float64(uint64(seed))) {
		return bootstrap.Options{}, fmt.Errorf("param seed: need a whole number of 0 or more: %w", ErrRequest)
	}
	return bootstrap.Options{Replicates: int(n), Seed: uint64(seed), Strata: strata}, nil
}

// resample returns the outcome and, for a difference, each row's group.
func (in *Input) resample() (y []float64, groups []int, err error) {
	if in.Text("statistic", "") != "difference_in_means" {
		y = in.Numbers("y")
		if len(y) == 0 {
			return nil, nil, fmt.Errorf("role y: no row has a value: %w", ErrRequest)
		}
		return y, nil, nil
	}
	if !in.Has("g") || in.params["level1"] == nil || in.params["level0"] == nil {
		return nil, nil, fmt.Errorf("difference_in_means needs role g and params level1 and level0: %w", ErrRequest)
	}
	zero, err := in.Split("y", "g", "level0")
	if err != nil {
		return nil, nil, err
	}
	one, err := in.Split("y", "g", "level1")
	if err != nil {
		return nil, nil, err
	}
	y = append(append(y, zero...), one...)
	groups = make([]int, len(y))
	for i := len(zero); i < len(y); i++ {
		groups[i] = 1
	}
	return y, groups, nil
}
