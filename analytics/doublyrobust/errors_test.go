package doublyrobust_test

import (
	"errors"
	"testing"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/doublyrobust"
	"github.com/lumbar-health/lumbar/analytics/effect"
	"github.com/lumbar-health/lumbar/analytics/glm"
	"github.com/lumbar-health/lumbar/analytics/propensity"
)

// tiny is a study of rows with one covariate.
func tiny(treatment, y, x []float64) *effect.Study {
	m := &design.Matrix{Names: []string{"(Intercept)", "x"}, Labels: []string{"x"}, Assign: []int{0, 1}, N: len(x), P: 2}
	for _, v := range x {
		m.X = append(m.X, 1, v)
	}
	s := &effect.Study{Score: m, Outcome: m}
	for i, a := range treatment {
		s.Treated = append(s.Treated, a == 1)
		s.Count, s.Sum, s.SumSq = append(s.Count, 1), append(s.Sum, y[i]), append(s.SumSq, y[i]*y[i])
	}
	return s
}

// TestBadStudiesAreErrors lists what has no answer, for every estimator.
func TestBadStudiesAreErrors(t *testing.T) {
	mixed, y := []float64{1, 0, 1, 0, 1, 0, 1, 0}, []float64{5, 3, 8, 1, 9, 2, 4, 4}
	bare := tiny(mixed, y, []float64{1, 2, 3, 4, 4, 3, 2, 1})
	bare.Score, bare.Outcome = nil, nil
	for name, c := range map[string]struct {
		s    *effect.Study
		want error
	}{
		"separated":        {tiny([]float64{0, 0, 0, 0, 1, 1, 1, 1}, y, []float64{1, 2, 3, 4, 5, 6, 7, 8}), analytics.ErrNotConverged},
		"constant":         {tiny(mixed, y, []float64{2, 2, 2, 2, 2, 2, 2, 2}), analytics.ErrCollinear},
		"without a design": {bare, analytics.ErrInvalidParameter},
	} {
		for _, estimate := range []func() error{
			func() error {
				_, err := doublyrobust.Augmented(c.s, glm.Gaussian, propensity.Options{})
				return err
			},
			func() error {
				_, err := doublyrobust.AugmentedTreated(c.s, glm.Gaussian, propensity.Options{})
				return err
			},
		} {
			if err := estimate(); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
		}
	}
	s := tiny(mixed, y, []float64{1, 2, 3, 4, 4, 3, 2, 1})
	if _, err := doublyrobust.Targeted(s, propensity.Options{}); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("a targeted outcome of 5 and 3: %v", err)
	}
	if _, err := doublyrobust.ArmSpecific(s, glm.Binomial, propensity.Options{}); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("a logistic outcome of 5 and 3: %v", err)
	}
	if _, err := doublyrobust.CompareArms(doublyrobust.Several{Names: []string{"one"}}, glm.Gaussian, propensity.Options{}); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("one arm: %v", err)
	}
	if _, err := doublyrobust.ParseFamily("cauchy"); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("family: %v", err)
	}
	if _, err := doublyrobust.Augmented(s, glm.Gaussian, propensity.Options{Level: 1.5}); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("level: %v", err)
	}
}
