package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/simulate"
)

// simulated writes a small programme with lumbar simulate and returns its folder.
func simulatedFiles(t *testing.T, patients int, seed uint64) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "simulated")
	r := runWith(t, "", "simulate", "--patients", strconv.Itoa(patients), "--seed", strconv.FormatUint(seed, 10), "--out", dir)
	if r.code != 0 {
		t.Fatalf("simulate: exit %d, %s", r.code, r.err)
	}
	return dir
}

func readTruth(t *testing.T, dir string) simulate.Truth {
	t.Helper()
	var truth simulate.Truth
	text, err := os.ReadFile(filepath.Join(dir, simulate.TruthFile))
	if err == nil {
		err = json.Unmarshal(text, &truth)
	}
	if err != nil {
		t.Fatal(err)
	}
	return truth
}

// imported runs lumbar import, which must end with the exit code, and holds
// that its report reconciles.
func (in installation) imported(t *testing.T, code int, args ...string) importResult {
	t.Helper()
	r := in.run(t, append([]string{"import", "--json"}, args...)...)
	var got importResult
	if err := json.Unmarshal([]byte(r.out), &got); err != nil {
		t.Fatalf("import %v: exit %d, %s%s", args, r.code, r.out, r.err)
	}
	if r.code != code {
		t.Errorf("import %v: exit %d, want %d: %s", args, r.code, code, r.err)
	}
	sum := ingest.Report{}
	for _, f := range got.Files {
		if !f.Reconciles() {
			t.Errorf("import %s: %d read is not %d stored + %d duplicate + %d rejected", f.Source, f.Read, f.Stored, f.Duplicate, f.Rejected)
		}
		sum.Add(f)
	}
	if !got.Reconciles() || sum.Read != got.Read || sum.Stored != got.Stored || sum.Duplicate != got.Duplicate || sum.Rejected != got.Rejected {
		t.Errorf("import %v: the files add up to %d, %d, %d, %d, the report says %d, %d, %d, %d", args,
			sum.Read, sum.Stored, sum.Duplicate, sum.Rejected, got.Read, got.Stored, got.Duplicate, got.Rejected)
	}
	return got
}

// sound holds that outcome equals a rebuild from the facts, cell by cell.
func (h *house) sound(t *testing.T) {
	t.Helper()
	if n, err := h.store.Writer().RebuildCheck(t.Context()); n != 0 || err != nil {
		t.Errorf("%d rows of outcome differ from a rebuild, %v", n, err)
	}
}

// sound holds the same by lumbar doctor.
func (in installation) sound(t *testing.T) {
	t.Helper()
	r := in.run(t, "doctor", "--rebuild-check", "--json")
	var d diagnosis
	if err := json.Unmarshal([]byte(r.out), &d); err != nil || r.code != 0 || d.Differences == nil || *d.Differences != 0 || d.DataVersion == 0 {
		t.Errorf("doctor --rebuild-check: exit %d, %s%s", r.code, r.out, r.err)
	}
}
