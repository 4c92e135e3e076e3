package balance

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/effect"
)

// study is one of rows with the covariates given and a constant.
func study(t *testing.T, treatment []float64, columns ...[]float64) *effect.Study {
	t.Helper()
	m := &design.Matrix{Names: []string{"(Intercept)"}, Assign: []int{0}, N: len(treatment), P: len(columns) + 1}
	for j := range columns {
		name := string(rune('a' + j))
		m.Names, m.Labels, m.Assign = append(m.Names, name), append(m.Labels, name), append(m.Assign, j+1)
	}
	y := make([]float64, len(treatment))
	for i := range treatment {
		m.X = append(m.X, 1)
		for _, c := range columns {
			m.X = append(m.X, c[i])
			y[i] += c[i]
		}
	}
	s, err := effect.FromRows(treatment, y, m, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// random is a study of n people with two covariates.
func random(t *testing.T, n int) (*effect.Study, []float64, []float64) {
	r := rand.New(rand.NewPCG(9, 9))
	treatment, a, b := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range n {
		a[i], b[i] = math.Round(10*r.NormFloat64()), float64(r.IntN(2))
		if r.Float64() < 1/(1+math.Exp(-a[i]/10)) {
			treatment[i] = 1
		}
	}
	return study(t, treatment, a, b), a, b
}

// TestSmallExample is worked by hand: treated 1, 2, 3 and controls 2, 4.
func TestSmallExample(t *testing.T) {
	s := study(t, []float64{1, 1, 1, 0, 0}, []float64{1, 2, 3, 2, 4})
	c, err := Compare(s, []float64{1, 2, 3, 2, 4}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, pair := range map[string][2]float64{
		"mean1": {c.Mean1, 2}, "mean0": {c.Mean0, 3}, "pooled": {*c.SMDPooled, -1 / math.Sqrt(1.5)}, "treated": {*c.SMDTreated, -1},
		"ratio": {*c.VarianceRatio, 0.5}, "ks": {c.KS, 0.5},
	} {
		if math.Abs(pair[0]-pair[1]) > 1e-14 {
			t.Errorf("%s = %v, want %v", name, pair[0], pair[1])
		}
	}
	if c.SMDBinary != nil {
		t.Error("values of 1 to 4 have a binary difference")
	}
	if got := EffectiveSize(s, []float64{1, 1, 2, 0, 3}, true); math.Abs(got-16.0/6) > 1e-14 {
		t.Errorf("effective size %v, want 16/6", got)
	}
}

// TestBalanceIsSymmetric holds that renaming the arms turns the sign and that
// units do not matter.
func TestBalanceIsSymmetric(t *testing.T) {
	s, a, _ := random(t, 60)
	c, err := Compare(s, a, nil)
	if err != nil {
		t.Fatal(err)
	}
	scaled := make([]float64, len(a))
	turned := &effect.Study{Count: s.Count, Sum: s.Sum, SumSq: s.SumSq}
	for i, v := range a {
		scaled[i] = 100 - 3*v
		turned.Treated = append(turned.Treated, !s.Treated[i])
	}
	d, err := Compare(s, scaled, nil)
	if err != nil || math.Abs(*d.SMDPooled+*c.SMDPooled) > 1e-12 || math.Abs(d.KS-c.KS) > 1e-12 || math.Abs(*d.VarianceRatio-*c.VarianceRatio) > 1e-12 {
		t.Errorf("100−3x: %+v of %+v, %v", d, c, err)
	}
	e, err := Compare(turned, a, nil)
	if err != nil || math.Abs(*e.SMDPooled+*c.SMDPooled) > 1e-12 || math.Abs(*e.VarianceRatio**c.VarianceRatio-1) > 1e-12 || e.KS != c.KS {
		t.Errorf("swapped: %+v of %+v, %v", e, c, err)
	}
}

// TestNoSpreadIsUndefined holds that a ratio to no spread is nil, not zero.
func TestNoSpreadIsUndefined(t *testing.T) {
	s := study(t, []float64{1, 1, 0, 0}, []float64{1, 2, 3, 4})
	c, err := Compare(s, []float64{5, 5, 5, 5}, nil)
	if err != nil || c.SMDPooled != nil || c.SMDTreated != nil || c.VarianceRatio != nil || c.KS != 0 {
		t.Errorf("%+v, %v", c, err)
	}
	if got := Imbalanced([]string{"same", "apart"}, []Covariate{c, {Mean1: 1}}, 0.1); len(got) != 1 || got[0] != "apart" {
		t.Errorf("imbalanced: %v", got)
	}
}

// TestTiltReachesItsMeans holds that weights are above zero, sum to 1 and give
// the target means exactly.
func TestTiltReachesItsMeans(t *testing.T) {
	s, a, b := random(t, 200)
	for _, onTreated := range []bool{true, false} {
		tilt, err := EntropyTilt(s, false, onTreated)
		if err != nil {
			t.Fatal(err)
		}
		var sum float64
		for i, w := range tilt.Weight {
			if (w > 0) == s.Treated[i] {
				t.Fatalf("row %d has weight %v", i, w)
			}
			sum += w
		}
		if math.Abs(sum-1) > 1e-12 {
			t.Errorf("weights sum to %v", sum)
		}
		for _, x := range [][]float64{a, b} {
			var got, want, n float64
			for i, v := range x {
				got += tilt.Weight[i] * v
				if !onTreated || s.Treated[i] {
					want, n = want+v, n+1
				}
			}
			if math.Abs(got-want/n) > 1e-10 {
				t.Errorf("mean %v, want %v", got, want/n)
			}
		}
	}
}

// TestExactOutcomeNeedsNoLuck holds double robustness: where the outcome is
// linear in the columns, entropy balancing gives the effect exactly.
func TestExactOutcomeNeedsNoLuck(t *testing.T) {
	s, _, _ := random(t, 150)
	for i, treated := range s.Treated {
		if treated {
			s.Sum[i] += 7
		}
		s.SumSq[i] = s.Sum[i] * s.Sum[i]
	}
	for name, estimate := range map[string]func(*effect.Study, float64) (Entropy, error){"treated": EntropyATT, "everybody": EntropyATE} {
		e, err := estimate(s, 0.95)
		if err != nil || math.Abs(e.Value-7) > 1e-9 || e.StdErr > 1e-6 || !(e.FixedStdErr > 0.1) {
			t.Errorf("%s: %v (%v, fixed %v), %v, want 7", name, e.Value, e.StdErr, e.FixedStdErr, err)
		}
	}
}

func TestBadBalanceIsAnError(t *testing.T) {
	arms := []float64{1, 1, 1, 0, 0, 0}
	s := study(t, arms, []float64{1, 2, 3, 2, 4, 3})
	for name, weight := range map[string][]float64{"negative": {1, 1, 1, 1, -1, 1}, "short": {1}, "NaN": {1, 1, 1, 1, 1, math.NaN()}} {
		if _, err := Compare(s, []float64{1, 2, 3, 4, 5, 6}, weight); !errors.Is(err, analytics.ErrInvalidParameter) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Compare(s, []float64{1, 2, 3, 4, 5, 6}, []float64{1, 1, 1, 0, 0, 0}); !errors.Is(err, analytics.ErrTooFewObservations) {
		t.Errorf("weights of zero: %v", err)
	}
	if _, err := Compare(s, []float64{1}, nil); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("short: %v", err)
	}
	for name, c := range map[string]struct {
		columns [][]float64
		want    error
	}{
		"apart":              {[][]float64{{5, 6, 7, 1, 2, 3}}, analytics.ErrNotConverged},
		"constant elsewhere": {[][]float64{{1, 2, 3, 0, 0, 0}}, analytics.ErrNotConverged},
		"no common weights":  {[][]float64{{1, 1, 1, 0, 1, 2}, {1.2, 1.2, 1.2, 0, 0.9, 2}}, analytics.ErrNotConverged},
		"collinear":          {[][]float64{{1, 2, 2, 1, 3, 2}, {2, 4, 4, 2, 6, 4}}, analytics.ErrCollinear},
	} {
		if _, err := EntropyATT(study(t, arms, c.columns...), 0.95); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	bare := *s
	bare.Score = nil
	if _, err := EntropyATE(&bare, 0.95); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("no design: %v", err)
	}
}
