package ingest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/wire"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/record"
)

// recorder notes what the pipeline hands over. It stores nothing: what is
// stored, and once, is tested with the real engine (ingest/http).
type recorder struct {
	look           func(ingest.Batch)
	rows           []int64 // of each batch's responses
	bulks, commits int
	closed         int
	failAt         int // batch that fails, from 1
	failure        error
	refused        []record.Refused
	most           int // bytes of refused rows at once
}

func (w *recorder) Existing(_ context.Context, keys []ingest.Key) ([]bool, error) {
	return make([]bool, len(keys)), nil
}

func (w *recorder) Recorded(_ context.Context, keys []ingest.Key) ([]bool, error) {
	return make([]bool, len(keys)), nil
}

func (w *recorder) Fingerprints(context.Context, func([]uint64) error) error { return nil }
func (w *recorder) Corrected(context.Context, func([]uint64) error) error    { return nil }

func (w *recorder) Holders(context.Context, []uint64) (map[uint64][]record.Holder, error) {
	return nil, nil
}

func (w *recorder) Quarantine(_ context.Context, rows []record.Refused) error {
	bytes := 0
	for i := range rows {
		bytes += len(rows[i].Sealed)
	}
	w.refused, w.most = append(w.refused, rows...), max(w.most, bytes)
	return nil
}

// TestRefusedRowsTakeBoundedMemory: refused rows close a batch by their bytes,
// and one row that came often in it is held once.
func TestRefusedRowsTakeBoundedMemory(t *testing.T) {
	w := &recorder{}
	p := ingest.New(w, ingest.Options{
		Setting: ingest.Setting{Programmes: programme.All(), Key: []byte("a key for tests only, 32 bytes ..")},
		Formats: []ingest.Format{wire.Format()},
	})
	var b strings.Builder
	const n, size = 40, 1 << 20
	for i := range n {
		fmt.Fprintf(&b, `{"row":"%d","x":"%s"}`+"\n", i, strings.Repeat("x", size-100))
	}
	b.WriteString(strings.Repeat("7\n", 1000))
	report, err := p.Import(context.Background(), source(b.String()), ingest.ImportOptions{}, nil)
	if err != nil || report.Rejected != n+1000 || len(w.refused) != n+1 {
		t.Errorf("%d rejected, %d held, %v; want %d and %d", report.Rejected, len(w.refused), err, n+1000, n+1)
	}
	if w.most > 17*size || w.most < 10*size {
		t.Errorf("%d bytes were held at once, want some sixteen mebibytes", w.most)
	}
}

func (w *recorder) Write(_ context.Context, b ingest.Batch) error {
	if w.look != nil {
		w.look(b)
	}
	n := int64(0)
	if b.Response != nil {
		n = b.Response.NumRows()
	}
	w.rows = append(w.rows, n)
	if len(w.rows) == w.failAt {
		return w.failure
	}
	return nil
}

func (w *recorder) Bulk(context.Context) (ingest.Bulk, error) {
	w.bulks++
	return bulk{w}, nil
}

type bulk struct{ *recorder }

func (b bulk) Commit(context.Context) error { b.commits++; return nil }
func (b bulk) Close() error                 { b.closed++; return nil }

func newPipeline(w ingest.Writer, alloc memory.Allocator) *ingest.Pipeline {
	return ingest.New(w, ingest.Options{
		Setting:   ingest.Setting{Programmes: programme.All(), Now: func() time.Time { return time.Date(2026, 5, 1, 9, 0, 0, 0, time.UTC) }},
		Formats:   []ingest.Format{wire.Format()},
		Allocator: alloc,
	})
}

func source(text string) ingest.Source {
	return ingest.Source{Name: "test", Size: int64(len(text)), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(text)), nil
	}}
}

// answers is a stream of n responses; every tenth is out of range.
func answers(n int) string {
	var b bytes.Buffer
	for i := range n {
		code := 7
		if i%10 == 9 {
			code = 70
		}
		fmt.Fprintf(&b, `{"id":{"system":"s","value":"%d"},"patient":{"pseudonym":"%032x"},"instrument":"nrs_back","answered_at":"2026-04-01","answers":[%d]}`+"\n", i, i, code)
	}
	return b.String()
}

