package main

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/internal/analyst"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/simulate"
)

// studyFile writes the people of a simulated programme as an analyst's file: no
// engine, no store.
func studyFile(t *testing.T, g *simulate.Generator, path string) {
	t.Helper()
	text, err := analyst.CSV(g)
	if err != nil {
		t.Fatal(err)
	}
	save(t, path, text)
}

// studied is the answer of a study.
type studied struct {
	Attrition, Arms, Estimates, Balance []row
}

// study runs a protocol, which in the given installation is on its data.
func runStudy(t *testing.T, protocol string, args ...string) studied {
	t.Helper()
	path := filepath.Join(t.TempDir(), "study.yaml")
	save(t, path, []byte(protocol))
	r := runWith(t, "", append([]string{"study", "run", "--json", path}, args...)...)
	var s studied
	if err := json.Unmarshal([]byte(r.out), &s); err != nil || r.code != 0 {
		t.Fatalf("study run: exit %d, %s%s\n%s", r.code, r.out, r.err, protocol)
	}
	return s
}

// estimate is the row of a method.
func (s studied) estimate(t *testing.T, method string) row {
	t.Helper()
	for _, e := range s.Estimates {
		if e.text("method") == method {
			return e
		}
	}
	t.Fatalf("no estimate by %s", method)
	return nil
}

func (r row) holds(t *testing.T, truth float64) bool {
	t.Helper()
	return r.number(t, "lower") <= truth && truth <= r.number(t, "upper")
}

