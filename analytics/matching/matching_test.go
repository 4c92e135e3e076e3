package matching

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
)

// slow is greedy matching by its definition: each treated person looks at every
// control that is left.
func slow(measure []float64, treated []bool, caliper float64, order Order) []Pair {
	var chooser []int
	taken := make([]bool, len(measure))
	for i, t := range treated {
		if t {
			chooser = append(chooser, i)
			taken[i] = true
		}
	}
	if order == LargestFirst {
		slices.SortStableFunc(chooser, func(a, b int) int {
			if measure[a] > measure[b] {
				return -1
			}
			if measure[a] < measure[b] {
				return 1
			}
			return 0
		})
	}
	var out []Pair
	for _, i := range chooser {
		best, at := math.Inf(1), -1
		for j := range measure {
			if d := math.Abs(measure[j] - measure[i]); !taken[j] && d < best {
				best, at = d, j
			}
		}
		if at >= 0 && best <= caliper {
			taken[at] = true
			out = append(out, Pair{i, at})
		}
	}
	slices.SortFunc(out, func(a, b Pair) int { return a.Treated - b.Treated })
	return out
}

// TestNearestIsItsDefinition compares sorted matching with the slow definition
// over random studies, most of them full of ties.
func TestNearestIsItsDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 400 {
		n, grid := 2+r.IntN(60), []float64{3, 10, 1e9}[round%3]
		measure, treated := make([]float64, n), make([]bool, n)
		for i := range n {
			measure[i], treated[i] = math.Floor(r.Float64()*grid)/grid, r.Float64() < 0.4
		}
		treated[0], treated[1] = true, false
		for _, caliper := range []float64{math.Inf(1), 0.1, 0} {
			for _, order := range []Order{LargestFirst, RowOrder} {
				got, err := Nearest(measure, treated, caliper, order)
				if want := slow(measure, treated, caliper, order); err != nil || !slices.Equal(got, want) {
					t.Fatalf("round %d, caliper %v, order %v: %v, %v, want %v", round, caliper, order, got, err, want)
				}
			}
		}
	}
}

// TestReplacementIsItsDefinition compares windows of sorted controls with a look
// at every control.
func TestReplacementIsItsDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for round := range 200 {
		n, grid := 6+r.IntN(50), []float64{4, 1e9}[round%2]
		measure, treated, y := make([]float64, n), make([]bool, n), make([]float64, n)
		for i := range n {
			measure[i], treated[i], y[i] = math.Floor(r.Float64()*grid)/grid, i%3 == 0, 50+10*r.NormFloat64()
		}
		m, err := WithReplacement(measure, treated)
		if errors.Is(err, analytics.ErrZeroVariance) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.Effect(y)
		if err != nil {
			t.Fatal(err)
		}
		value, se, simple, weight := everyControl(measure, treated, y)
		for _, pair := range [][2]float64{{got.Value, value}, {got.StdErr, se}, {got.Simple, simple}} {
			if math.Abs(pair[0]-pair[1]) > 1e-9*math.Max(1, math.Abs(pair[1])) {
				t.Fatalf("round %d: %v, want %v", round, pair[0], pair[1])
			}
		}
		for i, w := range m.Weights() {
			if math.Abs(w-weight[i]) > 1e-9 {
				t.Fatalf("round %d: weight %d is %v, want %v", round, i, w, weight[i])
			}
		}
	}
}

func everyControl(measure []float64, treated []bool, y []float64) (value, se, simple float64, weight []float64) {
	sd := deviation(measure)
	weight = make([]float64, len(y))
	squares := make([]float64, len(y))
	var effects, spreads []float64
	matches := map[int][]int{}
	for i, t := range treated {
		if !t {
			continue
		}
		weight[i] = 1
		least := math.Inf(1)
		d := func(j int) float64 { v := measure[j]/sd - measure[i]/sd; return v * v }
		for j := range y {
			if !treated[j] {
				least = math.Min(least, d(j))
			}
		}
		for j := range y {
			if !treated[j] && d(j) <= least+1e-5 {
				matches[i] = append(matches[i], j)
			}
		}
		var mean float64
		for _, j := range matches[i] {
			share := 1 / float64(len(matches[i]))
			mean += y[j] * share
			weight[j] += share
			squares[j] += share * share
		}
		effects = append(effects, y[i]-mean)
		value += y[i] - mean
	}
	n := float64(len(effects))
	value /= n
	for i, t := range treated {
		if !t {
			continue
		}
		var s float64
		for _, j := range matches[i] {
			s += math.Pow(y[i]-y[j]-value, 2) / float64(len(matches[i]))
		}
		spreads = append(spreads, s)
	}
	var between, sigma2, pairs, reuse float64
	for k, e := range effects {
		between += (e - value) * (e - value)
		sigma2 += spreads[k] / 2 / n
		pairs += spreads[k]
	}
	for j := range y {
		if !treated[j] {
			reuse += weight[j]*weight[j] - squares[j]
		}
	}
	return value, math.Sqrt(between+sigma2*reuse) / n, math.Sqrt(pairs) / n, weight
}

