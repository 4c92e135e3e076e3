package propensity

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/effect"
)

// study is n people with one covariate; slope is how much it decides treatment.
func study(t *testing.T, n int, slope float64) *effect.Study {
	t.Helper()
	r := rand.New(rand.NewPCG(2, 8))
	m := &design.Matrix{Names: []string{"(Intercept)", "x"}, Labels: []string{"x"}, Assign: []int{0, 1}, N: n, P: 2}
	treatment, y := make([]float64, n), make([]float64, n)
	for i := range n {
		x := r.NormFloat64()
		m.X = append(m.X, 1, 50+10*x)
		if r.Float64() < 1/(1+math.Exp(-slope*x)) {
			treatment[i] = 1
		}
		y[i] = 40 + 5*x - 6*treatment[i] + 8*r.NormFloat64()
	}
	s, err := effect.FromRows(treatment, y, m, m)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestTargetsAgreeWithoutConfounding holds that where the score is the same for
// everybody every target gives the plain difference.
func TestTargetsAgreeWithoutConfounding(t *testing.T) {
	s := study(t, 100, 1)
	s.Score = &design.Matrix{Names: []string{"(Intercept)"}, Assign: []int{0}, N: 100, P: 1, X: slices.Repeat([]float64{1}, 100)}
	want := s.Mean(true) - s.Mean(false)
	for target := ATE; target <= MatchingTarget; target++ {
		c, err := IPW(s, target, Options{})
		if err != nil || math.Abs(c.Value-want) > 1e-10 || math.Abs(c.ESS1-s.Size(true)) > 1e-9 {
			t.Errorf("%v: %v, %v, want %v", target, c.Value, err, want)
		}
	}
}

// TestStabilisedIsATE holds that the arm's factor changes neither estimate nor
// errors, and that stabilised weights average one in the sample.
func TestStabilisedIsATE(t *testing.T) {
	s := study(t, 400, 1)
	plain, err := IPW(s, ATE, Options{})
	if err != nil {
		t.Fatal(err)
	}
	stable, err := IPW(s, Stabilised, Options{})
	if err != nil || math.Abs(plain.Value-stable.Value) > 1e-12 || math.Abs(plain.StdErr-stable.StdErr) > 1e-12 || math.Abs(plain.FixedStdErr-stable.FixedStdErr) > 1e-12 {
		t.Errorf("plain %v (%v), stabilised %v (%v), %v", plain.Value, plain.StdErr, stable.Value, stable.StdErr, err)
	}
	if mean := (stable.Sum1 + stable.Sum0) / s.N(); math.Abs(mean-1) > 0.1 {
		t.Errorf("stabilised weights average %v", mean)
	}
}

// TestOverlapWeightsBalanceMeans is their property: with a logistic score every
// column has the same weighted mean in both arms.
func TestOverlapWeightsBalanceMeans(t *testing.T) {
	s := study(t, 300, 1)
	m, err := Fit(s, Options{})
	if err != nil {
		t.Fatal(err)
	}
	w, err := NewWeights(s, m.Score, OverlapTarget)
	if err != nil {
		t.Fatal(err)
	}
	var sum, total [2]float64
	for i, v := range w.Value {
		k := arm(s.Treated[i])
		sum[k] += v
		total[k] += v * s.Score.Row(i)[1]
	}
	if math.Abs(total[1]/sum[1]-total[0]/sum[0]) > 1e-8 {
		t.Errorf("means %v and %v", total[1]/sum[1], total[0]/sum[0])
	}
}

// TestBounds holds that bounds which bind nobody change nothing and that those
// which do are kept.
func TestBounds(t *testing.T) {
	s := study(t, 300, 1.5)
	plain, err := IPW(s, ATE, Options{})
	if err != nil {
		t.Fatal(err)
	}
	loose, err := Truncated(s, ATE, 1e-9, 1-1e-9, Options{})
	if err != nil || loose.Value != plain.Value || loose.StdErr != plain.StdErr || loose.Weights.Bounded != 0 {
		t.Errorf("loose bounds: %v (%v), %v, want %v (%v)", loose.Value, loose.StdErr, err, plain.Value, plain.StdErr)
	}
	capped, err := Trimmed(s, ATE, 0.9, Options{})
	if err != nil || capped.Weights.Bounded != 30 || capped.MaxWeight != capped.Weights.Cap || !(capped.ESS1 > plain.ESS1) {
		t.Errorf("capped: %v people, largest %v, cap %v, %v", capped.Weights.Bounded, capped.MaxWeight, capped.Weights.Cap, err)
	}
	r, err := Restricted(s, ATE, 0.1, 0.9, Options{})
	if err != nil || !(r.Kept > 0 && r.Kept < 300) || r.Refitted.N != int(r.Kept) {
		t.Errorf("restricted: %+v, %v", r.Kept, err)
	}
	all, err := Restricted(s, ATE, 0, 1, Options{})
	if err != nil || all.Before.Value != plain.Value || all.Refitted.Value != plain.Value || all.Before.StdErr != plain.FixedStdErr {
		t.Errorf("nobody left out: %v and %v, %v, want %v", all.Before.Value, all.Refitted.Value, err, plain.Value)
	}
}

// TestRefitIsFit holds that refitting to other counts gives what a fit of the
// people written out gives.
func TestRefitIsFit(t *testing.T) {
	s := study(t, 250, 1)
	m, err := Fit(s, Options{})
	if err != nil {
		t.Fatal(err)
	}
	refit, err := NewRefit(s, m)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 9))
	for range 20 {
		other := *s
		other.Count, other.Sum = make([]float64, s.Len()), make([]float64, s.Len())
		for range 250 {
			other.Count[r.IntN(250)]++
		}
		want, err := Fit(&other, Options{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := refit.Fit(other.Count)
		if err != nil {
			t.Fatal(err)
		}
		for i := range got {
			if math.Abs(got[i]-want.Score[i]) > 1e-9 {
				t.Fatalf("score %d is %v, want %v", i, got[i], want.Score[i])
			}
		}
	}
	separated := make([]float64, s.Len())
	for i, treated := range s.Treated {
		if treated == (s.Score.Row(i)[1] > 50) {
			separated[i] = 1
		}
	}
	if _, err := refit.Fit(separated); !errors.Is(err, analytics.ErrNotConverged) {
		t.Errorf("separated resample: %v", err)
	}
}

// TestWarnings holds that a reader learns of poor overlap, and that no warning
// holds a count of people.
func TestWarnings(t *testing.T) {
	calm, err := IPW(study(t, 2000, 0.2), ATE, Options{})
	if err != nil || slices.ContainsFunc(calm.Warnings, func(w string) bool { return strings.Contains(w, "propensity below") }) {
		t.Errorf("%v, %v", calm.Warnings, err)
	}
	poor, err := IPW(study(t, 2000, 4), ATE, Options{})
	if err != nil || len(poor.Warnings) == 0 {
		t.Errorf("no warning of poor overlap, %v", err)
	}
	overlap, err := IPW(study(t, 2000, 4), OverlapTarget, Options{})
	if err != nil || len(overlap.Warnings) >= len(poor.Warnings) {
		t.Errorf("overlap weights warn of %v", overlap.Warnings)
	}
	s := study(t, 4, 0)
	s.Treated = []bool{true, true, false, false}
	if w := Positivity(s, []float64{0.9, 0.8, 0.2, 0.1}, Weights{}); len(w) != 1 || !strings.Contains(w[0], "do not overlap") {
		t.Errorf("apart: %v", w)
	}
}

// TestRestrictionMayEmptyALevel holds that a column which the people kept do not
// vary in is no reason to fail.
func TestRestrictionMayEmptyALevel(t *testing.T) {
	s := study(t, 400, 1)
	rare := make([]float64, 400)
	for i := range rare {
		if x := s.Score.Row(i)[1]; x > 63 {
			rare[i] = 1
		}
	}
	plain, err := Restricted(s, ATE, 0.2, 0.7, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.Score = s.Score.Append("rare", rare)
	got, err := Restricted(s, ATE, 0.2, 0.7, Options{})
	if err != nil || math.Abs(got.Refitted.Value-plain.Refitted.Value) > 1 {
		t.Errorf("%v, %v, want near %v", got.Refitted.Value, err, plain.Refitted.Value)
	}
}

func TestStrata(t *testing.T) {
	s := &effect.Study{Treated: []bool{true, false, true, false}, Count: []float64{2, 3, 4, 1}, Sum: []float64{10, 9, 40, 2}, SumSq: []float64{52, 29, 402, 4}}
	got, err := Stratify(s, []float64{0.2, 0.2, 0.6, 0.6}, 2)
	if err != nil || len(got.Classes) != 2 || got.Classes[0].N != 5 || got.Classes[0].Difference != 2 || got.Classes[1].Difference != 8 || got.ATE != 5 || got.ATT != 6 {
		t.Errorf("%+v, %v", got, err)
	}
	if got.StdErr != nil || got.Classes[1].Variance != nil || got.Classes[0].Variance == nil {
		t.Errorf("one control has a variance: %+v", got)
	}
	same, err := Stratify(s, []float64{0.5, 0.5, 0.5, 0.5}, 5)
	if err != nil || len(same.Classes) != 1 || len(same.Warnings) == 0 {
		t.Errorf("one score: %+v, %v", same, err)
	}
	if _, err := Stratify(s, []float64{0.2, 0.3, 0.6, 0.7}, 2); err != nil {
		t.Error(err)
	}
	if _, err := Stratify(s, []float64{0.9, 0.2, 0.9, 0.2}, 2); !errors.Is(err, analytics.ErrTooFewObservations) {
		t.Errorf("classes of one arm: %v", err)
	}
	if _, err := Stratify(s, []float64{1}, 2); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("one score of four: %v", err)
	}
}

func TestBadWeightsAreErrors(t *testing.T) {
	s := study(t, 4, 0)
	s.Treated = []bool{true, true, false, false}
	for name, score := range map[string][]float64{"one": {1, 0.5, 0.5, 0.5}, "zero": {0.5, 0, 0.5, 0.5}, "NaN": {math.NaN(), 0.5, 0.5, 0.5}, "short": {0.5}} {
		if _, err := NewWeights(s, score, ATE); !errors.Is(err, analytics.ErrInvalidParameter) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, b := range [][2]float64{{0, 0.5}, {0.5, 0.4}, {0.5, 1}} {
		if _, err := TruncatedWeights(s, []float64{0.5, 0.5, 0.5, 0.5}, ATE, b[0], b[1]); !errors.Is(err, analytics.ErrInvalidParameter) {
			t.Errorf("%v: %v", b, err)
		}
	}
	if _, err := ParseTarget("everyone"); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("target: %v", err)
	}
	for target := ATE; target <= MatchingTarget; target++ {
		if back, err := ParseTarget(target.String()); err != nil || back != target {
			t.Errorf("%v reads as %v, %v", target, back, err)
		}
	}
	if _, err := Restricted(study(t, 100, 1), ATE, 0.999, 1, Options{}); !errors.Is(err, analytics.ErrTooFewObservations) {
		t.Errorf("nobody kept: %v", err)
	}
}
