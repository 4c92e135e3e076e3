package quasi

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
	"github.com/lumbar-health/lumbar/analytics/linear"
	"github.com/lumbar-health/lumbar/analytics/moments"
)

func near(got, want, tol float64) bool { return math.Abs(got-want) <= tol*math.Max(1, math.Abs(want)) }

func allNear(got, want []float64, tol float64) bool {
	return slices.EqualFunc(got, want, func(a, b float64) bool { return near(a, b, tol) })
}

type golden struct {
	Data map[string][]float64
	Fits []struct {
		Formula                       string
		Coef, Se, Hc0, Hc1, Hc2, Cr1s []float64
		Sigma                         float64
		Diagnostics                   [][]*float64
	}
	Did struct {
		Unit                                             []int
		Month, Treated, Post, Y                          []float64
		Estimate, Classical, Hc1, Cr1s, Cr2, Df, P, Twfe float64
		TwfeClassical                                    float64 `json:"twfe_classical"`
		TwfeCr1s                                         float64 `json:"twfe_cr1s"`
	}
}

func readGolden(t *testing.T) golden {
	t.Helper()
	raw, err := os.ReadFile("testdata/quasi.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

func (g golden) table(t *testing.T) *design.Table {
	t.Helper()
	var columns []design.Column
	for _, name := range []string{"y", "x1", "x2", "w", "z1", "z2"} {
		columns = append(columns, design.Column{Name: name, Values: g.Data[name]})
	}
	table, err := design.NewTable(columns...)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func fit(t *testing.T, table *design.Table, formula string) *InstrumentalRows {
	t.Helper()
	f, err := design.ParseInstrumented(formula)
	if err != nil {
		t.Fatal(err)
	}
	x, z, err := f.Build(table)
	if err != nil {
		t.Fatal(err)
	}
	r, err := TwoStageRows(x, z)
	if err != nil {
		t.Fatal(formula, err)
	}
	return r
}

func roots(t *testing.T) func(linear.Sym, error) []float64 {
	return func(s linear.Sym, err error) (out []float64) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		for j := 0; j < s.N; j++ {
			out = append(out, math.Sqrt(s.At(j, j)))
		}
		return out
	}
}

func TestAgreesWithAER(t *testing.T) {
	g := readGolden(t)
	labels := make([]int, len(g.Data["g"]))
	for i, v := range g.Data["g"] {
		labels[i] = int(v)
	}
	for _, want := range g.Fits {
		r := fit(t, g.table(t), want.Formula)
		se := roots(t)
		clusters, err := r.ByRows(labels)
		if err != nil {
			t.Fatal(err)
		}
		for name, pair := range map[string][2][]float64{
			"coefficients": {r.Coef, want.Coef}, "classical": {se(r.Covariance(), nil), want.Se}, "σ": {{math.Sqrt(r.Sigma2)}, {want.Sigma}},
			"HC0": {se(r.Rows.HC(linear.HC0)), want.Hc0}, "HC1": {se(r.Rows.HC(linear.HC1)), want.Hc1}, "HC2": {se(r.Rows.HC(linear.HC2)), want.Hc2},
			"CR1S": {se(clusters.Covariance(linear.CR1S)), want.Cr1s},
		} {
			if !allNear(pair[0], pair[1], 1e-9) {
				t.Errorf("%s: %s %v, want %v", want.Formula, name, pair[0], pair[1])
			}
		}
		var got [][]float64
		for _, f := range r.FirstStage {
			got = append(got, []float64{f.DF1, f.DF2, f.F, f.P})
		}
		got = append(got, []float64{r.WuHausman.DF1, r.WuHausman.DF2, r.WuHausman.F, r.WuHausman.P})
		// Without an intercept ivreg takes R² about the mean; ours is Sargan's, about 0.
		if r.Sargan != nil && r.HasIntercept {
			got = append(got, []float64{r.Sargan.DF, 0, r.Sargan.Statistic, r.Sargan.P})
		}
		for i, row := range got {
			for j, v := range row {
				if w := want.Diagnostics[i][j]; w != nil && !near(v, *w, 1e-8) {
					t.Errorf("%s: diagnostic %d %d = %v, want %v", want.Formula, i, j, v, *w)
				}
			}
		}
		if n := len(want.Diagnostics); r.Sargan == nil && *want.Diagnostics[n-1][0] != 0 {
			t.Errorf("%s: no Sargan test", want.Formula)
		}
	}
}

// TestMomentsGiveWhatRowsGive holds the pushed-down form against rows, whole and in
// two parts.
func TestMomentsGiveWhatRowsGive(t *testing.T) {
	g := readGolden(t)
	r := fit(t, g.table(t), "y ~ x1 + w | z1 + z2 + w")
	m, err := moments.FromRows(r.terms, r.units, r.joint)
	if err != nil {
		t.Fatal(err)
	}
	width, half := len(r.terms), len(r.joint)/len(r.terms)/2*len(r.terms)
	a, errA := moments.FromRows(r.terms, r.units, r.joint[:half])
	b, errB := moments.FromRows(r.terms, r.units, r.joint[half:])
	merged, errM := moments.Merge(a, b)
	if errors.Join(errA, errB, errM) != nil || width != 6 {
		t.Fatal(errA, errB, errM, width)
	}
	for _, each := range []moments.Matrix{m, merged} {
		got, err := TwoStage(each, r.y, r.x, r.z)
		if err != nil || !allNear(got.Coef, r.Coef, 1e-11) || !allNear(got.Inv.Data, r.Inv.Data, 1e-11) {
			t.Errorf("%+v, want %+v, %v", got, r.Instrumental, err)
		}
		var rss float64
		for _, e := range r.Rows.Residuals {
			rss += e * e
		}
		if !near(got.RSS, rss, 1e-11) {
			t.Errorf("RSS %v, rows give %v", got.RSS, rss)
		}
	}
}

// TestUnitsDoNotMatter scales and shifts columns.
func TestUnitsDoNotMatter(t *testing.T) {
	g := readGolden(t)
	base := fit(t, g.table(t), "y ~ x1 + w | z1 + z2 + w")
	rapid.Check(t, func(r *rapid.T) {
		scale, shift := rapid.Float64Range(0.01, 100).Draw(r, "scale"), rapid.Float64Range(-1000, 1000).Draw(r, "shift")
		moved := golden{Data: map[string][]float64{}}
		for name, values := range g.Data {
			moved.Data[name] = slices.Clone(values)
		}
		for i := range moved.Data["w"] {
			moved.Data["w"][i] = shift + scale*moved.Data["w"][i]
			moved.Data["z1"][i] *= scale
		}
		got := fit(t, moved.table(t), "y ~ x1 + w | z1 + z2 + w")
		if !near(got.Coef[1], base.Coef[1], 1e-7) || !near(got.Coef[2]*scale, base.Coef[2], 1e-7) || !near(got.WuHausman.F, base.WuHausman.F, 1e-6) || !near(got.FirstStage[0].F, base.FirstStage[0].F, 1e-6) {
			r.Fatalf("%v, want %v", got.Coef, base.Coef)
		}
	})
}

func TestInstrumentErrors(t *testing.T) {
	g := readGolden(t)
	g.Data["one"], g.Data["noise"] = make([]float64, 120), make([]float64, 120)
	table, err := g.table(t).With(design.Column{Name: "one", Values: make([]float64, 120)})
	if err != nil {
		t.Fatal(err)
	}
	for formula, want := range map[string]error{
		"y ~ x1 + x2 | z1":             analytics.ErrInvalidParameter, // too few instruments
		"y ~ w | w":                    analytics.ErrInvalidParameter, // nothing endogenous
		"y ~ x1 | one":                 analytics.ErrCollinear,
		"y ~ x1 + w | z1 + w + I(2*w)": analytics.ErrCollinear,
		"y ~ x1 | x2 + I(3*x1)":        analytics.ErrCollinear, // its own instrument
	} {
		f, err := design.ParseInstrumented(formula)
		if err != nil {
			t.Fatal(formula, err)
		}
		x, z, err := f.Build(table)
		if err != nil {
			t.Fatal(formula, err)
		}
		if _, err := TwoStageRows(x, z); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", formula, err, want)
		}
	}
	few := table.Select([]int{0, 1, 2})
	f, err := design.ParseInstrumented("y ~ x1 + w | z1 + w")
	if err != nil {
		t.Fatal(err)
	}
	x, z, err := f.Build(few)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := TwoStageRows(x, z); !errors.Is(err, analytics.ErrTooFewObservations) {
		t.Errorf("three rows: %v", err)
	}
	if _, err := TwoStage(moments.New([]moments.Term{moments.Intercept(), moments.Column("y")}, []int64{1, 1}), 1, []int{0, 1}, []int{0, 1}); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("the response as a term: %v", err)
	}
}

