package methods

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// golden writes a folder with one data set and the cases given.
func golden(t *testing.T, cases string) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("d.csv", "y,g\n1,a\n2,a\n4,a\n7,b\n9,b\n")
	write("notes.json", `{"title":"no cases here"}`)
	write("list.json", `[1,2]`)
	write("f.json", `{"datasets":{"d":{"file":"d.csv","factor_levels":{"g":["a","b"]}}},"cases":[`+cases+`]}`)
	return dir
}

func oneCase(id, method, expected, more string) string {
	return `{"id":"` + id + `","method":"` + method + `","data":"d","filter":[["g","in","a"]],"roles":{"y":"y","other":["a"]},"params":{},"expected":` + expected + `,"tol":{"rel":1e-9,"abs":1e-12}` + more + `}`
}

func TestConformCounts(t *testing.T) {
	dir := golden(t, strings.Join([]string{
		oneCase("passes", "describe_mean_sd", `{"mean":2.3333333333333335,"sd":1.5275252316519468,"input_a":[1],"_check_b":9,"absent":null}`, ""),
		oneCase("list of one", "describe_mean_sd", `{"mean":[2.3333333333333335]}`, ""),
		oneCase("wrong", "describe_mean_sd", `{"mean":2.34}`, ""),
		oneCase("missing key", "describe_mean_sd", `{"median":2}`, ""),
		oneCase("wrong shape", "describe_mean_sd", `{"mean":{"a":2.3333333333333335}}`, ""),
		oneCase("want null", "describe_mean_sd", `{"mean":null}`, ""),
		oneCase("want text", "describe_mean_sd", `{"mean":"2.33"}`, ""),
		oneCase("informative", "describe_mean_sd", `{"mean":5}`, `,"informative":true`),
		oneCase("informative agrees", "describe_mean_sd", `{"mean":2.3333333333333335}`, `,"informative":true`),
		oneCase("unknown", "divine", `{"mean":5}`, ""),
		strings.Replace(oneCase("no data set", "describe", `{"mean":5}`, ""), `"data":"d"`, `"data":"e"`, 1),
	}, ","))
	var out, errs bytes.Buffer
	nPassed, nFailed, nUnsupported, err := Conform(dir, &out, &errs)
	if err != nil || nPassed != 3 || nFailed != 6 || nUnsupported != 2 {
		t.Errorf("%d passed, %d failed, %d unsupported, %v\n%s", nPassed, nFailed, nUnsupported, err, errs.String())
	}
	if !strings.HasSuffix(out.String(), "3 passed, 6 failed, 2 unsupported\n") {
		t.Errorf("last line %q", out.String())
	}
	for _, id := range []string{"wrong", "missing key", "wrong shape", "want null", "want text", "no data set", "informative", "unknown"} {
		if !strings.Contains(errs.String(), " "+id+" (") {
			t.Errorf("no line for case %q", id)
		}
	}
	if n := strings.Count(errs.String(), "\n"); n != 8 {
		t.Errorf("%d lines on stderr, want 8", n)
	}
}

func TestConformOfNoFolder(t *testing.T) {
	if _, _, _, err := Conform(filepath.Join(t.TempDir(), "none"), &bytes.Buffer{}, &bytes.Buffer{}); err == nil {
		t.Error("a folder that is not there was accepted")
	}
	dir := golden(t, "")
	if err := os.WriteFile(filepath.Join(dir, "broken.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := Conform(dir, &bytes.Buffer{}, &bytes.Buffer{}); err == nil {
		t.Error("a broken file was accepted")
	}
}

// TestPanicsAndOverrunsFail holds the two ways in which a case ends without an
// answer of Run.
func TestPanicsAndOverrunsFail(t *testing.T) {
	block := make(chan struct{})
	defer close(block)
	register["test_panic"] = Method{Name: "test_panic", run: func(*Input) (Answer, error) { panic("boom") }}
	register["test_overrun"] = Method{Name: "test_overrun", run: func(*Input) (Answer, error) { <-block; return nil, nil }}
	defer delete(register, "test_panic")
	defer delete(register, "test_overrun")
	if _, err := runLimited("test_panic", Request{}, time.Minute); err == nil || !strings.Contains(err.Error(), "boom") {
		t.Errorf("panic: %v", err)
	}
	if _, err := runLimited("test_overrun", Request{}, time.Millisecond); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("overrun: %v", err)
	}
}

func TestDataSetsStayInTheFolder(t *testing.T) {
	dir := golden(t, oneCase("outside", "describe", `{"mean":1}`, ""))
	path := filepath.Join(dir, "f.json")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Replace(raw, []byte("d.csv"), []byte("../d.csv"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	if _, failed, _, err := Conform(dir, &bytes.Buffer{}, &errs); err != nil || failed != 1 || !strings.Contains(errs.String(), "outside the folder") {
		t.Errorf("%d failed, %v: %s", failed, err, errs.String())
	}
}
