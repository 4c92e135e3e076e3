package describe

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/histogram"
	"github.com/lumbar-health/lumbar/analytics/moments"
)

func near(got, want, tol float64) bool { return math.Abs(got-want) <= tol*math.Max(1, math.Abs(want)) }

func TestDescribeAgreesWithR(t *testing.T) {
	raw, err := os.ReadFile("testdata/describe.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g struct {
		Cases []struct {
			X                                 []float64
			Mean, SD, Low, High, MAD, Trimmed float64
			Q7, Q6, Q1                        []float64
			SmallG1                           float64 `json:"g1"`
			SmallG2                           float64 `json:"g2"`
			BigG1                             float64 `json:"G1"`
			BigG2                             float64 `json:"G2"`
		}
	}
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	for i, c := range g.Cases {
		x := slices.Clone(c.X)
		s, err := Describe(x, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(x, c.X) {
			t.Error("Describe changed its input")
		}
		for name, pair := range map[string][2]float64{
			"mean": {s.Mean.Value, c.Mean}, "sd": {s.StdDev, c.SD}, "low": {s.Mean.Lower, c.Low}, "high": {s.Mean.Upper, c.High}, "mad": {s.MAD, c.MAD},
			"trimmed": {s.TrimmedMean, c.Trimmed}, "median": {s.Median, c.Q7[2]}, "q90": {s.Q90, c.Q7[4]},
		} {
			if !near(pair[0], pair[1], 1e-12) {
				t.Errorf("case %d %s = %v, R has %v", i, name, pair[0], pair[1])
			}
		}
		for name, pair := range map[string][2]float64{"g2": {s.Kurtosis, c.SmallG2}, "G2": {*s.KurtosisType2, c.BigG2}, "g1": {s.Skewness, c.SmallG1}, "G1": {*s.SkewnessType2, c.BigG1}} {
			if !near(pair[0], pair[1], 1e-9) {
				t.Errorf("case %d %s = %v, R has %v", i, name, pair[0], pair[1])
			}
		}
		for k, p := range []float64{0.1, 0.25, 0.5, 0.75, 0.9} {
			for kind, want := range map[Kind]float64{Type7: c.Q7[k], Type6: c.Q6[k], Type1: c.Q1[k]} {
				if got, err := Quantile(c.X, p, kind); err != nil || !near(got, want, 1e-14) {
					t.Errorf("case %d quantile %v type %d = %v, %v, R has %v", i, p, kind, got, err, want)
				}
			}
		}
	}
}

// TestMomentsAreRows holds that a column of moments gives the interval of rows.
func TestMomentsAreRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		counts := rapid.SliceOfN(rapid.IntRange(0, 1800), 2, 40).Draw(t, "eighteenths")
		counts[0], counts[1] = 3, 9 // some spread
		var x, rows []float64
		for _, c := range counts {
			x = append(x, float64(c)/18)
			rows = append(rows, 1, float64(c)/18)
		}
		m, err := moments.FromRows([]moments.Term{moments.Intercept(), moments.Column("x")}, []int64{1, 18}, rows)
		if err != nil {
			t.Fatal(err)
		}
		got, err := MeanInterval(m, 1, 0.9)
		if err != nil {
			t.Fatal(err)
		}
		want, err := Describe(x, 0.9)
		if err != nil {
			t.Fatal(err)
		}
		if !near(got.Value, want.Mean.Value, 1e-12) || !near(got.Lower, want.Mean.Lower, 1e-12) || !near(got.Upper, want.Mean.Upper, 1e-12) || got.N != want.Mean.N {
			t.Fatalf("moments %+v, rows %+v", got, want.Mean)
		}
	})
}

func TestShiftScalePermutation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.SliceOfN(rapid.Float64Range(-100, 100), 3, 30).Draw(t, "x")
		x[0], x[1] = -50, 50
		a, b := rapid.Float64Range(0.1, 10).Draw(t, "scale"), rapid.Float64Range(-1e3, 1e3).Draw(t, "shift")
		y := make([]float64, len(x))
		for i, v := range x {
			y[len(x)-1-i] = a*v + b
		}
		m, s, err := MeanSD(x)
		if err != nil {
			t.Fatal(err)
		}
		m2, s2, err := MeanSD(y)
		if err != nil {
			t.Fatal(err)
		}
		if !near(m2, a*m+b, 1e-11) || !near(s2, a*s, 1e-10) {
			t.Fatalf("mean %v sd %v, want %v and %v", m2, s2, a*m+b, a*s)
		}
	})
}

// TestLargeOffset is NIST StRD NumAcc3's shape: mean 1000000.2, sd 0.1.
func TestLargeOffset(t *testing.T) {
	x := []float64{1000000.2}
	for range 500 {
		x = append(x, 1000000.1, 1000000.3)
	}
	m, s, err := MeanSD(x)
	if err != nil || !near(m, 1000000.2, 1e-15) || math.Abs(s-0.1) > 1e-9 {
		t.Errorf("MeanSD = %.17g, %.17g, %v, want 1000000.2 and 0.1", m, s, err)
	}
}

func TestDescribeErrors(t *testing.T) {
	for _, c := range []struct {
		name  string
		x     []float64
		level float64
		want  error
	}{
		{"nothing", nil, 0.95, analytics.ErrTooFewObservations},
		{"one value", []float64{1}, 0.95, analytics.ErrTooFewObservations},
		{"equal values", []float64{2, 2, 2}, 0.95, analytics.ErrZeroVariance},
		{"NaN", []float64{1, math.NaN()}, 0.95, analytics.ErrInvalidParameter},
		{"infinity", []float64{1, math.Inf(1)}, 0.95, analytics.ErrInvalidParameter},
		{"level 1", []float64{1, 2}, 1, analytics.ErrInvalidParameter},
		{"level NaN", []float64{1, 2}, math.NaN(), analytics.ErrInvalidParameter},
	} {
		if _, err := Describe(c.x, c.level); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	empty := moments.New([]moments.Term{moments.Intercept(), moments.Column("x")}, []int64{1, 1})
	if _, err := MeanInterval(empty, 1, 0.95); !errors.Is(err, analytics.ErrTooFewObservations) {
		t.Errorf("empty moments: %v", err)
	}
	if _, err := MeanInterval(empty, 7, 0.95); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("column out of range: %v", err)
	}
	for name, f := range map[string]func() error{
		"p above 1":    func() error { _, err := Quantile([]float64{1}, 1.1, Type7); return err },
		"unknown type": func() error { _, err := Quantile([]float64{1}, 0.5, Kind(3)); return err },
	} {
		if err := f(); !errors.Is(err, analytics.ErrInvalidParameter) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Quantile(nil, 0.5, Type7); !errors.Is(err, analytics.ErrTooFewObservations) {
		t.Errorf("quantile of nothing: %v", err)
	}
}

// TestCountsAreNoHistogram holds that counts put together wrongly are refused.
func TestCountsAreNoHistogram(t *testing.T) {
	for name, c := range map[string]struct {
		h    histogram.Histogram
		want error
	}{
		"out of order": {histogram.Histogram{Values: []float64{2, 1}, Counts: []int64{1, 1}}, analytics.ErrInvalidParameter},
		"one person":   {histogram.Histogram{Values: []float64{2}, Counts: []int64{1}}, analytics.ErrTooFewObservations},
		"one value":    {histogram.Histogram{Values: []float64{2}, Counts: []int64{9}}, analytics.ErrZeroVariance},
		"nobody":       {histogram.Histogram{}, analytics.ErrTooFewObservations},
	} {
		if _, err := DescribeCounts(c.h, 0.95); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}
