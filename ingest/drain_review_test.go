package ingest_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/fhir"
	"github.com/lumbar-health/lumbar/ingest/journal"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/record"
)

// TestManyReasonsDoNotStopTheDrain: a resource of half a mebibyte that breaks a
// rule a quarter of a million times is acknowledged, held with some of its
// reasons, and what comes behind it is stored.
func TestManyReasonsDoNotStopTheDrain(t *testing.T) {
	w := &collector{}
	p := newPipeline(w, nil)
	j := openJournal(t, t.TempDir())
	defer j.Close()
	in := p.NewIntake(j, ingest.IntakeOptions{Patience: time.Millisecond})
	defer in.Close()
	text := `{"resourceType":"QuestionnaireResponse","status":"completed","questionnaire":"Questionnaire/mii-qst-pro-phq-9","subject":{"identifier":{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9434765919"}},"authored":"2026-04-01","item":[` + strings.Repeat("1,", 260_000) + `1]}`
	d, err := fhir.NewDecoder(ingest.Input{Name: "test", Reader: bufio.NewReader(strings.NewReader(text)), Setting: p.Setting}, fhir.AcceptResponse)
	if err != nil {
		t.Fatal(err)
	}
	bad := new(ingest.Record)
	if err := p.Reader(d, fhir.Name).Next(bad); err != nil || len(bad.Reasons) != 1000 {
		t.Fatalf("%d reasons, %v", len(bad.Reasons), err)
	}
	if _, err := in.Submit(t.Context(), []*ingest.Record{bad}); err != nil {
		t.Fatal(err)
	}
	mark, err := in.Submit(t.Context(), read(t, p, answers(1)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 8*time.Minute)
	defer stop()
	if err := in.Await(ctx, mark); err != nil || w.responses() != 1 || len(w.refused) != 1 || len(w.refused[0].Reasons) == 0 {
		t.Errorf("%v: %d responses, %d held", err, w.responses(), len(w.refused))
	}
}

// TestUnreadableEntryStopsNothingBeforeIt: what was acknowledged before an entry
// that can not be read is stored.
func TestUnreadableEntryStopsNothingBeforeIt(t *testing.T) {
	dir := t.TempDir()
	p := newPipeline(&collector{failures: 1 << 30}, nil)
	j := openJournal(t, dir)
	in := p.NewIntake(j, ingest.IntakeOptions{Patience: time.Millisecond})
	mark, err := in.Submit(t.Context(), read(t, p, answers(5)))
	if err == nil {
		_, err = j.Append(t.Context(), []byte("no entry"))
	}
	if err := errors.Join(err, in.Close(), j.Close()); err != nil {
		t.Fatal(err)
	}
	w := &collector{}
	j = openJournal(t, dir)
	defer j.Close()
	in = newPipeline(w, nil).NewIntake(j, ingest.IntakeOptions{Patience: time.Millisecond})
	defer in.Close()
	ctx, stop := context.WithTimeout(t.Context(), 8*time.Minute)
	defer stop()
	if err := in.Await(ctx, mark); err != nil || w.responses() != 5 {
		t.Errorf("%v: %d responses of 5", err, w.responses())
	}
}

// TestBacklogOfRefusedRowsIsReadInParts: refused rows close a batch by their
// bytes, however many the journal holds.
func TestBacklogOfRefusedRowsIsReadInParts(t *testing.T) {
	const n, size = 60, 1 << 20
	dir, key := t.TempDir(), []byte("a key for tests only, 32 bytes ..")
	pipeline := func(w ingest.Writer) *ingest.Pipeline {
		return ingest.New(w, ingest.Options{Setting: ingest.Setting{Programmes: programme.All(), Key: key}})
	}
	p := pipeline(away{&collector{}})
	j := openJournal(t, dir)
	in := p.NewIntake(j, ingest.IntakeOptions{Patience: time.Millisecond})
	for i := range n {
		text := fmt.Sprintf(`{"row":"%d","x":"%s"}`, i, strings.Repeat("x", size-100))
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
	in = pipeline(w).NewIntake(j, ingest.IntakeOptions{})
	if err := errors.Join(in.Drained(t.Context()), in.Close()); err != nil {
		t.Fatal(err)
	}
	if len(w.refused) != n || w.most > 34*size {
		t.Errorf("%d rows held, %d bytes at once", len(w.refused), w.most)
	}
}

// away is a store whose quarantine is away.
type away struct{ *collector }

func (away) Quarantine(context.Context, []record.Refused) error { return errors.New("away") }

// TestBacklogIsKnownAgain: what the process before acknowledged and could not
// store is a duplicate when it comes again, while it waits in the journal and
// when it is stored; here nothing but the journal can tell.
func TestBacklogIsKnownAgain(t *testing.T) {
	dir := t.TempDir()
	p := newPipeline(&collector{failures: 1 << 30}, nil)
	j := openJournal(t, dir)
	in := p.NewIntake(j, ingest.IntakeOptions{Patience: time.Millisecond})
	_, err := in.Submit(t.Context(), read(t, p, answers(5)))
	if err := errors.Join(err, in.Close(), j.Close()); err != nil {
		t.Fatal(err)
	}
	for _, failures := range []int{1 << 30, 0} {
		tries := make(chan struct{}, 1)
		p = newPipeline(tells{&collector{failures: failures}, tries}, nil)
		j = openJournal(t, dir)
		in = p.NewIntake(j, ingest.IntakeOptions{Patience: time.Millisecond})
		<-tries
		records := read(t, p, answers(5))
		if _, err := in.Submit(t.Context(), records); err != nil {
			t.Fatal(err)
		}
		for _, got := range results(records) {
			if got != ingest.ResultDuplicate {
				t.Errorf("a record of the journal is %s", got)
			}
		}
		if err := errors.Join(in.Close(), j.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// tells says when a batch comes.
type tells struct {
	*collector
	tries chan struct{}
}

func (w tells) Write(ctx context.Context, b ingest.Batch) error {
	select {
	case w.tries <- struct{}{}:
	default:
	}
	return w.collector.Write(ctx, b)
}

// TestTriedAgainIsTheSameBatch: of two corrections of one moment under two
// patients one stays, also where the batch is tried again after the store has
// kept it, and so names both as holders.
func TestTriedAgainIsTheSameBatch(t *testing.T) {
	var text strings.Builder
	for i, status := range []string{"completed", "amended", "amended"} {
		fmt.Fprintf(&text, `{"id":{"system":"s","value":"x"},"updated_at":"2026-04-0%dT00:00:00Z","patient":{"pseudonym":"%032x"},"instrument":"nrs_back","answered_at":"2026-04-01","status":"%s","answers":[%d]}`+"\n",
			min(1+i, 2), i+1, status, i)
	}
	w := &forgetful{holders: map[uint64][]record.Holder{}}
	p := newPipeline(w, nil)
	j := openJournal(t, t.TempDir())
	defer j.Close()
	in := p.NewIntake(j, ingest.IntakeOptions{})
	records := read(t, p, text.String())
	for _, r := range records {
		v := &r.Responses[0]
		w.holders[v.ID] = append(w.holders[v.ID], record.Holder{Patient: v.PatientID, Version: v.Version})
	}
	mark, err := in.Submit(t.Context(), records)
	if err := errors.Join(err, in.Await(t.Context(), mark), in.Close()); err != nil {
		t.Fatal(err)
	}
	if len(w.rows) != 2 || w.rows[0] != w.rows[1] {
		t.Errorf("the batch has %v responses", w.rows)
	}
}

// forgetful stores the first batch and says that it failed.
type forgetful struct {
	recorder
	mu      sync.Mutex
	holders map[uint64][]record.Holder
}

func (w *forgetful) Holders(context.Context, []uint64) (map[uint64][]record.Holder, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.rows) == 0 {
		return nil, nil
	}
	return w.holders, nil
}

func (w *forgetful) Write(ctx context.Context, b ingest.Batch) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := w.recorder.Write(ctx, b)
	if len(w.rows) == 1 {
		return errors.New("the answer was lost")
	}
	return err
}

// TestTooLargeASubmissionIsParted: records whose entry would be longer than the
// journal takes are acknowledged in parts.
func TestTooLargeASubmissionIsParted(t *testing.T) {
	w := &collector{}
	p := newPipeline(w, nil)
	j := openJournal(t, t.TempDir())
	defer j.Close()
	in := p.NewIntake(j, ingest.IntakeOptions{})
	records := read(t, p, strings.ReplaceAll(answers(9), "70", "7"))
	for _, r := range records {
		r.Responses[0].Mode = strings.Repeat("x", journal.MaxEntryBytes/4)
	}
	mark, err := in.Submit(t.Context(), records)
	if err := errors.Join(err, in.Await(t.Context(), mark), in.Close()); err != nil || w.responses() != 9 {
		t.Errorf("%v: %d responses of 9", err, w.responses())
	}
}
