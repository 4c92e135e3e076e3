//go:build shared

package methods

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/analytics/casemix"
	"github.com/lumbar-health/lumbar/analytics/funnel"
	"github.com/lumbar-health/lumbar/analytics/moments"
)

// reached is how many golden cases pass: it only grows.
const reached = 428

// sharedDir is the folder of shared data: LUMBAR_SHARED, else beside the repository.
func sharedDir(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("LUMBAR_SHARED"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "..", "shared")
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above this folder: set LUMBAR_SHARED")
		}
		dir = filepath.Dir(dir)
	}
}

func TestGoldenCases(t *testing.T) {
	var out, errs bytes.Buffer
	nPassed, nFailed, nUnsupported, err := Conform(filepath.Join(sharedDir(t), "golden"), &out, &errs)
	if err != nil {
		t.Fatal(err)
	}
	if nFailed > 0 || nPassed < reached {
		t.Errorf("%d passed, %d failed, %d unsupported; want %d or more and none failed\n%s", nPassed, nFailed, nUnsupported, reached, failures(errs.String()))
	}
	if nPassed+nFailed+nUnsupported != 428 {
		t.Errorf("%d cases, want 428", nPassed+nFailed+nUnsupported)
	}
}

// failures keeps the lines of failed cases.
func failures(log string) string {
	var out []string
	for _, line := range strings.Split(log, "\n") {
		if strings.HasPrefix(line, "failed") {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}

// TestRegisterHasTheRegistrysKeys holds roles and answers against registry.md:
// every key without a question mark of a method we have is in our answer.
func TestRegisterHasTheRegistrysKeys(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(sharedDir(t), "golden", "registry.md"))
	if err != nil {
		t.Fatal(err)
	}
	ticked := regexp.MustCompile("`([^`]+)`(\\?)?")
	found := 0
	for _, line := range strings.Split(string(raw), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) < 6 {
			continue
		}
		m, ok := Find(strings.Trim(cells[1], " `"))
		if !ok {
			continue
		}
		found++
		keys := map[string]bool{}
		for _, k := range m.Answer {
			keys[k.Name] = true
		}
		output, _, _ := strings.Cut(cells[5], "<br>")
		for _, k := range ticked.FindAllStringSubmatch(output, -1) {
			if !keys[k[1]] && !strings.HasPrefix(k[1], "input_") {
				t.Errorf("%s has no key %s", m.Name, k[1])
			}
		}
	}
	if found != len(All()) {
		t.Errorf("%d of our %d methods stand in registry.md", found, len(All()))
	}
}

