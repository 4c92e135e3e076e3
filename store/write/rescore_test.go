package write_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/lumbar-health/lumbar/internal/definitiontest"
	"github.com/lumbar-health/lumbar/store/read"
	"github.com/lumbar-health/lumbar/store/schema"
)

const allScores = "SELECT * FROM score FINAL"

var second = schema.Request{Instrument: "odi"}

// TestRescoreWritesWhatIngestWould: data that came before an algorithm and were
// scored again hold the same rows, cell by cell, as data that came after it.
func TestRescoreWritesWhatIngestWould(t *testing.T) {
	before := newSite(t)
	before.take(people(0, 120)...)
	old := before.rows(allScores)
	n1, mean1, err := before.baseline()
	if err != nil {
		t.Fatal(err)
	}
	definitiontest.Use(t, definitiontest.SecondODI(t, true))
	before.open(false)
	if n, mean, err := before.baseline(); n != n1 || mean != mean1 || err != nil {
		t.Errorf("before the re-score %d with mean %v, %v; want %d with %v as they were", n, mean, err, n1, mean1)
	}
	before.store.Writer().At(30, nil)
	dry, err := before.rescore(second, true)
	if err != nil || dry.Scores == 0 || dry.Switched || !slices.Equal(before.rows(allScores), old) {
		t.Errorf("dry run: %+v, %v; want rows counted and none written", dry, err)
	}
	version, outcomes := before.dataVersion(), before.number("SELECT count() FROM outcome")
	report, err := before.rescore(second, false)
	if err != nil || report.Scores != dry.Scores || !report.Switched || report.Resumed || report.Refused != 0 || report.Episodes != 120 {
		t.Fatalf("re-score: %+v, %v; want the %d rows of the dry run, 120 episodes and a switch", report, err, dry.Scores)
	}
	if got := before.dataVersion(); got != version+1 || outcomes == 0 {
		t.Errorf("data version %d after the switch, want %d", got, version+1)
	}
	after := newSite(t)
	after.take(people(0, 120)...)
	if got, want := before.rows(allScores), after.rows(allScores); !slices.Equal(got, want) {
		t.Errorf("%d rows of score after a re-score, ingest writes %d others", len(got), len(want))
	}
	const values = "SELECT * EXCEPT (live) FROM outcome FINAL WHERE live = 1"
	if got, want := before.rows(values), after.rows(values); !slices.Equal(got, want) {
		t.Error("outcome after a re-score is not what ingest makes")
	}
	for _, row := range old {
		if !slices.Contains(before.rows(allScores), row) {
			t.Fatal("an old score is gone")
		}
	}
	if n, mean, err := before.baseline(); n >= n1 || mean == mean1 || err != nil {
		t.Errorf("after the re-score %d with mean %v, %v; want fewer than %d, for two missing answers are now too many", n, mean, err, n1)
	}
	before.clean()
	again, err := before.rescore(second, false)
	if err != nil || again.Scores != 0 || again.Switched || before.dataVersion() != version+1 {
		t.Errorf("again: %+v, %v; want nothing to do", again, err)
	}
}

func (s *site) dataVersion() uint64 {
	s.t.Helper()
	v, err := s.store.Reader().DataVersion(context.Background())
	if err != nil {
		s.t.Fatal(err)
	}
	return v
}

var errCrash = errors.New("the test ends it here")

