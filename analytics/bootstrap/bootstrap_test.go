package bootstrap_test

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/bootstrap"
	"github.com/lumbar-health/lumbar/analytics/propensity"
)

// TestIntervalsAgreeWithBoot compares with R's boot: ends between order
// statistics, on them and beyond them.
func TestIntervalsAgreeWithBoot(t *testing.T) {
	raw, err := os.ReadFile("testdata/boot.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Cases []struct {
			X, T, L, Want []float64
			Level         float64
		}
	}
	if err := json.Unmarshal(raw, &golden); err != nil {
		t.Fatal(err)
	}
	for k, c := range golden.Cases {
		one := slices.Repeat([]float64{1}, len(c.X))
		statistic := bootstrap.Mean(c.X)()
		t0, err := statistic(one)
		if err != nil {
			t.Fatal(err)
		}
		l, err := bootstrap.Jackknife(one, statistic, bootstrap.Options{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := bootstrap.Of(t0, c.T, l, c.Level)
		if err != nil {
			t.Fatal(err)
		}
		flat := []float64{got.Estimate, got.Normal.Lower, got.Normal.Upper, got.Basic.Lower, got.Basic.Upper, got.Percentile.Lower, got.Percentile.Upper, got.BCa.Lower, got.BCa.Upper}
		for i, v := range flat {
			if math.Abs(v-c.Want[i]) > 1e-10*math.Max(1, math.Abs(c.Want[i])) {
				t.Errorf("case %d, number %d: %.15g, want %.15g", k+1, i, v, c.Want[i])
			}
		}
		for i, v := range l {
			if math.Abs(v-c.L[i]) > 1e-10*math.Max(1, math.Abs(c.L[i])) {
				t.Errorf("case %d: influence of %d is %v, want %v", k+1, i, v, c.L[i])
			}
		}
	}
}

// TestThreadsDoNotMatter holds that a run is the same bit for bit.
func TestThreadsDoNotMatter(t *testing.T) {
	s := people(t, 200, 2)
	var first bootstrap.Intervals
	for k, threads := range []int{1, 2, 7} {
		got, err := bootstrap.Weighted(s, propensity.ATE, 0.95, bootstrap.Options{Replicates: 60, Seed: 5, Threads: threads})
		if err != nil {
			t.Fatal(err)
		}
		if k == 0 {
			first = got
		} else if got.StdErr != first.StdErr || got.Percentile != first.Percentile || got.Bias != first.Bias {
			t.Errorf("%d threads: %+v, one: %+v", threads, got, first)
		}
	}
	other, err := bootstrap.Weighted(s, propensity.ATE, 0.95, bootstrap.Options{Replicates: 60, Seed: 6})
	if err != nil || other.StdErr == first.StdErr {
		t.Errorf("another seed gives the same: %v, %v", other.StdErr, err)
	}
}

// TestErrorsAreThoseOfFormulas holds the bootstrap error against the known one:
// of a mean, and of a weighted difference by stacked equations.
func TestErrorsAreThoseOfFormulas(t *testing.T) {
	s := people(t, 800, 3)
	one := slices.Repeat([]float64{1}, s.Len())
	run, err := bootstrap.Run(one, bootstrap.Mean(s.Sum), bootstrap.Options{Replicates: 2000, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	var mean, squares float64
	for _, y := range s.Sum {
		mean += y / 800
	}
	for _, y := range s.Sum {
		squares += (y - mean) * (y - mean)
	}
	want := math.Sqrt(squares) / 800
	got, err := bootstrap.Of(mean, run.Values, nil, 0.95)
	if err != nil || math.Abs(got.StdErr/want-1) > 0.05 || got.BCa != nil {
		t.Errorf("error of a mean %v, want %v, %v", got.StdErr, want, err)
	}
	stacked, err := propensity.IPW(s, propensity.OverlapTarget, propensity.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w, err := bootstrap.Weighted(s, propensity.OverlapTarget, 0.95, bootstrap.Options{Replicates: 1000, Seed: 1})
	if err != nil || w.Estimate != stacked.Value || math.Abs(w.StdErr/stacked.StdErr-1) > 0.08 {
		t.Errorf("weighted: %v (%v), %v, want %v (%v)", w.Estimate, w.StdErr, err, stacked.Value, stacked.StdErr)
	}
}

// TestCellsDrawPeople holds that a unit of three people is drawn as three, that
// strata keep their size, and that a unit of nobody is never drawn.
func TestCellsDrawPeople(t *testing.T) {
	count, strata := []float64{3, 2, 0, 5}, []int{0, 0, 0, 1}
	_, err := bootstrap.Run(count, func() bootstrap.Statistic {
		return func(draws []float64) (float64, error) {
			if draws[0]+draws[1] != 5 || draws[2] != 0 || draws[3] != 5 {
				t.Errorf("drew %v of %v", draws, count)
			}
			return draws[0], nil
		}
	}, bootstrap.Options{Replicates: 50, Strata: strata})
	if err != nil {
		t.Fatal(err)
	}
	y := []float64{1, 4, 9, 2}
	cells, err := bootstrap.Jackknife(count, bootstrap.Mean(y)(), bootstrap.Options{})
	if err != nil {
		t.Fatal(err)
	}
	rows := []float64{1, 1, 1, 4, 4, 2, 2, 2, 2, 2}
	want, err := bootstrap.Jackknife(slices.Repeat([]float64{1}, 10), bootstrap.Mean(rows)(), bootstrap.Options{})
	if err != nil || len(cells) != 10 {
		t.Fatalf("%v, %v", cells, err)
	}
	for i := range want {
		if math.Abs(cells[i]-want[i]) > 1e-12 || math.Abs(want[i]-(rows[i]-2.1)) > 1e-12 {
			t.Errorf("influence %d: cells %v, rows %v, want %v", i, cells[i], want[i], rows[i]-2.1)
		}
	}
}

// TestClustersAreUnits holds that clusters of one person are people, and that the
// error of a mean of clusters alike within is that of their means.
func TestClustersAreUnits(t *testing.T) {
	y := []float64{1, 5, 2, 8, 4, 4, 9, 3}
	one := slices.Repeat([]float64{1}, len(y))
	o := bootstrap.Options{Replicates: 40, Seed: 3}
	plain, err := bootstrap.Run(one, bootstrap.Mean(y), o)
	if err != nil {
		t.Fatal(err)
	}
	units, worker, err := bootstrap.ByCluster([]int{0, 1, 2, 3, 4, 5, 6, 7}, one, bootstrap.Mean(y))
	if err != nil {
		t.Fatal(err)
	}
	clustered, err := bootstrap.Run(units, worker, o)
	if err != nil || !slices.Equal(plain.Values, clustered.Values) {
		t.Errorf("%v, %v, want %v", clustered.Values, err, plain.Values)
	}
	pairs := []float64{1, 1, 5, 5, 2, 2, 8, 8, 4, 4, 4, 4, 9, 9, 3, 3}
	units, worker, err = bootstrap.ByCluster([]int{0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7}, slices.Repeat([]float64{1}, 16), bootstrap.Mean(pairs))
	if err != nil || len(units) != 8 {
		t.Fatalf("%v, %v", units, err)
	}
	clustered, err = bootstrap.Run(units, worker, o)
	if err != nil || !slices.Equal(plain.Values, clustered.Values) {
		t.Errorf("pairs: %v, %v, want %v", clustered.Values, err, plain.Values)
	}
	if _, _, err := bootstrap.ByCluster([]int{-1}, []float64{1}, bootstrap.Mean(y)); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("cluster −1: %v", err)
	}
	if _, _, err := bootstrap.ByCluster([]int{0}, one, bootstrap.Mean(y)); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("one cluster number for eight: %v", err)
	}
}

// TestStatistics holds medians of counts against medians of people written out.
func TestStatistics(t *testing.T) {
	y := []float64{5, 1, 3, 9}
	for _, c := range []struct {
		draws []float64
		want  float64
	}{{[]float64{1, 1, 1, 1}, 4}, {[]float64{1, 1, 1, 0}, 3}, {[]float64{0, 3, 0, 3}, 5}, {[]float64{4, 1, 1, 0}, 5}, {[]float64{0, 0, 0, 2}, 9}} {
		if got, err := bootstrap.Median(y)()(c.draws); err != nil || got != c.want {
			t.Errorf("median of %v = %v, %v, want %v", c.draws, got, err, c.want)
		}
	}
	none := make([]float64, 4)
	for name, w := range map[string]bootstrap.Worker{"mean": bootstrap.Mean(y), "median": bootstrap.Median(y), "sum": bootstrap.Sum(bootstrap.Mean(y), bootstrap.Median(y)), "difference": bootstrap.DifferenceInMeans(y, []int{0, 0, 1, 1})} {
		if _, err := w()(none); !errors.Is(err, analytics.ErrTooFewObservations) {
			t.Errorf("%s of nobody: %v", name, err)
		}
	}
}

func TestBadRunsAreErrors(t *testing.T) {
	one := []float64{1, 1, 1}
	good := bootstrap.Mean([]float64{1, 2, 3})
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		count  []float64
		worker bootstrap.Worker
		o      bootstrap.Options
		want   error
	}{
		"no unit":        {nil, good, bootstrap.Options{}, analytics.ErrTooFewObservations},
		"nobody":         {[]float64{0, 0}, good, bootstrap.Options{}, analytics.ErrTooFewObservations},
		"half a person":  {[]float64{1, 0.5, 1}, good, bootstrap.Options{}, analytics.ErrInvalidParameter},
		"negative":       {[]float64{1, -1, 1}, good, bootstrap.Options{}, analytics.ErrInvalidParameter},
		"strata":         {one, good, bootstrap.Options{Strata: []int{0}}, analytics.ErrInvalidParameter},
		"stratum":        {one, good, bootstrap.Options{Strata: []int{0, -1, 0}}, analytics.ErrInvalidParameter},
		"one replicate":  {one, good, bootstrap.Options{Replicates: 1}, analytics.ErrInvalidParameter},
		"always failing": {one, func() bootstrap.Statistic { return func([]float64) (float64, error) { return 0, broken } }, bootstrap.Options{}, analytics.ErrNotConverged},
		"always NaN":     {one, func() bootstrap.Statistic { return func([]float64) (float64, error) { return math.NaN(), nil } }, bootstrap.Options{}, analytics.ErrNotConverged},
		"interrupted":    {one, good, bootstrap.Options{Interrupt: func() error { return broken }}, broken},
	} {
		if _, err := bootstrap.Run(c.count, c.worker, c.o); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	for name, c := range map[string]struct {
		replicates []float64
		level      float64
		want       error
	}{
		"one":   {[]float64{1}, 0.95, analytics.ErrTooFewObservations},
		"same":  {[]float64{1, 1, 1}, 0.95, analytics.ErrZeroVariance},
		"NaN":   {[]float64{1, math.NaN()}, 0.95, analytics.ErrInvalidParameter},
		"level": {[]float64{1, 2}, 1, analytics.ErrInvalidParameter},
	} {
		if _, err := bootstrap.Of(1, c.replicates, nil, c.level); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	aside, err := bootstrap.Of(0, []float64{1, 2, 3}, []float64{1, -1}, 0.5)
	if err != nil || aside.BCa != nil || len(aside.Warnings) == 0 {
		t.Errorf("all on one side: %+v, %v", aside, err)
	}
	s := people(t, 50, 1)
	s.Count[0], s.Sum[0] = 2, s.Sum[0]+1
	if _, err := bootstrap.Weighted(s, propensity.ATE, 0.95, bootstrap.Options{}); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("a pattern of two outcomes: %v", err)
	}
}
