package missing_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/effect"
	"github.com/lumbar-health/lumbar/analytics/missing"
	"github.com/lumbar-health/lumbar/analytics/propensity"
)

// answered simulates n people whose outcome follows x and who answer less often
// where x is great; the mean of everybody is 40.
func answered(t *testing.T, n int) (*effect.Study, *design.Matrix) {
	t.Helper()
	r := rand.New(rand.NewPCG(6, 1))
	m := &design.Matrix{Names: []string{"(Intercept)", "x"}, Labels: []string{"x"}, Assign: []int{0, 1}, N: n, P: 2}
	responded, y := make([]float64, n), make([]float64, n)
	for i := range n {
		x := r.NormFloat64()
		m.X = append(m.X, 1, x)
		if r.Float64() < 1/(1+math.Exp(x-0.5)) {
			responded[i], y[i] = 1, 40+6*x+5*r.NormFloat64()
		}
	}
	s, err := effect.FromRows(responded, y, m, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s, m
}

// TestResponseWeightsCorrect holds that weighting finds the mean of everybody,
// within its error, where complete cases do not, and leaves a right regression
// where it is.
func TestResponseWeightsCorrect(t *testing.T) {
	s, x := answered(t, 4000)
	r, err := missing.ResponseWeights(s, propensity.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := r.Mean(0.95)
	if err != nil || math.Abs(m.Value-40) > 3*m.StdErr || math.Abs(m.CompleteCase-40) < 10*m.StdErr || math.Abs(m.MeanStabilised-1) > 0.05 || !(m.ESS < s.Size(true)) {
		t.Errorf("%+v, %v", m, err)
	}
	g, err := r.Regress(x, nil)
	if err != nil {
		t.Fatal(err)
	}
	for j, want := range []float64{40, 6} {
		if math.Abs(g.Coef[j]-want) > 4*g.StdErr[j] || math.Abs(g.CompleteCase[j]-want) > 4*g.HC0[j] || math.Abs(g.StdErr[j]/g.HC0[j]-1) > 0.2 {
			t.Errorf("coefficient %d: %v (%v, HC0 %v), complete cases %v, want %v", j, g.Coef[j], g.StdErr[j], g.HC0[j], g.CompleteCase[j], want)
		}
	}
}

// TestMeanIsARegression holds that a regression on a constant is the weighted
// mean with its error.
func TestMeanIsARegression(t *testing.T) {
	s, x := answered(t, 300)
	r, err := missing.ResponseWeights(s, propensity.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := r.Mean(0.95)
	if err != nil {
		t.Fatal(err)
	}
	g, err := r.Regress(x.Keep([]int{0}), nil)
	if err != nil || math.Abs(g.Coef[0]-m.Value) > 1e-9 || math.Abs(g.StdErr[0]-m.StdErr) > 1e-9 || math.Abs(g.CompleteCase[0]-m.CompleteCase) > 1e-9 {
		t.Errorf("%+v, %v, want %+v", g, err, m)
	}
}

func TestBadResponses(t *testing.T) {
	s, x := answered(t, 100)
	all := *s
	all.Treated = make([]bool, 100)
	for i := range all.Treated {
		all.Treated[i] = true
	}
	if _, err := missing.ResponseWeights(&all, propensity.Options{}); !errors.Is(err, analytics.ErrTooFewObservations) {
		t.Errorf("everybody answered: %v", err)
	}
	r, err := missing.ResponseWeights(s, propensity.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Mean(2); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("level 2: %v", err)
	}
	if _, err := r.Regress(&design.Matrix{N: 1, P: 1}, nil); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("a design of one row: %v", err)
	}
	if _, err := r.Regress(x, func(i int) bool { return i < 1 }); !errors.Is(err, analytics.ErrTooFewObservations) {
		t.Errorf("one person: %v", err)
	}
}
