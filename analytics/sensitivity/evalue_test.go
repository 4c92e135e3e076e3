package sensitivity

import (
	"errors"
	"math"
	"testing"

	"github.com/lumbar-health/lumbar/analytics"
)

// TestPublishedExample is the one of VanderWeele and Ding (2017): a risk ratio of
// 3.9 (1.8 to 8.7) has E-values 7.26 and 3.0.
func TestPublishedExample(t *testing.T) {
	e, err := RiskRatio(3.9, 1.8, 8.7)
	if err != nil || math.Abs(e.Estimate-7.26) > 0.005 || math.Abs(e.Limit-3.0) > 0.005 {
		t.Errorf("%+v, %v", e, err)
	}
}

// TestCommonOutcome is an odds ratio of 0.86 (0.75 to 0.99) of a common outcome,
// worked by hand: √0.86 and √0.99, turned.
func TestCommonOutcome(t *testing.T) {
	e, err := OddsRatio(0.86, 0.75, 0.99, false)
	if err != nil || math.Abs(e.Estimate-1.369) > 0.001 || math.Abs(e.Limit-1.076) > 0.001 {
		t.Errorf("%+v, %v", e, err)
	}
	rare, err := OddsRatio(3.9, 1.8, 8.7, true)
	if want, _ := RiskRatio(3.9, 1.8, 8.7); err != nil || rare != want {
		t.Errorf("rare: %+v, %v, want %+v", rare, err, want)
	}
	if _, err := OddsRatio(-1, -2, 3, false); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("below zero: %v", err)
	}
}

// TestTurningTheRatio holds that a ratio and its inverse have the same E-value,
// and that an interval with 1 inside has a limit of 1.
func TestTurningTheRatio(t *testing.T) {
	up, _ := RiskRatio(2, 1.5, 3)
	down, err := RiskRatio(0.5, 1.0/3, 1/1.5)
	if err != nil || math.Abs(up.Estimate-down.Estimate) > 1e-12 || math.Abs(up.Limit-down.Limit) > 1e-12 {
		t.Errorf("%+v %+v %v", up, down, err)
	}
	for _, r := range [][3]float64{{1, 1, 1}, {1.2, 0.9, 1.6}, {0.9, 0.5, 1.2}} {
		if e, err := RiskRatio(r[0], r[1], r[2]); err != nil || e.Limit != 1 {
			t.Errorf("%v: %+v, %v", r, e, err)
		}
	}
	a, _ := MeanDifference(-0.4, 0.1)
	b, err := MeanDifference(0.4, 0.1)
	if err != nil || math.Abs(a.Estimate-b.Estimate) > 1e-12 || math.Abs(a.Limit-b.Limit) > 1e-12 {
		t.Errorf("%+v %+v %v", a, b, err)
	}
}

func TestBadRatios(t *testing.T) {
	for _, r := range [][3]float64{{0, 0, 1}, {-1, 0.5, 2}, {2, 3, 4}, {2, 1, 1.5}, {math.NaN(), 1, 2}, {2, 1, math.Inf(1)}} {
		if _, err := RiskRatio(r[0], r[1], r[2]); !errors.Is(err, analytics.ErrInvalidParameter) {
			t.Errorf("%v: %v", r, err)
		}
	}
	for _, d := range [][2]float64{{math.NaN(), 1}, {1, -1}, {math.Inf(1), 1}, {1, math.Inf(1)}} {
		if _, err := MeanDifference(d[0], d[1]); !errors.Is(err, analytics.ErrInvalidParameter) {
			t.Errorf("%v: %v", d, err)
		}
	}
}