// TestRescoreSurvivesACrashAtEachStep ends a re-score between any two steps.
// After the next start scoring, catalogue and outcome are of one algorithm, and
// the same re-score completes it.
func TestRescoreSurvivesACrashAtEachStep(t *testing.T) {
	whole := newSite(t)
	whole.take(people(0, 60)...)
	_, meanOld, err := whole.baseline()
	if err != nil {
		t.Fatal(err)
	}
	folder := definitiontest.SecondODI(t, true)
	definitiontest.Use(t, folder)
	whole.open(false)
	if _, err := whole.rescore(second, false); err != nil {
		t.Fatal(err)
	}
	_, meanNew, err := whole.baseline()
	if err != nil || meanNew == meanOld {
		t.Fatalf("means %v and %v, %v: want two", meanOld, meanNew, err)
	}
	want := whole.rows(allScores)
	for _, c := range []struct {
		step    string
		times   int  // that it passes before it ends there
		resumed bool // finished slices are there
		current string
	}{
		{"scored", 0, true, "odi-1"}, {"scored", 2, true, "odi-1"}, {"derived", 0, true, "odi-1"},
		{"begun", 0, true, "odi-1"}, {"scoring", 0, true, "odi-2"}, {"exchanged", 0, true, "odi-2"}, {"committed", 0, true, "odi-2"},
	} {
		t.Run(fmt.Sprint(c.step, c.times), func(t *testing.T) {
			definitiontest.Use(t, "")
			s := newSite(t)
			s.take(people(0, 60)...)
			definitiontest.Use(t, folder)
			s.open(false)
			version := s.dataVersion()
			left := c.times
			s.store.Writer().At(30, func(step string) error {
				if step != c.step {
					return nil
				}
				if left--; left < 0 {
					return errCrash
				}
				return nil
			})
			if _, err := s.rescore(second, false); !errors.Is(err, errCrash) {
				t.Fatalf("re-score = %v, want it ended", err)
			}
			s.open(false)
			s.clean()
			mean := map[string]float64{"odi-1": meanOld, "odi-2": meanNew}[c.current]
			if _, got, err := s.baseline(); err != nil || math.Abs(got-mean) > 1e-9 {
				t.Errorf("mean %v after the start, %v; want %v, of %s", got, err, mean, c.current)
			}
			if got, _ := s.store.Reader().CurrentScore("back-pain", "odi"); got == nil || got.Algorithm != c.current {
				t.Errorf("current is %+v, want %s", got, c.current)
			}
			if c.current == "odi-2" && s.dataVersion() <= version {
				t.Error("the switch has no data version of its own")
			}
			s.store.Writer().At(30, nil)
			report, err := s.rescore(second, false)
			if err != nil || report.Resumed != c.resumed {
				t.Fatalf("again: %+v, %v; want it continued", report, err)
			}
			if got := s.rows(allScores); !slices.Equal(got, want) {
				t.Errorf("%d rows of score, want the %d of a whole run", len(got), len(want))
			}
			if n, raw := len(want), s.number("SELECT count() FROM score"); uint64(n) != raw {
				t.Errorf("%d rows were written for %d", raw, n)
			}
			if _, got, err := s.baseline(); err != nil || math.Abs(got-meanNew) > 1e-9 {
				t.Errorf("mean %v in the end, %v; want %v", got, err, meanNew)
			}
			s.clean()
			if got := s.number("SELECT count() FROM system.tables WHERE database = currentDatabase() AND name LIKE 'outcome%'"); got != 1 {
				t.Errorf("%d tables of outcomes are left, want 1", got)
			}
		})
	}
}

// TestBatchesGoOnDuringARescore writes new people, amendments and episodes that
// move to another year between the steps, and asks all the while: each answer is
// of one algorithm, and in the end nothing is lost or counted twice.
func TestBatchesGoOnDuringARescore(t *testing.T) {
	s := newSite(t)
	s.take(people(0, 60)...)
	definitiontest.Use(t, definitiontest.SecondODI(t, true))
	s.open(false)
	next := 60
	s.store.Writer().At(20, func(step string) error {
		if step != "scored" && step != "derived" {
			return nil
		}
		i := next
		next++
		lines := append(people(i, i+1), odi(fmt.Sprintf("b%d", i-50), i-50, "amended", "2025-06-01", answers(i)))
		s.take(append(lines, referral(i-55, "2024-02-01"))...)
		return nil
	})
	// The answers in the code range of the ODI lie in 0 to 100 points; read in the
	// other unit a mean would be half or double.
	stop, asked := make(chan struct{}), make(chan error, 1)
	go func() { asked <- s.askUntil(stop) }()
	report, err := s.rescore(second, false)
	close(stop)
	if err := errors.Join(err, <-asked); err != nil {
		t.Fatalf("re-score: %+v, %v", report, err)
	}
	if next < 64 {
		t.Fatalf("only %d batches went beside the re-score", next-60)
	}
	s.clean()
	if got, want := s.number("SELECT count() FROM outcome FINAL WHERE live = 1"), uint64(next); got != want {
		t.Errorf("%d live episodes, want %d", got, want)
	}
	if got := s.number("SELECT count() FROM (SELECT patient_id, episode_id FROM outcome FINAL WHERE live = 1 GROUP BY patient_id, episode_id HAVING count() > 1)"); got != 0 {
		t.Errorf("%d episodes count twice", got)
	}
	after := newSite(t)
	after.take(people(0, next)...)
	if got, want := s.number("SELECT uniqExact(response_id) FROM score WHERE algorithm = 'odi-2'"), after.number("SELECT uniqExact(response_id) FROM score WHERE algorithm = 'odi-2'"); got != want {
		t.Errorf("%d responses have the new score, want %d", got, want)
	}
}

// askUntil asks for the mean until it is told to stop.
func (s *site) askUntil(stop <-chan struct{}) error {
	var first float64
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		_, mean, err := s.baseline()
		switch {
		case errors.Is(err, read.ErrSwitched):
			continue
		case err != nil:
			return err
		case first == 0:
			first = mean
		case mean < first*0.75 || mean > first*1.33:
			return fmt.Errorf("a mean of %v after one of %v: read in another unit than it was stored in", mean, first)
		}
	}
}
