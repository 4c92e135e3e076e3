package ingest_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/journal"
	"github.com/lumbar-health/lumbar/ingest/wire"
	"github.com/lumbar-health/lumbar/record"
)

// allKinds is a row of each kind, with whatever a row can hold.
const allKinds = `{"kind":"episode","patient":{"pseudonym":"000102030405060708090a0b0c0d0e0f"},"programme":"back-pain","episode":"a","referred_on":"2026-01-01","treatment_start":"2026-02-01","bmi":30,"age":51,"sex":"female"}
{"kind":"episode","patient":{"pseudonym":"000102030405060708090a0b0c0d0e0f"},"programme":"nhs-proms","episode":"b","referred_on":"2026-01-01","procedure":"hip_primary","diabetes":1}
{"kind":"event","patient":{"pseudonym":"000102030405060708090a0b0c0d0e0f"},"type":"admission","at":"2026-01-01","cost_pence":12345}
{"kind":"patient","patient":{"pseudonym":"000102030405060708090a0b0c0d0e0f"},"sex":"female","birth_month":"1975-03"}
{"patient":{"pseudonym":"000102030405060708090a0b0c0d0e0f"},"instrument":"odi","answered_at":"2026-04-01","answers":[[1,2],1,null,1,1,1,1,1,1,1],"missing":{"odi.3":"na"},"supplied_score":99,"predicted":20.5}
{"id":{"system":"s","value":"x"},"updated_at":"2026-04-02T10:00:00.123+01:00","patient":{"pseudonym":"100102030405060708090a0b0c0d0e0f"},"instrument":"phq9","answered_at":"2026-04-01T09:30:00+01:00","answers":[1,1,1,1,1,1,1,1,2],"provider":"RTR","timepoint":"baseline","reported_by":"proxy"}
`

// read decodes a text as a request's records.
func read(t testing.TB, p *ingest.Pipeline, text string) []*ingest.Record {
	t.Helper()
	d, err := wire.NewDecoder(ingest.Input{Reader: bufio.NewReader(strings.NewReader(text)), Setting: p.Setting}, wire.KindResponse|wire.KindEpisode|wire.KindEvent|wire.KindPatient)
	if err != nil {
		t.Fatal(err)
	}
	source := p.Reader(d, wire.Name)
	var records []*ingest.Record
	for {
		r := new(ingest.Record)
		switch err := source.Next(r); {
		case errors.Is(err, io.EOF):
			return records
		case err != nil:
			t.Fatal(err)
		}
		records = append(records, r)
	}
}

func openJournal(t testing.TB, dir string) *journal.Journal {
	t.Helper()
	j, err := journal.Open(journal.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// collector keeps batches, under a lock: the drain writes from its goroutine.
type collector struct {
	recorder
	mu       sync.Mutex
	batches  []ingest.Batch
	failures int // how many writes fail first
	ask      func(keys []ingest.Key) ([]bool, error)
	list     func() error
}

func (c *collector) Write(_ context.Context, b ingest.Batch) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failures > 0 {
		c.failures--
		return errors.New("the engine is away")
	}
	for _, r := range []arrow.Record{b.Response, b.Score, b.Episode, b.Event, b.Patient} {
		if r != nil {
			r.Retain()
		}
	}
	c.batches = append(c.batches, b)
	return nil
}

func (c *collector) Quarantine(ctx context.Context, rows []record.Refused) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.recorder.Quarantine(ctx, rows)
}

func (c *collector) Recorded(_ context.Context, keys []ingest.Key) ([]bool, error) {
	if c.ask == nil {
		return make([]bool, len(keys)), nil
	}
	return c.ask(keys)
}

func (c *collector) Fingerprints(context.Context, func([]uint64) error) error {
	if c.list == nil {
		return nil
	}
	return c.list()
}

// responses are the response rows of all batches.
func (c *collector) responses() (n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, b := range c.batches {
		if b.Response != nil {
			n += b.Response.NumRows()
		}
	}
	return n
}

func results(records []*ingest.Record) (list []ingest.Result) {
	for _, r := range records {
		list = append(list, r.Result)
	}
	return list
}

