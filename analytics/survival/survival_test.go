package survival

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

// rModel is a Cox model as testdata/r/survival.R fitted it.
type rModel struct {
	Ties                             Ties
	Weights, Strata, Cluster, Counts bool
	Coef, SE, Robust, LogLik, Zph    []float64
	Score, Wald                      float64
	Concordance, Hazard              []float64
}

type rGolden struct {
	Data           map[string][]float64
	Models         []rModel
	LogRank        []float64
	WeightedCurve  []float64 `json:"weighted_curve"`
	P1             []float64 `json:"aj_p1"`
	SE1            []float64 `json:"aj_se1"`
	SE2            []float64 `json:"aj_se2"`
	Incidence      []float64
	IncidenceVar   []float64 `json:"incidence_var"`
	Gray           []float64
	GrayStrata     []float64 `json:"gray_strata"`
	Crr            []float64
	CrrSE          []float64 `json:"crr_se"`
	CrrLogLik      float64   `json:"crr_loglik"`
	Finegray       []float64
	FinegrayRobust []float64 `json:"finegray_robust"`
	RMST           []float64
}

func golden(t testing.TB) rGolden {
	t.Helper()
	raw, err := os.ReadFile("testdata/survival.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g rGolden
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

func whole(x []float64) []int {
	out := make([]int, len(x))
	for i, v := range x {
		out[i] = int(v)
	}
	return out
}

// cohort is R's data with covariates arm and age, every cause kept.
func (g rGolden) cohort() *Cohort {
	c := &Cohort{Names: []string{"arm", "age"}, Time: g.Data["time"], Cause: whole(g.Data["cause"])}
	for i := range c.Time {
		c.X = append(c.X, g.Data["arm"][i], g.Data["age"][i])
	}
	return c
}

func (g rGolden) table(t testing.TB, stratified bool, causes int) *Table {
	t.Helper()
	c := g.cohort()
	if stratified {
		c.Stratum = whole(g.Data["site"])
	}
	table, err := TableOf(c, []string{"0", "1", "2"}, whole(g.Data["g"]), causes)
	if err != nil {
		t.Fatal(err)
	}
	return table
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
			t.Errorf("%s[%d] = %.15g, want %.15g", what, i, got[i], w)
		}
	}
}

func roots(cov []float64) []float64 {
	p := int(math.Sqrt(float64(len(cov))))
	out := make([]float64, p)
	for j := range out {
		out[j] = math.Sqrt(cov[j*p+j])
	}
	return out
}

// cohortOf is the cohort of one of R's models.
func (g rGolden) cohortOf(m rModel) *Cohort {
	c := g.cohort()
	if m.Weights {
		c.Weight = g.Data["w"]
	}
	if m.Counts {
		c.Count = g.Data["k"]
	}
	if m.Strata {
		c.Stratum = whole(g.Data["site"])
	}
	if m.Cluster {
		for i := range c.Time {
			c.Cluster = append(c.Cluster, int(g.Data["site"][i]*3+g.Data["g"][i]))
		}
	}
	return c
}

func TestCoxAgreesWithR(t *testing.T) {
	g := golden(t)
	for _, want := range g.Models {
		m, err := Cox(g.cohortOf(want), 1, Options{Ties: want.Ties})
		if err != nil {
			t.Fatalf("%+v: %v", want, err)
		}
		robust, err := m.Robust()
		if err != nil {
			t.Fatal(err)
		}
		z, err := m.TestProportionality([]string{"arm", "age"}, []int{0, 1})
		if err != nil {
			t.Fatal(err)
		}
		c, err := m.Concordance()
		if err != nil {
			t.Fatal(err)
		}
		stratum := 0
		if want.Strata {
			stratum = 1
		}
		compare(t, "coef", m.Coef, want.Coef, 1e-8)
		compare(t, "se", roots(m.Cov), want.SE, 1e-8)
		compare(t, "robust", roots(robust), want.Robust, 1e-8)
		compare(t, "loglik", []float64{m.LogLikNull, m.LogLik, m.Score, m.Wald}, append(want.LogLik, want.Score, want.Wald), 1e-8)
		compare(t, "zph", []float64{z[0].ChiSquared, z[1].ChiSquared, z[2].ChiSquared}, want.Zph, 1e-7)
		compare(t, "concordance", []float64{c.Value, c.StdErr}, want.Concordance, 1e-9)
		compare(t, "hazard", m.BaselineHazard(stratum, []float64{2, 5, 11, 30}), want.Hazard, 1e-8)
	}
}

