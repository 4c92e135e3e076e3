//go:build shared

package methods

import (
	"testing"

	"github.com/lumbar-health/lumbar/analytics/proportions"
	"github.com/lumbar-health/lumbar/analytics/spc"
)

// The groups of instrument-vectors.json that are about charts and intervals.

func TestControlChartVectors(t *testing.T) {
	var all []struct {
		Input struct {
			Y        []float64
			Screen   bool `json:"screen_outliers"`
			FixAfter int  `json:"fix_after"`
		}
		Expect struct {
			Mean, AMR, LPL, UPL float64
			Near                [2]float64
			Labels              []string
		}
	}
	vectors(t, "spc_xmr", &all)
	for i, v := range all {
		c, err := spc.XmR(v.Input.Y, spc.Options{Unscreened: !v.Input.Screen, FixAfter: v.Input.FixAfter})
		if err != nil {
			t.Fatal(err)
		}
		e := v.Expect
		if !within(c.Mean, e.Mean, 4) || !within(c.MeanRange, e.AMR, 4) || !within(c.Lower, e.LPL, 4) || !within(c.Upper, e.UPL, 4) ||
			!within(c.NearLower, e.Near[0], 4) || !within(c.NearUpper, e.Near[1], 4) {
			t.Errorf("vector %d: limits %+v, want %+v", i+1, c.Limits, e)
		}
		if len(c.Signals) != len(e.Labels) {
			t.Fatalf("vector %d: %d signals, want %d", i+1, len(c.Signals), len(e.Labels))
		}
		for j, s := range c.Signals {
			if string(s) != e.Labels[j] {
				t.Errorf("vector %d: point %d is %s, want %s", i+1, j+1, s, e.Labels[j])
			}
		}
	}
}

func TestWilsonVectors(t *testing.T) {
	var all []struct {
		Input  [2]int64
		Expect [2]float64
	}
	vectors(t, "wilson95", &all)
	if len(all) == 0 {
		t.Fatal("no vectors")
	}
	for _, v := range all {
		i, err := proportions.Wilson(proportions.Count{Events: v.Input[0], N: v.Input[1]}, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		if !within(i.Low, v.Expect[0], 6) || !within(i.High, v.Expect[1], 6) {
			t.Errorf("%d of %d: %v – %v, want %v", v.Input[0], v.Input[1], i.Low, i.High, v.Expect)
		}
	}
}