func flags(v []float64) []bool {
	out := make([]bool, len(v))
	for i := range v {
		out[i] = v[i] == 1
	}
	return out
}

func TestDifferencesAgreeWithR(t *testing.T) {
	d := readGolden(t).Did
	cells, err := CellsOfRows(d.Y, d.Unit, flags(d.Treated), flags(d.Post))
	if err != nil {
		t.Fatal(err)
	}
	got, err := TwoByTwo(cells)
	if err != nil {
		t.Fatal(err)
	}
	have := []float64{got.Estimate, got.Classical, got.HC1, got.CR1S, got.CR2.StdErr, got.CR2.DF, got.CR2.P}
	if want := []float64{d.Estimate, d.Classical, d.Hc1, d.Cr1s, d.Cr2, d.Df, d.P}; !allNear(have, want, 1e-9) || got.Clusters != 9 {
		t.Errorf("%v, want %v", have, want)
	}
	for i := range d.Treated {
		d.Treated[i] = 1 - d.Treated[i]
	}
	cells, _ = CellsOfRows(d.Y, d.Unit, flags(d.Treated), flags(d.Post))
	if swapped, err := TwoByTwo(cells); err != nil || !near(swapped.Estimate, -got.Estimate, 1e-12) || !near(swapped.CR2.StdErr, got.CR2.StdErr, 1e-10) {
		t.Errorf("swapped %+v, %v", swapped, err)
	}
}

