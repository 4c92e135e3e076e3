package linear

import (
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/cells"
	"github.com/lumbar-health/lumbar/analytics/design"
)

func TestTestsAgreeWithR(t *testing.T) {
	raw, err := os.ReadFile("testdata/tests.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var want struct{ SS, F, P, GVIF, BP, Reset, Lin, Wald, ICC, Am, Knots, Basis []float64 }
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	g, table := readR(t)
	table, err = table.With(design.Column{Name: "am", Values: want.Am})
	if err != nil {
		t.Fatal(err)
	}
	crossed := fitOf(t, table, "mpg ~ wt * cyl + hp")
	lines, err := TypeII(compactOf(t, crossed))
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range lines {
		compareAll(t, "type II "+l.Term, []float64{l.SumSq, l.F, l.P}, []float64{want.SS[i], want.F[i], want.P[i]}, 1e-10)
	}
	plain := fitOf(t, table, "mpg ~ wt + cyl + hp")
	factors, err := VIF(compactOf(t, plain))
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range factors {
		compareAll(t, "vif "+v.Term, []float64{v.GVIF}, want.GVIF[i:i+1], 1e-11)
	}
	bp, err := BreuschPagan(plain)
	if err != nil {
		t.Fatal(err)
	}
	compareAll(t, "Breusch–Pagan", []float64{bp.Statistic, bp.P}, want.BP, 1e-10)
	reset, err := RESET(plain)
	if err != nil {
		t.Fatal(err)
	}
	compareAll(t, "RESET", []float64{reset.F, reset.P}, want.Reset, 1e-9)
	effectsAgree(t, table, crossed, want.Lin, want.Wald)
	groups, err := Groups(g.Numbers["mpg"], ints(g.Numbers["carb"]), 9)
	if err != nil {
		t.Fatal(err)
	}
	one, err := ICC(groups)
	if err != nil {
		t.Fatal(err)
	}
	compareAll(t, "ICC", []float64{one.Between, one.Within, one.N0, one.ICC, one.F}, want.ICC, 1e-11)
	basis, err := design.RestrictedCubicSpline(g.Numbers["hp"], want.Knots)
	if err != nil {
		t.Fatal(err)
	}
	compareAll(t, "spline", append(append([]float64(nil), basis[1]...), basis[2]...), want.Basis, 1e-11)
}

// effectsAgree compares Lin's estimator and the Wald test of an interaction.
func effectsAgree(t *testing.T, table *design.Table, crossed *Rows, wantLin, wantWald []float64) {
	t.Helper()
	linDesign := fitOf(t, table, "mpg ~ am + wt + hp").Design
	lin, err := Interacted(cells.FromRows(linDesign), linDesign.Place("am"), 0.95)
	if err != nil {
		t.Fatal(err)
	}
	compareAll(t, "Lin", []float64{lin.Value, lin.StdErr}, wantLin, 1e-11)
	robust, err := crossed.HC(HC3)
	if err != nil {
		t.Fatal(err)
	}
	wald, err := crossed.Wald([]int{crossed.Place("wt:cyl6"), crossed.Place("wt:cyl8")}, robust)
	if err != nil {
		t.Fatal(err)
	}
	compareAll(t, "Wald", []float64{wald.Statistic, wald.P}, wantWald, 1e-10)
}

func TestTestsRefuse(t *testing.T) {
	_, table := readR(t)
	one, perfect := fitOf(t, table, "mpg ~ wt"), fitOf(t, table, "I(wt - wt) ~ hp")
	for name, c := range map[string]struct {
		err  error
		want error
	}{
		"inflation of one term":      {second(VIF(compactOf(t, one))), analytics.ErrInvalidParameter},
		"type II of a perfect fit":   {second(TypeII(compactOf(t, perfect))), analytics.ErrZeroVariance},
		"Breusch–Pagan of no term":   {second(BreuschPagan(fitOf(t, table, "mpg ~ 1"))), analytics.ErrInvalidParameter},
		"RESET of one slope's fit":   {second(RESET(perfect)), analytics.ErrCollinear},
		"Wald of nothing":            {second(one.Wald(nil, one.Covariance())), analytics.ErrInvalidParameter},
		"Wald out of range":          {second(one.Wald([]int{9}, one.Covariance())), analytics.ErrInvalidParameter},
		"Wald of no variance":        {second(one.Wald([]int{0}, NewSym(2))), analytics.ErrCollinear},
		"treatment is the intercept": {second(Interacted(cells.FromRows(one.Design), 0, 0.95)), analytics.ErrInvalidParameter},
		"treatment is missing":       {second(Interacted(cells.FromRows(one.Design), -1, 0.95)), analytics.ErrInvalidParameter},
		"ICC of one group":           {second(ICC([]GroupSums{{N: 5, SumSq: 2}})), analytics.ErrTooFewObservations},
		"ICC of single rows":         {second(ICC([]GroupSums{{N: 1}, {N: 1, Mean: 2}})), analytics.ErrTooFewObservations},
		"ICC of no spread":           {second(ICC([]GroupSums{{N: 2}, {N: 3, Mean: 2}})), analytics.ErrZeroVariance},
		"row without group":          {second(Groups([]float64{1}, []int{-1}, 1)), analytics.ErrInvalidParameter},
		"knots that tie":             {second(design.RestrictedCubicSpline([]float64{1}, []float64{1, 1, 2})), analytics.ErrInvalidParameter},
		"two knots":                  {second(design.RestrictedCubicSpline([]float64{1}, []float64{1, 2})), analytics.ErrInvalidParameter},
		"models that do not nest":    {second(Compare(one.Fit, one.Fit)), analytics.ErrInvalidParameter},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", name, c.err, c.want)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func compactOf(t *testing.T, o *Rows) *Compact {
	t.Helper()
	c, err := o.Compact()
	if err != nil {
		t.Fatal(err)
	}
	return c
}
