package timeseries

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/linear"
)

func near(got, want, tol float64) bool { return math.Abs(got-want) <= tol*math.Max(1, math.Abs(want)) }

func allNear(got, want []float64, tol float64) bool {
	return slices.EqualFunc(got, want, func(a, b float64) bool { return near(a, b, tol) })
}

type rGLS struct {
	Coef, Se           []float64
	Phi, Sigma, Loglik float64
}

type rCase struct {
	Name                               string
	Season                             float64
	Y, T, Post, Since                  []float64
	Coef, Nw, Adjusted, Automatic, Acf []float64
	Bandwidth, Dw, Bg, Lb              float64
	BgP                                float64 `json:"bg_p"`
	Reml, Ml                           rGLS
}

type golden struct {
	Cases  []rCase
	Trends []struct {
		Y                []float64
		Tau, Z, P, Slope float64
	}
}

func readGolden(t *testing.T) golden {
	t.Helper()
	raw, err := os.ReadFile("testdata/timeseries.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

func roots(s linear.Sym) []float64 {
	var out []float64
	for j := 0; j < s.N; j++ {
		out = append(out, math.Sqrt(s.At(j, j)))
	}
	return out
}

func TestAgreesWithSandwichAndLmtest(t *testing.T) {
	for _, c := range readGolden(t).Cases {
		f, err := Interrupted(Series{c.T, c.Y, c.Post, c.Since}, c.Season)
		if err != nil {
			t.Fatal(c.Name, err)
		}
		width, err := Bandwidth(f.Rows)
		if err != nil || !near(width, c.Bandwidth, 1e-10) || !allNear(f.Coef, c.Coef, 1e-10) {
			t.Errorf("%s %v: bandwidth %v, want %v; coefficients %v, want %v; %v", c.Name, c.Season, width, c.Bandwidth, f.Coef, c.Coef, err)
		}
		for _, v := range []struct {
			lag    int
			adjust bool
			want   []float64
		}{{5, false, c.Nw}, {5, true, c.Adjusted}, {AutomaticLag(width), true, c.Automatic}} {
			cov, err := NeweyWest(f.Rows, v.lag, v.adjust)
			if err != nil || !allNear(roots(cov), v.want, 1e-10) {
				t.Errorf("%s %v: Newey–West of lag %d: %v, want %v; %v", c.Name, c.Season, v.lag, roots(cov), v.want, err)
			}
		}
		dw, err := DurbinWatson(f.Rows)
		bg, errBG := BreuschGodfrey(f.Rows, 3)
		acf, errACF := Autocorrelations(f.Residuals, 6)
		lb := LjungBox(acf, f.N)
		if errors.Join(err, errBG, errACF) != nil || !near(dw, c.Dw, 1e-10) || !near(bg.Statistic, c.Bg, 1e-9) || !near(bg.P, c.BgP, 1e-9) || !allNear(acf, c.Acf, 1e-10) || !near(lb.Statistic, c.Lb, 1e-10) {
			t.Errorf("%s %v: %v %v %v %v, want %v %v %v %v", c.Name, c.Season, dw, bg, acf, lb, c.Dw, c.Bg, c.Acf, c.Lb)
		}
	}
}

func TestAgreesWithNlme(t *testing.T) {
	for _, c := range readGolden(t).Cases {
		for _, restricted := range []bool{true, false} {
			want := c.Ml
			if restricted {
				want = c.Reml
			}
			got, err := InterruptedAR1(Series{c.T, c.Y, c.Post, c.Since}, 0, restricted)
			if err != nil {
				t.Fatal(c.Name, err)
			}
			if !allNear(got.Coef, want.Coef, 1e-6) || !allNear(got.StdErr, want.Se, 1e-6) || !near(got.Phi, want.Phi, 1e-6) || !near(got.Sigma, want.Sigma, 1e-6) || !near(got.LogLik, want.Loglik, 1e-9) {
				t.Errorf("%s, restricted %v: %+v, want %+v", c.Name, restricted, got, want)
			}
		}
	}
}

func TestTrendAgreesWithR(t *testing.T) {
	for _, c := range readGolden(t).Trends {
		got, err := MannKendall(c.Y, 0.95)
		if err != nil || !near(got.Tau, c.Tau, 1e-12) || !near(got.ZContinuity, c.Z, 1e-12) || !near(got.PContinuity, c.P, 1e-11) || !near(got.Slope, c.Slope, 1e-12) || got.Lower > got.Slope || got.Upper < got.Slope {
			t.Errorf("%v: %+v, %v, want %+v", c.Y, got, err, c)
		}
	}
}

// TestOrderOfRowsDoesNotMatter holds that time, not the row, orders a series, that a
// shift of time moves the intercept alone, and that inputs stay as they were.
func TestOrderOfRowsDoesNotMatter(t *testing.T) {
	c := readGolden(t).Cases[4] // with gaps
	base, err := InterruptedAR1(Series{c.T, c.Y, c.Post, c.Since}, 0, true)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(r *rapid.T) {
		order := rapid.Permutation([]int{0, 1, 2, 3, 4, 5, 6, 7}).Draw(r, "order")
		shift := float64(rapid.IntRange(-500, 500).Draw(r, "shift"))
		s := Series{Time: slices.Clone(c.T), Value: slices.Clone(c.Y), Post: slices.Clone(c.Post), Since: slices.Clone(c.Since)}
		for i, from := range order {
			s.Time[i], s.Value[i], s.Post[i], s.Since[i] = c.T[from], c.Y[from], c.Post[from], c.Since[from]
		}
		for i := range s.Time {
			s.Time[i] += shift
		}
		before := slices.Clone(s.Value)
		got, err := InterruptedAR1(s, 0, true)
		if err != nil || !allNear(got.Coef[1:], base.Coef[1:], 1e-6) || !near(got.Phi, base.Phi, 1e-6) || !near(got.LogLik, base.LogLik, 1e-7) {
			r.Fatalf("%+v, want %+v, %v", got, base, err)
		}
		if !slices.Equal(before, s.Value) {
			r.Fatal("the series was modified")
		}
	})
}

func TestNeweyWestOfLagZeroIsHC0(t *testing.T) {
	c := readGolden(t).Cases[0]
	f, err := Interrupted(Series{c.T, c.Y, c.Post, c.Since}, 0)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := NeweyWest(f.Rows, 0, false)
	hc, errHC := f.HC(linear.HC0)
	if err != nil || errHC != nil || !allNear(plain.Data, hc.Data, 1e-13) {
		t.Errorf("%v, want %v", plain.Data, hc.Data)
	}
}

func TestTrendIdentities(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		y := rapid.SliceOfN(rapid.Float64Range(-100, 100), 4, 25).Draw(r, "y")
		a, err := MannKendall(y, 0.9)
		if err != nil {
			return
		}
		reversed := slices.Clone(y)
		slices.Reverse(reversed)
		b, err := MannKendall(reversed, 0.9)
		if err != nil || a.S != -b.S || !near(a.Slope, -b.Slope, 1e-9) || !near(a.Lower, -b.Upper, 1e-9) || !near(a.PContinuity, b.PContinuity, 1e-12) {
			r.Fatalf("reversed: %+v and %+v, %v", a, b, err)
		}
		for i := range reversed {
			reversed[i] = 2*y[i] + 3*float64(i)
		}
		c, err := MannKendall(reversed, 0.9)
		if err != nil || !near(c.Slope, 2*a.Slope+3, 1e-7) {
			r.Fatalf("slope %v of a series tilted by 3, want %v", c.Slope, 2*a.Slope+3)
		}
	})
}

