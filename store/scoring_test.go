package store_test

import (
	"context"
	"testing"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/internal/chtest"
	"github.com/lumbar-health/lumbar/internal/definitiontest"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/store"
	"github.com/lumbar-health/lumbar/store/read"
)

// TestNewProgrammeFollowsTheOthers: a programme that joins takes the algorithm
// of those whose columns of outcome it shares, not that of the definitions.
func TestNewProgrammeFollowsTheOthers(t *testing.T) {
	db := chtest.New(t)
	with := func(ids ...string) *store.Store {
		cfg := config(db)
		cfg.Programmes = nil
		for _, id := range ids {
			cfg.Programmes = append(cfg.Programmes, &programme.Programme{ID: id, Instruments: []instruments.ID{"odi"}, Timepoints: []programme.Timepoint{{Key: "baseline"}}})
		}
		s, err := store.Open(context.Background(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	with("first")
	definitiontest.Use(t, definitiontest.SecondODI(t, true))
	s := with("another", "first")
	for _, id := range []string{"another", "first"} {
		if got, _ := s.Reader().CurrentScore(id, "odi"); got == nil || got.Algorithm != "odi-1" || got.Unit != 18 {
			t.Errorf("programme %s has %+v, want odi-1 as it was", id, got)
		}
	}
	if got, _ := s.Reader().ScoreOf("odi"); got == nil || got.Algorithm != "odi-1" {
		t.Errorf("the column's score is %+v, want odi-1", got)
	}
}

// TestScoringOfFormerPrograms: rows that were keyed by column say which scores
// every response has.
func TestScoringOfFormerPrograms(t *testing.T) {
	db := chtest.New(t)
	reopen(t, db)
	conn := db.Conn(t)
	ctx := context.Background()
	for _, statement := range []string{
		"TRUNCATE TABLE scored", "TRUNCATE TABLE scoring", "DELETE FROM migration WHERE version = 6",
		"INSERT INTO scoring VALUES ('back-pain', 'eq5d5l_uk5l_rowen2026', 1, 'eq5d5l-1', 'uk5l_rowen2026', now64(3)), ('back-pain', 'odi', 1, 'odi-1', '', now64(3))",
		"INSERT INTO response (patient_id, response_id, programme, instrument) VALUES (1, 1, 'back-pain', 'eq5d5l'), (1, 2, 'back-pain', 'odi')",
	} {
		if err := conn.Exec(ctx, statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	s := reopen(t, db)
	list, err := s.Writer().Current(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{"odi": false, "eq5d5l": true, "nrs_back": false} // is any missing
	for _, c := range list {
		if missing, ok := want[c.Score]; ok && (c.Missing != missing || c.Programme != "back-pain") {
			t.Errorf("%+v, want missing %v: of EQ-5D only the index that scoring named was computed", c, missing)
		}
	}
}

// TestColumnOfAnotherType: a crash between the switch of a score to another type
// of column and the exchange of outcome leaves columns of the former type.
func TestColumnOfAnotherType(t *testing.T) {
	db := chtest.New(t)
	s := reopen(t, db)
	put(t, s, answer(1))
	conn := db.Conn(t)
	for _, statement := range []string{
		"ALTER TABLE outcome DROP COLUMN odi_baseline", "ALTER TABLE outcome ADD COLUMN odi_baseline Nullable(Float64)",
		"INSERT INTO derivation SELECT max(at) + toIntervalSecond(1), 'of another algorithm' FROM derivation",
	} {
		if err := conn.Exec(context.Background(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	s = reopen(t, db)
	if n := count1(t, s, read.Present{Column: "odi_baseline"}); n != 1 {
		t.Errorf("%d baselines after the start, want 1", n)
	}
	check(t, s)
}
