package write_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/internal/definitiontest"
	"github.com/lumbar-health/lumbar/store/schema"
	"github.com/lumbar-health/lumbar/store/write"
)

// TestSwitchOfTheValueSet is one row of scoring and a data version: no score is
// written and outcome stays as it is.
func TestSwitchOfTheValueSet(t *testing.T) {
	s := newSite(t)
	s.take(referral(1, "2025-04-01"),
		fmt.Sprintf(`{"id":{"system":"urn:forms","value":"q1"},"patient":{"pseudonym":%q},"programme":"back-pain","instrument":"eq5d5l","answered_at":"2025-04-02T10:00:00Z","answers":"21232"}`, person(1)))
	s.open(false)
	now, _ := s.store.Reader().CurrentScore("back-pain", "eq5d5l")
	other := ""
	for _, score := range instruments.ScoresOf("eq5d5l") {
		if score.ValueSet != now.ValueSet && !score.NeedsPerson {
			other = score.ValueSet
		}
	}
	const table = "SELECT reinterpretAsUInt64(reverse(unhex(substring(replaceAll(toString(uuid), '-', ''), 1, 16)))) FROM system.tables WHERE database = currentDatabase() AND name = 'outcome'"
	scores, rows, version, same := s.number("SELECT count() FROM score"), s.number("SELECT count() FROM scoring"), s.dataVersion(), s.number(table)
	report, err := s.rescore(schema.Request{Instrument: "eq5d5l", ValueSet: other}, false)
	if err != nil || !report.Switched || report.Scores != 0 || report.Episodes != 0 {
		t.Fatalf("%+v, %v; want a switch alone", report, err)
	}
	if got, _ := s.store.Reader().CurrentScore("back-pain", "eq5d5l"); got == nil || got.ValueSet != other {
		t.Errorf("current is %+v, want %s", got, other)
	}
	if s.number("SELECT count() FROM score") != scores || s.number("SELECT count() FROM scoring") != rows+1 || s.dataVersion() != version+1 || s.number(table) != same {
		t.Error("want one row of scoring and one data version more, and nothing else")
	}
	s.open(false)
	if got, _ := s.store.Reader().CurrentScore("back-pain", "eq5d5l"); got == nil || got.ValueSet != other {
		t.Errorf("after a start current is %+v, want %s", got, other)
	}
	s.clean()
}

// TestAlgorithmThatTheProgramLost: data of an algorithm that is no longer there
// are not served, and a re-score makes them right.
func TestAlgorithmThatTheProgramLost(t *testing.T) {
	s := newSite(t)
	s.take(people(0, 30)...)
	old := s.number("SELECT count() FROM score WHERE algorithm = 'odi-1'")
	definitiontest.Use(t, definitiontest.SecondODI(t, false))
	var unavailable *schema.UnavailableError
	if err := s.tryOpen(false); !errors.As(err, &unavailable) || !strings.Contains(err.Error(), "lumbar rescore --instrument odi") {
		t.Fatalf("open = %v, want it refused with what to do", err)
	}
	s.open(true)
	s.clean()
	report, err := s.rescore(second, false)
	if err != nil || !report.Switched {
		t.Fatalf("%+v, %v", report, err)
	}
	s.open(false)
	s.clean()
	if got := s.number("SELECT count() FROM score WHERE algorithm = 'odi-1'"); got != old || old == 0 {
		t.Errorf("%d old rows, want the %d as they were", got, old)
	}
	if got, _ := s.store.Reader().ScoreOf("odi"); got == nil || got.Unit != 9 {
		t.Errorf("the column's score is %+v, want the new one's unit", got)
	}
}

// TestOneRescoreAtATime refuses a second one beside the first.
func TestOneRescoreAtATime(t *testing.T) {
	s := newSite(t)
	s.take(people(0, 5)...)
	definitiontest.Use(t, definitiontest.SecondODI(t, true))
	s.open(false)
	var beside error
	s.store.Writer().At(20, func(string) error {
		if beside == nil {
			_, beside = s.rescore(second, false)
		}
		return nil
	})
	if _, err := s.rescore(second, false); err != nil || !errors.Is(beside, write.ErrRescoring) {
		t.Errorf("a re-score %v with another beside it %v, want the other refused", err, beside)
	}
}

