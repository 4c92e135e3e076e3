package meta

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/lumbar-health/lumbar/analytics"
)

type rRegression struct {
	Method                     Method
	Test                       string
	Coef, Se, P, Low, High     []float64
	Tau2, QM, QMp, QE, QEp, I2 float64
	R2                         *float64
}

type moreGolden struct {
	Cases []struct {
		Name                                       string
		Yi, Vi                                     []float64
		Mods                                       [][]float64
		One, Two                                   []rRegression
		Egger, EggerRandom, Begg, Leave, LeaveTau2 []float64
		K0                                         int
		Side                                       string
		Filled, FilledSe                           float64
	}
	Binary map[string]struct {
		Tables   [][]float64
		Measures map[Measure]struct{ Yi, Vi, Mh []float64 }
		Peto     []float64
	}
}

func readMore(t *testing.T) moreGolden {
	t.Helper()
	raw, err := os.ReadFile("testdata/more.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g moreGolden
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

func allNear(got, want []float64, tol float64) bool {
	return slices.EqualFunc(got, want, func(a, b float64) bool { return near(a, b, tol) })
}

func TestRegressionAgreesWithMetafor(t *testing.T) {
	for _, c := range readMore(t).Cases {
		for i, want := range append(slices.Clone(c.One), c.Two...) {
			mods, names := c.Mods[:1], []string{"a"}
			if i >= len(c.One) {
				mods, names = c.Mods, []string{"a", "b"}
			}
			got, err := Regress(c.Yi, c.Vi, mods, names, Options{Method: want.Method, HartungKnapp: want.Test != "z", AdHoc: want.Test == "adhoc"})
			if err != nil {
				t.Fatal(c.Name, err)
			}
			var table [5][]float64
			for _, b := range got.Coefficients {
				for j, v := range []float64{b.Value, b.StdErr, b.P, b.Lower, b.Upper} {
					table[j] = append(table[j], v)
				}
			}
			for j, w := range [][]float64{want.Coef, want.Se, want.P, want.Low, want.High} {
				if !allNear(table[j], w, 2e-7) {
					t.Errorf("%s %s %s: column %d %v, want %v", c.Name, want.Method, want.Test, j, table[j], w)
				}
			}
			have := []float64{got.Tau2, got.QM, got.QMP, got.QE, got.QEP, got.I2}
			if w := []float64{want.Tau2, want.QM, want.QMp, want.QE, want.QEp, want.I2}; !allNear(have, w, 2e-7) {
				t.Errorf("%s %s %s: %v, want %v", c.Name, want.Method, want.Test, have, w)
			}
			if want.R2 != nil && !near(got.R2, *want.R2, 2e-7) {
				t.Errorf("%s %s: R² %v, want %v", c.Name, want.Method, got.R2, *want.R2)
			}
		}
	}
}

func TestAsymmetryAgreesWithMetafor(t *testing.T) {
	for _, c := range readMore(t).Cases {
		egger, err := Egger(c.Yi, c.Vi)
		random, errR := EggerRandom(c.Yi, c.Vi)
		begg, errB := Begg(c.Yi, c.Vi)
		fill, errF := TrimAndFill(c.Yi, c.Vi)
		leave, errL := LeaveOneOut(c.Yi, c.Vi, Options{})
		if err := errors.Join(err, errR, errB, errF, errL); err != nil {
			t.Fatal(c.Name, err)
		}
		have := []float64{egger.Statistic, egger.DF, egger.P, random.Statistic, random.P, begg.Statistic, begg.P, fill.Pooled.Value, fill.Pooled.StdErr}
		want := slices.Concat(c.Egger, c.EggerRandom, c.Begg, []float64{c.Filled, c.FilledSe})
		for _, p := range leave {
			have = append(have, p.Value, p.Tau2)
		}
		for i := range c.Leave {
			want = append(want, c.Leave[i], c.LeaveTau2[i])
		}
		if !allNear(have, want, 1e-6) || fill.Missing != c.K0 || fill.Side != c.Side {
			t.Errorf("%s: %v %d %s, want %v %d %s", c.Name, have, fill.Missing, fill.Side, want, c.K0, c.Side)
		}
	}
}

func TestTablesAgreeWithMetafor(t *testing.T) {
	for name, c := range readMore(t).Binary {
		var tables []TwoByTwo
		for _, v := range c.Tables {
			tables = append(tables, TwoByTwo{v[0], v[1], v[2], v[3]})
		}
		for m, want := range c.Measures {
			yi, vi, err := Effects(tables, m)
			if err != nil || !allNear(yi, want.Yi, 1e-12) || !allNear(vi, want.Vi, 1e-12) {
				t.Errorf("%s %s: %v %v, %v, want %+v", name, m, yi, vi, err, want)
			}
			mh, err := MantelHaenszel(tables, m)
			if have := []float64{mh.Value, mh.StdErr, mh.Q}; err != nil || !allNear(have, want.Mh, 1e-10) {
				t.Errorf("%s %s: Mantel–Haenszel %v, %v, want %v", name, m, have, err, want.Mh)
			}
		}
		peto, err := Peto(tables)
		if have := []float64{peto.Value, peto.StdErr, peto.Q}; err != nil || !allNear(have, c.Peto, 1e-10) {
			t.Errorf("%s: Peto %v, %v, want %v", name, have, err, c.Peto)
		}
	}
}

// TestSwappedGroups holds that ratios turn over when groups change places, and the
// slopes when the sign of the moderator does.
func TestSwappedGroups(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var tables, swapped []TwoByTwo
		for i := 0; i < 4; i++ {
			n1, n0 := rapid.IntRange(5, 60).Draw(r, "n1"), rapid.IntRange(5, 60).Draw(r, "n0")
			a, c := rapid.IntRange(1, n1-1).Draw(r, "a"), rapid.IntRange(1, n0-1).Draw(r, "c")
			tables = append(tables, TwoByTwo{float64(a), float64(n1), float64(c), float64(n0)})
			swapped = append(swapped, TwoByTwo{float64(c), float64(n0), float64(a), float64(n1)})
		}
		for _, m := range []Measure{RiskRatio, OddsRatio, RiskDifference} {
			a, errA := MantelHaenszel(tables, m)
			b, errB := MantelHaenszel(swapped, m)
			if errors.Join(errA, errB) != nil || !near(a.Value, -b.Value, 1e-10) || !near(a.StdErr, b.StdErr, 1e-10) || !near(a.Q, b.Q, 1e-9) {
				r.Fatalf("%s: %+v and %+v", m, a, b)
			}
		}
		a, errA := Peto(tables)
		b, errB := Peto(swapped)
		if errors.Join(errA, errB) != nil || !near(a.Value, -b.Value, 1e-10) {
			r.Fatalf("Peto: %+v and %+v", a, b)
		}
	})
}