func TestCurvesAgreeWithR(t *testing.T) {
	g := golden(t)
	plain, stratified := g.table(t, false, 2), g.table(t, true, 2)
	var got []float64
	for _, rho := range []float64{0, 1, 0.5} {
		l, err := Compare(plain, 1, rho)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, l.ChiSquared)
	}
	l, err := Compare(stratified, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "log-rank", append(got, l.ChiSquared), g.LogRank, 1e-9)

	everybody := make([]int, len(g.Data["time"]))
	for _, weights := range [][]float64{g.Data["w"], nil} {
		c := g.cohort()
		c.Weight = weights
		table, err := TableOf(c, []string{"all"}, everybody, 2)
		if err != nil {
			t.Fatal(err)
		}
		curve, err := KaplanMeier(table, 0, 1)
		if err != nil {
			t.Fatal(err)
		}
		if weights == nil {
			mean, err := curve.RestrictedMean(25, 0.95)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, "restricted mean", []float64{mean.Value, mean.StdErr}, g.RMST, 1e-9)
			continue
		}
		var s []float64
		for _, at := range []float64{3, 9, 20} {
			p, err := curve.At(at, Log, 0.95)
			if err != nil {
				t.Fatal(err)
			}
			s = append(s, p.Survival)
		}
		compare(t, "weighted curve", s, g.WeightedCurve, 1e-10)
	}
}

func TestIncidenceAgreesWithR(t *testing.T) {
	g := golden(t)
	table := g.table(t, false, 2)
	var p1, se1, se2, est, variance []float64
	for cause := 1; cause <= 2; cause++ {
		for group := range table.Groups {
			c, err := CumulativeIncidence(table, group)
			if err != nil {
				t.Fatal(err)
			}
			for _, at := range []float64{3, 9, 20} {
				f, err := c.At(cause, at)
				if err != nil {
					t.Fatal(err)
				}
				v, err := c.AalenVariance(cause, at)
				if err != nil {
					t.Fatal(err)
				}
				se, err := c.StdErr(cause, at)
				if err != nil {
					t.Fatal(err)
				}
				est, variance = append(est, f), append(variance, v)
				if cause == 1 {
					p1, se1 = append(p1, f), append(se1, se)
				} else {
					se2 = append(se2, se)
				}
			}
		}
	}
	compare(t, "p", p1, g.P1, 1e-10)
	compare(t, "se of cause 1", se1, g.SE1, 1e-10)
	compare(t, "se of cause 2", se2, g.SE2, 1e-10)
	compare(t, "incidence", est, g.Incidence, 1e-10)
	compare(t, "variance", variance, g.IncidenceVar, 1e-10)
	for stratified, want := range map[bool][]float64{false: g.Gray, true: g.GrayStrata} {
		var got []float64
		for cause := 1; cause <= 2; cause++ {
			r, err := CompareIncidence(g.table(t, stratified, 2), cause)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, r.ChiSquared)
		}
		compare(t, "Gray", got, want, 1e-9)
	}
}

func TestFineGrayAgreesWithR(t *testing.T) {
	g := golden(t)
	m, err := FineGray(g.cohort(), 1, WithEvents, Options{})
	if err != nil {
		t.Fatal(err)
	}
	cov, err := m.CensoringCovariance()
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "crr", m.Coef, g.Crr, 1e-8)
	compare(t, "crr se", roots(cov), g.CrrSE, 1e-8)
	compare(t, "crr loglik", []float64{m.LogLik}, []float64{g.CrrLogLik}, 1e-9)
	if m, err = FineGray(g.cohort(), 1, AfterEvents, Options{Ties: Efron}); err != nil {
		t.Fatal(err)
	}
	robust, err := m.Robust()
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "finegray", m.Coef, g.Finegray, 1e-8)
	compare(t, "finegray robust", roots(robust), g.FinegrayRobust, 1e-8)
}
