package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/record"
	"github.com/lumbar-health/lumbar/store/read"
)

// riskRows writes a risk table as a line for each group, pattern and time.
func riskRows(r *read.Risk) map[string]string {
	rows := map[string]string{}
	for _, g := range r.Groups {
		for i := g.From; i < g.To; i++ {
			parts := []string{strings.Join(g.Key, "\x00")}
			for _, c := range r.Columns {
				parts = append(parts, at(c, i))
			}
			events := []int64{}
			for _, of := range r.Events {
				events = append(events, of[i])
			}
			rows[fmt.Sprintf("%s@%v", strings.Join(parts, "|"), r.Time[i])] = fmt.Sprint(events, r.Censored[i])
		}
	}
	return rows
}

func sameRisk(t *testing.T, name string, got *read.Risk, want map[string]string) {
	t.Helper()
	have := riskRows(got)
	if got.Len() != len(have) {
		t.Errorf("%s: %d rows of which %d differ", name, got.Len(), len(have))
	}
	for k, w := range want {
		if have[k] != w {
			t.Errorf("%s: %q = %s, want %s", name, k, have[k], w)
			return
		}
	}
	if len(have) != len(want) {
		t.Errorf("%s: %d rows, want %d", name, len(have), len(want))
	}
}

// happening is a row of event.
func happening(e record.Episode, id, version int, status, kind string, on record.Date) string {
	return fmt.Sprintf("(reinterpretAsUInt128(reverse(unhex('%X'))), %d, %d, '%s', '%s', %d, '%s', '%s 10:00:00', '%s')", e.PatientID[:], id+1, version, status, e.Programme, e.ID, kind, on, on)
}

// scoreOf is a score of a day.
func scoreOf(e record.Episode, response uint64, of instruments.ID, on record.Date) record.Score {
	score := instruments.ScoresOf(of)[0]
	return record.Score{
		PatientID: e.PatientID, ResponseID: response, Version: 1, Status: record.ScoreComplete, Name: score.Name, Algorithm: score.Algorithm, ValueSet: score.ValueSet,
		Programme: e.Programme, EpisodeID: e.ID, Timepoint: "12m", AnsweredOn: on, AnsweredAt: on.Time(), ReceivedAt: received, ReportedBy: record.ByPatient,
		HasUnits: true, Unit: uint32(score.Unit),
	}
}

// TestRiskOfDuration counts days from referral to two kinds of event, of a column
// and of the events table, until whichever is first of another column and a day.
func TestRiskOfDuration(t *testing.T) {
	s, conn := open(t)
	random := rand.New(rand.NewPCG(3, 3))
	until := record.NewDate(2025, 6, 30)
	want := map[string][3]int64{}
	var events []string
	f := facts{covariates: questionCovariates}
	for i := range 400 {
		e := randomEpisode(random, i)
		p := describe(e)
		f.episodes = append(f.episodes, e)
		admitted, answered, lost := record.Date(1<<30), record.Date(1<<30), until
		for k := range random.IntN(4) {
			on := e.ReferredOn + record.Date(random.IntN(400)-20)
			kind, withdrawn := pick(random, "admission", "treatment"), random.IntN(5) == 0
			events = append(events, happening(e, k, 1, "final", kind, on))
			if withdrawn {
				events = append(events, happening(e, k, 2, "entered-in-error", kind, on))
			} else if kind == "admission" {
				admitted = min(admitted, on)
			}
		}
		if random.IntN(2) == 0 {
			answered = e.ReferredOn + record.Date(random.IntN(300)-5)
			f.scores = append(f.scores, scoreOf(e, 1, "odi", answered))
		}
		if random.IntN(3) == 0 {
			on := e.ReferredOn + record.Date(random.IntN(300)-5)
			f.scores, lost = append(f.scores, scoreOf(e, 2, "eqvas", on)), min(lost, on)
		}
		first := min(admitted, answered)
		if e.ReferredOn > min(first, lost) || e.Age == 0 {
			continue
		}
		age, _ := shown(p, "age")
		k := fmt.Sprintf("%s|%s@%d", p.texts["region"], age, min(first, lost)-e.ReferredOn)
		counts := want[k]
		switch {
		case first > lost:
			counts[2]++
		case admitted <= answered:
			counts[0]++
		default:
			counts[1]++
		}
		want[k] = counts
	}
	put(t, s, f)
	if err := conn.Exec(context.Background(), "INSERT INTO event (patient_id, event_id, version, status, programme, episode_id, type, happened_at, happened_on) VALUES "+strings.Join(events, ", ")); err != nil {
		t.Fatal(err)
	}
	text := map[string]string{}
	for k, c := range want {
		text[k] = fmt.Sprint(c[:2], c[2])
	}
	q := read.RiskQuestion{Selection: read.Selection{Programme: "back-pain", By: []string{"region"}}, Columns: []string{"age"}, Duration: &read.Duration{
		From:   read.Day{Column: "referred_on"},
		Causes: []read.Cause{{Name: "admitted", Day: read.Day{Event: "admission"}}, {Name: "answered", Day: read.Day{Column: "odi_12m_at"}}},
		Lost:   []read.Day{{Column: "eqvas_12m_at"}}, Until: until,
	}}
	got, err := s.Reader().Risk(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.Causes, []string{"admitted", "answered"}) {
		t.Errorf("causes = %q", got.Causes)
	}
	sameRisk(t, "duration", got, text)
	q.Duration.Until = 0
	if _, err := s.Reader().Risk(context.Background(), q); err == nil {
		t.Error("a duration without an end is answered")
	}
	q.Duration.Until, q.Duration.From = until, read.Day{Column: "age"}
	if _, err := s.Reader().Risk(context.Background(), q); err == nil {
		t.Error("a number is taken for a day")
	}
}