func TestTwoWayAgreesWithR(t *testing.T) {
	d := readGolden(t).Did
	change, unit := make([]float64, len(d.Y)), make([]float64, len(d.Y))
	for i := range change {
		change[i], unit[i] = d.Treated[i]*d.Post[i], float64(d.Unit[i])
	}
	table, err := design.NewTable(design.Column{Name: "y", Values: d.Y}, design.Column{Name: "tp", Values: change}, design.Column{Name: "unit", Values: unit}, design.Column{Name: "month", Values: d.Month})
	if err != nil {
		t.Fatal(err)
	}
	f, err := design.Parse("y ~ tp + factor(unit) + factor(month)")
	if err != nil {
		t.Fatal(err)
	}
	m, err := f.Build(table)
	if err != nil {
		t.Fatal(err)
	}
	o, err := linear.OLS(m)
	if err != nil {
		t.Fatal(err)
	}
	got, err := twoWay(o, o.Place("tp"), d.Unit)
	if err != nil || !near(got.Estimate, d.Twfe, 1e-10) || !near(got.Classical, d.TwfeClassical, 1e-10) || !near(got.CR1S, d.TwfeCr1s, 1e-10) {
		t.Errorf("%+v, %v, want %v %v %v", got, err, d.Twfe, d.TwfeClassical, d.TwfeCr1s)
	}
	if _, err := twoWay(o, o.P, d.Unit); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("no such place: %v", err)
	}
	if _, err := twoWay(o, 1, make([]int, o.N)); !errors.Is(err, analytics.ErrTooFewObservations) {
		t.Errorf("one cluster: %v", err)
	}
}

func TestDifferencesErrors(t *testing.T) {
	cell := func(cluster int, treated, post bool, n int64, mean, ss float64) Cell {
		return Cell{Cluster: cluster, Treated: treated, Post: post, GroupSums: linear.GroupSums{N: n, Mean: mean, SumSq: ss}}
	}
	full := func(ss float64, clusters ...int) []Cell {
		var out []Cell
		for i, c := range clusters {
			out = append(out, cell(c, i%4 > 1, i%2 == 1, 5, float64(i*i), ss))
		}
		return out
	}
	for name, c := range map[string]struct {
		cells []Cell
		want  error
	}{
		"none":        {nil, analytics.ErrTooFewObservations},
		"empty cell":  {full(2, 1, 2, 3), analytics.ErrTooFewObservations},
		"no spread":   {full(0, 1, 2, 3, 4), analytics.ErrZeroVariance},
		"one cluster": {full(2, 1, 1, 1, 1), analytics.ErrTooFewObservations},
		"one a cell":  {full(2, 1, 2, 3, 4), analytics.ErrZeroVariance},
	} {
		if _, err := TwoByTwo(c.cells); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if _, err := CellsOfRows([]float64{1}, nil, nil, nil); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("lengths: %v", err)
	}
	if _, err := CellsOfRows([]float64{math.NaN()}, []int{1}, []bool{true}, []bool{true}); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("NaN: %v", err)
	}
}

// twoWay is TwoWay of rows.
func twoWay(o *linear.Rows, place int, labels []int) (FixedEffects, error) {
	along, err := o.Along(place, labels)
	if err != nil {
		return FixedEffects{}, err
	}
	return TwoWay(o.Fit, place, along)
}