func TestMoreErrors(t *testing.T) {
	y, v, x := []float64{1, 2, 3, 5}, []float64{1, 1, 2, 1}, []float64{1, 4, 2, 3}
	for name, c := range map[string]struct {
		err  error
		want error
	}{
		"no moderator":     {second(Regress(y, v, nil, nil, Options{})), analytics.ErrInvalidParameter},
		"lengths":          {second(Regress(y, v, [][]float64{{1, 2}}, []string{"x"}, Options{})), analytics.ErrInvalidParameter},
		"NaN":              {second(Regress(y, v, [][]float64{{1, 2, math.NaN(), 4}}, []string{"x"}, Options{})), analytics.ErrInvalidParameter},
		"constant":         {second(Regress(y, v, [][]float64{{2, 2, 2, 2}}, []string{"x"}, Options{})), analytics.ErrCollinear},
		"two sites":        {second(Regress(y[:2], v[:2], [][]float64{x[:2]}, []string{"x"}, Options{})), analytics.ErrTooFewObservations},
		"method":           {second(Regress(y, v, [][]float64{x}, []string{"x"}, Options{Method: SJ})), analytics.ErrInvalidParameter},
		"exact fit":        {second(Regress(x, v, [][]float64{x}, []string{"x"}, Options{HartungKnapp: true})), analytics.ErrZeroVariance},
		"equal variances":  {second(Egger(y, []float64{1, 1, 1, 1})), analytics.ErrCollinear},
		"Begg, equal":      {second(Begg(y, []float64{1, 1, 1, 1})), analytics.ErrZeroVariance},
		"two left":         {second(LeaveOneOut(y[:2], v[:2], Options{})), analytics.ErrTooFewObservations},
		"one table":        {second(Peto([]TwoByTwo{{1, 2, 1, 2}})), analytics.ErrTooFewObservations},
		"too many events":  {second(Peto([]TwoByTwo{{3, 2, 1, 2}, {1, 2, 1, 2}})), analytics.ErrInvalidParameter},
		"nobody":           {second(Peto([]TwoByTwo{{0, 0, 1, 2}, {1, 2, 1, 2}})), analytics.ErrTooFewObservations},
		"half a person":    {second(Peto([]TwoByTwo{{0.5, 2, 1, 2}, {1, 2, 1, 2}})), analytics.ErrInvalidParameter},
		"no events at all": {second(Peto([]TwoByTwo{{0, 2, 0, 2}, {0, 2, 0, 2}})), analytics.ErrZeroVariance},
		"events on a side": {second(MantelHaenszel([]TwoByTwo{{1, 5, 0, 5}, {2, 5, 0, 5}}, OddsRatio)), analytics.ErrZeroVariance},
		"unknown measure":  {second(MantelHaenszel([]TwoByTwo{{1, 5, 1, 5}, {2, 5, 1, 5}}, "HR")), analytics.ErrInvalidParameter},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", name, c.err, c.want)
		}
	}
	equal, err := TrimAndFill(y, []float64{1, 1, 1, 1})
	if err != nil || equal.Side != "left" {
		t.Errorf("equal variances: %+v, %v", equal, err)
	}
}

func second[T any](_ T, err error) error { return err }
