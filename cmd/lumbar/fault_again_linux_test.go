package main

import (
	"encoding/json"
	"path/filepath"
	"sync"
	"testing"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/internal/load"
)

// TestFaultDuplicates: answers that come again, in large bodies by several
// clients at once and as a file, are told to be duplicates and counted once.
func TestFaultDuplicates(t *testing.T) {
	t.Parallel()
	const times = 10
	_, seed := seeded(t)
	rows := uint64(faultSize(t, faultDuplicates, 50_000))
	people := rows / times / load.Slots
	answers := people * load.Slots
	v := newVictim(t)
	ledger := load.NewLedger(loadWorld("again", seed))
	post := func(parcels []load.Parcel) load.Report {
		report, err := load.Post(t.Context(), v.client, ledger, 4, parcels...)
		if err != nil {
			t.Fatalf("%v\n%s", err, v.p.err)
		}
		return report
	}
	post(load.Numbers(true, 0, people, 1000))
	post(load.Numbers(false, 0, answers, 5000))
	var again []load.Parcel
	for range times - 1 {
		again = append(again, load.Numbers(false, 0, answers, 5000)...)
	}
	report := post(again)
	if got := uint64(ledger.Stored()); got != answers {
		t.Errorf("%d answers were said to be new, want %d", got, answers)
	}
	b := v.balanced(t, ledger)
	t.Logf("%d answers posted again %d times: %s; %s", answers, times-1, b, &report)

	path := filepath.Join(t.TempDir(), "again.ndjson")
	var text []byte
	for range times {
		text = ledger.World.AppendFile(text, 0, people)
	}
	save(t, path, text)
	got := imported(t, v.in, path)
	if want := int(times * people * (load.Slots + 1)); got.Read != want || got.Duplicate != want {
		t.Errorf("the same as a file: %d read, %d stored, %d duplicate; want %d read and all duplicate", got.Read, got.Stored, got.Duplicate, want)
	}
	if b := v.balanced(t, ledger); b.Others != 0 || b.Copies != 0 {
		t.Errorf("%d rows too many, %d copies after the import", b.Others, b.Copies)
	}
	v.end(t)
}

// TestFaultImportedTwiceAtOnce: two processes import the same file at once into
// a directory that neither has opened before. Every record is stored by one.
func TestFaultImportedTwiceAtOnce(t *testing.T) {
	t.Parallel()
	_, seed := seeded(t)
	const people = 2000
	const rows = int(people * 10) // an episode and nine answers each
	v := &victim{in: newInstallation(t)}
	ledger := load.NewLedger(loadWorld("twice", seed))
	path := filepath.Join(t.TempDir(), "twice.ndjson")
	save(t, path, ledger.World.AppendFile(nil, 0, people))
	var reports [2]ingest.Report
	var wait sync.WaitGroup
	for i := range reports {
		wait.Go(func() { reports[i] = imported(t, v.in, path) })
	}
	wait.Wait()
	t.Logf("two imports of %d records at once: stored %d and %d, duplicate %d and %d",
		rows, reports[0].Stored, reports[1].Stored, reports[0].Duplicate, reports[1].Duplicate)
	if n := reports[0].Stored + reports[1].Stored; n != rows {
		t.Errorf("%d records were said to be stored, want %d", n, rows)
	}
	for _, r := range reports {
		if r.Read != rows || r.Stored+r.Duplicate != rows {
			t.Errorf("%d read, %d stored, %d duplicate, want %d and no other", r.Read, r.Stored, r.Duplicate, rows)
		}
	}
	ledger.Imported(0, people)
	v.start(t)
	t.Logf("after it: %s", v.balanced(t, ledger))
	v.end(t)
}

// imported imports a file in a process of its own.
func imported(t *testing.T, in installation, path string) (report ingest.Report) {
	t.Helper()
	p := command(t, nil, "import", "--json", "--data", in.dir, path).start(t)
	if code := p.wait(t); code != 0 {
		t.Errorf("import: exit %d: %s", code, p.err)
		return report
	}
	if err := json.Unmarshal([]byte(p.out.String()), &report); err != nil {
		t.Errorf("import: %v: %s", err, p.out)
	}
	return report
}

// TestReconciliationSees holds that the fault tests would tell a lost, a changed
// and a doubled answer.
func TestReconciliationSees(t *testing.T) {
	t.Parallel()
	v := newVictim(t)
	ledger := load.NewLedger(loadWorld("seen"))
	for _, parcels := range [][]load.Parcel{load.Numbers(true, 0, 3, 3), load.Numbers(false, 0, 3*load.Slots, 9)} {
		if _, err := load.Post(t.Context(), v.client, ledger, 1, parcels...); err != nil {
			t.Fatal(err)
		}
	}
	v.balanced(t, ledger)
	store := v.store(t)
	of := func(answer uint64) string {
		return "response_id IN (SELECT response_id FROM response WHERE source_id = '" + load.AnswerName(answer) + "')"
	}
	for _, c := range []struct {
		what, sql      string
		found, doubled int
	}{
		{"a response is lost", "ALTER TABLE response DELETE WHERE " + of(0) + " SETTINGS mutations_sync = 1", 26, 0},
		{"a score is changed", "ALTER TABLE score UPDATE units = units + 1 WHERE " + of(1) + " SETTINGS mutations_sync = 1", 25, 0},
		{"a response is doubled", "INSERT INTO response SELECT * REPLACE (version + 1 AS version) FROM response WHERE " + of(2), 25, 1},
		{"an outcome is lost", "ALTER TABLE outcome DELETE WHERE patient_id = (SELECT any(patient_id) FROM response WHERE source_id = '" + load.AnswerName(2*load.Slots) + "') SETTINGS mutations_sync = 1", 16, 1},
	} {
		if err := store.Do(t.Context(), c.sql); err != nil {
			t.Fatal(err)
		}
		b, err := store.Reconcile(t.Context(), ledger)
		if err != nil || b.Acknowledged != 27 || b.Found != c.found || b.Doubled != c.doubled || b.Err() == nil {
			t.Errorf("%s: %s, %v; want %d found, %d doubled and an error", c.what, b, err, c.found, c.doubled)
		}
	}
}
