package survival

import (
	"math"
	"testing"
)

// leukaemia is the remission trial of Freireich et al. (1963), Blood 21:699:
// weeks, negative where censored; 6-mercaptopurine is 1.
func leukaemia() *Cohort {
	c := &Cohort{Names: []string{"6-MP"}}
	for arm, weeks := range [][]float64{
		{1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23},
		{6, 6, 6, -6, 7, -9, 10, -10, -11, 13, 16, -17, -19, -20, 22, 23, -25, -32, -32, -34, -35},
	} {
		for _, w := range weeks {
			cause := 1
			if w < 0 {
				cause = 0
			}
			c.X, c.Time, c.Cause = append(c.X, float64(arm)), append(c.Time, math.Abs(w)), append(c.Cause, cause)
		}
	}
	return c
}

// TestLeukaemia holds what textbooks print of it: Kalbfleisch and Prentice
// (2002), and Collett (2015), doi:10.1201/b18041.
func TestLeukaemia(t *testing.T) {
	c := leukaemia()
	arms := make([]int, c.Len())
	for i, x := range c.X {
		arms[i] = int(x)
	}
	table, err := TableOf(c, []string{"placebo", "6-MP"}, arms, 1)
	if err != nil {
		t.Fatal(err)
	}
	l, err := Compare(table, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(l.ChiSquared-16.79) > 0.005 || math.Abs(l.Expected[1]-19.25) > 0.005 {
		t.Errorf("log-rank %.3f, expected on 6-MP %.3f, want 16.79 and 19.25", l.ChiSquared, l.Expected[1])
	}
	for group, want := range []float64{8, 23} {
		curve, err := KaplanMeier(table, group, 1)
		if err != nil {
			t.Fatal(err)
		}
		median, err := curve.Quantile(0.5, LogLog, 0.95)
		if err != nil || median.Value == nil || *median.Value != want {
			t.Errorf("%s: median %v, %v, want %v", curve.Group, show(median.Value), err, want)
		}
	}
	for ties, want := range map[Ties][2]float64{Efron: {-1.5721, 0.4124}, Breslow: {-1.5092, 0.4096}} {
		m, err := Cox(c, 1, Options{Ties: ties})
		if err != nil {
			t.Fatal(err)
		}
		if se := math.Sqrt(m.Cov[0]); math.Abs(m.Coef[0]-want[0]) > 5e-5 || math.Abs(se-want[1]) > 5e-5 {
			t.Errorf("%s: %.4f (%.4f), want %.4f (%.4f)", ties, m.Coef[0], se, want[0], want[1])
		}
	}
}
