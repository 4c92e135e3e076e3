package simulate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

func TestSameSeedSameBytes(t *testing.T) {
	for _, format := range Formats() {
		first := digests(t, Options{Patients: 300, Seed: 7, Format: format})
		if again := digests(t, Options{Patients: 300, Seed: 7, Format: format}); !reflect.DeepEqual(first, again) {
			t.Errorf("%s: the same seed wrote other bytes", format)
		}
		other := digests(t, Options{Patients: 300, Seed: 8, Format: format})
		if len(first) != 5 {
			t.Errorf("%s: %d files, want responses, episodes, two of records and the truth", format, len(first))
		}
		for name := range first {
			if first[name] == other[name] {
				t.Errorf("%s: %s is the same under another seed", format, name)
			}
		}
	}
}

func digests(t *testing.T, o Options) map[string][32]byte {
	t.Helper()
	dir := t.TempDir()
	if _, err := Write(context.Background(), dir, o); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string][32]byte{}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		sums[e.Name()] = sha256.Sum256(text)
	}
	return sums
}

func TestFilesHoldTheRows(t *testing.T) {
	for _, format := range Formats() {
		g, err := New(Options{Patients: 200, Seed: 3, Format: format})
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		alloc := memory.NewCheckedAllocator(memory.NewGoAllocator())
		truth, err := g.write(context.Background(), dir, alloc)
		if err != nil {
			t.Fatal(err)
		}
		alloc.AssertSize(t, 0)
		checkResponses(t, g, readTable(t, filepath.Join(dir, "responses."+string(format)), format), truth.Responses.Rows)
		checkEpisodes(t, g, readTable(t, filepath.Join(dir, "episodes."+string(format)), format))
		var stored Truth
		text, err := os.ReadFile(filepath.Join(dir, TruthFile))
		if err != nil || json.Unmarshal(text, &stored) != nil {
			t.Fatalf("truth.json: %v", err)
		}
		if want := g.Truth(); !reflect.DeepEqual(stored.Effects, want.Effects) || stored.Responses != want.Responses || stored.Episodes != 200 {
			t.Errorf("%s: truth.json %+v, Truth() %+v", format, stored, want)
		}
	}
}

func checkResponses(t *testing.T, g *Generator, rows []map[string]any, n int64) {
	t.Helper()
	i := 0
	for r := range g.Responses() {
		got := rows[i]
		i++
		want := wire(t, r)
		if got["kind"] != "response" || got["id_value"] != r.ID.Value || got["patient_pseudonym"] != r.Patient.Pseudonym || got["timepoint"] != nil || got["predicted"] != nil {
			t.Fatalf("row %d = %v, want %v", i, got, want)
		}
		for _, name := range []string{"answers", "source_version", "status", "instrument", "instrument_version", "reported_by", "provider", "supplied_score", "episode", "programme", "mode", "language"} {
			if !reflect.DeepEqual(got[name], want[name]) {
				t.Errorf("row %d: %s = %v, want %v", i, name, got[name], want[name])
			}
		}
		if got["answered_at"] != r.AnsweredAt || !r.UpdatedAt.IsZero() && got["updated_at"] != r.UpdatedAt {
			t.Errorf("row %d: answered_at %v updated_at %v, want %v %v", i, got["answered_at"], got["updated_at"], r.AnsweredAt, r.UpdatedAt)
		}
	}
	if i != len(rows) || int64(i) != n {
		t.Errorf("%d rows in the file, %d in truth.json, %d yielded", len(rows), n, i)
	}
}

func checkEpisodes(t *testing.T, g *Generator, rows []map[string]any) {
	t.Helper()
	i := 0
	for e := range g.Episodes() {
		got := rows[i]
		i++
		if got["episode"] != e.Episode || got["intervention"] != e.Intervention || got["age"] != float64(e.Age) || got["referred_on"] != e.ReferredOn.String() ||
			got["symptom_duration"] != e.Covariates[0].Text || got["prior_surgery"] != float64(e.Covariates[1].Int) {
			t.Errorf("episode %d = %v, want %v", i, got, e)
		}
	}
	if i != len(rows) {
		t.Errorf("%d episodes in the file, want %d", len(rows), i)
	}
}

// TestArrowFileReadsFromFrontToBack reads the messages as a stream, as a reader
// does that can not seek.
func TestArrowFileReadsFromFrontToBack(t *testing.T) {
	for _, patients := range []int{1, 50} {
		dir := t.TempDir()
		truth, err := Write(context.Background(), dir, Options{Patients: patients, Seed: 12})
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, "responses.arrow"))
		if err != nil {
			t.Fatal(err)
		}
		r, err := ipc.NewReader(bytes.NewReader(text[8:]))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Release()
		n := int64(0)
		for r.Next() {
			n += r.Record().NumRows()
		}
		if r.Err() != nil || n != truth.Responses.Rows {
			t.Errorf("read %d rows and %v, want %d", n, r.Err(), truth.Responses.Rows)
		}
	}
}

// wire is a response as the JSON of its wire form.
func wire(t *testing.T, r Response) map[string]any {
	t.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestWriteErrors(t *testing.T) {
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{}, "simulate: patients: must be 1"},
		{Options{Patients: -4}, "simulate: patients: must be 1"},
		{Options{Patients: 10, Format: "xlsx"}, "simulate: format: must be one of [arrow parquet]"},
		{Options{Patients: 10, Start: 200000}, "simulate: start: must be"},
	} {
		if _, err := Write(context.Background(), t.TempDir(), c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Write(%+v) error = %v, want %q in it", c.o, err, c.want)
		}
	}
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(context.Background(), blocked, Options{Patients: 1}); err == nil {
		t.Error("Write into a file succeeded")
	}
}

func TestInterruptedWriteLeavesNoTruth(t *testing.T) {
	dir := t.TempDir()
	if _, err := Write(context.Background(), dir, Options{Patients: 5}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Write(ctx, dir, Options{Patients: 5}); !errors.Is(err, context.Canceled) {
		t.Errorf("Write error = %v, want %v", err, context.Canceled)
	}
	if _, err := os.Stat(filepath.Join(dir, TruthFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("truth.json is there after an interrupted Write: %v", err)
	}
}