// TestTamperedCasesFail changes one number by 1 % in each of 50 cases that pass
// and sees exactly those fail.
func TestTamperedCasesFail(t *testing.T) {
	source := filepath.Join(sharedDir(t), "golden")
	dir := t.TempDir()
	files, err := filepath.Glob(filepath.Join(source, "*.*"))
	if err != nil {
		t.Fatal(err)
	}
	passing := passingCases(t, source)
	changed := map[string]bool{}
	for _, path := range files {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(path, ".json") {
			raw = tamper(t, raw, passing, changed)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(path)), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if len(changed) != 50 {
		t.Fatalf("changed %d cases, want 50", len(changed))
	}
	var errs bytes.Buffer
	nPassed, nFailed, _, err := Conform(dir, &bytes.Buffer{}, &errs)
	if err != nil {
		t.Fatal(err)
	}
	if nFailed != 50 || nPassed != len(passing)-50 {
		t.Errorf("%d failed and %d passed, want 50 and %d", nFailed, nPassed, len(passing)-50)
	}
	for id := range changed {
		if !strings.Contains(errs.String(), "failed      "+id+" (") {
			t.Errorf("case %s was changed and did not fail", id)
		}
	}
}

// passingCases runs every case alone and returns the ids of those that pass and
// are not informative.
func passingCases(t *testing.T, dir string) map[string]bool {
	t.Helper()
	var errs bytes.Buffer
	if _, _, _, err := Conform(dir, &bytes.Buffer{}, &errs); err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	paths, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		s, err := readSuite(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range s.Cases {
			if !strings.Contains(errs.String(), " "+c.ID+" (") {
				out[c.ID] = true
			}
		}
	}
	return out
}

// tamper changes one number of every second passing case until 50 are changed.
func tamper(t *testing.T, raw []byte, passing, changed map[string]bool) []byte {
	t.Helper()
	var file map[string]any
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	cases, _ := file["cases"].([]any)
	for _, each := range cases {
		c := each.(map[string]any)
		id := c["id"].(string)
		if len(changed) == 50 || !passing[id] || c["informative"] == true {
			continue
		}
		tol := c["tol"].(map[string]any)
		if nudge(c["expected"], tol["rel"].(float64), tol["abs"].(float64)) {
			changed[id] = true
		}
	}
	out, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// nudge changes the last number, in order of keys, whose tolerance is under
// 0.3 % of it.
func nudge(v any, rel, abs float64) bool {
	switch x := v.(type) {
	case map[string]any:
		keys := sortedKeys(x)
		for i := len(keys) - 1; i >= 0; i-- {
			k := keys[i]
			if strings.HasPrefix(k, "input_") || strings.HasPrefix(k, "_check_") {
				continue
			}
			if n, ok := x[k].(float64); ok && tight(n, rel, abs) {
				x[k] = n * 1.01
				return true
			}
			if nudge(x[k], rel, abs) {
				return true
			}
		}
	case []any:
		for i := range x {
			if n, ok := x[i].(float64); ok && tight(n, rel, abs) {
				x[i] = n * 1.01
				return true
			}
			if nudge(x[i], rel, abs) {
				return true
			}
		}
	}
	return false
}

func tight(n, rel, abs float64) bool { return n != 0 && abs+rel*math.Abs(n) < 0.003*math.Abs(n) }

// vectors reads a group of the domain's examples.
func vectors(t *testing.T, group string, into any) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(sharedDir(t), "spec", "instrument-vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var groups map[string]json.RawMessage
	if err := json.Unmarshal(raw, &groups); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(groups[group], into); err != nil {
		t.Fatalf("%s: %v", group, err)
	}
}

// within says whether got is want to the digits that want is printed with.
func within(got, want, digits float64) bool {
	return math.Abs(got-want) <= 0.5*math.Pow(10, -digits)+1e-12
}

func TestFunnelVectors(t *testing.T) {
	var props []struct {
		Input  struct{ R, N []int64 }
		Expect struct {
			Theta, Phi, Tau2 float64
			First95          []float64 `json:"first_limits95"`
			First998         []float64 `json:"first_limits998"`
		}
	}
	vectors(t, "funnel_pr", &props)
	for _, v := range props {
		var counts []funnel.Count
		for i := range v.Input.R {
			counts = append(counts, funnel.Count{Events: v.Input.R[i], N: v.Input.N[i]})
		}
		r, err := funnel.Proportions(counts, funnel.Options{})
		if err != nil {
			t.Fatal(err)
		}
		first, e := r.Units[0].Overdispersed, v.Expect
		if !within(r.Target, e.Theta, 6) || !within(r.Phi, e.Phi, 4) || !within(r.Tau2, e.Tau2, 6) || !within(first.Lower95, e.First95[0], 4) ||
			!within(first.Upper95, e.First95[1], 4) || !within(first.Lower998, e.First998[0], 4) || !within(first.Upper998, e.First998[1], 4) {
			t.Errorf("got %v %v %v %+v, want %+v", r.Target, r.Phi, r.Tau2, first, e)
		}
	}
	var means []struct {
		Input struct {
			Mean          []float64
			N             []int64
			Sigma, Target float64
		}
		Expect struct {
			Phi, Tau2            float64
			Unadjusted, Adjusted []string
		}
	}
	vectors(t, "funnel_mean", &means)
	for _, v := range means {
		var units []funnel.Unit
		for i, m := range v.Input.Mean {
			units = append(units, funnel.Unit{N: v.Input.N[i], Value: m, StdErr: v.Input.Sigma / math.Sqrt(float64(v.Input.N[i]))})
		}
		r, err := funnel.Means(units, v.Input.Target, funnel.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if !within(r.Phi, v.Expect.Phi, 5) || !within(r.Tau2, v.Expect.Tau2, 6) {
			t.Errorf("φ %v τ² %v, want %v and %v", r.Phi, r.Tau2, v.Expect.Phi, v.Expect.Tau2)
		}
		for i, u := range r.Units {
			if word(u.Outlier) != v.Expect.Unadjusted[i] || word(u.OutlierOverdispersed) != v.Expect.Adjusted[i] {
				t.Errorf("unit %d: %s and %s, want %s and %s", i+1, u.Outlier, u.OutlierOverdispersed, v.Expect.Unadjusted[i], v.Expect.Adjusted[i])
			}
		}
	}
}

// word is a flag as the vectors write it.
func word(f funnel.Flag) string {
	if f == funnel.None {
		return "in"
	}
	w, _, _ := strings.Cut(string(f), "_")
	return w
}

func TestCaseMixVector(t *testing.T) {
	var all []struct {
		Input  struct{ A, B [][]float64 }
		Expect struct {
			A     float64   `json:"a"`
			B     float64   `json:"b"`
			GainA float64   `json:"gain_A"`
			GainB float64   `json:"gain_B"`
			Sigma float64   `json:"sigma"`
			A95   []float64 `json:"A_95"`
		}
	}
	vectors(t, "casemix_ols", &all)
	terms := []moments.Term{moments.Intercept(), moments.Column("follow_up"), moments.Column("baseline")}
	for _, v := range all {
		groups := map[string]moments.Matrix{}
		for name, people := range map[string][][]float64{"A": v.Input.A, "B": v.Input.B} {
			var rows []float64
			for _, p := range people {
				rows = append(rows, 1, p[1], p[0])
			}
			m, err := moments.FromRows(terms, []int64{1, 1000, 1000}, rows)
			if err != nil {
				t.Fatal(err)
			}
			groups[name] = m
		}
		total, err := moments.Merge(groups["A"], groups["B"])
		if err != nil {
			t.Fatal(err)
		}
		model, _, err := casemix.Fit([]moments.Matrix{total}, 1, []int{0, 2}) // one group: no provider effects
		if err != nil {
			t.Fatal(err)
		}
		national, _ := moments.Combination{1: 1, 2: -1}.Mean(total)
		adjusted := func(name string) casemix.Adjusted {
			difference, _ := model.Residual.Mean(groups[name])
			return casemix.Adjust(1, difference, national, model.Sigma, groups[name].N)
		}
		gain := map[string]float64{"A": adjusted("A").Gain, "B": adjusted("B").Gain}
		half := funnel.AlertZ * adjusted("A").StdErr
		if !within(national-half, v.Expect.A95[0], 6) || !within(national+half, v.Expect.A95[1], 6) {
			t.Errorf("limits of A %v ± %v, want %v", national, half, v.Expect.A95)
		}
		if !within(-model.Residual[0], v.Expect.A, 6) || !within(-model.Residual[2], v.Expect.B, 6) || !within(gain["A"], v.Expect.GainA, 6) ||
			!within(gain["B"], v.Expect.GainB, 6) || !within(model.Sigma, v.Expect.Sigma, 6) {
			t.Errorf("model %+v, gains %v, want %+v", model, gain, v.Expect)
		}
	}
}
