package glm

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"sort"
	"testing"

	"github.com/lumbar-health/lumbar/analytics/cells"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/linear"
)

func near(got, want, tol float64) bool { return math.Abs(got-want) <= tol*math.Max(1, math.Abs(want)) }

// golden is what testdata/r/glm.R printed.
type golden struct {
	Infert, Quine, Housing map[string]json.RawMessage
	Logistic               struct {
		Coef, Se, Hc0, Cr0, Cr2, Firth, Weighted, RR []float64
		FirthSe                                      []float64 `json:"firth_se"`
		RRHC0                                        []float64 `json:"rr_hc0"`
		Deviance, Null                               float64
		Profile                                      [][]float64
	}
	Count struct {
		Coef, Se, Nb                           []float64
		NbSe                                   []float64 `json:"nb_se"`
		Deviance, Null, Loglik, Pearson, Theta float64
		ThetaSe                                float64 `json:"theta_se"`
		NbLoglik                               float64 `json:"nb_loglik"`
	}
	Odds struct {
		Beta, Zeta, Se []float64
		Deviance       float64
	}
	Multinomial struct {
		Coef, Se [][]float64
		Deviance float64
	}
}

// readR reads the golden file and its three tables; housing's outcome is its
// place in low, medium, high.
func readR(t *testing.T) (g golden, infert, quine, housing *design.Table) {
	t.Helper()
	raw, err := os.ReadFile("testdata/glm.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	return g, tableOf(t, g.Infert, map[string][]string{"education": {"0-5yrs", "6-11yrs", "12+ yrs"}}), tableOf(t, g.Quine, nil), tableOf(t, g.Housing, map[string][]string{
		"Sat": {"Low", "Medium", "High"}, "Infl": {"Low", "Medium", "High"}, "Type": {"Tower", "Apartment", "Atrium", "Terrace"}, "Cont": {"Low", "High"},
	})
}

