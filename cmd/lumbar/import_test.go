package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/ingest"
)

const oneAnswer = `{"id":{"system":"urn:forms","value":"r1"},"patient":{"pseudonym":"000102030405060708090a0b0c0d0e0f"},"instrument":"nrs_back","answered_at":"2026-04-01","answers":[7]}`

// TestImportCommand imports a folder: dry, for good and again.
func TestImportCommand(t *testing.T) {
	in, dir := newInstallation(t), t.TempDir()
	put := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	answers := put("answers.ndjson", oneAnswer+"\n"+strings.Replace(oneAnswer, "[7]", "[77]", 1)+"\n")
	put("truth.json", "{")
	report := func(r result) (out struct {
		ingest.Report
		Files []ingest.Report
		Error string
	}) {
		t.Helper()
		if err := json.Unmarshal([]byte(r.out), &out); err != nil {
			t.Fatalf("%v: %s%s", err, r.out, r.err)
		}
		return out
	}
	if got := report(in.mustRun(t, "import", "--json", "--dry-run", dir)); got.Stored != 1 || !got.DryRun {
		t.Errorf("dry run: %+v, want one to be stored", got)
	}
	if got := report(in.mustRun(t, "import", "--json", dir)); got.Read != 2 || got.Stored != 1 || got.Rejected != 1 || len(got.Files) != 1 {
		t.Errorf("folder: %+v, want one stored and one rejected of one file", got)
	}
	if r := in.run(t, "import", "--strict", answers); r.code != 1 || !strings.Contains(r.out, "2 read, 0 stored, 1 duplicate, 1 rejected") ||
		!strings.Contains(r.out, "answers.ndjson: line 2: nrs_back.1: code_out_of_range") {
		t.Errorf("again, strictly: exit %d, %s%s", r.code, r.out, r.err)
	}
	if r := in.run(t, "import"); r.code != 2 {
		t.Errorf("without a path: exit %d, want 2", r.code)
	}
}

func TestImportPaths(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b.arrow", "a.csv", "truth.json", ".hidden", "deeper/c.csv", "deeper/truth.json"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := importPaths([]string{filepath.Join(dir, "truth.json"), dir})
	want := []string{"truth.json", "a.csv", "b.arrow", "deeper/c.csv"}
	for i := range want {
		want[i] = filepath.Join(dir, want[i])
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("paths %v, %v; want %v: a file that is named is read, of a folder not truth.json", got, err, want)
	}
	if _, err := importPaths([]string{t.TempDir()}); err == nil {
		t.Error("an empty folder is accepted")
	}
}
