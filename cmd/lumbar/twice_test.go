package main

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// TestImportTwiceStoresNothingTwice holds that whatever was stored is known
// again: the same files, renamed, recompressed, in another order of rows and
// with headers in another spelling.
func TestImportTwiceStoresNothingTwice(t *testing.T) {
	in, dir := newInstallation(t), simulatedFiles(t, 250, 3)
	truth := readTruth(t, dir)

	trial := in.imported(t, 0, "--dry-run", dir)
	if trial.Stored == 0 || !trial.DryRun {
		t.Errorf("a dry run reports %d records to store, dry_run %v", trial.Stored, trial.DryRun)
	}
	first := in.imported(t, 0, "--strict", dir)
	records := int64(0)
	for _, f := range truth.Records {
		records += f.Records
	}
	if want := truth.Episodes + truth.Responses.Rows + records; int64(first.Read) != want {
		t.Errorf("read %d records, simulate wrote %d", first.Read, want)
	}
	if first.Stored != trial.Stored || first.Duplicate != trial.Duplicate || int64(first.Duplicate) != truth.Responses.Duplicates || first.Rejected != 0 {
		t.Errorf("stored %d, duplicate %d, rejected %d; the dry run said %d and %d, and simulate sent %d twice",
			first.Stored, first.Duplicate, first.Rejected, trial.Stored, trial.Duplicate, truth.Responses.Duplicates)
	}
	before := in.everything(t)

	in.hold(t)
	again := otherwise(t, dir)
	for _, args := range [][]string{{dir}, {again}, {"--strict", again, dir}, {"--dry-run", again}} {
		got := in.imported(t, 0, args...)
		if got.Stored != 0 || got.Rejected != 0 || got.Duplicate != got.Read || got.Read == 0 {
			t.Errorf("import %v again: %d read, %d stored, %d duplicate, %d rejected", args, got.Read, got.Stored, got.Duplicate, got.Rejected)
		}
	}
	if after := in.everything(t); !reflect.DeepEqual(before, after) {
		t.Error("the answers have changed")
	}
}

// everything is what the installation answers, by question.
func (in installation) everything(t *testing.T) map[string][]row {
	t.Helper()
	answers := map[string][]row{}
	for _, q := range []string{
		"outcomes --by provider", "outcomes --by region,sex --timepoint 6m", "outcomes --programme nhs-proms --by provider,procedure",
		"funnel --by provider", "compare --by region --method ancova",
	} {
		answers[q] = in.ask(t, append(strings.Fields(q), "--undisclosed")...).Rows
		if len(answers[q]) == 0 {
			t.Errorf("ask %s: no rows", q)
		}
	}
	return answers
}

// otherwise writes the record files of a folder into another one: with other
// names, each compressed by gzip and by zstd, rows in another order and headers
// in another spelling.
func otherwise(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		shuffled := text
		switch filepath.Ext(e.Name()) {
		case ".csv":
			shuffled = otherRows(text)
		case ".arrow":
			shuffled = otherBatches(t, text)
		default:
			continue // truth.json
		}
		name := filepath.Join(to, string(rune('a'+i)))
		save(t, name+".gz", gzipped(t, text))
		save(t, name+"-shuffled", shuffled)
		save(t, name+".zst", zstandard(t, shuffled))
	}
	return to
}

// otherRows shuffles the rows of a CSV file, respells its header and ends its
// lines otherwise.
func otherRows(text []byte) []byte {
	lines := strings.Split(strings.TrimSpace(string(text)), "\r\n")
	rows := lines[1:]
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	header := strings.ToUpper(strings.ReplaceAll(strings.ReplaceAll(lines[0], "-", " "), " ", "_"))
	return []byte("\ufeff" + strings.Join(append([]string{header}, rows...), "\n") + "\n")
}

// otherBatches writes an Arrow file as a stream of small batches, the last
// first, with its columns the other way round.
func otherBatches(t *testing.T, text []byte) []byte {
	t.Helper()
	r, err := ipc.NewFileReader(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	fields := r.Schema().Fields()
	turned := make([]arrow.Field, len(fields))
	for i, f := range fields {
		turned[len(fields)-1-i] = f
	}
	schema := arrow.NewSchema(turned, nil)
	var b bytes.Buffer
	w := ipc.NewWriter(&b, ipc.WithSchema(schema))
	for i := r.NumRecords() - 1; i >= 0; i-- {
		whole, err := r.RecordAt(i)
		if err != nil {
			t.Fatal(err)
		}
		const size = 97
		for from := (whole.NumRows() - 1) / size * size; from >= 0; from -= size {
			part := whole.NewSlice(from, min(from+size, whole.NumRows()))
			columns := make([]arrow.Array, len(fields))
			for c := range columns {
				columns[len(fields)-1-c] = part.Column(c)
			}
			if err := w.Write(array.NewRecord(schema, columns, part.NumRows())); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipped(t *testing.T, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func unpacked(t *testing.T, text []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

func zstandard(t *testing.T, text []byte) []byte {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return z.EncodeAll(text, nil)
}

func save(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
