package missing_test

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/describe"
	"github.com/lumbar-health/lumbar/analytics/missing"
)

// TestImputationKeepsWhatIsKnown holds that observed values stay, every gap is
// filled, and matching only uses values that somebody has.
func TestImputationKeepsWhatIsKnown(t *testing.T) {
	v := gappy(300, 2, 2, missing.PMM)
	v[1].Method = missing.Normal
	d, err := missing.Impute(v, missing.ImputeOptions{Imputations: 3, Seed: 1})
	if err != nil || d.Imputations() != 3 {
		t.Fatal(err)
	}
	for k := range 3 {
		for j := range v {
			column := d.Column(k, j)
			for i, x := range column {
				if math.IsNaN(x) || !math.IsNaN(v[j].Values[i]) && x != v[j].Values[i] {
					t.Fatalf("imputation %d, %s, row %d: %v", k, v[j].Name, i, x)
				}
				if j == 0 && !slices.Contains(v[0].Values, x) {
					t.Fatalf("matching gave %v, which nobody has", x)
				}
			}
		}
	}
	if len(d.Rows[2]) != 0 || math.IsNaN(v[0].Values[d.Rows[0][0]]) == false {
		t.Errorf("gaps %v", d.Rows)
	}
}

// TestImputationIsTheSeeds holds that threads do not matter and seeds do.
func TestImputationIsTheSeeds(t *testing.T) {
	v := gappy(200, 3, 2, missing.PMM)
	run := func(threads int, seed uint64) *missing.Imputed {
		d, err := missing.Impute(v, missing.ImputeOptions{Imputations: 5, Seed: seed, Threads: threads})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	one, many, other := run(1, 4), run(5, 4), run(1, 5)
	same := true
	for k := range 5 {
		for j := range v {
			if !slices.Equal(one.Column(k, j), many.Column(k, j)) {
				t.Fatalf("imputation %d of %s differs with threads", k, v[j].Name)
			}
			same = same && slices.Equal(one.Column(k, j), other.Column(k, j))
		}
	}
	if same {
		t.Error("another seed gives the same values")
	}
}

// TestImputationCorrectsForWhatPredicts holds the purpose: gaps that follow a
// covariate bias the complete cases and not the imputed mean, and the pooled
// error is above that of complete data.
func TestImputationCorrectsForWhatPredicts(t *testing.T) {
	const n = 4000
	for name, method := range map[string]missing.Method{"matching": missing.PMM, "normal": missing.Normal} {
		full := gappy(n, 1, 2, method)
		truth := make([]float64, n)
		for i := range n {
			truth[i] = 40 + 0.5*(full[1].Values[i]-50) + 0.5*(full[2].Values[i]-50) // its mean given the others
		}
		d, err := missing.Impute(full, missing.ImputeOptions{Seed: 2})
		if err != nil {
			t.Fatal(err)
		}
		p, err := d.Pool(func(k int) (float64, float64, error) {
			mean, sd, err := describe.MeanSD(d.Column(k, 0))
			return mean, sd * sd / n, err
		}, n-1, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		want, _, _ := describe.MeanSD(truth)
		var given []float64
		for _, y := range full[0].Values {
			if !math.IsNaN(y) {
				given = append(given, y)
			}
		}
		biased, _, _ := describe.MeanSD(given)
		if math.Abs(p.Value-want) > 0.4 || math.Abs(biased-want) < 0.8 || !(p.Between > 0) || !(p.Total > p.Within) {
			t.Errorf("%s: %v (%v), complete cases %v, want %v", name, p.Value, p.StdErr, biased, want)
		}
	}
}

// TestNormalDrawsHaveTheRegressionsSpread compares the filled values about the
// true regression with its residuals (0 ± 8), and the spread between imputations
// of their mean with theory: √(64/450 gaps + that of the coefficients).
func TestNormalDrawsHaveTheRegressionsSpread(t *testing.T) {
	v := gappy(3000, 1, 1, missing.Normal)
	d, err := missing.Impute(v, missing.ImputeOptions{Imputations: 200, Seed: 8})
	if err != nil {
		t.Fatal(err)
	}
	var means, spreads []float64
	for k := range 200 {
		var residuals []float64
		for at, row := range d.Rows[0] {
			residuals = append(residuals, d.Filled[k][0][at]-40-0.5*(v[1].Values[row]-50))
		}
		mean, sd, err := describe.MeanSD(residuals)
		if err != nil {
			t.Fatal(err)
		}
		means, spreads = append(means, mean), append(spreads, sd)
	}
	mean, between, _ := describe.MeanSD(means)
	spread, _, _ := describe.MeanSD(spreads)
	if math.Abs(mean) > 0.5 || math.Abs(spread-8) > 0.3 || math.Abs(between-0.41) > 0.06 {
		t.Errorf("residuals %v ± %v, between imputations %v; want 0 ± 8 and 0.41", mean, spread, between)
	}
}

func TestBadImputations(t *testing.T) {
	nan := math.NaN()
	plain := func(values ...float64) missing.Variable { return missing.Variable{Name: "v", Values: values} }
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		v    []missing.Variable
		o    missing.ImputeOptions
		want error
	}{
		"no variable": {nil, missing.ImputeOptions{}, analytics.ErrInvalidParameter},
		"lengths":     {[]missing.Variable{plain(1, 2), plain(1)}, missing.ImputeOptions{}, analytics.ErrInvalidParameter},
		"infinite":    {[]missing.Variable{plain(1, math.Inf(1))}, missing.ImputeOptions{}, analytics.ErrInvalidParameter},
		"all missing": {[]missing.Variable{plain(nan, nan), plain(1, 2)}, missing.ImputeOptions{}, analytics.ErrTooFewObservations},
		"too few":     {[]missing.Variable{plain(1, 2, nan), plain(1, 2, 3)}, missing.ImputeOptions{}, analytics.ErrTooFewObservations},
		"collinear":   {[]missing.Variable{plain(1, 2, nan, 4, 5, 7), plain(1, 2, 3, 5, 4, 1), plain(2, 4, 6, 10, 8, 2)}, missing.ImputeOptions{}, analytics.ErrCollinear},
		"predictor":   {[]missing.Variable{{Name: "v", Values: []float64{1, 2, nan}, Predictors: []int{0}}}, missing.ImputeOptions{}, analytics.ErrInvalidParameter},
		"no donor":    {[]missing.Variable{plain(1, 2, nan)}, missing.ImputeOptions{Donors: -1}, analytics.ErrInvalidParameter},
		"interrupted": {gappy(50, 1, 1, missing.PMM), missing.ImputeOptions{Interrupt: func() error { return broken }}, broken},
	} {
		if _, err := missing.Impute(c.v, c.o); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	constant, err := missing.Impute([]missing.Variable{plain(3, 3, 3, nan, 3), plain(1, 2, 3, 4, 5)}, missing.ImputeOptions{Imputations: 2})
	if err != nil || constant.Column(0, 0)[3] != 3 {
		t.Errorf("a column of one value: %v", err)
	}
	sparse, err := missing.Impute([]missing.Variable{plain(1, nan, nan, nan, nan, 2, 4)}, missing.ImputeOptions{Imputations: 2})
	if err != nil || len(sparse.Warnings) != 1 {
		t.Errorf("mostly missing: %v", err)
	}
}

// TestPoolStopsAtAnError holds that a failed analysis is an error.
func TestPoolStopsAtAnError(t *testing.T) {
	d, err := missing.Impute(gappy(50, 1, 1, missing.PMM), missing.ImputeOptions{Imputations: 2})
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	if _, err := d.Pool(func(int) (float64, float64, error) { return 0, 0, broken }, 10, 0.95); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}
