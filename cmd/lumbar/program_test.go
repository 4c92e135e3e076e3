package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/store/engine"
)

// The whole program under test: run() in this process, its engine in a child of
// the test binary. Where a test needs another process, the test binary is the
// program itself.
func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	engine.MaybeRunChild()
	os.Exit(m.Run())
}

// installation is one data directory.
type installation struct{ dir string }

func newInstallation(t *testing.T) installation {
	t.Helper()
	return installation{t.TempDir()}
}

// result is what a command printed and how it ended.
type result struct {
	code     int
	out, err string
}

func (in installation) run(t *testing.T, args ...string) result {
	t.Helper()
	return runWith(t, "", append([]string{"--data", in.dir}, args...)...)
}

func runWith(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(t.Context(), args, strings.NewReader(stdin), &out, &errs)
	return result{code, out.String(), errs.String()}
}

// mustRun fails the test where the command does not end well.
func (in installation) mustRun(t *testing.T, args ...string) result {
	t.Helper()
	r := in.run(t, args...)
	if r.code != 0 {
		t.Fatalf("lumbar %s: exit %d\n%s", strings.Join(args, " "), r.code, r.err)
	}
	return r
}

// answer is an answer as a consumer reads it.
type answer struct {
	Rows    []row    `json:"rows"`
	Notes   []string `json:"notes"`
	Receipt string   `json:"receipt"`
}

type row map[string]any

func (r row) text(column string) string {
	s, _ := r[column].(string)
	return s
}

func (r row) number(t *testing.T, column string) float64 {
	t.Helper()
	v, ok := r[column].(float64)
	if !ok {
		t.Fatalf("%s = %v, want a number", column, r[column])
	}
	return v
}

func (in installation) ask(t *testing.T, args ...string) answer {
	t.Helper()
	r := in.mustRun(t, slices.Concat([]string{"ask"}, args, []string{"--json"})...)
	var a answer
	if err := json.Unmarshal([]byte(r.out), &a); err != nil {
		t.Fatalf("ask %v: %v\n%s", args, err, r.out)
	}
	return a
}

// sharedFolder is where the real data lies: LUMBAR_SHARED, else beside the
// checkout.
func sharedFolder(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv("LUMBAR_SHARED"); dir != "" {
		return dir
	}
	dir, err := filepath.Abs("../../../shared")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// importPROMs loads both record files of 2016/17 into a new installation.
func importPROMs(t *testing.T) installation {
	t.Helper()
	in := newInstallation(t)
	folder := filepath.Join(sharedFolder(t), "data", "nhs-proms")
	in.mustRun(t, "import", "--format", "nhs-proms",
		filepath.Join(folder, "hip-provider-2016-17.csv.gz"), filepath.Join(folder, "knee-provider-2016-17.csv.gz"))
	return in
}
