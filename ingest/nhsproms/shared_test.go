//go:build shared

package nhsproms_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/nhsproms"
	"github.com/lumbar-health/lumbar/programme"
)

// sharedFiles are NHS England's record files of 2016/17.
var sharedFiles = []string{"hip-provider-2016-17.csv.gz", "knee-provider-2016-17.csv.gz"}

func sharedPath(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("LUMBAR_SHARED")
	for top, err := os.Getwd(); dir == ""; top = filepath.Dir(top) {
		if err != nil || top == filepath.Dir(top) {
			t.Fatal("no go.mod above this folder")
		}
		if _, err := os.Stat(filepath.Join(top, "go.mod")); err == nil {
			dir = filepath.Join(top, "..", "shared")
		}
	}
	return filepath.Join(dir, "data", "nhs-proms", name)
}

// TestPublishedFiles reads both files: no line is refused, every score that
// NHS England computed is ours, and every one that it could not compute we do
// not have either.
func TestPublishedFiles(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	w := &recorder{}
	defer w.release()
	p := ingest.New(w, ingest.Options{
		Setting: ingest.Setting{Programmes: programme.All()},
		Formats: []ingest.Format{nhsproms.Format()}, Allocator: alloc,
	})
	var total ingest.Report
	for _, name := range sharedFiles {
		src, err := ingest.File(sharedPath(t, name))
		if err != nil {
			t.Fatal(err)
		}
		report, err := p.Import(context.Background(), src, ingest.ImportOptions{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		total.Add(report)
	}
	if total.Read != 91845 || total.Stored != 91845 || total.Rejected != 0 || total.ScoreMismatch != 0 {
		t.Errorf("report = %d read, %d stored, %d rejected, %d mismatches; want 91845 read and stored, no other", total.Read, total.Stored, total.Rejected, total.ScoreMismatch)
	}
	// Lines with a score in the files, counted there.
	want := map[string]int{"eq5d3l": 174518, "ohs": 87466, "oks": 94021, "eqvas": 170560}
	got := map[string]int{}
	for _, b := range w.batches {
		names, units := column(b.Score, "score").(*array.Dictionary), column(b.Score, "units").(*array.Int32)
		words := names.Dictionary().(*array.String)
		for i := range int(b.Score.NumRows()) {
			if units.IsValid(i) {
				got[words.Value(names.GetValueIndex(i))]++
			}
		}
	}
	for name, n := range want {
		if got[name] != n {
			t.Errorf("%s: %d scores, want %d", name, got[name], n)
		}
	}
}

// BenchmarkPublishedFiles decodes, scores and builds Arrow batches of both
// files.
func BenchmarkPublishedFiles(b *testing.B) {
	for b.Loop() {
		w := &recorder{drop: true}
		p := ingest.New(w, ingest.Options{Setting: ingest.Setting{Programmes: programme.All()}, Formats: []ingest.Format{nhsproms.Format()}})
		for _, name := range sharedFiles {
			src, err := ingest.File(sharedPath(b, name))
			if err != nil {
				b.Fatal(err)
			}
			if _, err := p.Import(context.Background(), src, ingest.ImportOptions{}, nil); err != nil {
				b.Fatal(err)
			}
		}
	}
}
