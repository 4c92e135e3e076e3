package mixed

import (
	"encoding/json"
	"math"
	"os"
	"strconv"
	"testing"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
)

type rLinear struct {
	Formula         string
	Coef, SE, DF, P []float64
	KRSE            []float64 `json:"kr_se"`
	KRDF            []float64 `json:"kr_df"`
	Vars            []float64
	Deviance        float64
	Singular        bool
	Blup, SD, ML    []float64
}

type rLogistic struct {
	Points           int
	Coef, SE         []float64
	Variance, LogLik float64
}

type rGolden struct {
	Sleep, Binary, Growth map[string][]float64
	Linear                []rLinear
	Logistic              []rLogistic
	MMRM                  struct {
		Coef, SE []float64
		LogLik   float64
	}
	Beta struct{ Events, People, Law, Low []float64 }
}

func golden(t testing.TB) rGolden {
	t.Helper()
	raw, err := os.ReadFile("testdata/mixed.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g rGolden
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// compare reports the numbers that differ by more than tol, relative above 1.
func compare(t *testing.T, what string, got, want []float64, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d numbers, want %d", what, len(got), len(want))
		return
	}
	for i, w := range want {
		if !(math.Abs(got[i]-w) <= tol*math.Max(1, math.Abs(w))) {
			t.Errorf("%s[%d] = %.12g, want %.12g", what, i, got[i], w)
		}
	}
}

// tableOf makes a table of the columns in the order of their names.
func tableOf(t testing.TB, columns map[string][]float64) *design.Table {
	t.Helper()
	var list []design.Column
	for name, values := range columns {
		list = append(list, design.Column{Name: name, Values: values})
	}
	table, err := design.NewTable(list...)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func designs(t testing.TB, table *design.Table, formula string) (*design.Matrix, design.RandomMatrix) {
	t.Helper()
	f, err := design.ParseMixed(formula)
	if err != nil {
		t.Fatal(err)
	}
	x, z, err := f.Build(table)
	if err != nil {
		t.Fatal(err)
	}
	return x, z[0]
}

func fitted(t testing.TB, table *design.Table, formula string, reml bool) *Model {
	t.Helper()
	x, z := designs(t, table, formula)
	s, err := FromRows(x, z.Matrix, z.Group)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Fit(s, reml, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func roots(cov []float64) []float64 {
	p := int(math.Sqrt(float64(len(cov))))
	out := make([]float64, p)
	for j := range out {
		out[j] = math.Sqrt(cov[j*p+j])
	}
	return out
}

// variances lists them as R prints them: the random ones, their covariances, the residual.
func variances(m *Model) []float64 {
	var out []float64
	for i := range m.Random {
		out = append(out, m.Variance.At(i, i))
	}
	for i := range m.Random {
		for j := 0; j < i; j++ {
			out = append(out, m.Variance.At(i, j))
		}
	}
	return append(out, m.Residual)
}

func each(t testing.TB, m *Model, test func([]float64, float64) (analytics.Test, error)) (se, df, p []float64) {
	t.Helper()
	for j := range m.Coef {
		r, err := test(m.Unit(j), 0.95)
		if err != nil {
			t.Fatal(err)
		}
		se, df, p = append(se, r.StdErr), append(df, r.DF), append(p, r.P)
	}
	return se, df, p
}

// TestLinearAgreesWithR holds lme4 to 1e-6, whose optimiser stops at about that,
// and the degrees of freedom, which R takes from numerical Hessians, to 1e-4.
func TestLinearAgreesWithR(t *testing.T) {
	g := golden(t)
	table := tableOf(t, g.Sleep)
	for _, want := range g.Linear {
		m := fitted(t, table, want.Formula, true)
		compare(t, want.Formula+" coef", m.Coef, want.Coef, 1e-6)
		compare(t, want.Formula+" variances", variances(m), want.Vars, 1e-5)
		compare(t, want.Formula+" deviance", []float64{m.Deviance}, []float64{want.Deviance}, 1e-9)
		if m.Singular != want.Singular {
			t.Errorf("%s: singular %v, want %v", want.Formula, m.Singular, want.Singular)
		}
		s, err := m.Satterthwaite()
		if err != nil {
			t.Fatal(err)
		}
		se, df, p := each(t, m, s.Test)
		compare(t, want.Formula+" se", se, want.SE, 1e-6)
		compare(t, want.Formula+" df", df, want.DF, 1e-4)
		compare(t, want.Formula+" p", p, want.P, 1e-5)
		kr, err := m.KenwardRoger()
		if err != nil {
			t.Fatal(err)
		}
		se, df, _ = each(t, m, kr.Test)
		compare(t, want.Formula+" KR se", se, want.KRSE, 1e-5)
		compare(t, want.Formula+" KR df", df, want.KRDF, 1e-4)
		var blup, sd []float64
		for i := range m.Random {
			for _, e := range m.Effects() {
				blup = append(blup, e.Value[i])
			}
		}
		for _, e := range m.Effects() {
			sd = append(sd, e.StdDev...)
		}
		compare(t, want.Formula+" effects", blup, want.Blup, 1e-5)
		compare(t, want.Formula+" sd", sd, want.SD, 1e-5)
		ml := fitted(t, table, want.Formula, false)
		l, aic, bic := ml.LogLik()
		compare(t, want.Formula+" ML", append(append(append([]float64(nil), ml.Coef...), variances(ml)...), l, aic, bic), want.ML, 1e-5)
	}
}

// TestLogisticAgreesWithR holds glmer to 1e-4: its own inner iterations stop there.
func TestLogisticAgreesWithR(t *testing.T) {
	g := golden(t)
	x, z := designs(t, tableOf(t, g.Binary), "y ~ x + (1 | g)")
	for _, want := range g.Logistic {
		m, err := FitLogistic(x, z.Group, want.Points, Options{})
		if err != nil {
			t.Fatal(err)
		}
		compare(t, "coef", m.Coef, want.Coef, 1e-4)
		compare(t, "se", roots(m.Cov), want.SE, 1e-4)
		compare(t, "variance and loglik", []float64{m.Variance, m.LogLik}, []float64{want.Variance, want.LogLik}, 1e-4)
	}
}

func growth(t testing.TB, g rGolden) (x *design.Matrix, subject, visit design.Column) {
	t.Helper()
	table := tableOf(t, g.Growth)
	f, err := design.Parse("distance ~ f * factor(age)")
	if err != nil {
		t.Fatal(err)
	}
	if x, err = f.Build(table); err != nil {
		t.Fatal(err)
	}
	id, _ := table.Column("id")
	age, _ := table.Column("age")
	return x, design.AsFactor(id), design.AsFactor(age)
}

// TestVisitsAgreeWithR holds nlme's gls to 1e-5, whose optimiser stops at about that.
func TestVisitsAgreeWithR(t *testing.T) {
	g := golden(t)
	v, err := VisitsFromRows(growth(t, g))
	if err != nil {
		t.Fatal(err)
	}
	m, err := FitVisits(v, Options{})
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "coef", m.Coef, g.MMRM.Coef, 1e-5)
	compare(t, "se", roots(m.Cov), g.MMRM.SE, 1e-5)
	compare(t, "loglik", []float64{-m.Deviance / 2}, []float64{g.MMRM.LogLik}, 1e-9)
}

func TestBetaBinomialAgreesWithR(t *testing.T) {
	g := golden(t).Beta
	b, err := FitBetaBinomial(g.Events, g.People, Options{})
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "law", []float64{b.Alpha, b.Beta, b.NegLogLik}, g.Law, 1e-6)
	var low []float64
	for k := range g.Events {
		e, err := b.Posterior(g.Events[k], g.People[k], 0.95)
		if err != nil {
			t.Fatal(err)
		}
		low = append(low, e.Lower)
	}
	compare(t, "limits", low, g.Low, 1e-6)
}

// TestHermite holds the exactness of the nodes: moments of the normal law.
func TestHermite(t *testing.T) {
	for _, n := range []int{1, 2, 3, 7, 10, 25, 50, MaxPoints} {
		z, w := hermite(n)
		var even, odd, total float64
		for i := range z {
			total += w[i]
			even += w[i] * z[i] * z[i]
			odd += w[i] * z[i]
		}
		want := 1.0
		if n == 1 {
			want = 0
		}
		if math.Abs(total-1) > 1e-12 || math.Abs(odd) > 1e-12 || math.Abs(even-want) > 1e-11 {
			t.Errorf("%s points: moments %v %v %v", strconv.Itoa(n), total, odd, even)
		}
	}
}
