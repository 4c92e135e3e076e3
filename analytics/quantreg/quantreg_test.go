package quantreg

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"slices"
	"sort"
	"testing"

	"pgregory.net/rapid"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
)

func near(got, want, tol float64) bool { return math.Abs(got-want) <= tol*math.Max(1, math.Abs(want)) }

type golden struct {
	Engel, Scores map[string][]float64
	Cases         []struct {
		Data, Formula string
		Tau, Rho      float64
		Coef, Nid     []float64
	}
}

func readR(t *testing.T) golden {
	t.Helper()
	raw, err := os.ReadFile("testdata/quantreg.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

func designOf(t *testing.T, columns map[string][]float64, formula string) *design.Matrix {
	t.Helper()
	var table []design.Column
	for name, v := range columns {
		table = append(table, design.Column{Name: name, Values: v})
	}
	rows, err := design.NewTable(table...)
	if err != nil {
		t.Fatal(err)
	}
	f, err := design.Parse(formula)
	if err != nil {
		t.Fatal(err)
	}
	m, err := f.Build(rows)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestAgreesWithR(t *testing.T) {
	g := readR(t)
	for _, c := range g.Cases {
		data := g.Engel
		if c.Data == "scores" {
			data = g.Scores
		}
		f, err := Regress(designOf(t, data, c.Formula), c.Tau, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if !near(f.Objective, c.Rho, 1e-12) {
			t.Errorf("%s %v: objective %v, want %v", c.Data, c.Tau, f.Objective, c.Rho)
		}
		cov, err := f.Covariance()
		if err != nil {
			t.Fatal(err)
		}
		for j, want := range c.Coef {
			if !near(f.Coef[j], want, 1e-9) {
				t.Errorf("%s %v: %s = %v, want %v", c.Data, c.Tau, f.Names[j], f.Coef[j], want)
			}
			// R's errors rest on an interior point fit of the neighbouring quantiles.
			if got := math.Sqrt(cov.At(j, j)); !near(got, c.Nid[j], 1e-5) {
				t.Errorf("%s %v: error of %s = %v, want %v", c.Data, c.Tau, f.Names[j], got, c.Nid[j])
			}
		}
	}
}

// TestIsTheMinimum compares with every line through two points.
func TestIsTheMinimum(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(3, 12).Draw(rt, "n")
		x, y := make([]float64, n), make([]float64, n)
		for i := range x {
			x[i] = float64(rapid.IntRange(0, 5).Draw(rt, "x"))
			y[i] = float64(rapid.IntRange(-4, 8).Draw(rt, "y"))
		}
		tau := rapid.SampledFrom([]float64{0.1, 0.3, 0.5, 0.8}).Draw(rt, "tau")
		m := designOf(t, map[string][]float64{"x": x, "y": y}, "y ~ x")
		before := slices.Clone(m.X)
		f, err := Regress(m, tau, Options{})
		if err != nil {
			if errors.Is(err, analytics.ErrCollinear) && slices.Min(x) == slices.Max(x) {
				return
			}
			rt.Fatal(err)
		}
		best := math.Inf(1)
		for i := range x {
			for j := range i {
				if x[i] == x[j] {
					continue
				}
				slope := (y[i] - y[j]) / (x[i] - x[j])
				var loss float64
				for k := range x {
					u := y[k] - y[i] - slope*(x[k]-x[i])
					loss += math.Max(tau*u, (tau-1)*u)
				}
				best = math.Min(best, loss)
			}
		}
		if !near(f.Objective, best, 1e-10) || !slices.Equal(before, m.X) {
			rt.Fatalf("objective %v, the best line has %v", f.Objective, best)
		}
	})
}

// TestOfAConstant holds that without covariates it is a sample quantile.
func TestOfAConstant(t *testing.T) {
	y := []float64{9, 1, 4, 4, 7, 30, 2}
	f, err := Regress(designOf(t, map[string][]float64{"y": y}, "y ~ 1"), 0.5, Options{})
	if err != nil {
		t.Fatal(err)
	}
	sorted := slices.Clone(y)
	sort.Float64s(sorted)
	if !near(f.Coef[0], sorted[3], 1e-12) {
		t.Errorf("median = %v, want %v", f.Coef[0], sorted[3])
	}
}

// TestEquivariance holds that y → 3y + 2x + 1 moves the line with it, and that
// the quantile 1 − tau of −y is minus the quantile tau.
func TestEquivariance(t *testing.T) {
	g := readR(t)
	m := designOf(t, g.Engel, "foodexp ~ income")
	a, err := Regress(m, 0.3, Options{})
	if err != nil {
		t.Fatal(err)
	}
	moved, turned := *m, *m
	moved.Y, turned.Y = make([]float64, m.N), make([]float64, m.N)
	for i, y := range m.Y {
		moved.Y[i], turned.Y[i] = 3*y+2*m.Row(i)[1]+1, -y
	}
	b, errB := Regress(&moved, 0.3, Options{})
	c, errC := Regress(&turned, 0.7, Options{})
	if errB != nil || errC != nil {
		t.Fatal(errB, errC)
	}
	if !near(b.Coef[0], 3*a.Coef[0]+1, 1e-9) || !near(b.Coef[1], 3*a.Coef[1]+2, 1e-9) || !near(c.Coef[1], -a.Coef[1], 1e-9) {
		t.Errorf("lines %v, %v, %v", a.Coef, b.Coef, c.Coef)
	}
}

func TestErrors(t *testing.T) {
	x := map[string][]float64{"x": {1, 2, 3, 4}, "same": {2, 4, 6, 8}, "y": {1, 5, 2, 7}}
	for name, c := range map[string]struct {
		m    *design.Matrix
		tau  float64
		want error
	}{
		"tau 0":       {designOf(t, x, "y ~ x"), 0, analytics.ErrInvalidParameter},
		"tau 1":       {designOf(t, x, "y ~ x"), 1, analytics.ErrInvalidParameter},
		"no response": {designOf(t, x, "~ x"), 0.5, analytics.ErrInvalidParameter},
		"collinear":   {designOf(t, x, "y ~ x + same"), 0.5, analytics.ErrCollinear},
		"few rows":    {designOf(t, x, "y ~ factor(x)"), 0.5, analytics.ErrTooFewObservations},
	} {
		if _, err := Regress(c.m, c.tau, Options{}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	f, err := Regress(designOf(t, map[string][]float64{"x": {1, 2, 3, 4}, "y": {5, 5, 5, 5}}, "y ~ x"), 0.5, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Covariance(); !errors.Is(err, analytics.ErrZeroVariance) {
		t.Errorf("errors of values that are all the same: %v", err)
	}
	stop := errors.New("stop")
	if _, err := Regress(designOf(t, x, "y ~ x"), 0.5, Options{Interrupt: func() error { return stop }}); !errors.Is(err, stop) {
		t.Errorf("interrupted: %v", err)
	}
}
