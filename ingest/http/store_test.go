package http_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/arrowfile"
	"github.com/lumbar-health/lumbar/ingest/csvfile"
	"github.com/lumbar-health/lumbar/ingest/fhir"
	ihttp "github.com/lumbar-health/lumbar/ingest/http"
	"github.com/lumbar-health/lumbar/ingest/nhsproms"
	"github.com/lumbar-health/lumbar/ingest/parquet"
	"github.com/lumbar-health/lumbar/ingest/wire"
	"github.com/lumbar-health/lumbar/internal/chtest"
	"github.com/lumbar-health/lumbar/internal/ingeststore"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/simulate"
	"github.com/lumbar-health/lumbar/store"
)

func TestMain(m *testing.M) { chtest.Main(m) }

// installation is a store with a pipeline into it.
type installation struct {
	t        testing.TB
	db       *chtest.DB
	pipeline *ingest.Pipeline
	options  ingest.Options
	writer   ingest.Writer
	metrics  *prometheus.Registry
	dir      string // of journal and spool
	journal  int64  // bytes that the journal may hold; 0 = many
	identify func(http.Handler) http.Handler
	intake   ihttp.Intake // in the place of the real one
}

func now() time.Time { return time.Date(2026, 9, 1, 9, 0, 0, 0, time.UTC) }

func install(t testing.TB) *installation {
	t.Helper()
	db := chtest.New(t)
	s, err := store.Open(context.Background(), store.Config{
		Addr: db.Addr, HTTPAddr: db.HTTPAddr, Database: db.Database, User: db.User, Password: db.Password,
		Programmes: programme.All(), Clock: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	reg := prometheus.NewRegistry()
	in := &installation{t: t, db: db, metrics: reg, dir: t.TempDir(), writer: ingeststore.Writer(s.Writer()), options: ingest.Options{
		Setting: ingest.Setting{Programmes: programme.All(), Key: []byte("a key for tests only, 32 bytes .."), TestNumbers: true, Now: now},
		Formats: []ingest.Format{nhsproms.Format(), arrowfile.Format(), fhir.Format(), wire.Format(), parquet.Format(), csvfile.Format()},
		Metrics: reg,
	}}
	in.pipeline = ingest.New(in.writer, in.options)
	return in
}

// count runs a query whose answer is one number.
func (in *installation) count(query string) uint64 {
	in.t.Helper()
	var n uint64
	if err := in.db.Conn(in.t).QueryRow(context.Background(), "SELECT toUInt64(("+query+"))").Scan(&n); err != nil {
		in.t.Fatalf("%s: %v", query, err)
	}
	return n
}

func (in *installation) load(src ingest.Source, o ingest.ImportOptions) ingest.Report {
	in.t.Helper()
	report, err := in.pipeline.Import(context.Background(), src, o, nil)
	if err != nil {
		in.t.Fatal(err)
	}
	if !report.Reconciles() {
		in.t.Errorf("%+v does not reconcile", report)
	}
	return report
}

func text(name string, b []byte) ingest.Source {
	return ingest.Source{Name: name, Size: int64(len(b)), Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }}
}

func gzipped(t testing.TB, src ingest.Source) ingest.Source {
	t.Helper()
	f, err := src.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.Copy(w, f); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return text("renamed.gz", b.Bytes())
}

// TestSimulatedProgramme imports what the simulator writes, by all three
// formats' ways, and again: nothing is stored twice, renamed or compressed too.
func TestSimulatedProgramme(t *testing.T) {
	in := install(t)
	dir := t.TempDir()
	if _, err := simulate.Write(context.Background(), dir, simulate.Options{Patients: 300, Seed: 3}); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(dir, "[^t]*")) // all but truth.json
	if err != nil || len(names) != 4 {
		t.Fatalf("simulated files %v, %v; want four", names, err)
	}
	rows := map[ingest.Table]int{}
	var sources []ingest.Source
	for _, name := range names {
		src, err := ingest.File(name)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, src)
		dry := in.load(src, ingest.ImportOptions{DryRun: true})
		report := in.load(src, ingest.ImportOptions{})
		// The simulator sends some answers twice.
		if report.Stored == 0 || report.Rejected > 0 || report.ScoreMismatch > 0 || dry.Stored != report.Stored {
			t.Errorf("%s: dry %+v, then %+v; want nothing rejected and both alike", src.Name, dry, report)
		}
		for table, n := range report.Rows {
			rows[table] += n
		}
	}
	tables := func() map[ingest.Table]uint64 {
		return map[ingest.Table]uint64{
			ingest.Responses: in.count("SELECT count() FROM response"),
			ingest.Episodes:  in.count("SELECT count() FROM episode"),
			"outcome":        in.count("SELECT count() FROM outcome FINAL WHERE live = 1"),
			"score":          in.count("SELECT count() FROM score"),
			"units":          in.count("SELECT count(units) FROM score"),
		}
	}
	before := tables()
	for table, n := range rows {
		if before[table] != uint64(n) {
			t.Errorf("%s holds %d rows, the reports say %d", table, before[table], n)
		}
	}
	if before["outcome"] != before[ingest.Episodes] || before["units"] == 0 {
		t.Errorf("stored %v: want an outcome an episode, and scores", before)
	}
	for i, src := range sources {
		for _, again := range []ingest.Source{src, gzipped(t, src)} {
			if r := in.load(again, ingest.ImportOptions{}); r.Duplicate != r.Read || r.Read == 0 {
				t.Errorf("%s again: %+v; want all duplicate", names[i], r)
			}
		}
	}
	after := tables()
	for table, n := range before {
		if after[table] != n {
			t.Errorf("%s: %d rows after the second import, %d before", table, after[table], n)
		}
	}
	if got := in.count("SELECT count() FROM outcome FINAL WHERE live = 1 AND isNotNull(odi_baseline) AND isNotNull(odi_12m)"); got == 0 {
		t.Error("no episode has ODI at baseline and 12 months")
	}
}

