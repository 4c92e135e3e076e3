package store_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/analytics/moments"
	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/record"
	"github.com/lumbar-health/lumbar/store/read"
	"github.com/lumbar-health/lumbar/store/write"
)

// scoreAt is a score of an instrument's own for an episode at a timepoint.
func scoreAt(e record.Episode, name, timepoint string, units int32) record.Score {
	var s instruments.Score
	for _, d := range instruments.All() {
		for _, of := range instruments.ColumnsOf(d.ID) {
			if of.Name == name && of.ValueSet == "" {
				s = *of
			}
		}
	}
	return record.Score{
		PatientID: e.PatientID, ResponseID: uint64(len(name))<<8 | e.ID<<16 | uint64(timepoint[0]), Version: 1, Status: record.ScoreComplete, Name: s.Name, Algorithm: s.Algorithm, ValueSet: s.ValueSet,
		Programme: e.Programme, EpisodeID: e.ID, Timepoint: timepoint, AnsweredOn: e.ReferredOn + 1, AnsweredAt: received, ReceivedAt: received,
		ReportedBy: record.ByPatient, Units: units, HasUnits: true,
	}
}

// TestProgrammesAreDerivedApart gives one patient episodes of two programmes and
// of one that is not registered. Each row has its own programme's scores alone,
// all have one version, and a row that moves to another programme and year
// leaves nothing behind.
func TestProgrammesAreDerivedApart(t *testing.T) {
	s, conn := open(t)
	var f facts
	episodes := make([]record.Episode, 3)
	for i, programme := range []string{"back-pain", "nhs-proms", "withdrawn-programme"} {
		episodes[i] = record.Episode{PatientID: record.PatientID{7}, ID: uint64(i + 1), Version: uint64(10 + i), Status: record.EpisodeActive, Programme: programme,
			ReferredOn: record.NewDate(2024, 5, 1+i), ReceivedAt: received}
	}
	f.episodes = episodes
	f.scores = []record.Score{scoreAt(episodes[0], "odi", "baseline", 18), scoreAt(episodes[0], "eqvas", "12m", 60), scoreAt(episodes[1], "ohs", "baseline", 55), scoreAt(episodes[1], "eqvas", "6m", 70)}
	put(t, s, f)
	check(t, s)
	compare(t, stored(t, conn), reference(f))
	one := func(statement string) (n uint64) {
		t.Helper()
		if err := conn.QueryRow(context.Background(), statement).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := one("SELECT uniqExact(version) FROM outcome FINAL WHERE live = 1"); n != 1 {
		t.Errorf("the patient's rows have %d versions, want one", n)
	}
	if n := one("SELECT count() FROM outcome FINAL WHERE live = 1"); n != 3 {
		t.Errorf("%d live rows, want 3", n)
	}

	moved := episodes[0]
	moved.Programme, moved.Version, moved.ReferredOn = "nhs-proms", 99, record.NewDate(2021, 6, 1)
	put(t, s, facts{episodes: []record.Episode{moved}})
	check(t, s)
	const live = " FROM outcome FINAL WHERE live = 1 SETTINGS do_not_merge_across_partitions_select_final = 1"
	if n := one("SELECT count()" + live); n != 3 {
		t.Errorf("%d live rows after one moved to another year, want 3", n)
	}
	if n := one("SELECT count(odi_baseline) + countIf(programme = 'back-pain')" + live); n != 0 {
		t.Errorf("%d traces of the former programme are left", n)
	}
	checkPlanted(t, s.Writer(), func() {
		plant := "INSERT INTO outcome SELECT * REPLACE (3 AS nrs_back_12m) FROM outcome FINAL WHERE live = 1 AND episode_id = 2"
		if err := conn.Exec(context.Background(), plant); err != nil {
			t.Fatal(err)
		}
	})
}

// checkPlanted plants a score of another programme and wants it found.
func checkPlanted(t *testing.T, w *write.Writer, plant func()) {
	t.Helper()
	plant()
	found, err := w.Differences(context.Background())
	if want := []write.Difference{{EpisodeID: 2, Column: "nrs_back_12m"}}; err != nil || !slices.Equal(found, want) {
		t.Errorf("differences = %v, %v, want %v", found, err, want)
	}
	if err := w.Rebuild(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n, err := w.RebuildCheck(context.Background()); n != 0 || err != nil {
		t.Errorf("%d differences after a rebuild, %v", n, err)
	}
}

// TestNominalScores groups by a score that numbers a category, compares with
// it, and refuses to sum it.
func TestNominalScores(t *testing.T) {
	s, _ := open(t)
	var f facts
	for i := range 30 {
		e := record.Episode{PatientID: record.PatientID{byte(i), 3}, ID: uint64(i + 1), Version: 1, Status: record.EpisodeActive, Programme: "back-pain",
			ReferredOn: record.NewDate(2024, 5, 1), ReceivedAt: received}
		f.episodes = append(f.episodes, e)
		if i%5 != 4 {
			risk := scoreAt(e, "startback9_risk", "baseline", int32(i%5))
			f.scores = append(f.scores, risk)
		}
	}
	put(t, s, f)
	check(t, s)
	ctx, all := context.Background(), read.Selection{Programme: "back-pain"}
	const column = "startback9_risk_baseline"
	levels, err := s.Reader().Levels(ctx, all, column)
	if want := []string{"0", "1", "2", "3"}; err != nil || !slices.Equal(levels, want) {
		t.Errorf("levels of %s = %v, %v, want %v", column, levels, err, want)
	}
	all.Where = read.Compare{Column: column, Op: read.Ge, Values: []read.Value{{Number: 2}}}
	counts, err := s.Reader().Count(ctx, all)
	if err != nil || len(counts) != 1 || counts[0].N != 12 {
		t.Errorf("medium and high = %v, %v, want 12", counts, err)
	}
	_, err = s.Reader().Moments(ctx, read.Question{Selection: read.Selection{Programme: "back-pain"}, Terms: []moments.Term{moments.Column(column)}})
	if err == nil || !strings.Contains(err.Error(), "give it a level") {
		t.Errorf("the sum of a category = %v, want an error", err)
	}
	groups, err := s.Reader().Moments(ctx, read.Question{Selection: read.Selection{Programme: "back-pain"}, Terms: []moments.Term{moments.Indicator(column, "3")}})
	if err != nil || len(groups) != 1 || groups[0].Moments.Exact[moments.Cell(1, 0)] != moments.FromInt64(6) {
		t.Errorf("high risk = %v, %v, want 6", groups, err)
	}
}