// TestJournalKeepsRows: what comes out of the journal is, in every column of
// every table, what an import of the same records stores.
func TestJournalKeepsRows(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer alloc.AssertSize(t, 0)
	imported, drained := &collector{}, &collector{}
	if _, err := newPipeline(imported, alloc).Import(t.Context(), source(allKinds), ingest.ImportOptions{}, nil); err != nil {
		t.Fatal(err)
	}
	p := newPipeline(drained, alloc)
	j := openJournal(t, t.TempDir())
	defer j.Close()
	in := p.NewIntake(j, ingest.IntakeOptions{})
	mark, err := in.Submit(t.Context(), read(t, p, allKinds))
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Await(t.Context(), mark); err != nil {
		t.Fatal(err)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if len(imported.batches) != 1 || len(drained.batches) != 1 {
		t.Fatalf("%d and %d batches, want one each", len(imported.batches), len(drained.batches))
	}
	a, b := imported.batches[0], drained.batches[0]
	defer a.Release()
	defer b.Release()
	for name, pair := range map[string][2]arrow.Record{
		"response": {a.Response, b.Response}, "score": {a.Score, b.Score}, "episode": {a.Episode, b.Episode}, "event": {a.Event, b.Event}, "patient": {a.Patient, b.Patient},
	} {
		if pair[0].NumRows() == 0 || !pair[0].Schema().Equal(pair[1].Schema()) {
			t.Fatalf("%s: schemas differ, or there is no row", name)
		}
		for i, f := range pair[0].Schema().Fields() {
			if f.Name != "journal_seq" && !array.Equal(pair[0].Column(i), pair[1].Column(i)) {
				t.Errorf("%s.%s = %v out of the journal, %v imported", name, f.Name, pair[1].Column(i), pair[0].Column(i))
			}
		}
	}
	if !slices.Equal(a.Touched, b.Touched) {
		t.Errorf("touched %v and %v", a.Touched, b.Touched)
	}
}

// TestDrainInsists: while the store fails records are acknowledged all the same,
// and come once when it is back; refused ones too.
func TestDrainInsists(t *testing.T) {
	w := &collector{failures: 4}
	p := newPipeline(w, nil)
	j := openJournal(t, t.TempDir())
	defer j.Close()
	in := p.NewIntake(j, ingest.IntakeOptions{})
	records := read(t, p, answers(20))
	mark, err := in.Submit(t.Context(), records)
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Await(t.Context(), mark); err != nil {
		t.Fatal(err)
	}
	held := map[uint64]bool{} // the same row again replaces the one before
	for _, r := range w.refused {
		held[r.ID] = true
	}
	if n := w.responses(); n != 18 || len(held) != 2 {
		t.Errorf("%d responses and %d refused rows, want 18 and 2", n, len(held))
	}
	again := read(t, p, answers(20))
	if _, err := in.Submit(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	if got := results(again); got[0] != ingest.ResultDuplicate || got[9] != ingest.ResultRejected {
		t.Errorf("results %v of records that came before", got)
	}
	if err := in.Close(); err != nil || w.responses() != 18 {
		t.Errorf("%d responses at the end, %v", w.responses(), err)
	}
	if _, err := in.Submit(t.Context(), again); !errors.Is(err, ingest.ErrClosed) {
		t.Errorf("a closed intake says %v", err)
	}
}

// picky refuses batches with a certain provider, as an engine does that can not
// hold a value.
type picky struct {
	collector
	all bool
}

func (c *picky) Write(ctx context.Context, b ingest.Batch) error {
	providers := b.Response.Column(b.Response.Schema().FieldIndices("provider")[0])
	if c.all || strings.Contains(fmt.Sprint(providers), "BAD") {
		return fmt.Errorf("%w: no column for it", ingest.ErrRows)
	}
	return c.collector.Write(ctx, b)
}

// TestOneBadRecordStopsNothing: a record that the store will never take goes to
// the quarantine, sealed, and all others are stored.
func TestOneBadRecordStopsNothing(t *testing.T) {
	key := []byte("a key for tests only, 32 bytes ..")
	text := strings.Replace(strings.ReplaceAll(answers(9), `"instrument"`, `"provider":"RTR","instrument"`), "RTR", "BAD", 5)
	text = strings.Replace(text, "BAD", "RTR", 4) // of the nine the fifth alone
	w := &picky{}
	p := ingest.New(w, ingest.Options{Setting: ingest.Setting{Programmes: newPipeline(w, nil).Programmes, Key: key}})
	j := openJournal(t, t.TempDir())
	in := p.NewIntake(j, ingest.IntakeOptions{})
	mark, err := in.Submit(t.Context(), read(t, p, text))
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Await(t.Context(), mark); err != nil {
		t.Fatal(err)
	}
	if n := w.responses(); n != 8 || len(w.refused) != 1 || w.refused[0].Reasons[0].Rule != ingest.RuleNotStorable || w.refused[0].Format != ingest.FormatJournal {
		t.Errorf("%d responses stored, held: %+v; want 8 and one", n, w.refused)
	}
	if body, err := ingest.OpenBody(key, w.refused[0].ID, w.refused[0].Sealed); err != nil || !bytes.Contains(body, []byte("BAD")) {
		t.Errorf("the body can not be read back: %v", err)
	}
	if err := errors.Join(in.Close(), j.Close()); err != nil {
		t.Error(err)
	}
}

// TestJournalOutlivesTheIntake: what one process acknowledged and could not
// store, the next one stores.
func TestJournalOutlivesTheIntake(t *testing.T) {
	dir := t.TempDir()
	dead := &collector{failures: 1 << 30}
	p := newPipeline(dead, nil)
	j := openJournal(t, dir)
	in := p.NewIntake(j, ingest.IntakeOptions{Patience: time.Millisecond})
	for i := range 5 {
		text := strings.ReplaceAll(answers(3), `"system":"s"`, fmt.Sprintf(`"system":"s%d"`, i))
		if _, err := in.Submit(t.Context(), read(t, p, text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(in.Close(), j.Close()); err != nil {
		t.Fatal(err)
	}
	w := &collector{}
	j = openJournal(t, dir)
	defer j.Close()
	in = newPipeline(w, nil).NewIntake(j, ingest.IntakeOptions{})
	if err := in.Drained(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := w.responses(); n != 15 {
		t.Errorf("%d responses after the start, want 15", n)
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
}

// TestSameRecordAtOnce: of many requests with the same records each record is
// stored by one alone.
func TestSameRecordAtOnce(t *testing.T) {
	w := &collector{}
	p := newPipeline(w, nil)
	j := openJournal(t, t.TempDir())
	defer j.Close()
	in := p.NewIntake(j, ingest.IntakeOptions{})
	var wg sync.WaitGroup
	all := make([][]*ingest.Record, 16)
	for i := range all {
		all[i] = read(t, p, answers(9))
		wg.Go(func() {
			if _, err := in.Submit(t.Context(), all[i]); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	stored := 0
	for _, records := range all {
		for _, r := range results(records) {
			if r == ingest.ResultStored {
				stored++
			}
		}
	}
	if stored != 9 {
		t.Errorf("%d records were called stored, want 9", stored)
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
}

// TestStoreIsAskedOfOldRecords: a record of an earlier life of the process is a
// duplicate when the store says so, and taken again when it can not say.
func TestStoreIsAskedOfOldRecords(t *testing.T) {
	away := errors.New("the engine is away")
	for _, c := range []struct {
		name string
		ask  func([]ingest.Key) ([]bool, error)
		want ingest.Result
	}{
		{"stored", func(k []ingest.Key) ([]bool, error) { return slices.Repeat([]bool{true}, len(k)), nil }, ingest.ResultDuplicate},
		{"not stored", func(k []ingest.Key) ([]bool, error) { return make([]bool, len(k)), nil }, ingest.ResultStored},
		{"away", func([]ingest.Key) ([]bool, error) { return nil, away }, ingest.ResultStored},
	} {
		// What is stored can not be listed: nothing is certainly new.
		w := &collector{ask: c.ask, list: func() error { return away }}
		p := newPipeline(w, nil)
		j := openJournal(t, t.TempDir())
		in := p.NewIntake(j, ingest.IntakeOptions{})
		records := read(t, p, answers(2))
		if _, err := in.Submit(t.Context(), records); err != nil {
			t.Fatal(err)
		}
		for _, got := range results(records) {
			if got != c.want {
				t.Errorf("%s: a record is %s, want %s", c.name, got, c.want)
			}
		}
		if err := errors.Join(in.Close(), j.Close()); err != nil {
			t.Error(err)
		}
	}
}

// TestAcknowledgedAfterSync: when Submit returns nil all that was written to the
// journal has been synced, and where a sync fails it does not return nil.
func TestAcknowledgedAfterSync(t *testing.T) {
	p := newPipeline(&collector{}, nil)
	files := &watchedFiles{FileSystem: journal.Machine()}
	j, err := journal.Open(journal.Options{Dir: t.TempDir(), Files: files})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	in := p.NewIntake(j, ingest.IntakeOptions{})
	defer in.Close()
	for i := range 20 {
		fails := i%5 == 4
		files.fails.Store(fails)
		records := read(t, p, strings.ReplaceAll(answers(1), `"s"`, fmt.Sprintf(`"s%d"`, i)))
		_, err := in.Submit(t.Context(), records)
		written, unsynced := files.seen()
		if written <= i || (err == nil) == fails {
			t.Fatalf("submission %d: %v after %d writes, the sync fails: %t", i, err, written, fails)
		}
		if err == nil && unsynced {
			t.Fatalf("submission %d was acknowledged before the sync returned", i)
		}
	}
}

// watchedFiles knows what of the segments is written and not synced.
type watchedFiles struct {
	journal.FileSystem
	fails    atomic.Bool
	mu       sync.Mutex
	written  int
	unsynced bool
}

func (f *watchedFiles) seen() (written int, unsynced bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.written, f.unsynced
}

func (f *watchedFiles) Create(name string) (journal.File, error) {
	file, err := f.FileSystem.Create(name)
	if err != nil || !strings.HasSuffix(name, ".log") {
		return file, err
	}
	return watchedFile{file, f}, nil
}

type watchedFile struct {
	journal.File
	of *watchedFiles
}

func (f watchedFile) WriteAt(b []byte, at int64) (int, error) {
	f.of.mu.Lock()
	f.of.written++
	f.of.unsynced = true
	f.of.mu.Unlock()
	return f.File.WriteAt(b, at)
}

func (f watchedFile) Sync() error {
	if f.of.fails.Load() {
		return errors.New("the disk is gone")
	}
	err := f.File.Sync()
	f.of.mu.Lock()
	defer f.of.mu.Unlock()
	f.of.unsynced = f.of.unsynced && err != nil
	return err
}

// TestEntryOfVersion1 reads an entry that the first version of the journal
// wrote. -update is not offered: what was acknowledged must stay readable.
func TestEntryOfVersion1(t *testing.T) {
	body, err := os.ReadFile(filepath.Join("testdata", "entry-1.cbor"))
	if err != nil {
		t.Fatal(err)
	}
	w := &collector{}
	p := newPipeline(w, nil)
	j := openJournal(t, t.TempDir())
	defer j.Close()
	if _, err := j.Append(t.Context(), body); err != nil {
		t.Fatal(err)
	}
	in := p.NewIntake(j, ingest.IntakeOptions{})
	if err := in.Drained(t.Context()); err != nil {
		t.Fatal(err)
	}
	b := w.batches[0]
	for name, rows := range map[string][2]int64{
		"response": {b.Response.NumRows(), 2}, "score": {b.Score.NumRows(), 2}, "episode": {b.Episode.NumRows(), 2}, "event": {b.Event.NumRows(), 1}, "patient": {b.Patient.NumRows(), 1},
	} {
		if rows[0] != rows[1] {
			t.Errorf("%d rows of %s, want %d", rows[0], name, rows[1])
		}
	}
	if len(w.refused) != 1 {
		t.Errorf("%d refused rows, want 1", len(w.refused))
	}
	if got := fmt.Sprint(b.Response.Column(b.Response.Schema().FieldIndices("codes")[0])); got != "[[2 1 (null) 1 1 1 1 1 1 1] [1 1 1 1 1 1 1 1 2]]" {
		t.Errorf("codes %s", got)
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
}

// TestUnscorableEntry: a response whose instrument version is known no more goes
// to the quarantine with its body, and the rest of the entry into the store.
func TestUnscorableEntry(t *testing.T) {
	body, err := os.ReadFile(filepath.Join("testdata", "entry-1.cbor"))
	if err != nil {
		t.Fatal(err)
	}
	w := &collector{}
	key := []byte("a key for tests only, 32 bytes ..")
	p := ingest.New(w, ingest.Options{Setting: ingest.Setting{Programmes: newPipeline(w, nil).Programmes, Key: key}})
	j := openJournal(t, t.TempDir())
	defer j.Close()
	changed := bytes.Replace(body, []byte("codi"), []byte("cxyz"), 1) // "odi" as CBOR text of three bytes
	if bytes.Equal(changed, body) {
		t.Fatal("the golden entry has no ODI any more")
	}
	if _, err := j.Append(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
	in := p.NewIntake(j, ingest.IntakeOptions{})
	if err := in.Drained(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	at := slices.IndexFunc(w.refused, func(r record.Refused) bool { return r.Format == ingest.FormatJournal })
	if at < 0 || w.refused[at].Reasons[0].Rule != ingest.RuleUnknownInstrument {
		t.Fatalf("held: %v", w.refused)
	}
	held := w.refused[at]
	if text, err := ingest.OpenBody(key, held.ID, held.Sealed); err != nil || !bytes.Contains(text, []byte("cxyz")) {
		t.Errorf("the body can not be read back: %v", err)
	}
}