func world(t *testing.T, patients int, seed uint64) *simulate.Generator {
	t.Helper()
	g, err := simulate.New(simulate.Options{Patients: patients, Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestStudyOnTwentySeeds holds that lumbar study run finds the truth of a
// simulated programme, and only by adjusting: of 20 seeds the 95 % interval of
// ancova holds the true effect 17 times or more, that of crude 5 times or less.
func TestStudyOnTwentySeeds(t *testing.T) {
	const seeds, patients = 20, 2000
	adjusted, plain := map[string]int{}, map[string]int{}
	for seed := range uint64(seeds) {
		g, path := world(t, patients, seed+1), filepath.Join(t.TempDir(), "people.csv")
		studyFile(t, g, path)
		truth := g.Truth()
		for _, e := range truth.Effects {
			s := runStudy(t, truthStudy(truth, e.Intervention)+"data: {file: "+path+"}\n")
			if s.estimate(t, "ancova").holds(t, e.Effect) {
				adjusted[e.Intervention]++
			}
			if s.estimate(t, "crude").holds(t, e.Effect) {
				plain[e.Intervention]++
			}
		}
	}
	if len(programme.Default().Interventions) < 5 || len(adjusted) != len(programme.Default().Interventions)-1 {
		t.Errorf("effects of %d interventions were found", len(adjusted))
	}
	for intervention, n := range adjusted {
		if n < 17 || plain[intervention] > 5 {
			t.Errorf("%s: of %d intervals of ancova %d hold the truth, want 17 or more; of crude %d, want 5 or less", intervention, seeds, n, plain[intervention])
		}
	}
}

// truthStudy is the protocol that truth.json asks for.
func truthStudy(truth simulate.Truth, treated string) string {
	return fmt.Sprintf("study: truth\ntreatment: {column: intervention, treated: %s, control: %s}\noutcome: {column: %s, baseline: %s, direction: %s}\ncovariates: [%s]\nmethods: [crude, ancova]\n",
		treated, truth.Reference, truth.Outcome, truth.Baseline, truth.Direction, strings.Join(truth.Covariates, ", "))
}

// TestStudyOnTheProgrammesData holds that a study on the programme's data, which
// the store reduces to moments, equals the same study on the people's rows in a
// file: every table, every kind of variance. With it, ask compare and study run
// find the truth in what was imported.
func TestStudyOnTheProgrammesData(t *testing.T) {
	const patients, seed = 2000, 1
	in, dir := newInstallation(t), simulatedFiles(t, patients, seed)
	in.hold(t)
	in.imported(t, 0, "--strict", filepath.Join(dir, "episodes.arrow"), filepath.Join(dir, "responses.arrow"))
	g, path := world(t, patients, seed), filepath.Join(t.TempDir(), "people.csv")
	studyFile(t, g, path)
	truth := g.Truth()

	protocol := `study: same
treatment: {column: intervention, treated: cppp, control: core_therapy}
outcome: {column: odi_12m, baseline: odi_baseline, direction: lower_better}
methods: [crude, ancova]
`
	for _, more := range []string{
		"",
		"covariates: [age]\nvariance: {kind: model}\n",
		"covariates: [age, factor(sex), factor(startback_risk)]\nvariance: {kind: HC0}\n",
		"covariates: [odi_baseline, age, factor(imd_quintile), factor(region)]\nvariance: {kind: HC1}\n",
		"covariates: [odi_baseline, I(odi_baseline^2), bmi, smoker, factor(symptom_duration)]\nvariance: {kind: HC2}\n",
		"covariates: [odi_baseline, age, factor(sex), factor(imd_quintile), factor(startback_risk)]\nvariance: {kind: HC3}\n",
		"covariates: ['rcs(odi_baseline, 4)', 'poly(age, 2)', factor(sex)]\n",
		"covariates: [odi_baseline, age, factor(sex), factor(startback_risk)]\nvariance: {kind: cluster}\ncluster: region\n",
		"covariates: [odi_baseline, age, factor(sex)]\neligibility: 'age >= 40 and odi_baseline >= 20 and not (sex = \"male\" and smoker = 1)'\nlevel: 0.9\n",
	} {
		protocol := protocol
		if strings.Contains(more, "odi_baseline, ") {
			protocol = strings.Replace(protocol, "[crude, ancova]", "[crude, ancova, gcomputation, ipw, overlap, aipw, entropy_balancing, matching]", 1)
		}
		store := runStudy(t, protocol+more, "--undisclosed", "--data", in.dir)
		file := runStudy(t, protocol+more+"data: {file: "+path+"}\n")
		for name, tables := range map[string][2][]row{
			"attrition": {store.Attrition, file.Attrition}, "arms": {store.Arms, file.Arms},
			"estimates": {store.Estimates, file.Estimates}, "balance": {store.Balance, file.Balance},
		} {
			alike(t, name+" of "+more, tables[0], tables[1])
		}
	}
	// The parts of a change are columns like any other.
	responders := strings.Replace(protocol, "odi_12m, baseline: odi_baseline, direction: lower_better", "odi_12m_responder, direction: higher_better", 1)
	judged := runStudy(t, responders+"eligibility: 'odi_12m_responder_reason = \"\"'\n", "--undisclosed", "--data", in.dir)
	all := runStudy(t, responders, "--undisclosed", "--data", in.dir)
	alike(t, "responders", judged.Arms, all.Arms)
	if n := len(judged.Arms); n != 2 || judged.Arms[0]["n"] == 0 {
		t.Errorf("arms of who can respond: %v", judged.Arms)
	}
	nobody := filepath.Join(t.TempDir(), "nobody.yaml")
	save(t, nobody, []byte(protocol+"covariates: [age, factor(sex)]\neligibility: 'age > 200'\n"))
	if r := runWith(t, "", "study", "run", nobody, "--data", in.dir); r.code == 0 || !strings.Contains(r.err, "meets the eligibility") {
		t.Errorf("a study of nobody: exit %d, %s", r.code, r.err)
	}
	for _, e := range truth.Effects {
		s := runStudy(t, truthStudy(truth, e.Intervention), "--undisclosed", "--data", in.dir)
		if !s.estimate(t, "ancova").holds(t, e.Effect) {
			t.Errorf("study: the effect of %s is %v, ancova says %v", e.Intervention, e.Effect, s.estimate(t, "ancova"))
		}
		if s.estimate(t, "crude").holds(t, e.Effect) {
			t.Errorf("study: the crude difference of %s holds its effect %v: %v", e.Intervention, e.Effect, s.estimate(t, "crude"))
		}
	}
	effect, _ := truth.Effect("cppp")
	for method, finds := range map[string]bool{"ancova": true, "welch": false} {
		a := in.ask(t, "compare", "--instrument", "odi", "--method", method, "--by", "region", "--interventions", "core_therapy,cppp", "--undisclosed")
		pooled := a.Rows[slices.IndexFunc(a.Rows, func(r row) bool { return r["pooled"] == true })]
		if pooled.holds(t, effect.Effect) != finds {
			t.Errorf("compare by %s: the effect is %v, the pooled interval %v to %v", method, effect.Effect, pooled["lower"], pooled["upper"])
		}
	}
}

// alike holds that two tables are equal, numbers to 1e-9 of their size.
func alike(t *testing.T, what string, got, want []row) {
	t.Helper()
	if len(got) != len(want) || len(want) == 0 {
		t.Errorf("%s: %d rows on the data, %d on the file\n%v\n%v", what, len(got), len(want), got, want)
		return
	}
	for i := range want {
		for column, w := range want[i] {
			g := got[i][column]
			x, isNumber := w.(float64)
			y, ok := g.(float64)
			if isNumber && ok && math.Abs(x-y) <= 1e-9*max(1, math.Abs(x)) || !isNumber && fmt.Sprint(g) == fmt.Sprint(w) {
				continue
			}
			t.Errorf("%s: row %d, %s = %v on the data, %v on the file", what, i+1, column, g, w)
		}
	}
}
