package load_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/journal"
	"github.com/lumbar-health/lumbar/ingest/wire"
	"github.com/lumbar-health/lumbar/internal/chtest"
	"github.com/lumbar-health/lumbar/internal/ingeststore"
	"github.com/lumbar-health/lumbar/internal/load"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/store"
	"github.com/lumbar-health/lumbar/store/engine"
)

// clock is what the whole product takes for the time.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time { return time.UnixMilli(c.at.Load()).UTC() }

func (c *clock) set(t time.Time) { c.at.Store(t.UnixMilli()) }

// installation is store, pipeline, journal and intake on one clock.
type installation struct {
	store    *store.Store
	pipeline *ingest.Pipeline
	journal  *journal.Journal
	intake   *ingest.Intake
}

// open starts one, as after a start of the program.
func open(t *testing.T, db *chtest.DB, dir string, c *clock, wrap func(ingest.Writer) ingest.Writer) *installation {
	t.Helper()
	in := &installation{}
	var err error
	if in.store, err = store.Open(t.Context(), store.Config{
		Addr: db.Addr, HTTPAddr: db.HTTPAddr, Database: db.Database, User: db.User, Password: db.Password,
		Programmes: programme.All(), Clock: c.now,
	}); err != nil {
		t.Fatal(err)
	}
	w := ingeststore.Writer(in.store.Writer())
	if wrap != nil {
		w = wrap(w)
	}
	in.pipeline = ingest.New(w, ingest.Options{Setting: ingest.Setting{Programmes: programme.All(), Now: c.now}})
	if in.journal, err = journal.Open(journal.Options{Dir: dir, Now: c.now}); err != nil {
		t.Fatal(err)
	}
	in.intake = in.pipeline.NewIntake(in.journal, ingest.IntakeOptions{})
	return in
}

func (in *installation) close(t *testing.T) {
	t.Helper()
	if err := errors.Join(in.intake.Close(), in.journal.Close(), in.store.Close()); err != nil {
		t.Fatal(err)
	}
}

// submit acknowledges rows, one a line.
func (in *installation) submit(t *testing.T, text []byte) ingest.Mark {
	t.Helper()
	d, err := wire.NewDecoder(ingest.Input{Reader: bufio.NewReader(bytes.NewReader(text)), Setting: in.pipeline.Setting}, wire.KindResponse|wire.KindEpisode)
	if err != nil {
		t.Fatal(err)
	}
	var records []*ingest.Record
	for source := in.pipeline.Reader(d, wire.Name); ; {
		r := new(ingest.Record)
		if err := source.Next(r); errors.Is(err, io.EOF) {
			break
		} else if err != nil || len(r.Reasons) > 0 {
			t.Fatal(err, r.Reasons)
		}
		records = append(records, r)
	}
	mark, err := in.intake.Submit(t.Context(), records)
	if err != nil {
		t.Fatal(err)
	}
	return mark
}

