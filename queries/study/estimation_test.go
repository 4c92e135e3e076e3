package study

import (
	"encoding/csv"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// columns of the files that these tests write.
var columns = []string{"arm", "before", "age", "kind", "site", "after"}

// people are n people of two arms, of whom a fifth has not answered.
func people(n int, change func(i int, person []string)) [][]string {
	r := rand.New(rand.NewPCG(4, 2))
	out := make([][]string, n)
	for i := range out {
		before, arm := 50+10*r.NormFloat64(), []string{"usual", "new"}[r.IntN(2)]
		after := before + 8*r.NormFloat64()
		if arm == "new" {
			after -= 5
		}
		out[i] = []string{arm, fmt.Sprintf("%.1f", before), fmt.Sprint(20 + r.IntN(60)), string("abc"[r.IntN(3)]), fmt.Sprint("S", r.IntN(12)), fmt.Sprintf("%.1f", after)}
		if i%5 == 0 {
			out[i][5] = ""
		}
		if change != nil {
			change(i, out[i])
		}
	}
	return out
}

// study runs a protocol with further lines on the people.
func study(t *testing.T, list [][]string, lines string) (*Answer, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "people.csv")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := csv.NewWriter(f).WriteAll(append([][]string{columns}, list...)); err != nil {
		t.Fatal(err)
	}
	p, err := Parse(fmt.Appendf(nil, `
study: test
data: {file: %q}
treatment: {column: arm, treated: new, control: usual}
outcome: {column: after, baseline: before, direction: lower_better}
covariates: [age, factor(kind)]
%s
`, file, lines))
	if err != nil {
		return nil, err
	}
	return RunFile(t.Context(), p, "test")
}

func mustStudy(t *testing.T, list [][]string, lines string) *Answer {
	t.Helper()
	a, err := study(t, list, lines)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func value(a *Answer, row int, column string) any {
	return a.Estimates.Rows[row].Values[a.Estimates.Index(column)]
}

// TestOrderOfTheFileDecidesNothing shuffles the lines: what chance decides is
// decided by the seed.
func TestOrderOfTheFileDecidesNothing(t *testing.T) {
	list := people(150, nil)
	mixed := append([][]string(nil), list...)
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	for _, lines := range []string{
		"methods: [ancova, ipw, matching]\nmissing: {method: mi, imputations: 3}",
		"methods: [crude, aipw]\nmissing: {method: ipcw, replicates: 100}",
		"methods: [crude]\nmissing: {method: ipcw, replicates: 100}\nvariance: {kind: cluster}\ncluster: site",
	} {
		want, got := mustStudy(t, list, lines), mustStudy(t, mixed, lines)
		for i := range want.Estimates.Rows {
			for _, column := range []string{"estimate", "std_err"} {
				a, b := value(want, i, column).(float64), value(got, i, column).(float64)
				if math.Abs(a-b) > 1e-9*math.Abs(a) {
					t.Errorf("%s: row %d: %s is %v, in another order %v", lines, i, column, a, b)
				}
			}
		}
		other := mustStudy(t, list, lines+"\nseed: 2")
		if reflect.DeepEqual(value(want, 0, "std_err"), value(other, 0, "std_err")) {
			t.Errorf("%s: another seed gives the same standard error", lines)
		}
	}
}

// TestNobodyMissing: with everybody's outcome known, imputation and weights for
// non-response leave the estimates as they are.
func TestNobodyMissing(t *testing.T) {
	var all [][]string
	for _, person := range people(150, nil) {
		if person[5] != "" {
			all = append(all, person)
		}
	}
	const methods = "methods: [crude, ancova, ipw]\n"
	want := mustStudy(t, all, methods)
	for _, way := range []string{"missing: {method: mi, imputations: 2}", "missing: {method: ipcw, replicates: 100}"} {
		got := mustStudy(t, all, methods+way)
		for i := range want.Estimates.Rows {
			if a, b := value(got, i, "estimate").(float64), value(want, i, "estimate").(float64); math.Abs(a-b) > 1e-9*math.Abs(b) {
				t.Errorf("%s: estimate %v, want %v", way, a, b)
			}
			if value(got, i, "ess") != value(want, i, "ess") {
				t.Errorf("%s: ess %v, want %v", way, value(got, i, "ess"), value(want, i, "ess"))
			}
		}
	}
}

// TestACategoryOfWhomNobodyAnswered can be imputed: the others tell its outcome.
func TestACategoryOfWhomNobodyAnswered(t *testing.T) {
	a := mustStudy(t, people(200, func(i int, person []string) {
		if i%20 == 0 && person[0] == "new" {
			person[3], person[5] = "rare", ""
		}
	}), "methods: [crude, aipw]\nmissing: {method: mi, imputations: 2}")
	for i := range a.Estimates.Rows {
		if value(a, i, "estimate") == nil {
			t.Errorf("row %d has no estimate: %q", i, a.Warnings)
		}
	}
	if words := strings.Join(a.Warnings, "\n"); strings.Count(words, "factor(kind)rare") != 1 {
		t.Errorf("warnings %q, want one that names the column", a.Warnings)
	}
}

// TestOneMethodFails: the others answer; where none does, the study says why.
func TestOneMethodFails(t *testing.T) {
	apart := people(100, func(_ int, person []string) {
		if person[2] = "30"; person[0] == "new" {
			person[2] = "60"
		}
	})
	a := mustStudy(t, apart, "methods: [crude, ipw]")
	if value(a, 0, "estimate") == nil || value(a, 1, "estimate") != nil {
		t.Errorf("estimates %v, want a crude one alone", a.Estimates.Rows)
	}
	if !strings.Contains(strings.Join(a.Warnings, " "), "No estimate by ipw") {
		t.Errorf("warnings %q do not say why", a.Warnings)
	}
	if _, err := study(t, apart, "methods: [ipw]"); err == nil {
		t.Error("a study without an estimate is no error")
	}
}

func TestBadProtocolsSayWhy(t *testing.T) {
	for lines, want := range map[string]string{
		"methods: [crude]\nlevel: .nan":                                                                   "level must lie between",
		"methods: [crude]\nmissing: {method: delta, deltas: [.nan]}":                                      "numbers of points",
		"methods: [crude]\nmissing: {method: delta, deltas: [1, 1]}":                                      "stands twice",
		"methods: [ancova]\nvariance: {kind: cluster}\ncluster: arm":                                      "need 2 in each",
		"methods: [ipw]\nvariance: {kind: cluster}\ncluster: arm":                                         "need 2 in each",
		"methods: [ipw]\nvariance: {kind: cluster}\ncluster: arm\nmissing: {method: ipcw}":                "need 2 in each",
		"methods: [crude]\neligibility: 'arm = \"new\"'":                                                  `nobody is in the arm "usual"`,
		"methods: [crude]\neligibility: 'arm = \"usual\" or after > 1000 or (arm = \"new\" and age < 0)'": `nobody is in the arm "new"`,
	} {
		if _, err := study(t, people(60, nil), lines); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", lines, err, want)
		}
	}
	for _, column := range []string{"after", "arm"} {
		p := &Protocol{Covariates: []string{"factor(" + column + ")"}, Outcome: Outcome{Column: "after"}, Treatment: Treatment{Column: "arm"}}
		if err := p.checkCovariates(); err == nil {
			t.Errorf("%s is taken as a covariate", column)
		}
	}
}