// TestInterruptedImportIsCompleted: where a crash left some rows of a record,
// the same import stores the rest and nothing twice.
func TestInterruptedImportIsCompleted(t *testing.T) {
	in := install(t)
	dir := t.TempDir()
	if _, err := simulate.Write(context.Background(), dir, simulate.Options{Patients: 10, Seed: 5}); err != nil {
		t.Fatal(err)
	}
	src, err := ingest.File(filepath.Join(dir, "hip-provider-simulated.csv"))
	if err != nil {
		t.Fatal(err)
	}
	first := in.load(src, ingest.ImportOptions{})
	responses := in.count("SELECT count() FROM response")
	conn := in.db.Conn(t)
	for _, table := range []string{"response", "score"} {
		if err := conn.Exec(context.Background(), "DELETE FROM "+table+" WHERE response_id % 3 = 0 AND timepoint = '6m'"); err != nil {
			t.Fatal(err)
		}
	}
	if in.count("SELECT count() FROM response") == responses {
		t.Fatal("nothing was lost")
	}
	again := in.load(src, ingest.ImportOptions{})
	if again.Stored == 0 || again.Duplicate == 0 || again.Stored+again.Duplicate != first.Read {
		t.Errorf("second import %+v: want the records with lost rows stored, the others duplicate", again)
	}
	if got := in.count("SELECT count() FROM response FINAL"); got != responses {
		t.Errorf("%d responses, want %d as before", got, responses)
	}
	if third := in.load(src, ingest.ImportOptions{}); third.Duplicate != first.Read {
		t.Errorf("third import %+v: want all duplicate", third)
	}
}

// TestChunksOfOneImport: what an earlier chunk of a bulk brought is known to
// the later ones, though the store does not show it yet: an answer that moves
// to another person counts once, a repetition is a duplicate.
func TestChunksOfOneImport(t *testing.T) {
	const cat = "c0c1c2c3c4c5c6c7c8c9cacbcccdcecf"
	episodes := `{"kind":"episode",` + referral("e1", ann)[1:] + "\n" + `{"kind":"episode",` + referral("e2", bob)[1:] + "\n" + `{"kind":"episode",` + referral("e3", cat)[1:]
	first, moved := response("r1", ann, "completed", "7"), response("r1", bob, "amended", "7")
	again := strings.Replace(response("r1", cat, "amended", "7"), `"status"`, `"updated_at":"2026-04-03T10:00:00Z","status"`, 1)
	other := response("r2", ann, "in-progress", "3")
	for name, c := range map[string]struct {
		lines                          []string
		stored, duplicate, retractions int
		holder                         string
	}{
		"moved":              {[]string{episodes, first, other, moved}, 6, 0, 1, bob},
		"moved twice":        {[]string{episodes, first, other, moved, again}, 7, 0, 3, cat},
		"moved and repeated": {[]string{episodes, first, other, moved, first, moved, other}, 6, 3, 1, bob},
		"not moved":          {[]string{episodes, first, other, other, first}, 5, 2, 0, ann},
	} {
		for _, rows := range []int{1, 2, 0} {
			t.Run(fmt.Sprint(name, " by ", rows), func(t *testing.T) {
				in := install(t)
				in.options.BatchRows, in.options.Metrics = rows, nil
				in.pipeline = ingest.New(in.writer, in.options)
				file := text("answers.ndjson", []byte(strings.Join(c.lines, "\n")))
				dry := in.load(file, ingest.ImportOptions{DryRun: true})
				for run, want := range []int{c.stored, 0} {
					r := in.load(file, ingest.ImportOptions{})
					if r.Stored != want || r.Duplicate != r.Read-want || run == 0 && dry.Stored != want {
						t.Errorf("import %d: %+v, dry %+v; want %d stored, the others duplicate", run+1, r, dry, want)
					}
					if got := in.count("SELECT count() FROM outcome FINAL WHERE live = 1 AND nrs_back_baseline = 7"); got != 1 {
						t.Errorf("%d people have the answer, want 1", got)
					}
					holds := "patient_id = reinterpretAsUInt128(reverse(unhex('" + c.holder + "')))"
					if got := in.count("SELECT count() FROM outcome FINAL WHERE live = 1 AND nrs_back_baseline = 7 AND " + holds); got != 1 {
						t.Error("another person has the answer")
					}
					if got := in.count("SELECT uniqExact(patient_id, version) FROM response WHERE status = 'entered-in-error'"); got != uint64(c.retractions) {
						t.Errorf("%d retractions, want %d", got, c.retractions)
					}
				}
			})
		}
	}
}

var quiet = slog.New(slog.DiscardHandler)