// settled waits until all is in the store; it returns the data version.
func (in *installation) settled(t *testing.T) uint64 {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 8*time.Minute)
	defer stop()
	if err := in.intake.Drained(ctx); err != nil {
		t.Fatal(err)
	}
	v, err := in.store.Reader().DataVersion(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// away is a store that takes nothing.
type away struct{ ingest.Writer }

func (away) Write(context.Context, ingest.Batch) error { return errors.New("the engine is away") }

// TestClockSteppedBack: whichever way the clock steps, between batches, while
// answers wait in the journal, at a start after a crash, versions, data version
// and outcome are what they are on a steady clock.
func TestClockSteppedBack(t *testing.T) {
	db, dir, c := chtest.New(t), t.TempDir(), &clock{}
	there := load.StoreAt(engine.OwnerInfo{HTTPAddr: db.HTTPAddr, User: db.User, Password: db.Password, Database: db.Database})
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ledger := load.NewLedger(load.World{Name: "clock", Programme: "back-pain"})
	amended := load.World{Name: "amended", Programme: "back-pain"}
	var in *installation
	people := uint64(0)
	arrive := func() ingest.Mark {
		people += 10
		ledger.Imported(people-10, people)
		return in.submit(t, ledger.World.AppendFile(nil, people-10, people))
	}
	whole := func(when string) {
		t.Helper()
		b, err := there.Reconcile(t.Context(), ledger)
		if err == nil {
			err = b.Err()
		}
		n, differs := in.store.Writer().RebuildCheck(t.Context())
		if err := errors.Join(err, differs); err != nil || n != 0 {
			t.Errorf("%s: %v, %d cells differ from a rebuild", when, err, n)
		}
	}
	later := func(when string, before uint64) uint64 {
		t.Helper()
		now := in.settled(t)
		if now <= before {
			t.Errorf("%s: data version %d after %d", when, now, before)
		}
		whole(when)
		return now
	}
	first := string(amended.AppendAnswer(nil, 0))
	worst := strings.NewReplacer(`"completed"`, `"amended","updated_at":"2025-01-01T00:00:00Z"`,
		first[strings.Index(first, `"answers"`):], `"answers":[5,5,5,5,5,5,5,5,5,5]}`).Replace(first)
	points := func(when string) {
		t.Helper()
		n, err := there.Number(t.Context(), "SELECT any("+load.Column(0)+") FROM outcome FINAL WHERE patient_id = (SELECT any(patient_id) FROM response WHERE source = '"+amended.System()+"')")
		if n != 1800 || err != nil {
			t.Errorf("%s: the amended answer has %v units, %v, want 1800", when, n, err)
		}
	}

	c.set(noon)
	in = open(t, db, dir, c, nil)
	arrive()
	in.submit(t, append(append(amended.AppendEpisode(nil, 0), '\n'), first...))
	v := later("at noon", 0)

	c.set(noon.Add(-time.Hour))
	in.submit(t, []byte(worst)) // received before what it amends
	arrive()
	v = later("an hour back", v)
	points("an hour back")
	in.submit(t, []byte(first))
	if now := in.settled(t); now != v {
		t.Errorf("what came before is stored again: data version %d after %d", now, v)
	}
	in.close(t)

	c.set(noon.Add(-2 * time.Hour))
	in = open(t, db, dir, c, nil)
	if now := in.settled(t); now != v {
		t.Errorf("a start changes the data version from %d to %d", v, now)
	}
	whole("started two hours back")
	arrive()
	v = later("two hours back", v)
	in.close(t)

	// Answers wait in the journal while the clock steps back, and forth.
	in = open(t, db, dir, c, func(w ingest.Writer) ingest.Writer { return away{w} })
	arrive()
	c.set(noon.Add(-3 * time.Hour))
	arrive()
	c.set(noon)
	arrive()
	in.close(t)
	c.set(noon.Add(-4 * time.Hour))
	in = open(t, db, dir, c, nil)
	v = later("from the journal, four hours back", v)
	arrive()
	v = later("four hours back", v)
	in.close(t)

	// A crash between the facts of the last batch and its outcome: what recover
	// finds then is a batch without its last row, and no outcome of its people.
	for _, sql := range []string{
		"ALTER TABLE batch DELETE WHERE state = 'committed' AND number = (SELECT max(number) FROM batch) SETTINGS mutations_sync = 1",
		"ALTER TABLE outcome DELETE WHERE patient_id IN (SELECT patient_id FROM episode WHERE source_id IN ('" + load.EpisodeName(people-1) + "', '" + load.EpisodeName(people-10) + "')) SETTINGS mutations_sync = 1",
	} {
		if err := there.Do(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	c.set(noon.Add(-5 * time.Hour))
	in = open(t, db, dir, c, nil)
	if now := in.settled(t); now != v {
		t.Errorf("after the crash data version %d, want %d", now, v)
	}
	whole("after a crash, five hours back")
	points("at the end")
	in.close(t)
}
