package spc

import (
	"encoding/json"
	"os"
	"testing"
)

// sameNumbers compares to 1e-12 of their size and more.
func sameNumbers(t *testing.T, name string, got, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", name, len(got), len(want))
	}
	for i := range got {
		near(t, name, got[i], want[i], 1e-12*max(1, want[i], -want[i]))
	}
}

// golden is what testdata/r/spc.R writes.
type golden struct {
	XmR []struct {
		Values                         []float64 `json:"y"`
		Gaps                           []int     `json:"gaps"`
		Fix                            int       `json:"fix"`
		Screened                       bool      `json:"screened"`
		Mean, All, Range, Lower, Upper float64
		NearLow                        float64  `json:"near_lower"`
		NearHigh                       float64  `json:"near_upper"`
		Signals                        []string `json:"signals"`
	}
	Memory []struct {
		Y                               []float64
		Weight, Width, Allowance, Sigma float64
		Weighted, Upper, High, Low      []float64
	}
	Proportions struct {
		X, N, Z, Upper, Laney, Rate []float64
		Sigma                       float64
	}
}

func readGolden(t *testing.T) (g golden) {
	t.Helper()
	raw, err := os.ReadFile("testdata/spc.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

func TestXmRAgreesWithR(t *testing.T) {
	met := map[Signal]bool{}
	for i, g := range readGolden(t).XmR {
		c := chart(t, g.Values, Options{Unscreened: !g.Screened, FixAfter: g.Fix, Gaps: g.Gaps})
		sameNumbers(t, "limits", []float64{c.Mean, c.MeanRangeAll, c.MeanRange, c.Lower, c.Upper, c.NearLower, c.NearUpper},
			[]float64{g.Mean, g.All, g.Range, g.Lower, g.Upper, g.NearLow, g.NearHigh})
		for j, s := range c.Signals {
			met[s] = true
			if string(s) != g.Signals[j] {
				t.Errorf("series %d: point %d is %s, R says %s", i+1, j+1, s, g.Signals[j])
			}
		}
	}
	if len(met) < 7 {
		t.Errorf("only %v are met: the series do not try the rules", met)
	}
}

func TestMemoryAgreesWithR(t *testing.T) {
	for _, g := range readGolden(t).Memory {
		m, err := WithMemory(g.Y, MemoryOptions{g.Weight, g.Width, g.Allowance})
		if err != nil {
			t.Fatal(err)
		}
		sameNumbers(t, "sigma", []float64{m.Sigma}, []float64{g.Sigma})
		sameNumbers(t, "moving means", m.Weighted, g.Weighted)
		sameNumbers(t, "limits of moving means", m.Upper, g.Upper)
		sameNumbers(t, "high sums", m.SumHigh, g.High)
		sameNumbers(t, "low sums", m.SumLow, g.Low)
	}
}

func TestProportionsAgreeWithR(t *testing.T) {
	g := readGolden(t).Proportions
	p, err := Proportions(g.X, g.N)
	if err != nil {
		t.Fatal(err)
	}
	sameNumbers(t, "z", p.Z, g.Z)
	sameNumbers(t, "spread of z", []float64{p.SigmaZ}, []float64{g.Sigma})
	sameNumbers(t, "p chart", p.Upper, g.Upper)
	sameNumbers(t, "Laney", p.LaneyLower, g.Laney)
	sameNumbers(t, "u chart", p.RateUpper, g.Rate)
}