// TestBulk: a large source goes as a bulk of bounded batches, a small one at
// once; every record has one fate.
func TestBulk(t *testing.T) {
	for _, c := range []struct {
		n       int
		bulks   int
		batches int
	}{{10, 0, 1}, {50_000, 1, 1}, {50_010, 1, 2}} {
		w := &recorder{}
		last := ingest.Progress{}
		report, err := newPipeline(w, nil).Import(context.Background(), source(answers(c.n)), ingest.ImportOptions{}, func(p ingest.Progress) { last = p })
		if err != nil || !report.Reconciles() || report.Read != c.n || report.Rejected != c.n/10 || report.Rules["code_out_of_range"] != c.n/10 {
			t.Errorf("%d records: %d read, %d stored, %d rejected, %v", c.n, report.Read, report.Stored, report.Rejected, err)
		}
		if len(report.Rejections) > 1000 {
			t.Errorf("%d rejections are listed, want no more than 1000", len(report.Rejections))
		}
		if w.bulks != c.bulks || w.commits != c.bulks || w.closed != c.bulks || len(w.rows) != c.batches {
			t.Errorf("%d records: %d bulks, %d commits, %d closed, batches %v; want %d and %d batches", c.n, w.bulks, w.commits, w.closed, w.rows, c.bulks, c.batches)
		}
		for _, n := range w.rows {
			if n > 50_000 {
				t.Errorf("a batch of %d responses", n)
			}
		}
		if last.Records != c.n || last.Bytes != last.Size {
			t.Errorf("progress ends at %+v", last)
		}
	}
}

func TestDryRunFindsRepetitions(t *testing.T) {
	w := &recorder{}
	text := answers(30_000)
	report, err := newPipeline(w, nil).Import(context.Background(), source(text+text), ingest.ImportOptions{DryRun: true}, nil)
	if err != nil || report.Stored != 27_000 || report.Duplicate != 27_000 || len(w.rows) > 0 {
		t.Errorf("%d stored, %d duplicate, %d batches written, %v; want 27000, 27000, none", report.Stored, report.Duplicate, len(w.rows), err)
	}
}

