package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/internal/chtest"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/record"
	"github.com/lumbar-health/lumbar/store"
	"github.com/lumbar-health/lumbar/store/read"
	"github.com/lumbar-health/lumbar/store/write"
)

func count1(t *testing.T, s *store.Store, where read.Predicate) int64 {
	t.Helper()
	counts, err := s.Reader().Count(context.Background(), read.Selection{Programme: "back-pain", Where: where})
	if err != nil {
		t.Fatal(err)
	}
	return counts[0].N
}

func version(t *testing.T, s *store.Store) uint64 {
	t.Helper()
	v, err := s.Reader().DataVersion(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// answer is a person with one episode and one baseline score.
func answer(i int) facts {
	odi := instruments.ScoresOf("odi")[0]
	id := record.PatientID{byte(i), byte(i >> 8), 9}
	return facts{
		responses: []record.Response{{PatientID: id, ID: 1, Version: 1, Status: record.Completed, Precision: record.PrecisionDay, ReportedBy: record.ByPatient, ReceivedAt: received}},
		episodes: []record.Episode{{PatientID: id, ID: 1, Version: 1, Status: record.EpisodeActive, Programme: "back-pain",
			ReferredOn: record.NewDate(2024, 5, 1), ReceivedAt: received}},
		scores: []record.Score{{PatientID: id, ResponseID: 1, Version: 1, Status: record.ScoreComplete, Name: odi.Name, Algorithm: odi.Algorithm, Programme: "back-pain",
			AnsweredOn: record.NewDate(2024, 5, 2), AnsweredAt: received, ReceivedAt: received, ReportedBy: record.ByPatient, Units: 360, HasUnits: true}},
	}
}

func TestWriteIsVisibleAndCounted(t *testing.T) {
	s, _ := open(t)
	if v := version(t, s); v != 0 {
		t.Errorf("an empty database has data version %d", v)
	}
	put(t, s, answer(1))
	put(t, s, answer(1)) // a retry
	put(t, s, answer(2))
	if n := count1(t, s, read.Present{Column: "odi_baseline"}); n != 2 {
		t.Errorf("%d episodes have a baseline, want 2", n)
	}
	if v := version(t, s); v != 3 {
		t.Errorf("data version %d after three batches", v)
	}
	if err := s.Writer().Write(context.Background(), write.Batch{}); err != nil || version(t, s) != 3 {
		t.Errorf("an empty batch: %v, data version %d", err, version(t, s))
	}
}

// TestMovedYearCountsOnce moves an episode to another financial year and back.
func TestMovedYearCountsOnce(t *testing.T) {
	s, _ := open(t)
	f := answer(1)
	for v, day := range []record.Date{record.NewDate(2024, 3, 31), record.NewDate(2024, 4, 1), record.NewDate(2022, 5, 1), record.NewDate(2024, 3, 31)} {
		f.episodes[0].ReferredOn, f.episodes[0].Version = day, uint64(v+1)
		put(t, s, f)
		counts, err := s.Reader().Count(context.Background(), read.Selection{Programme: "back-pain", By: []string{"year"}})
		if err != nil || len(counts) != 1 || counts[0].N != 1 || counts[0].Key[0] != fmt.Sprint(day.FinancialYear()) {
			t.Errorf("referred on %s: %v, %v, want one episode in its year", day, counts, err)
		}
	}
	check(t, s)
}

func TestBulk(t *testing.T) {
	s, _ := open(t)
	ctx := context.Background()
	bulk, err := s.Writer().Bulk(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		if err := bulk.Write(ctx, answer(i).batch(t)); err != nil {
			t.Fatal(err)
		}
	}
	put(t, s, answer(99)) // beside it
	if n, v := count1(t, s, nil), version(t, s); n != 1 || v != 1 {
		t.Errorf("before the commit: %d episodes at data version %d, want 1 and 1", n, v)
	}
	if err := bulk.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(bulk.Commit(ctx), bulk.Close()); err != nil {
		t.Errorf("after the commit: %v", err)
	}
	if err := bulk.Write(ctx, answer(1).batch(t)); err == nil {
		t.Error("a committed bulk takes rows")
	}
	if n, v := count1(t, s, nil), version(t, s); n != 41 || v != 2 {
		t.Errorf("after the commit: %d episodes at data version %d, want 41 and 2", n, v)
	}
	check(t, s)
	// A bulk given up leaves its rows whole: the next step derives them.
	bulk, err = s.Writer().Bulk(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(bulk.Write(ctx, answer(200).batch(t)), bulk.Close()); err != nil {
		t.Fatal(err)
	}
	key := write.Key{Table: write.Responses, PatientID: answer(200).responses[0].PatientID, ID: 1, Version: 1}
	if found, err := s.Writer().Existing(ctx, []write.Key{key}); err != nil || !found[0] {
		t.Errorf("existing = %v, %v", found, err)
	}
	if n := count1(t, s, nil); n != 42 {
		t.Errorf("%d episodes, want what exists to be visible: 42", n)
	}
}

// TestLargeBatches holds the paths of large imports equal to the others: nearly
// all patients at once, then many but not most of them.
func TestLargeBatches(t *testing.T) {
	s, conn := open(t)
	var everyone facts
	for _, size := range []int{21_000, 3_000} {
		var f facts
		for i := range size {
			one := answer(len(everyone.episodes) + i)
			f.episodes, f.scores = append(f.episodes, one.episodes...), append(f.scores, one.scores...)
		}
		put(t, s, f)
		everyone = all([]facts{everyone, f})
	}
	check(t, s)
	compare(t, stored(t, conn), reference(everyone))
}

// TestOpenFinishesAnInterruptedBatch stores facts as a process does that dies
// before it derives them.
func TestOpenFinishesAnInterruptedBatch(t *testing.T) {
	db := chtest.New(t)
	s := reopen(t, db)
	conn := db.Conn(t)
	ctx := context.Background()
	put(t, s, answer(1))
	bulk, err := s.Writer().Bulk(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(bulk.Write(ctx, answer(2).batch(t)), bulk.Close()); err != nil {
		t.Fatal(err)
	}
	if n := count1(t, s, nil); n != 1 {
		t.Fatalf("%d episodes, want the second one not yet derived", n)
	}
	again := reopen(t, db)
	if n, v := count1(t, again, nil), version(t, again); n != 2 || v != 2 {
		t.Errorf("after the restart: %d episodes at data version %d, want 2 and 2", n, v)
	}
	check(t, again)
	if third := reopen(t, db); version(t, third) != 2 {
		t.Error("a further restart commits again")
	}
	put(t, again, answer(3))
	if v := version(t, again); v != 3 {
		t.Errorf("data version %d, want 3", v)
	}
	compare(t, stored(t, conn), reference(all([]facts{answer(1), answer(2), answer(3)})))
}

// TestFailedWriteIsSettledLater cancels writes at every moment: what exists
// afterwards must be visible.
func TestFailedWriteIsSettledLater(t *testing.T) {
	s, _ := open(t)
	for i := range 12 {
		f := answer(i)
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i*i)*time.Millisecond)
		err := s.Writer().Write(ctx, f.batch(t))
		cancel()
		if i == 0 && err == nil {
			t.Error("a write without time succeeds")
		}
		key := write.Key{Table: write.Responses, PatientID: f.responses[0].PatientID, ID: 1, Version: 1}
		if _, err := s.Writer().Existing(context.Background(), []write.Key{key}); err != nil {
			t.Fatal(err)
		}
		check(t, s)
		put(t, s, f)
		if n := count1(t, s, read.Present{Column: "odi_baseline"}); n != int64(i+1) {
			t.Errorf("%d episodes after %d people", n, i+1)
		}
	}
}

// TestChangedProgrammeRebuilds reopens the database with another window.
func TestChangedProgrammeRebuilds(t *testing.T) {
	db := chtest.New(t)
	put(t, reopen(t, db), answer(1))
	cfg := config(db)
	p, _ := programme.Lookup("back-pain")
	moved := *p
	moved.Timepoints = slices.Clone(p.Timepoints)
	moved.Timepoints[0].Target = 100
	cfg.Programmes = []*programme.Programme{&moved}
	s, err := store.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if n := count1(t, s, read.Present{Column: "odi_baseline"}); n != 0 {
		t.Errorf("%d answers are at a baseline whose window moved away", n)
	}
	check(t, s)
}

func TestReceipts(t *testing.T) {
	s, _ := open(t)
	ctx := context.Background()
	r := write.Receipt{At: received.Add(1234 * time.Microsecond), ID: "r'1", Actor: "demo", Question: "outcomes", Parameters: `{"a":"\n'"}`, DataVersion: 3,
		CodeVersion: "v1", RegistryVersion: "x", Seed: 1<<64 - 1, DisclosureRule: "hes", Exact: true, Answer: `{"n":5}`}
	if err := s.Writer().AppendReceipt(ctx, r); err != nil {
		t.Fatal(err)
	}
	got, err := s.Reader().Receipt(ctx, r.ID)
	if err != nil || got != r {
		t.Errorf("receipt = %+v, %v, want %+v", got, err, r)
	}
	if all, err := s.Reader().Receipts(ctx, 3); err != nil || len(all) != 1 || all[0] != r {
		t.Errorf("receipts = %v, %v", all, err)
	}
	if _, err := s.Reader().Receipt(ctx, "other"); !errors.Is(err, read.ErrNoReceipt) {
		t.Errorf("an unknown receipt: %v", err)
	}
}

// TestBrokenBulkTakesNoMore cancels a bulk whose rows are on their way: it must
// say so, and the same batches again must complete it.
func TestBrokenBulkTakesNoMore(t *testing.T) {
	s, _ := open(t)
	ctx, cancel := context.WithCancel(context.Background())
	bulk, err := s.Writer().Bulk(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := bulk.Write(ctx, answer(1).batch(t)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := bulk.Commit(context.Background()); !errors.Is(err, context.Canceled) {
		t.Errorf("commit = %v, want %v", err, context.Canceled)
	}
	if err := bulk.Write(context.Background(), answer(1).batch(t)); err == nil {
		t.Error("a broken bulk takes rows")
	}
	if err := bulk.Close(); err != nil {
		t.Error(err)
	}
	put(t, s, answer(1))
	if n := count1(t, s, nil); n != 1 {
		t.Errorf("%d episodes, want 1", n)
	}
	check(t, s)
}

// TestRefusedRows sends rows that the engine cannot store: the error names the
// table and what to do, and quotes no row.
func TestRefusedRows(t *testing.T) {
	db := chtest.New(t)
	s := reopen(t, db)
	if err := db.Conn(t).Exec(context.Background(), "ALTER TABLE score ADD CONSTRAINT small CHECK units < 5"); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	err := s.Writer().Write(ctx, answer(1).batch(t))
	want := "store: insert into score: the engine refused the rows with VIOLATED_CONSTRAINT (code 469): see the engine's log"
	if err == nil || err.Error() != want {
		t.Errorf("write = %v, want %s", err, want)
	}
	bulk, err := s.Writer().Bulk(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(bulk.Write(ctx, answer(1).batch(t)), bulk.Commit(ctx)); err == nil {
		t.Error("a bulk of refused rows commits")
	}
	_ = bulk.Close()
}
