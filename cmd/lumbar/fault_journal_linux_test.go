package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/lumbar-health/lumbar/internal/load"
)

// TestFaultJournalFile: answers that only the journal has survive a kill of
// program and engine; a damaged place in the middle of it is told and nothing is
// dropped in silence; the torn end of the last record costs nothing that was
// acknowledged before it.
func TestFaultJournalFile(t *testing.T) {
	t.Parallel()
	r, seed := seeded(t)
	v := newVictim(t)
	v.drained(t)
	if !v.signal(t, syscall.SIGSTOP) { // nothing leaves the journal from here on
		t.Fatal("there is no engine to stop")
	}
	t.Cleanup(func() { v.signal(t, syscall.SIGCONT) })
	const people = 30
	answers := people * load.Slots
	ledger := load.NewLedger(loadWorld("journal", seed))
	post := func(l *load.Ledger, parcels ...load.Parcel) {
		if _, err := load.Post(t.Context(), v.client, l, 8, parcels...); err != nil {
			t.Fatalf("%v\n%s", err, v.p.err)
		}
	}
	post(ledger, load.Numbers(true, 0, people, 10)...)
	post(ledger, load.Singles(seed, 0, answers-1)...)
	before := segments(t, v)
	last := load.Parcel{Numbers: []uint64{answers - 1}}
	post(load.NewLedger(ledger.World), last) // its acknowledgement is forgotten
	v.killAll(t)
	name, whole := segments(t, v).changed(before)
	if name == "" {
		t.Fatal("the last answer is in no file of the journal")
	}

	// A bit in the middle, with good records behind it.
	damaged := bytes.Clone(whole)
	damaged[len(before[name])/2+r.IntN(100)] ^= 1 << r.IntN(8)
	save(t, name, damaged)
	p := v.demo(t).start(t)
	if code := p.wait(t); code == 0 || !strings.Contains(p.err.String(), filepath.Base(name)) || !strings.Contains(p.err.String(), "damaged") {
		t.Errorf("a journal that is damaged in the middle: exit %d, %s%s", code, p.out, p.err)
	}
	if left, err := os.ReadFile(name); err != nil || !bytes.Equal(left, damaged) {
		t.Errorf("the damaged file is not what it was: %v", err)
	}

	// The last record, torn.
	size := len(whole) - 1 - r.IntN(len(whole)-len(before[name])-1)
	save(t, name, whole[:size])
	v.start(t)
	b := v.balanced(t, ledger)
	t.Logf("last record cut from %d bytes to %d: %s", len(whole)-len(before[name]), size-len(before[name]), b)
	if b.Others != 0 {
		t.Errorf("%d answers are there that nobody acknowledged", b.Others)
	}
	if !strings.Contains(v.p.err.String(), filepath.Base(name)) {
		t.Errorf("nothing is said of the torn record: %s", v.p.err)
	}
	post(ledger, last)
	v.balanced(t, ledger)
	v.end(t)
}

// TestFaultJournalFull: where the journal may not grow any more while the engine
// stands still, answers are refused with when to come again; what was taken is
// in the store once the engine goes on, and so is the rest when it comes again.
func TestFaultJournalFull(t *testing.T) {
	t.Parallel()
	_, seed := seeded(t)
	v := newVictim(t, "LUMBAR_JOURNAL_MAX_BYTES=1000000")
	if !v.signal(t, syscall.SIGSTOP) {
		t.Fatal("there is no engine to stop")
	}
	t.Cleanup(func() { v.signal(t, syscall.SIGCONT) })
	ledger := load.NewLedger(loadWorld("limit", seed))
	plan := load.NewPlan(seed)
	l := load.Start(t.Context(), v.client, load.Options{Plan: plan, Ledger: ledger, Workers: 16, Seed: seed})
	eventually(t, "answers are refused", func() bool { return l.Refused() >= 100 })
	before := l.Answers()
	v.signal(t, syscall.SIGCONT)
	answered(t, l, before+500)
	plan.StopAfter(0)
	report := finished(t, l)
	b := v.balanced(t, ledger)
	t.Logf("journal full with %d answers: %s; %s", before, b, &report)
	if before == 0 || report.Unadvised > 0 || report.Statuses[503] != l.Refused() {
		t.Errorf("%d refusals of which %d do not say when to come again; want 503 alone, all with Retry-After, after some answers", l.Refused(), report.Unadvised)
	}
	v.end(t)
}

// files are those of a folder, by path.
type files map[string][]byte

// segments reads the files of the journal.
func segments(t *testing.T, v *victim) files {
	t.Helper()
	out := files{}
	names, err := filepath.Glob(filepath.Join(v.in.dir, "journal", "*.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if out[name], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// changed is the last file that is not what it was, and what it is now.
func (f files) changed(before files) (name string, content []byte) {
	for n, b := range f {
		if !bytes.Equal(b, before[n]) && n > name {
			name, content = n, b
		}
	}
	return name, slices.Clone(content)
}