func TestWriteFails(t *testing.T) {
	full := errors.New("no space left")
	w := &recorder{failAt: 2, failure: full}
	report, err := newPipeline(w, nil).Import(context.Background(), source(answers(60_000)), ingest.ImportOptions{}, nil)
	if !errors.Is(err, full) || report.Read != 50_000 || w.commits != 0 || w.closed != 1 {
		t.Errorf("error %v after %d records, %d commits, %d closed; want the writer's, after the first batch", err, report.Read, w.commits, w.closed)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	w := &recorder{look: func(ingest.Batch) { cancel() }}
	if _, err := newPipeline(w, nil).Import(ctx, source(answers(60_000)), ingest.ImportOptions{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want cancelled", err)
	}
}

// TestBatchColumns: each table has the columns that the data model names, in
// the types that were agreed with the store; two programmes' covariates share
// a batch; memory is given back.
func TestBatchColumns(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer alloc.AssertSize(t, 0)
	const patient = `"patient":{"pseudonym":"000102030405060708090a0b0c0d0e0f"}`
	text := strings.Join([]string{
		`{"kind":"episode",` + patient + `,"programme":"back-pain","episode":"a","referred_on":"2026-01-01","bmi":30}`,
		`{"kind":"episode",` + patient + `,"programme":"nhs-proms","episode":"b","referred_on":"2026-01-01","procedure":"hip_primary","diabetes":1}`,
		`{"kind":"event",` + patient + `,"type":"admission","at":"2026-01-01"}`,
		`{"kind":"patient",` + patient + `,"sex":"female"}`,
		`{` + patient + `,"instrument":"odi","answered_at":"2026-04-01","answers":[[1,2],1,null,1,1,1,1,1,1,1],"missing":{"odi.3":"na"}}`,
	}, "\n")
	seen := 0
	w := &recorder{look: func(b ingest.Batch) {
		for name, table := range map[string]struct {
			rec  arrow.Record
			rows int64
			want string
		}{
			"response": {b.Response, 1, "patient_id response_id version status source source_id source_version episode_id programme instrument instrument_version provider timepoint answered_at answered_on answered_precision received_at reported_by admin_mode mode language codes ticks missing_reasons supplied_score predicted journal_seq"},
			"score":    {b.Score, 1, "patient_id response_id score algorithm value_set version status programme episode_id timepoint answered_at answered_on received_at reported_by units unit value predicted n_answered n_items band flags"},
			"episode":  {b.Episode, 2, "patient_id episode_id version status source source_id programme referred_on first_contact_on treatment_start discharged_on prior_episode_id intervention procedure practice site provider icb region sex age age_band imd_decile imd_version ethnic_group startback_risk received_at arthritis assisted bmi"},
			"event":    {b.Event, 1, "patient_id event_id version status programme episode_id type happened_at happened_on organisation intervention code_system code cost_pence source source_id received_at"},
			"patient":  {b.Patient, 1, "patient_id version status sex birth_month ethnic lsoa imd_decile imd_version received_at"},
		} {
			seen++
			var names []string
			for _, f := range table.rec.Schema().Fields() {
				names = append(names, f.Name)
			}
			if got := strings.Join(names, " "); table.rec.NumRows() != table.rows || !strings.HasPrefix(got, table.want) {
				t.Errorf("%s: %d rows of %s\nwant %d of %s", name, table.rec.NumRows(), got, table.rows, table.want)
			}
		}
		id := b.Response.Column(0).(*array.FixedSizeBinary).Value(0)
		if id[15] != 0x00 || id[0] != 0x0f {
			t.Errorf("patient_id = %x, want little-endian", id)
		}
		for name, want := range map[string]string{"bmi": "[30 (null)]", "diabetes": "[(null) 1]"} {
			at := b.Episode.Schema().FieldIndices(name)[0]
			if got := fmt.Sprint(b.Episode.Column(at)); got != want {
				t.Errorf("%s = %s, want %s", name, got, want)
			}
		}
		for i, want := range map[int]string{21: "[[2 1 (null) 1 1 1 1 1 1 1]]", 22: "[[[1 2] [] [] [] [] [] [] [] [] []]]"} {
			if got := fmt.Sprint(b.Response.Column(i)); got != want {
				t.Errorf("%s = %s, want %s", b.Response.ColumnName(i), got, want)
			}
		}
		if len(b.Touched) != 1 {
			t.Errorf("%d touched, want 1", len(b.Touched))
		}
	}}
	report, err := newPipeline(w, alloc).Import(context.Background(), source(text), ingest.ImportOptions{}, nil)
	if err != nil || report.Stored != 5 || seen != 5 {
		t.Errorf("report %+v, %v; want five stored", report, err)
	}
}

// TestRepeatAfterABulkEnded: a row whose own chunk ended a bulk, for an episode
// beside it brought new columns, is a duplicate when it comes again.
func TestRepeatAfterABulkEnded(t *testing.T) {
	episode := func(programme, covariate string) string {
		return `{"kind":"episode","patient":{"pseudonym":"000102030405060708090a0b0c0d0e0f"},"programme":"` + programme + `","episode":"` + programme + `","referred_on":"2026-01-01",` + covariate + "}\n"
	}
	again := strings.ReplaceAll(answers(1), `"system":"s"`, `"system":"again"`)
	text := episode("back-pain", `"bmi":30`) + answers(5000) +
		episode("nhs-proms", `"procedure":"hip_primary","diabetes":1`) + again + strings.ReplaceAll(answers(5000), `"system":"s"`, `"system":"t"`) +
		again
	in := source(text)
	in.Size = 64 << 20 // as of a large source: it comes in small chunks
	w := &recorder{}
	report, err := newPipeline(w, nil).Import(context.Background(), in, ingest.ImportOptions{}, nil)
	if err != nil || w.bulks != 2 {
		t.Fatalf("%d bulks, %v; want two", w.bulks, err)
	}
	if report.Duplicate != 1 || report.Stored != 9003 || report.Rejected != 1000 || !report.Reconciles() {
		t.Errorf("%d stored, %d duplicate, %d rejected; want 9003, 1 and 1000", report.Stored, report.Duplicate, report.Rejected)
	}
}