func TestErrors(t *testing.T) {
	n := 20
	s := Series{make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)}
	for i := range s.Time {
		s.Time[i], s.Value[i] = float64(i), float64(i*i%7)
		if i >= 10 {
			s.Post[i], s.Since[i] = 1, float64(i-10)
		}
	}
	change := func(f func(*Series)) Series {
		c := Series{slices.Clone(s.Time), slices.Clone(s.Value), slices.Clone(s.Post), slices.Clone(s.Since)}
		f(&c)
		return c
	}
	for name, c := range map[string]struct {
		s      Series
		season float64
		want   error
	}{
		"lengths":  {change(func(c *Series) { c.Post = c.Post[:3] }), 0, analytics.ErrInvalidParameter},
		"NaN":      {change(func(c *Series) { c.Value[2] = math.NaN() }), 0, analytics.ErrInvalidParameter},
		"season":   {s, 2, analytics.ErrInvalidParameter},
		"negative": {s, -12, analytics.ErrInvalidParameter},
		"never":    {change(func(c *Series) { clear(c.Post); clear(c.Since) }), 0, analytics.ErrCollinear},
		"no error": {change(func(c *Series) { clear(c.Value) }), 0, analytics.ErrZeroVariance},
		"too few":  {Series{s.Time[8:12], s.Value[8:12], s.Post[8:12], s.Since[8:12]}, 0, analytics.ErrTooFewObservations},
		"empty":    {Series{}, 0, analytics.ErrTooFewObservations},
	} {
		if _, err := Interrupted(c.s, c.season); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	f, err := Interrupted(s, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NeweyWest(f.Rows, -1, true); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("lag -1: %v", err)
	}
	if _, err := NeweyWest(f.Rows, 1<<45, true); !errors.Is(err, analytics.ErrZeroVariance) {
		t.Errorf("a lag without end: %v", err)
	}
	if _, err := BreuschGodfrey(f.Rows, 0); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("order 0: %v", err)
	}
	twice := change(func(c *Series) { c.Time[3] = c.Time[4] })
	if _, err := InterruptedAR1(twice, 0, true); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("a period twice: %v", err)
	}
	for _, c := range []struct {
		y    []float64
		want error
	}{{[]float64{1, 2}, analytics.ErrTooFewObservations}, {[]float64{4, 4, 4}, analytics.ErrZeroVariance}, {make([]float64, maxTrend+1), analytics.ErrInvalidParameter}} {
		if _, err := MannKendall(c.y, 0.95); !errors.Is(err, c.want) {
			t.Errorf("trend of %d values: %v, want %v", len(c.y), err, c.want)
		}
	}
	if _, err := MannKendall([]float64{1, 2, 4}, 1); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("level 1: %v", err)
	}
}
