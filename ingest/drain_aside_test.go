package ingest_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/journal"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/record"
)

var asideKey = []byte("a key for tests only, 32 bytes ..")

// said passes on the lines of a log that hold a text.
type said struct {
	text  string
	lines chan string
}

func (s said) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte(s.text)) {
		select {
		case s.lines <- string(line):
		default:
		}
	}
	return len(line), nil
}

// started starts an intake on a journal, with a key or without.
func started(t *testing.T, w ingest.Writer, key []byte, j *journal.Journal, o ingest.IntakeOptions) (*ingest.Pipeline, *ingest.Intake) {
	t.Helper()
	p := ingest.New(w, ingest.Options{Setting: ingest.Setting{Programmes: programme.All(), Key: key}})
	return p, p.NewIntake(j, o)
}

// refusals are the rows that came out of the journal into the quarantine.
func refusals(w *collector) []record.Refused {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(w.refused), func(r record.Refused) bool { return r.Format != ingest.FormatJournal })
}

// unscorable is an entry of which one response is of an unknown instrument.
func unscorable(t *testing.T) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("testdata", "entry-1.cbor"))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Replace(body, []byte("codi"), []byte("cxyz"), 1) // "odi" as CBOR text of three bytes
}

// TestAcknowledgedStaysWithoutAKey: a record that was acknowledged and can not
// be scored or stored any more stays in the journal while there is no key to
// seal it with, and what to do is told. With a key it goes to the quarantine.
func TestAcknowledgedStaysWithoutAKey(t *testing.T) {
	one := strings.Replace(answers(1), `"instrument"`, `"provider":"BAD","instrument"`, 1)
	submitted := func(t *testing.T, p *ingest.Pipeline, in *ingest.Intake, _ *journal.Journal) {
		if _, err := in.Submit(t.Context(), read(t, p, one)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name   string
		fill   func(*testing.T, *ingest.Pipeline, *ingest.Intake, *journal.Journal)
		stored int64 // with a key
		body   string
	}{
		{"not storable", submitted, 0, "BAD"},
		{"not scorable", func(t *testing.T, _ *ingest.Pipeline, _ *ingest.Intake, j *journal.Journal) {
			if _, err := j.Append(t.Context(), unscorable(t)); err != nil {
				t.Fatal(err)
			}
		}, 1, "cxyz"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, w := t.TempDir(), &picky{}
			j := openJournal(t, dir)
			log := said{"pseudonym key", make(chan string, 2)}
			p, in := started(t, w, nil, j, ingest.IntakeOptions{Patience: time.Millisecond, Log: slog.New(slog.NewTextHandler(log, nil))})
			c.fill(t, p, in, j)
			for range 2 { // it is tried again
				<-log.lines
			}
			if n := j.State().Released; n != 0 || len(refusals(&w.collector)) != 0 || w.responses() != 0 {
				t.Errorf("without a key: released up to %d, %d held, %d stored", n, len(refusals(&w.collector)), w.responses())
			}
			if err := errors.Join(in.Close(), j.Close()); err != nil {
				t.Fatal(err)
			}

			j = openJournal(t, dir)
			defer j.Close()
			_, in = started(t, w, asideKey, j, ingest.IntakeOptions{})
			if err := errors.Join(in.Drained(t.Context()), in.Close()); err != nil {
				t.Fatal(err)
			}
			held := refusals(&w.collector)
			if len(held) != 1 || w.responses() != c.stored {
				t.Fatalf("with a key: %d held, %d stored, want 1 and %d", len(held), w.responses(), c.stored)
			}
			if text, err := ingest.OpenBody(asideKey, held[0].ID, held[0].Sealed); err != nil || !bytes.Contains(text, []byte(c.body)) {
				t.Errorf("the body can not be read back: %v", err)
			}
		})
	}
}

// TestLongAcknowledgedRecordIsKept: of a record that was acknowledged the
// quarantine keeps more than the mebibyte that it keeps of others.
func TestLongAcknowledgedRecordIsKept(t *testing.T) {
	const size = 2 << 20
	w := &picky{}
	j := openJournal(t, t.TempDir())
	defer j.Close()
	p, in := started(t, w, asideKey, j, ingest.IntakeOptions{})
	records := read(t, p, strings.Replace(answers(1), `"instrument"`, `"provider":"BAD","instrument"`, 1))
	records[0].Responses[0].Mode = strings.Repeat("x", size)
	mark, err := in.Submit(t.Context(), records)
	if err := errors.Join(err, in.Await(t.Context(), mark), in.Close()); err != nil {
		t.Fatal(err)
	}
	held := refusals(&w.collector)
	if len(held) != 1 || len(held[0].Flags) != 0 || len(held[0].Sealed) <= size {
		t.Fatalf("%d held", len(held))
	}
	r, err := p.Reopen(&record.Quarantined{Refused: held[0]}, nil)
	if err != nil || len(r.Responses) != 1 || len(r.Responses[0].Mode) != size {
		t.Errorf("it can not be tried again: %v", err)
	}
}

// TestAllBadRecordsOfABatch: where a batch is nothing but records that the store
// will never take, all of them go to the quarantine and what comes behind them
// is stored. Where the store does not take the quarantine either, all stay.
func TestAllBadRecordsOfABatch(t *testing.T) {
	text := strings.ReplaceAll(answers(2), `"instrument"`, `"provider":"BAD","instrument"`)
	w := &picky{}
	j := openJournal(t, t.TempDir())
	p, in := started(t, w, asideKey, j, ingest.IntakeOptions{})
	mark, err := in.Submit(t.Context(), read(t, p, text))
	if err := errors.Join(err, in.Await(t.Context(), mark)); err != nil {
		t.Fatal(err)
	}
	good := strings.ReplaceAll(answers(3), `"system":"s"`, `"system":"another"`)
	mark, err = in.Submit(t.Context(), read(t, p, good))
	if err := errors.Join(err, in.Await(t.Context(), mark), in.Close(), j.Close()); err != nil {
		t.Fatal(err)
	}
	if held := refusals(&w.collector); len(held) != 2 || w.responses() != 3 {
		t.Errorf("%d held and %d stored, want 2 and 3", len(held), w.responses())
	}

	j = openJournal(t, t.TempDir())
	defer j.Close()
	log := said{"away", make(chan string, 2)}
	down := &unwilling{picky{all: true}}
	p, in = started(t, down, asideKey, j, ingest.IntakeOptions{Patience: time.Millisecond, Log: slog.New(slog.NewTextHandler(log, nil))})
	if _, err = in.Submit(t.Context(), read(t, p, good)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		<-log.lines
	}
	if err := in.Close(); err != nil || j.State().Released != 0 {
		t.Errorf("a store that takes nothing: released up to %d, %v", j.State().Released, err)
	}
}

// unwilling is a store that takes nothing, no refused rows either.
type unwilling struct{ picky }

func (*unwilling) Quarantine(context.Context, []record.Refused) error { return errors.New("away") }
