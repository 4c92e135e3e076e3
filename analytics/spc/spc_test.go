package spc

import (
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/analytics"
)

// vignette is the example of NHSRplotthedots: one outlier in a quiet process.
var vignette = []float64{1, 2, 1, 2, 10, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1}

func near(t *testing.T, name string, got, want, tol float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > tol {
		t.Errorf("%s = %v, want %v", name, got, want)
	}
}

func chart(t *testing.T, values []float64, o Options) Chart {
	t.Helper()
	c, err := XmR(values, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// said lists the signals of a chart, common ones as a dot.
func said(c Chart) string {
	words := make([]string, len(c.Signals))
	for i, s := range c.Signals {
		if words[i] = string(s); s == Common {
			words[i] = "."
		}
	}
	return strings.Join(words, " ")
}

func TestXmRScreensOutlyingRanges(t *testing.T) {
	screened, all := chart(t, vignette, Options{}), chart(t, vignette, Options{Unscreened: true})
	near(t, "mean", screened.Mean, 35.0/18, 1e-12)
	near(t, "screened range", screened.MeanRange, 1, 1e-12)
	near(t, "upper", screened.Upper, 35.0/18+2.66, 1e-12)
	near(t, "near lower", screened.NearLower, 35.0/18-2.66*2/3, 1e-12)
	near(t, "range limit", screened.RangeUpper, 3.267, 1e-12)
	near(t, "unscreened range", all.MeanRange, 32.0/17, 1e-12)
	near(t, "all ranges", screened.MeanRangeAll, all.MeanRange, 1e-12)
	for _, c := range []Chart{screened, all} {
		if !slices.Equal(c.Outside, []int{4}) || c.Signals[4] != AboveLimit {
			t.Errorf("outside %v, want the fifth point alone", c.Outside)
		}
	}
	// A range of exactly 3.267 times their mean is left out: at or beyond.
	values := []float64{0, 1, 0, 1, 0, 1, 0, 1, 0, 1}
	if c := chart(t, values, Options{}); c.MeanRange != c.MeanRangeAll {
		t.Error("a range was screened though all are alike")
	}
}

func TestSignals(t *testing.T) {
	const quiet = 100
	for _, c := range []struct {
		name   string
		values []float64
		o      Options
		want   string
	}{
		{"six rising are no trend", []float64{1, 2, 3, 4, 5, 6}, Options{}, ". . . . . ."},
		{"seven are, but the limits come first", []float64{1, 2, 3, 4, 5, 6, 7}, Options{},
			"below_lpl trend_up trend_up trend_up trend_up trend_up above_upl"},
		{"a tie ends a trend", []float64{1, 2, 3, 3, 4, 5, 6}, Options{}, "below_lpl . . . . . above_upl"},
		{"falling", []float64{9, 1, 8, 2, 7.5, 7, 6, 5, 4, 3, 2, 9, 1}, Options{},
			". . . . trend_down trend_down trend_down trend_down trend_down trend_down trend_down . ."},
		{"a turning point is of the trend that it ends", []float64{9, -9, 9, -9, 0, 1, 2, 3, 4, 5, 4, 3, 2, 1, 0, -1, 9, -9, 9}, Options{},
			". . . trend_up trend_up trend_up trend_up trend_up trend_up trend_up trend_down trend_down trend_down trend_down trend_down trend_down . . ."},
		{"a gap ends a trend", []float64{9, 1, 8, 2, 7.5, 7, 6, 5, 4, 3, 2, 9, 1}, Options{Gaps: []int{7}}, strings.TrimSpace(strings.Repeat(". ", 13))},
		{"a shorter run", []float64{9, 1, 2, 3, 8, 1, 9}, Options{Run: 4}, ". trend_up trend_up trend_up trend_up . ."},
		{"two of three, one side", []float64{50, 52, 48, 51, 49, 53, 47, 50, 52, 48, 51, 49, 56, 51, 56, 50}, Options{FixAfter: 12},
			". . . . . . . . . . . . 2of3_above . 2of3_above ."},
		{"two of three need the third on their side", []float64{50, 52, 48, 51, 49, 53, 47, 50, 52, 48, 51, 49, 56, 49, 56, 50}, Options{FixAfter: 12},
			strings.TrimSpace(strings.Repeat(". ", 16))},
		{"two of three not across a gap", []float64{50, 52, 48, 51, 49, 53, 47, 50, 52, 48, 51, 49, 56, 51, 56, 50}, Options{FixAfter: 12, Gaps: []int{13}},
			strings.TrimSpace(strings.Repeat(". ", 16))},
		{"shift", []float64{10, 12, 11, 13, 10, 12, 11, 12, 10, 11, 13, 12, 14, 15, 14, 15, 14, 15, 14}, Options{FixAfter: 12},
			". . . . . . . . . . shift_above shift_above shift_above 2of3_above shift_above 2of3_above shift_above 2of3_above shift_above"},
		{"a point on the mean ends a shift", []float64{2, 1, 2, 1, 2, 0, 2, -1, -2, -1, -2, -1, 0, -2, -1}, Options{},
			strings.TrimSpace(strings.Repeat(". ", 15))},
	} {
		got := chart(t, c.values, c.o)
		if said(got) != c.want {
			t.Errorf("%s:\n got %s\nwant %s\nlimits %+v", c.name, said(got), c.want, got.Limits)
		}
		// Turned upside down every signal is its opposite, at another scale and place too.
		moved := make([]float64, len(c.values))
		for i, v := range c.values {
			moved[i] = quiet - 4*v
		}
		mirror := strings.NewReplacer("above_upl", "below_lpl", "below_lpl", "above_upl", "up", "down", "down", "up", "above", "below", "below", "above")
		if got := said(chart(t, moved, c.o)); got != mirror.Replace(c.want) {
			t.Errorf("%s, upside down: %s", c.name, got)
		}
	}
}

// A gap takes one moving range away; the mean and the points stay.
func TestGapsLeaveRangesOut(t *testing.T) {
	values := []float64{3, 5, 9, 8, 6}
	c := chart(t, values, Options{Unscreened: true, Gaps: []int{2}})
	near(t, "mean", c.Mean, 6.2, 1e-12)
	near(t, "mean range", c.MeanRange, (2+1+2)/3.0, 1e-12)
	if c.N != 5 || len(c.Signals) != 5 {
		t.Errorf("%d points, %d signals", c.N, len(c.Signals))
	}
}

func TestRulesHoldOnRandomSeries(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 300 {
		values := make([]float64, 8+r.IntN(60))
		for i := range values {
			values[i] = float64(r.IntN(12))
			if i > 0 && r.IntN(3) == 0 {
				values[i] = values[i-1] + 1
			}
		}
		before := slices.Clone(values)
		c, err := XmR(values, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(values, before) {
			t.Fatal("the values were changed")
		}
		for i, s := range c.Signals {
			if want := plainly(values, c, i); s != want {
				t.Fatalf("point %d of %v: %s, want %s", i, values, s, want)
			}
		}
	}
}

// plainly applies the rules to one point as they are written, window by window.
func plainly(x []float64, c Chart, i int) Signal {
	side := func(j int) int { return sign(math.Round((x[j]-c.Mean)*1e9) / 1e9) }
	close := func(j int) bool {
		return x[j] <= c.Upper && x[j] >= c.Lower && (x[j] > c.NearUpper || x[j] < c.NearLower)
	}
	window := func(n int, holds func(from int) bool) (int, bool) {
		for from := max(0, i-n+1); from <= i && from+n <= len(x); from++ {
			if holds(from) {
				return from, true
			}
		}
		return 0, false
	}
	all := func(from, n int, holds func(j int) bool) bool {
		for j := from; j < from+n; j++ {
			if !holds(j) {
				return false
			}
		}
		return true
	}
	if x[i] > c.Upper {
		return AboveLimit
	}
	if x[i] < c.Lower {
		return BelowLimit
	}
	if from, ok := window(7, func(from int) bool {
		way := sign(x[from+1] - x[from])
		return way != 0 && all(from, 6, func(j int) bool { return sign(x[j+1]-x[j]) == way })
	}); ok {
		return pick(sign(x[from+1]-x[from]), TrendUp, TrendDown)
	}
	if _, ok := window(3, func(from int) bool {
		n := 0
		for j := from; j < from+3; j++ {
			if close(j) {
				n++
			}
		}
		return n >= 2 && side(from) != 0 && all(from, 3, func(j int) bool { return side(j) == side(from) })
	}); ok && close(i) {
		return pick(side(i), TwoOfThreeAbove, TwoOfThreeBelow)
	}
	if _, ok := window(7, func(from int) bool {
		return side(from) != 0 && all(from, 7, func(j int) bool { return side(j) == side(from) })
	}); ok {
		return pick(side(i), ShiftAbove, ShiftBelow)
	}
	return Common
}

func TestIcons(t *testing.T) {
	for _, c := range []struct {
		signal        Signal
		higher, lower Variation
	}{
		{Common, CommonCause, CommonCause}, {AboveLimit, Improvement, Concern}, {BelowLimit, Concern, Improvement}, {TrendUp, Improvement, Concern},
		{TrendDown, Concern, Improvement}, {TwoOfThreeAbove, Improvement, Concern}, {ShiftBelow, Concern, Improvement},
	} {
		if got := c.signal.Variation(HigherBetter); got != c.higher {
			t.Errorf("%s where higher is better: %s, want %s", c.signal, got, c.higher)
		}
		if got := c.signal.Variation(LowerBetter); got != c.lower {
			t.Errorf("%s where lower is better: %s, want %s", c.signal, got, c.lower)
		}
		if got := c.signal.Variation(Neutral); c.signal != Common && got != Special {
			t.Errorf("%s where neither is better: %s", c.signal, got)
		}
	}
	l := Limits{Lower: 4, Upper: 8}
	for _, c := range []struct {
		target        float64
		higher, lower Assurance
	}{
		{9, ConsistentlyFail, ConsistentlyPass}, {8, Inconsistent, Inconsistent}, {6, Inconsistent, Inconsistent}, {4, Inconsistent, Inconsistent},
		{3, ConsistentlyPass, ConsistentlyFail},
	} {
		if got, ok := l.Assurance(c.target, HigherBetter); got != c.higher || !ok {
			t.Errorf("target %v where higher is better: %s, want %s", c.target, got, c.higher)
		}
		if got, ok := l.Assurance(c.target, LowerBetter); got != c.lower || !ok {
			t.Errorf("target %v where lower is better: %s, want %s", c.target, got, c.lower)
		}
	}
	if _, ok := l.Assurance(9, Neutral); ok {
		t.Error("assurance without a good direction")
	}
	if _, ok := l.Assurance(math.NaN(), HigherBetter); ok {
		t.Error("assurance of no target")
	}
	if v, ok := (Chart{Signals: []Signal{AboveLimit, Common}}).Variation(HigherBetter); v != CommonCause || !ok {
		t.Errorf("variation %s, want that of the last point", v)
	}
	if _, ok := (Chart{}).Variation(HigherBetter); ok {
		t.Error("a chart without points has a variation")
	}
}

func TestWithMemory(t *testing.T) {
	values := []float64{2, 4, 3, 5, 9}
	m, err := WithMemory(values, MemoryOptions{Weight: 1, Width: 3, Allowance: 0})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(m.Weighted, values) {
		t.Errorf("with all weight on the newest: %v, want the values", m.Weighted)
	}
	near(t, "sigma", m.Sigma, 9.0/4/1.128, 1e-12)
	near(t, "upper", m.Upper[3], 4.6+3*m.Sigma, 1e-12)
	near(t, "last high sum", m.SumHigh[4], 4.8/m.Sigma, 1e-12)
	near(t, "last low sum", m.SumLow[3], 4.4/m.Sigma, 1e-12)
	m, err = WithMemory(values, MemoryOptions{Weight: 0.2, Width: 3, Allowance: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "first moving mean", m.Weighted[0], 0.2*2+0.8*4.6, 1e-12)
	near(t, "first limit", m.Upper[0]-4.6, 3*m.Sigma*0.2, 1e-12)
}

func TestProportions(t *testing.T) {
	p, err := Proportions([]float64{30, 45, 20}, []float64{60, 80, 40})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "proportion", p.Proportion, 95.0/180, 1e-12)
	s := math.Sqrt(p.Proportion * (1 - p.Proportion) / 80)
	near(t, "upper", p.Upper[1], p.Proportion+3*s, 1e-12)
	near(t, "z", p.Z[1], (45.0/80-p.Proportion)/s, 1e-12)
	near(t, "Laney", p.LaneyUpper[1], p.Proportion+3*s*p.SigmaZ, 1e-12)
	near(t, "u", p.RateUpper[1], p.Proportion+3*math.Sqrt(p.Proportion/80), 1e-12)
	if small, err := Proportions([]float64{1, 0}, []float64{2, 2}); err != nil || small.Lower[0] != 0 || small.Upper[0] != 0.25+3*math.Sqrt(0.25*0.75/2) && small.Upper[0] != 1 {
		t.Errorf("limits of two: %+v, %v, want them within 0 and 1", small, err)
	}
}

func TestExactXmR(t *testing.T) {
	e, err := ExactXmR([]float64{1, 3, 2, 5})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "d2", e.D2, 1.1283791670955126, 1e-15)
	near(t, "upper", e.Upper, 2.75+3*2/e.D2, 1e-12)
	near(t, "range limit", e.RangeUpper, 2*(1+3*0.8525024664/1.1283791671), 1e-8)
}

func TestErrors(t *testing.T) {
	xmr := func(values []float64, o Options) error { _, err := XmR(values, o); return err }
	memory := func(o MemoryOptions, values ...float64) error { _, err := WithMemory(values, o); return err }
	p := func(x, n []float64) error { _, err := Proportions(x, n); return err }
	usual := MemoryOptions{0.2, 3, 0.5}
	for _, c := range []struct {
		name string
		err  error
		want error
	}{
		{"no points", xmr(nil, Options{}), analytics.ErrTooFewObservations},
		{"one point", xmr([]float64{1}, Options{}), analytics.ErrTooFewObservations},
		{"fixed on one point", xmr([]float64{1, 2, 3}, Options{FixAfter: 1}), analytics.ErrTooFewObservations},
		{"only gaps", xmr([]float64{1, 2, 3}, Options{Gaps: []int{1, 2}}), analytics.ErrTooFewObservations},
		{"equal", xmr([]float64{2, 2, 2}, Options{}), analytics.ErrZeroVariance},
		{"equal but for one", xmr([]float64{2, 2, 2, 2, 2, 2, 9}, Options{}), analytics.ErrZeroVariance},
		{"NaN", xmr([]float64{1, math.NaN()}, Options{}), analytics.ErrInvalidParameter},
		{"fixed beyond", xmr([]float64{1, 2}, Options{FixAfter: 3}), analytics.ErrInvalidParameter},
		{"fixed before", xmr([]float64{1, 2}, Options{FixAfter: -1}), analytics.ErrInvalidParameter},
		{"run of two", xmr([]float64{1, 2}, Options{Run: 2}), analytics.ErrInvalidParameter},
		{"gap beyond", xmr([]float64{1, 2}, Options{Gaps: []int{2}}), analytics.ErrInvalidParameter},
		{"weight 0", memory(MemoryOptions{0, 3, 0.5}, 1, 2), analytics.ErrInvalidParameter},
		{"weight 2", memory(MemoryOptions{2, 3, 0.5}, 1, 2), analytics.ErrInvalidParameter},
		{"width 0", memory(MemoryOptions{0.2, 0, 0.5}, 1, 2), analytics.ErrInvalidParameter},
		{"allowance below 0", memory(MemoryOptions{0.2, 3, -1}, 1, 2), analytics.ErrInvalidParameter},
		{"memory of one", memory(usual, 1), analytics.ErrTooFewObservations},
		{"memory of equals", memory(usual, 1, 1), analytics.ErrZeroVariance},
		{"lists of different length", p([]float64{1}, []float64{2, 2}), analytics.ErrInvalidParameter},
		{"one group", p([]float64{1}, []float64{2}), analytics.ErrTooFewObservations},
		{"more than all", p([]float64{1, 3}, []float64{2, 2}), analytics.ErrInvalidParameter},
		{"nobody", p([]float64{1, 0}, []float64{2, 0}), analytics.ErrInvalidParameter},
		{"NaN of a group", p([]float64{1, math.NaN()}, []float64{2, 2}), analytics.ErrInvalidParameter},
		{"no events", p([]float64{0, 0}, []float64{2, 2}), analytics.ErrZeroVariance},
		{"all events", p([]float64{2, 2}, []float64{2, 2}), analytics.ErrZeroVariance},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, c.err, c.want)
		}
	}
}
