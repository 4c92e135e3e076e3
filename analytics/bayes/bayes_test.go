package bayes

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/moments"
)

func near(got, want, tol float64) bool { return math.Abs(got-want) <= tol*math.Max(1, math.Abs(want)) }

func allNear(got, want []float64, tol float64) bool {
	return slices.EqualFunc(got, want, func(a, b float64) bool { return near(a, b, tol) })
}

type golden struct {
	Factors []struct {
		T             float64
		N1, N0        int
		Small, Medium float64
	}
	Tables []struct {
		Counts   [][]float64
		One, Two float64
	}
	Beta []struct {
		V, Q []float64
		P    float64
	}
	Metas []struct {
		Yi, Vi                                   []float64
		Family                                   Family
		Scale, LogZ, Mean, Sd, Tau, TauSd, Above float64
	}
	Linear struct {
		X                 [][]float64
		Y, Mean, Scale    []float64
		Rate, LogMarginal float64
	}
}

func readGolden(t *testing.T) golden {
	t.Helper()
	raw, err := os.ReadFile("testdata/bayes.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// BayesFactor approximates the integral to about 1e-6.
func TestFactorsAgreeWithBayesFactor(t *testing.T) {
	for _, c := range readGolden(t).Factors {
		small, errS := TwoSampleFactor(c.T, c.N1, c.N0, 0.5)
		medium, errM := TwoSampleFactor(c.T, c.N1, c.N0, MediumScale)
		turned, errT := TwoSampleFactor(-c.T, c.N0, c.N1, MediumScale)
		if errors.Join(errS, errM, errT) != nil || !near(small, c.Small, 1e-5) || !near(medium, c.Medium, 1e-5) || turned != medium {
			t.Errorf("t %v of %d and %d: %v and %v, want %v and %v", c.T, c.N1, c.N0, small, medium, c.Small, c.Medium)
		}
	}
}

func TestTablesAgreeWithBayesFactor(t *testing.T) {
	for _, c := range readGolden(t).Tables {
		one, err1 := TableFactor(c.Counts, 1)
		two, err2 := TableFactor(c.Counts, 2)
		if errors.Join(err1, err2) != nil || !near(one, c.One, 1e-9) || !near(two, c.Two, 1e-9) {
			t.Errorf("%v: %v and %v, want %v and %v", c.Counts, one, two, c.One, c.Two)
		}
	}
}

func TestBetaAgreesWithR(t *testing.T) {
	for _, c := range readGolden(t).Beta {
		x, y := Beta{c.V[0], c.V[1]}, Beta{c.V[2], c.V[3]}
		p, err := x.Exceeds(y)
		q, errQ := y.Exceeds(x)
		if errors.Join(err, errQ) != nil || !near(p, c.P, 1e-9) || !near(p+q, 1, 1e-12) {
			t.Errorf("P(%v > %v) = %v, %v, want %v; the other way %v", x, y, p, err, c.P, q)
		}
		lo, hi, err := x.Interval(0.95)
		if err != nil || !allNear([]float64{lo, hi}, c.Q, 1e-9) {
			t.Errorf("%v: %v to %v, want %v", x, lo, hi, c.Q)
		}
	}
}

// TestExceedsInClosedForm compares with the finite sum for whole parameters.
func TestExceedsInClosedForm(t *testing.T) {
	logBeta := func(a, b float64) float64 { return logGamma(a) + logGamma(b) - logGamma(a+b) }
	rapid.Check(t, func(r *rapid.T) {
		draw := func(name string) float64 { return float64(rapid.IntRange(1, 60).Draw(r, name)) }
		x, y := Beta{draw("a"), draw("b")}, Beta{draw("c"), draw("d")}
		var want float64
		for i := 0.0; i < x.A; i++ {
			want += math.Exp(logBeta(y.A+i, x.B+y.B) - math.Log(x.B+i) - logBeta(1+i, x.B) - logBeta(y.A, y.B))
		}
		got, err := x.Exceeds(y)
		if err != nil || !near(got, want, 1e-10) {
			r.Fatalf("P(%v > %v) = %v, %v, want %v", x, y, got, err, want)
		}
	})
}

func TestMetaAgreesWithIntegrationInR(t *testing.T) {
	for _, c := range readGolden(t).Metas {
		got, err := MetaRandomEffects(c.Yi, c.Vi, TauPrior{c.Family, c.Scale}, 0.95)
		have := []float64{got.LogMarginal, got.Mean, got.StdDev, got.TauMean, got.TauStdDev, got.AboveZero}
		if want := []float64{c.LogZ, c.Mean, c.Sd, c.Tau, c.TauSd, c.Above}; err != nil || !allNear(have, want, 1e-9) {
			t.Errorf("%s %v: %v, %v, want %v", c.Family, c.Scale, have, err, want)
		}
		if !(got.Lower < got.Median && got.Median < got.Upper) {
			t.Errorf("quantiles %v %v %v", got.Lower, got.Median, got.Upper)
		}
	}
}

// TestMetaMoves shifts and scales the estimates.
func TestMetaMoves(t *testing.T) {
	y, v := []float64{0.2, 0.5, -0.1, 0.9}, []float64{0.02, 0.05, 0.04, 0.1}
	base, err := MetaRandomEffects(y, v, TauPrior{HalfCauchy, 0.4}, 0.9)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(r *rapid.T) {
		scale, shift := rapid.Float64Range(0.01, 100).Draw(r, "scale"), rapid.Float64Range(-10, 10).Draw(r, "shift")
		my, mv := make([]float64, 4), make([]float64, 4)
		for i := range y {
			my[i], mv[i] = scale*y[i]+shift, scale*scale*v[i]
		}
		got, err := MetaRandomEffects(my, mv, TauPrior{HalfCauchy, 0.4 * scale}, 0.9)
		if err != nil || !near(got.Mean, shift+scale*base.Mean, 1e-8) || !near(got.TauMean/scale, base.TauMean, 1e-8) || !near(got.Upper, shift+scale*base.Upper, 1e-7) || !near(got.Sites[3], shift+scale*base.Sites[3], 1e-8) {
			r.Fatalf("%+v, want %+v, %v", got, base, err)
		}
	})
}

func TestLinearAgreesWithR(t *testing.T) {
	c := readGolden(t).Linear
	table, err := design.NewTable(design.Column{Name: "y", Values: c.Y}, design.Column{Name: "a", Values: c.X[1]}, design.Column{Name: "b", Values: c.X[2]})
	if err != nil {
		t.Fatal(err)
	}
	f, err := design.Parse("y ~ a + b")
	if err != nil {
		t.Fatal(err)
	}
	m, err := f.Build(table)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := GramOfRows(m)
	if err != nil {
		t.Fatal(err)
	}
	var x []float64
	for i := range c.Y {
		x = append(x, 1, c.X[1][i], c.X[2][i], c.Y[i])
	}
	sums, err := moments.FromRows([]moments.Term{moments.Intercept(), moments.Column("a"), moments.Column("b"), moments.Column("y")}, []int64{1, 1, 1, 1}, x)
	if err != nil {
		t.Fatal(err)
	}
	pushed, err := GramOfMoments(sums, 3, []int{0, 1, 2})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range []Gram{rows, pushed} {
		got, err := ConjugateLinear(g, LinearPrior{CoefSD: 2, Shape: 2, Rate: 7})
		if err != nil || !allNear(got.Mean, c.Mean, 1e-9) || !allNear(got.Scale, c.Scale, 1e-9) || !near(got.Rate, c.Rate, 1e-9) || !near(got.LogMarginal, c.LogMarginal, 1e-9) || got.DF != 34 {
			t.Errorf("%+v, %v, want %+v", got, err, c)
		}
	}
	wide, err := ConjugateLinear(Gram{Names: []string{"a", "b"}, XX: rows.XX, XY: rows.XY[:2], YY: rows.YY, N: 1}, LinearPrior{1, 0.4, 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := wide.Variance(); ok {
		t.Error("a shape of 0.9 has no mean variance")
	}
}

func TestNormal(t *testing.T) {
	post, err := Normal{0, 5}.Update(3.787012987012987, 1.4126545810346407)
	if err != nil || !near(post.Mean, 3.507065942094926, 1e-12) || !near(post.StdDev, 1.359438455070718, 1e-12) {
		t.Errorf("%+v, %v", post, err)
	}
	lo, hi, err := post.Interval(0.95)
	if err != nil || !near(post.Below(lo), 0.025, 1e-12) || !near(post.Above(hi), 0.025, 1e-12) || !near(post.Within(lo, hi), 0.95, 1e-12) || !near(post.Below(1)+post.Above(1), 1, 1e-14) {
		t.Errorf("%v to %v, %v", lo, hi, err)
	}
	if far := (Normal{0, 1}).Within(20, 21); !(far > 2.7e-89 && far < 2.8e-89) {
		t.Errorf("P(20 < Z < 21) = %v", far)
	}
}

func TestErrors(t *testing.T) {
	y, v, prior := []float64{1, 2, 3}, []float64{1, 1, 1}, TauPrior{HalfNormal, 1}
	inf := math.Inf(1)
	for name, c := range map[string]struct{ err, want error }{
		"one in a group":   {second(TwoSampleFactor(1, 1, 5, 1)), analytics.ErrTooFewObservations},
		"infinite t":       {second(TwoSampleFactor(inf, 5, 5, 1)), analytics.ErrInvalidParameter},
		"scale 0":          {second(TwoSampleFactor(1, 5, 5, 0)), analytics.ErrInvalidParameter},
		"prior sd 0":       {second(Normal{0, 0}.Update(1, 1)), analytics.ErrInvalidParameter},
		"error 0":          {second(Normal{0, 1}.Update(1, 0)), analytics.ErrInvalidParameter},
		"NaN":              {second(Normal{0, 1}.Update(math.NaN(), 1)), analytics.ErrInvalidParameter},
		"beta prior":       {second(Beta{0, 1}.Update(1, 2)), analytics.ErrInvalidParameter},
		"events above n":   {second(Beta{1, 1}.Update(3, 2)), analytics.ErrInvalidParameter},
		"beta of 0":        {second(Beta{0, 1}.Exceeds(Beta{1, 1})), analytics.ErrInvalidParameter},
		"one row":          {second(TableFactor([][]float64{{1, 2}}, 1)), analytics.ErrTooFewObservations},
		"empty row":        {second(TableFactor([][]float64{{1, 2}, {0, 0}}, 1)), analytics.ErrTooFewObservations},
		"ragged":           {second(TableFactor([][]float64{{1, 2}, {1, 2, 3}}, 1)), analytics.ErrInvalidParameter},
		"half counts":      {second(TableFactor([][]float64{{1, 2.5}, {1, 2}}, 1)), analytics.ErrInvalidParameter},
		"concentration":    {second(TableFactor([][]float64{{1, 2}, {1, 2}}, 0.5)), analytics.ErrInvalidParameter},
		"no rows":          {second(ConjugateLinear(Gram{}, LinearPrior{1, 1, 1})), analytics.ErrTooFewObservations},
		"linear prior":     {second(ConjugateLinear(Gram{N: 1}, LinearPrior{0, 1, 1})), analytics.ErrInvalidParameter},
		"one site":         {second(MetaRandomEffects(y[:1], v[:1], prior, 0.95)), analytics.ErrTooFewObservations},
		"two, half-Cauchy": {second(MetaRandomEffects(y[:2], v[:2], TauPrior{HalfCauchy, 1}, 0.95)), analytics.ErrTooFewObservations},
		"lengths":          {second(MetaRandomEffects(y, v[:2], prior, 0.95)), analytics.ErrInvalidParameter},
		"variance 0":       {second(MetaRandomEffects(y, []float64{1, 0, 1}, prior, 0.95)), analytics.ErrInvalidParameter},
		"family":           {second(MetaRandomEffects(y, v, TauPrior{"uniform", 1}, 0.95)), analytics.ErrInvalidParameter},
		"scale of τ":       {second(MetaRandomEffects(y, v, TauPrior{HalfNormal, 0}, 0.95)), analytics.ErrInvalidParameter},
		"level":            {second(MetaRandomEffects(y, v, prior, 1)), analytics.ErrInvalidParameter},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", name, c.err, c.want)
		}
	}
}

func second[T any](_ T, err error) error { return err }
