package paired

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

func TestAgreesWithR(t *testing.T) {
	raw, err := os.ReadFile("testdata/paired.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g struct {
		Cases []struct {
			First, Second                           []float64
			Level, Mean, Se, Low, High, T, P, SD, R float64
			SMCR, SMCC, RCI, Sign                   []float64
		}
	}
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	for i, c := range g.Cases {
		before := slices.Clone(c.First)
		r, err := TTest(c.First, c.Second, c.Level)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(before, c.First) {
			t.Error("TTest changed its input")
		}
		for name, pair := range map[string][2]float64{"mean": {r.Value, c.Mean}, "se": {r.StdErr, c.Se}, "low": {r.Lower, c.Low}, "high": {r.Upper, c.High},
			"t": {r.Statistic, c.T}, "p": {r.P, c.P}, "sd": {r.StdDev, c.SD}, "r": {*r.Correlation, c.R}} {
			if !near(pair[0], pair[1], 1e-12) {
				t.Errorf("case %d %s = %v, R has %v", i, name, pair[0], pair[1])
			}
		}
		indices, err := Indices(c.First, c.Second)
		if err != nil {
			t.Fatal(err)
		}
		baseline, changes, err := Counts(c.First, c.Second, nil)
		if err != nil {
			t.Fatal(err)
		}
		change, err := ReliableChange(baseline, changes, 0.8, 1)
		if err != nil {
			t.Fatal(err)
		}
		signs, err := SignTest(changes)
		if err != nil {
			t.Fatal(err)
		}
		got := []float64{indices.SMCR, indices.SMCRVariance, indices.SMCC, indices.SMCCVariance, change.StdErrMeasurement, float64(change.Improved), float64(change.Worse),
			float64(change.Unchanged), float64(signs.Up), float64(signs.Nonzero), signs.P}
		for k, want := range slices.Concat(c.SMCR, c.SMCC, c.RCI, c.Sign) {
			if !near(got[k], want, 1e-12) {
				t.Errorf("case %d index %d = %v, R has %v", i, k, got[k], want)
			}
		}
	}
}

var terms = []moments.Term{moments.Intercept(), moments.Column("first"), moments.Column("second")}

func TestMomentsAreRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(3, 30).Draw(t, "n")
		first, second, rows := make([]float64, n), make([]float64, n), []float64(nil)
		for i := range first {
			first[i] = float64(rapid.IntRange(0, 100).Draw(t, "first"))
			second[i] = float64(rapid.IntRange(0, 100).Draw(t, "second"))
		}
		first[0], second[0], first[1], second[1] = 10, 20, 30, 5
		for i := range first {
			rows = append(rows, 1, first[i], second[i])
		}
		m, err := moments.FromRows(terms, []int64{1, 1, 1}, rows)
		if err != nil {
			t.Fatal(err)
		}
		a, err := FromMoments(m, 1, 2, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		b, err := TTest(first, second, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		if !near(a.Value, b.Value, 1e-12) || !near(a.Lower, b.Lower, 1e-11) || !near(a.P, b.P, 1e-9) || !near(a.StdDev, b.StdDev, 1e-11) {
			t.Fatalf("moments %+v, rows %+v", a, b)
		}
		c, err := TTest(second, first, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		if c.Value != -b.Value || c.Lower != -b.Upper || c.P != b.P {
			t.Fatalf("swap: %+v and %+v", b, c)
		}
	})
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		name          string
		first, second []float64
		level         float64
		want          error
	}{
		{"lengths", []float64{1, 2}, []float64{1}, 0.95, analytics.ErrInvalidParameter},
		{"one pair", []float64{1}, []float64{2}, 0.95, analytics.ErrTooFewObservations},
		{"same change", []float64{1, 2, 3}, []float64{2, 3, 4}, 0.95, analytics.ErrZeroVariance},
		{"NaN", []float64{1, math.NaN()}, []float64{2, 3}, 0.95, analytics.ErrInvalidParameter},
		{"level", []float64{1, 2}, []float64{2, 5}, 0, analytics.ErrInvalidParameter},
	} {
		if _, err := TTest(c.first, c.second, c.level); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	for name, c := range map[string]struct{ err, want error }{
		"indices of two pairs":  {second(Indices([]float64{1, 2}, []float64{2, 5})), analytics.ErrTooFewObservations},
		"indices of a flat one": {second(Indices([]float64{4, 4, 4}, []float64{1, 2, 9})), analytics.ErrZeroVariance},
		"reliability of 1":      {reliable([]float64{1, 2}, []float64{2, 5}, 1, 1), analytics.ErrInvalidParameter},
		"no sign":               {reliable([]float64{1, 2}, []float64{2, 5}, 0.9, 0), analytics.ErrInvalidParameter},
		"NaN follow-up":         {reliable([]float64{1, 2}, []float64{2, math.NaN()}, 0.9, 1), analytics.ErrInvalidParameter},
		"flat baseline":         {reliable([]float64{2, 2}, []float64{2, 5}, 0.9, 1), analytics.ErrZeroVariance},
		"one person":            {reliable([]float64{2}, []float64{2}, 0.9, 1), analytics.ErrTooFewObservations},
		"fewer changes":         {second(ReliableChange(histogram.Histogram{Values: []float64{1, 2}, Counts: []int64{1, 1}}, histogram.Histogram{}, 0.9, 1)), analytics.ErrInvalidParameter},
		"nobody changed":        {second(SignTest(histogram.Histogram{Values: []float64{0}, Counts: []int64{2}})), analytics.ErrZeroVariance},
		"lengths":               {reliable([]float64{2, 3}, []float64{2}, 0.9, 1), analytics.ErrInvalidParameter},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", name, c.err, c.want)
		}
	}
	r, err := TTest([]float64{4, 4, 4}, []float64{1, 2, 9}, 0.95)
	if err != nil || r.Correlation != nil {
		t.Errorf("flat first: %+v, %v, want no correlation", r, err)
	}
	m, err := moments.FromRows(terms, []int64{1, 1, 1}, []float64{1, 1, 2, 1, 3, 4})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := FromMoments(m, 1, 2, 0.95); !errors.Is(err, analytics.ErrZeroVariance) {
		t.Errorf("same change in moments: %v", err)
	}
	if _, err := FromMoments(m, 1, 9, 0.95); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("column out of range: %v", err)
	}
	if _, err := FromMoments(moments.New(terms, m.Units), 1, 2, 0.95); !errors.Is(err, analytics.ErrTooFewObservations) {
		t.Errorf("no rows: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

// reliable is the error of ReliableChange on rows.
func reliable(first, second []float64, reliability, sign float64) error {
	baseline, changes, err := Counts(first, second, nil)
	if err == nil {
		_, err = ReliableChange(baseline, changes, reliability, sign)
	}
	return err
}