// TestExactMatchesNeedNoAdjustment holds that taking out a regression changes
// nothing where every match is exact in the covariate.
func TestExactMatchesNeedNoAdjustment(t *testing.T) {
	measure := []float64{1, 2, 3, 4, 1, 2, 3, 4, 2, 3}
	treated := []bool{true, true, true, true, false, false, false, false, false, false}
	y := []float64{3, 5, 4, 8, 1, 3, 2, 4, 4, 3}
	m, err := WithReplacement(measure, treated)
	if err != nil {
		t.Fatal(err)
	}
	x := &design.Matrix{Names: []string{"(Intercept)", "x"}, Assign: []int{0, 1}, N: 10, P: 2}
	for _, v := range measure {
		x.X = append(x.X, 1, v)
	}
	plain, err := m.Effect(y)
	if err != nil {
		t.Fatal(err)
	}
	adjusted, err := m.EffectAdjusted(y, x)
	if err != nil || math.Abs(plain.Value-adjusted.Value) > 1e-12 || math.Abs(plain.StdErr-adjusted.StdErr) > 1e-12 {
		t.Errorf("plain %+v, adjusted %+v, %v", plain, adjusted, err)
	}
}

func TestPairedDifference(t *testing.T) {
	pairs := []Pair{{0, 1}, {2, 3}, {4, 5}}
	y := []float64{5, 3, 8, 4, 9, 3}
	d, err := Difference(pairs, y)
	if err != nil || d.Value != 4 || math.Abs(*d.StdErr-2/math.Sqrt(3)) > 1e-15 {
		t.Errorf("%v %v, %v; want 4 and 2/√3", d.Value, *d.StdErr, err)
	}
	one, err := Difference(pairs[:1], y)
	if err != nil || one.StdErr != nil || one.ClusterStdErr != nil {
		t.Errorf("one pair: %+v, %v", one, err)
	}
}

func TestBadMatchingIsAnError(t *testing.T) {
	both := []bool{true, false}
	for name, err := range map[string]error{
		"lengths":  second(Nearest([]float64{1}, both, 1, RowOrder)),
		"NaN":      second(Nearest([]float64{1, math.NaN()}, both, 1, RowOrder)),
		"caliper":  second(Nearest([]float64{1, 2}, both, -1, RowOrder)),
		"no width": second(Nearest([]float64{1, 2}, both, math.NaN(), RowOrder)),
		"order":    second(ParseOrder("smallest")),
	} {
		if !errors.Is(err, analytics.ErrInvalidParameter) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Nearest([]float64{1, 2}, []bool{true, true}, 1, RowOrder); !errors.Is(err, analytics.ErrTooFewObservations) {
		t.Errorf("no control: %v", err)
	}
	if _, err := WithReplacement([]float64{1, 1}, both); !errors.Is(err, analytics.ErrZeroVariance) {
		t.Errorf("one measure: %v", err)
	}
	if _, err := Difference(nil, nil); !errors.Is(err, analytics.ErrTooFewObservations) {
		t.Errorf("no pair: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

// BenchmarkNearest is 100,000 people, a third of them treated.
func BenchmarkNearest(b *testing.B) {
	r := rand.New(rand.NewPCG(5, 6))
	measure, treated := make([]float64, 100_000), make([]bool, 100_000)
	for i := range measure {
		measure[i], treated[i] = r.Float64(), i%3 == 0
	}
	b.ResetTimer()
	for range b.N {
		if _, err := Nearest(measure, treated, 0.01, LargestFirst); err != nil {
			b.Fatal(err)
		}
	}
}