// TestMissingScoresAreFilled: a score that an older program did not compute is
// said to be missing until a re-score adds it, without another algorithm.
func TestMissingScoresAreFilled(t *testing.T) {
	s := newSite(t)
	s.take(referral(1, "2025-04-01"),
		fmt.Sprintf(`{"id":{"system":"urn:forms","value":"q1"},"patient":{"pseudonym":%q},"programme":"back-pain","instrument":"eq5d5l","answered_at":"2025-04-02T10:00:00Z","answers":"21232"}`, person(1)))
	outcomes := s.rows("SELECT * EXCEPT (version) FROM outcome FINAL")
	for _, statement := range []string{"DELETE FROM score WHERE value_set = 'eng5l_devlin2018'", "TRUNCATE TABLE scored", "INSERT INTO scored SELECT programme, score, algorithm, value_set, 1, 1 FROM scoring"} {
		if err := s.conn.Exec(context.Background(), statement); err != nil {
			t.Fatal(err)
		}
	}
	s.open(false)
	missing := func() bool {
		t.Helper()
		list, err := s.store.Writer().Current(context.Background(), "eq5d5l")
		if err != nil || len(list) == 0 {
			t.Fatal(list, err)
		}
		for _, c := range list {
			if c.Score == "eq5d5l" {
				return c.Missing
			}
		}
		return false
	}
	if !missing() {
		t.Error("nobody says that scores are missing")
	}
	report, err := s.rescore(schema.Request{Instrument: "eq5d5l"}, false)
	if err != nil || report.Scores != 1 || report.Switched || missing() {
		t.Errorf("%+v, %v; want the one row written and no switch", report, err)
	}
	s.clean()
	got := s.rows("SELECT * EXCEPT (version) FROM outcome FINAL")
	if len(got) != 1 || got[0] != outcomes[0] {
		t.Error("outcome is not what it was with all scores")
	}
}

// TestAnOlderProgramBetween: answers that a program took which does not compute
// a score are scored by the next re-score, though it was complete before.
func TestAnOlderProgramBetween(t *testing.T) {
	folder := definitiontest.SecondODI(t, true)
	s := newSite(t)
	s.take(people(0, 10)...)
	definitiontest.Use(t, folder)
	s.open(false)
	s.store.Writer().At(5, func(step string) error {
		if step == "derived" {
			return errCrash
		}
		return nil
	})
	if _, err := s.rescore(second, false); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	definitiontest.Use(t, "")
	s.open(false)
	s.take(people(10, 20)...)
	definitiontest.Use(t, folder)
	s.open(false)
	if report, err := s.rescore(second, false); err != nil || !report.Resumed || report.Scores == 0 {
		t.Fatalf("%+v, %v; want the run continued and the answers between scored", report, err)
	}
	if got, want := s.number("SELECT uniqExact(response_id, version) FROM score WHERE algorithm = 'odi-2'"), s.number("SELECT uniqExact(response_id, version) FROM response"); got != want {
		t.Errorf("%d of %d responses have the score", got, want)
	}
	s.clean()
}

// TestRescoreAfterAnotherWasCutShort: a run that has nothing to write itself does
// not pass over the rows of one that was cut short, of another instrument or of
// other definitions. Nobody else would derive outcome from them.
func TestRescoreAfterAnotherWasCutShort(t *testing.T) {
	cut := func(s *site, r schema.Request, at string) {
		t.Helper()
		s.store.Writer().At(5, func(step string) error {
			if step == at {
				return errCrash
			}
			return nil
		})
		if _, err := s.rescore(r, false); !errors.Is(err, errCrash) {
			t.Fatal(err)
		}
	}
	const outcomes = "SELECT * EXCEPT (version) FROM outcome FINAL"
	index := schema.Request{Instrument: "eq5d5l"}
	for _, step := range []string{"derived", "begun"} {
		definitiontest.Use(t, "")
		s := newSite(t)
		s.take(referral(1, "2025-04-01"),
			fmt.Sprintf(`{"id":{"system":"urn:forms","value":"q1"},"patient":{"pseudonym":%q},"programme":"back-pain","instrument":"eq5d5l","answered_at":"2025-04-02T10:00:00Z","answers":"21232"}`, person(1)))
		whole := s.rows(outcomes)
		for _, statement := range []string{"DELETE FROM score WHERE value_set = 'eng5l_devlin2018'", "TRUNCATE TABLE scored", "INSERT INTO scored SELECT programme, score, algorithm, value_set, 1, 1 FROM scoring"} {
			if err := s.conn.Exec(context.Background(), statement); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.store.Writer().Rebuild(context.Background()); err != nil {
			t.Fatal(err)
		}
		cut(s, index, step)
		definitiontest.Use(t, definitiontest.SecondODI(t, true)) // another registry: another job
		s.open(false)
		list, err := s.store.Writer().Current(context.Background(), "eq5d5l")
		if err != nil || !slices.ContainsFunc(list, func(c schema.Current) bool { return c.Missing }) {
			t.Errorf("cut short at %s: %+v, %v; want scores missing until outcome has them", step, list, err)
		}
		if report, err := s.rescore(index, false); err != nil || report.Scores != 0 {
			t.Fatalf("%+v, %v; want no row left to write", report, err)
		}
		if got := s.rows(outcomes); !slices.Equal(got, whole) {
			t.Errorf("cut short at %s: outcome lacks the scores that were written", step)
		}
		s.clean()
		cut(s, second, "derived")
		s.open(false)
		if report, err := s.rescore(schema.Request{Instrument: "eqvas"}, false); err != nil || report.Scores != 0 || report.Switched {
			t.Fatalf("%+v, %v; want nothing to do", report, err)
		}
		s.clean()
	}
}