// tableOf makes columns of numbers and factors, levels sorted unless given.
func tableOf(t *testing.T, columns map[string]json.RawMessage, levels map[string][]string) *design.Table {
	t.Helper()
	var out []design.Column
	for name, raw := range columns {
		var numbers []float64
		if json.Unmarshal(raw, &numbers) == nil {
			out = append(out, design.Column{Name: name, Values: numbers})
			continue
		}
		var words []string
		if err := json.Unmarshal(raw, &words); err != nil {
			t.Fatal(err)
		}
		c := design.Column{Name: name, Levels: levels[name]}
		if c.Levels == nil {
			c.Levels = slices.Clone(words)
			sort.Strings(c.Levels)
			c.Levels = slices.Compact(c.Levels)
		}
		for _, w := range words {
			c.Codes = append(c.Codes, slices.Index(c.Levels, w))
		}
		out = append(out, c)
	}
	table, err := design.NewTable(out...)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func designOf(t testing.TB, table *design.Table, formula string) *design.Matrix {
	t.Helper()
	f, err := design.Parse(formula)
	if err != nil {
		t.Fatal(err)
	}
	m, err := f.Build(table)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func fitOf(t testing.TB, data cells.Cells, family Family, opts Options) *Model {
	t.Helper()
	m, err := Fit(data, family, opts)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func compare(t *testing.T, what string, got, want []float64, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	for i := range got {
		if !near(got[i], want[i], tol) {
			t.Errorf("%s[%d] = %.12g, want %.12g", what, i, got[i], want[i])
		}
	}
}

func roots(v linear.Sym) []float64 {
	out := make([]float64, v.N)
	for i := range out {
		out[i] = math.Sqrt(v.At(i, i))
	}
	return out
}

func codes(t *testing.T, table *design.Table, name string) []int {
	t.Helper()
	c, ok := table.Column(name)
	if !ok {
		t.Fatalf("no column %s", name)
	}
	return design.AsFactor(c).Codes
}

func TestLogisticAgreesWithR(t *testing.T) {
	g, infert, _, _ := readR(t)
	data := cells.FromRows(designOf(t, infert, "case ~ age + parity + education + spont"))
	m := fitOf(t, data, Binomial, Options{})
	compare(t, "coef", m.Coef, g.Logistic.Coef, 1e-10)
	compare(t, "se", roots(m.Cov), g.Logistic.Se, 1e-9)
	compare(t, "HC0", roots(m.HC0()), g.Logistic.Hc0, 1e-9)
	compare(t, "deviances", []float64{m.Deviance, m.NullDeviance}, []float64{g.Logistic.Deviance, g.Logistic.Null}, 1e-12)
	clusters, err := m.Cluster(codes(t, infert, "cluster"))
	if err != nil {
		t.Fatal(err)
	}
	for kind, want := range map[linear.CRKind][]float64{linear.CR0: g.Logistic.Cr0, linear.CR2: g.Logistic.Cr2} {
		cov, err := clusters.Covariance(kind)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, "clustered", roots(cov), want, 1e-8)
	}
	firth, err := Firth(data, Options{})
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "Firth", firth.Coef, g.Logistic.Firth, 1e-8)
	compare(t, "Firth se", roots(firth.Cov), g.Logistic.FirthSe, 1e-8)
	for k, want := range g.Logistic.Profile {
		low, high, err := m.ProfileInterval(k, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, "profile", []float64{low, high}, want, 1e-3) // MASS interpolates
		if low, high, err = m.ProfileInterpolated(k, 0.95); err != nil {
			t.Fatal(err)
		}
		compare(t, "profile as MASS", []float64{low, high}, want, 1e-7)
	}
	age, _ := infert.Column("age")
	weights := make([]float64, len(age.Values))
	for i, v := range age.Values {
		if weights[i] = 0.5; v > 30 {
			weights[i] = 2.5
		}
	}
	compare(t, "weighted", fitOf(t, data, Binomial, Options{Weights: weights}).Coef, g.Logistic.Weighted, 1e-9)
	rr := fitOf(t, cells.FromRows(designOf(t, infert, "case ~ age + parity + spont")), Poisson, Options{})
	compare(t, "risk ratio", rr.Coef, g.Logistic.RR, 1e-10)
	compare(t, "risk ratio HC0", roots(rr.HC0()), g.Logistic.RRHC0, 1e-9)
}

func TestCountsAgreeWithR(t *testing.T) {
	g, _, quine, _ := readR(t)
	d := designOf(t, quine, "days ~ Sex + Age + Lrn")
	m := fitOf(t, cells.FromRows(d), Poisson, Options{})
	compare(t, "coef", m.Coef, g.Count.Coef, 1e-10)
	compare(t, "se", roots(m.Cov), g.Count.Se, 1e-9)
	logLik, ok := m.LogLik()
	if !ok {
		t.Fatal("no log-likelihood")
	}
	compare(t, "fit", []float64{m.Deviance, m.NullDeviance, logLik, m.Pearson()}, []float64{g.Count.Deviance, g.Count.Null, g.Count.Loglik, g.Count.Pearson}, 1e-10)
	values, people := occurrencesOf(d.Y)
	joined, _ := cells.FromRows(d).Collapse()
	nb, err := FitNegativeBinomial(joined, values, people, Options{})
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "negative binomial", nb.Coef, g.Count.Nb, 1e-7)
	compare(t, "negative binomial se", roots(nb.Cov), g.Count.NbSe, 1e-6)
	compare(t, "theta", []float64{nb.Theta, nb.StdErrTheta, nb.LogLikelihood}, []float64{g.Count.Theta, g.Count.ThetaSe, g.Count.NbLoglik}, 1e-7)
}

// occurrencesOf counts each value of y.
func occurrencesOf(y []float64) (values, people []float64) {
	for _, v := range y {
		at := slices.Index(values, v)
		if at < 0 {
			at = len(values)
			values, people = append(values, v), append(people, 0)
		}
		people[at]++
	}
	return values, people
}

func TestClassesAgreeWithR(t *testing.T) {
	g, _, _, housing := readR(t)
	x := designOf(t, housing, "~ Infl + Type + Cont")
	freq, _ := housing.Column("freq")
	counts := make([][]float64, x.N)
	for i, k := range codes(t, housing, "Sat") {
		counts[i] = make([]float64, 3)
		counts[i][k] = freq.Values[i]
	}
	odds, err := FitProportionalOdds(x.Without(map[int]bool{0: true}), counts, Options{})
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "beta", odds.Beta, g.Odds.Beta, 1e-6)
	compare(t, "zeta", odds.Zeta, g.Odds.Zeta, 1e-6)
	compare(t, "deviance", []float64{odds.Deviance}, []float64{g.Odds.Deviance}, 1e-10)
	differenced, err := odds.Differenced()
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "differenced se", roots(differenced), g.Odds.Se, 1e-6)
	compare(t, "se", roots(odds.Cov), g.Odds.Se, 1e-5)
	m, err := FitMultinomial(x, counts, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for k := range m.Coef {
		compare(t, "multinomial", m.Coef[k], g.Multinomial.Coef[k], 1e-5)
		for j, want := range g.Multinomial.Se[k] {
			if got := m.StdErr(k+1, j); !near(got, want, 1e-5) {
				t.Errorf("se of class %d, %s = %v, want %v", k+1, m.Names[j], got, want)
			}
		}
	}
	compare(t, "multinomial deviance", []float64{m.Deviance}, []float64{g.Multinomial.Deviance}, 1e-9)
}
