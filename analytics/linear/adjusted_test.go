package linear

import (
	"errors"
	"math"
	"testing"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
)

func parsed(t *testing.T, formula string) design.Formula {
	t.Helper()
	f, err := design.Parse(formula)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestAdjustedMeansByHand evaluates a model at rows written out by hand.
func TestAdjustedMeansByHand(t *testing.T) {
	_, table := readR(t)
	fit := fitOf(t, table, "mpg ~ cyl + wt + factor(carb)")
	wt, _ := table.Column("wt")
	carb, _ := table.Column("carb")
	levels := design.AsFactor(carb)
	for weights, share := range map[FactorWeights]func(k int) float64{
		EqualWeights: func(int) float64 { return 1 / float64(len(levels.Levels)) },
		ObservedMargins: func(k int) float64 {
			var n float64
			for _, c := range levels.Codes {
				if c == k {
					n++
				}
			}
			return n / float64(len(levels.Codes))
		},
	} {
		a, err := AdjustedMeans(parsed(t, "mpg ~ cyl + wt + factor(carb)"), table, "cyl", weights)
		if err != nil {
			t.Fatal(err)
		}
		common := fit.Coef[0] + fit.Coef[fit.Place("wt")]*average(wt.Values)
		for k, level := range levels.Levels[1:] {
			common += share(k+1) * fit.Coef[fit.Place("factor(carb)"+level)]
		}
		for k, want := range []float64{common, common + fit.Coef[fit.Place("cyl6")], common + fit.Coef[fit.Place("cyl8")]} {
			m, err := a.Mean(k, a.Fit.Covariance(), 0.95)
			if err != nil || !near(m.Value, want, 1e-11) {
				t.Errorf("weights %d: mean of %s cylinders = %v, want %v (%v)", weights, a.Levels[k], m.Value, want, err)
			}
		}
		d, err := a.Difference(1, 0, a.Fit.Covariance(), 0.95)
		if err != nil || !near(d.Value, fit.Coef[fit.Place("cyl6")], 1e-11) || !near(d.StdErr, math.Sqrt(fit.Covariance().At(1, 1)), 1e-11) {
			t.Errorf("difference %v ± %v (%v)", d.Value, d.StdErr, err)
		}
	}
}

// TestAdjustedMeansOfInteractions holds that with a saturated pair of factors the
// adjusted means with observed margins average the cell means, and that poly()
// and raw powers agree.
func TestAdjustedMeansOfInteractions(t *testing.T) {
	_, table := readR(t)
	wt, _ := table.Column("wt")
	heavy := design.Column{Name: "heavy", Levels: []string{"no", "yes"}}
	hp, _ := table.Column("hp")
	for _, v := range hp.Values {
		code := 0
		if v > 110 {
			code = 1
		}
		heavy.Codes = append(heavy.Codes, code)
	}
	table, err := table.With(heavy)
	if err != nil {
		t.Fatal(err)
	}
	carb, _ := table.Column("carb")
	few := design.Column{Name: "few", Levels: []string{"one", "more"}}
	for _, v := range carb.Values {
		code := 0
		if v > 2 {
			code = 1
		}
		few.Codes = append(few.Codes, code)
	}
	if table, err = table.With(few); err != nil {
		t.Fatal(err)
	}
	a, err := AdjustedMeans(parsed(t, "mpg ~ heavy * few"), table, "few", ObservedMargins)
	if err != nil {
		t.Fatal(err)
	}
	mpg, _ := table.Column("mpg")
	for k := range few.Levels {
		var want float64
		for h := range heavy.Levels {
			var n, sum, margin float64
			for i, v := range mpg.Values {
				if heavy.Codes[i] == h {
					margin += 1 / float64(len(mpg.Values))
					if few.Codes[i] == k {
						n, sum = n+1, sum+v
					}
				}
			}
			want += margin * sum / n
		}
		if m, err := a.Mean(k, a.Fit.Covariance(), 0.95); err != nil || !near(m.Value, want, 1e-11) {
			t.Errorf("adjusted mean of %s = %v, want %v (%v)", few.Levels[k], m.Value, want, err)
		}
	}
	p, errP := AdjustedMeans(parsed(t, "mpg ~ few + poly(wt, 2)"), table, "few", EqualWeights)
	r, errR := AdjustedMeans(parsed(t, "mpg ~ few + wt + I(wt^2)"), table, "few", EqualWeights)
	if errP != nil || errR != nil {
		t.Fatal(errP, errR)
	}
	x, _ := p.Mean(1, p.Fit.Covariance(), 0.95)
	y, _ := r.Mean(1, r.Fit.Covariance(), 0.95)
	if !near(x.Value, y.Value, 1e-9) || !near(x.StdErr, y.StdErr, 1e-9) || len(wt.Values) != p.Fit.N {
		t.Errorf("poly: %v ± %v, powers: %v ± %v", x.Value, x.StdErr, y.Value, y.StdErr)
	}
}

func TestAdjustedMeansErrors(t *testing.T) {
	_, table := readR(t)
	for name, c := range map[string]struct {
		formula, factor string
		want            error
	}{
		"a number":            {"mpg ~ cyl + wt", "wt", analytics.ErrInvalidParameter},
		"not in the model":    {"mpg ~ wt", "cyl", analytics.ErrInvalidParameter},
		"an unknown column":   {"mpg ~ wt + other", "cyl", analytics.ErrInvalidParameter},
		"a collinear formula": {"mpg ~ cyl + wt + I(2 * wt)", "cyl", analytics.ErrCollinear},
	} {
		if _, err := AdjustedMeans(parsed(t, c.formula), table, c.factor, EqualWeights); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// TestWildIsItsDefinition refits the model on every draw.
func TestWildIsItsDefinition(t *testing.T) {
	_, table := readR(t)
	r := fitOf(t, table, "mpg ~ wt + hp")
	labels := make([]int, r.N)
	for i := range labels {
		labels[i] = i % 5
	}
	w, err := r.WildBootstrap(1, labels)
	if err != nil {
		t.Fatal(err)
	}
	null := fitOf(t, table, "mpg ~ hp")
	var exceed float64
	for draw := range 32 {
		m := *r.Design
		m.Y = make([]float64, r.N)
		for i := range m.Y {
			m.Y[i] = null.Fitted[i] + null.Residuals[i]*(1-2*float64(draw>>labels[i]&1))
		}
		fit, err := OLS(&m)
		if err != nil {
			t.Fatal(err)
		}
		clusters, err := fit.ByRows(labels)
		if err != nil {
			t.Fatal(err)
		}
		cov, err := clusters.Covariance(CR1S)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(fit.Coef[1])/math.Sqrt(cov.At(1, 1)) >= math.Abs(w.T)-1e-10 {
			exceed++
		}
	}
	if w.Draws != 32 || w.Clusters != 5 || !near(w.P, exceed/32, 1e-12) || !near(w.Estimate, r.Coef[1], 1e-12) {
		t.Errorf("wild bootstrap %+v, by definition p = %v", w, exceed/32)
	}
}

func TestWildErrors(t *testing.T) {
	_, table := readR(t)
	r := fitOf(t, table, "mpg ~ wt")
	own := make([]int, r.N)
	for i := range own {
		own[i] = i
	}
	for name, c := range map[string]struct {
		coef   int
		labels []int
		want   error
	}{
		"one cluster":    {1, make([]int, r.N), analytics.ErrTooFewObservations},
		"32 clusters":    {1, own, analytics.ErrInvalidParameter},
		"coefficient 7":  {7, own, analytics.ErrInvalidParameter},
		"labels missing": {1, nil, analytics.ErrInvalidParameter},
	} {
		if _, err := r.WildBootstrap(c.coef, c.labels); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}
