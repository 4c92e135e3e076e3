package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/lumbar-health/lumbar/record"
	"github.com/lumbar-health/lumbar/store"
	"github.com/lumbar-health/lumbar/store/read"
	"github.com/lumbar-health/lumbar/store/write"
)

// extracted are the rows of an extract as JSON objects, with the patient as its
// first byte.
func extracted(t *testing.T, s *store.Store, e read.Extract) (rows []map[string]any) {
	t.Helper()
	err := s.Extracts().Read(t.Context(), e, func(rec arrow.Record) error {
		text, err := rec.MarshalJSON()
		if err != nil {
			return err
		}
		var some []map[string]any
		if err := json.Unmarshal(text, &some); err != nil {
			return err
		}
		rows = append(rows, some...)
		return nil
	})
	if err != nil {
		t.Fatalf("%+v: %v", e, err)
	}
	return rows
}

// exportable is one of everything that an extract must get right: an amendment that
// changes the instrument, a withdrawal, a row stored twice, another programme,
// someone who opted out.
func exportable(t *testing.T) (f facts, optedOut record.PatientID) {
	t.Helper()
	ann, ben, cas := record.PatientID{1, 15: 9}, record.PatientID{2}, record.PatientID{3}
	episode := func(p record.PatientID, id, version uint64, status record.EpisodeStatus, programme string) {
		f.episodes = append(f.episodes, record.Episode{
			PatientID: p, ID: id, Version: version, Status: status, Programme: programme, ReferredOn: record.NewDate(2025, 4, 1), Age: 50,
			Intervention: fmt.Sprint("v", version), Sex: record.SexFemale, ReceivedAt: received,
		})
	}
	response := func(p record.PatientID, id, version uint64, status record.Status, of string, units int32) {
		at := received.AddDate(-1, 0, 0)
		f.responses = append(f.responses, record.Response{
			PatientID: p, ID: id, Version: version, Status: status, Source: "urn:x", SourceID: "the sender's own", Programme: "back-pain", Instrument: "odi",
			Timepoint: "baseline", EpisodeID: 1, AnsweredAt: at, AnsweredOn: record.DateOf(at), Precision: record.PrecisionInstant, ReceivedAt: received,
			ReportedBy: record.ByPatient, Codes: []int16{1, -32768, 5}, MissingReasons: []string{"", "blank", ""},
		})
		algorithm := map[string]string{"odi": "odi-1", "nrs_back": "nrs-1"}[of]
		f.scores = append(f.scores, record.Score{
			PatientID: p, ResponseID: id, Version: version, Name: of, Algorithm: algorithm, Status: record.ScoreComplete, Programme: "back-pain",
			EpisodeID: 1, Timepoint: "baseline", AnsweredAt: at, AnsweredOn: record.DateOf(at), ReceivedAt: received, ReportedBy: record.ByPatient,
			Units: units, HasUnits: status != record.EnteredInError,
		})
	}
	for _, p := range []record.PatientID{ann, ben, cas} {
		episode(p, 1, 1, record.EpisodeActive, "back-pain")
		response(p, 10, 1, record.Completed, "odi", 36)
	}
	episode(ann, 1, 2, record.EpisodeDischarged, "back-pain")
	episode(ann, 2, 5, record.EpisodeActive, "nhs-proms")
	episode(ben, 3, 1, record.EpisodeActive, "back-pain")
	episode(ben, 3, 2, record.EpisodeEnteredInError, "back-pain")
	response(ann, 10, 2, record.Amended, "nrs_back", 7)
	response(ben, 11, 1, record.Completed, "odi", 90)
	response(ben, 11, 2, record.EnteredInError, "odi", 0)
	f.scores[len(f.scores)-1].Status = record.ScoreRetracted
	return f, cas
}

// TestExtract: each table in its current versions, withdrawn rows gone, numbers
// in points; the whole record of whoever opted out is gone from each table.
func TestExtract(t *testing.T) {
	s, conn := open(t)
	f, optedOut := exportable(t)
	put(t, s, f)
	put(t, s, f) // every row twice, in two parts
	ctx := context.Background()
	if err := conn.Exec(ctx, "ALTER TABLE score UPDATE unit = if(score = 'odi', 18, 1) WHERE 1 SETTINGS mutations_sync = 1"); err != nil {
		t.Fatal(err)
	}
	if err := conn.Exec(ctx, `INSERT INTO event (patient_id, event_id, version, status, programme, episode_id, type, happened_at, happened_on, cost_pence)
SELECT patient_id, 5, v, s, 'back-pain', 1, 'admission', '2025-05-01 23:30:00', '2025-05-02', 100 * v
FROM (SELECT DISTINCT patient_id FROM episode) AS e CROSS JOIN values('v UInt64, s String', (1, 'final'), (2, 'final')) AS v`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.References().OptOuts(ctx, []record.PatientID{optedOut, {77}}, write.Load{}); err != nil {
		t.Fatal(err)
	}
	list, _, err := s.Reader().List(ctx, read.ListOptOuts, "")
	if err != nil {
		t.Fatal(err)
	}
	for table, c := range map[string]struct {
		columns []string
		want    []string
	}{
		"outcome":  {[]string{"programme", "odi_baseline", "intervention", "sex", "imd_decile"}, []string{"back-pain 2 v1 female <nil>", "back-pain <nil> v2 female <nil>", "nhs-proms <nil> v5 female <nil>"}},
		"episode":  {[]string{"status", "age", "intervention", "discharged_on"}, []string{"active 50 v1 <nil>", "active 50 v5 <nil>", "discharged 50 v2 <nil>"}},
		"response": {[]string{"status", "codes", "missing_reasons", "answered_on", "reported_by"}, []string{"amended [1 <nil> 5] [ blank ] 2025-05-01 patient", "completed [1 <nil> 5] [ blank ] 2025-05-01 patient"}},
		"score":    {[]string{"score", "points", "status", "answered_on"}, []string{"nrs_back 7 complete 2025-05-01", "odi 2 complete 2025-05-01"}},
		"event":    {[]string{"type", "cost_pence", "happened_on"}, []string{"admission 200 2025-05-02", "admission 200 2025-05-02"}},
	} {
		rows := extracted(t, s, read.Extract{Table: table, OptOuts: &list, Order: [2]uint64{1, 2}})
		var got []string
		for _, row := range rows {
			var values []string
			for _, name := range c.columns {
				values = append(values, fmt.Sprint(row[name]))
			}
			got = append(got, strings.Join(values, " "))
		}
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s:\n%s\nwant\n%s", table, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
		if all := extracted(t, s, read.Extract{Table: table, Order: [2]uint64{1, 2}}); len(all) != len(rows)+1 {
			t.Errorf("%s has %d rows where nobody is left out, %d where one person is", table, len(all), len(rows))
		}
		if narrow := extracted(t, s, read.Extract{Table: table, Programme: "nhs-proms", Order: [2]uint64{1, 2}}); len(narrow) > 1 || (table == "outcome" || table == "episode") && len(narrow) != 1 {
			t.Errorf("%s of one programme has %d rows", table, len(narrow))
		}
		for _, hidden := range []string{"source_id", "received_at", "answered_at", "happened_at", "version", "sealed", "journal_seq"} {
			if _, has := rows[0][hidden]; has {
				t.Errorf("%s shows %s", table, hidden)
			}
		}
	}
	full := extracted(t, s, read.Extract{Table: "response", Full: true, Order: [2]uint64{1, 2}})
	if full[0]["source_id"] != "the sender's own" || fmt.Sprint(full[0]["answered_at"]) == "<nil>" {
		t.Errorf("a full extract: %v", full[0])
	}
}

// TestExtractsHaveNoOrderOfTheirOwn: a person's rows stand together, and two keys
// give two orders: the store's would join two extracts row by row.
func TestExtractsHaveNoOrderOfTheirOwn(t *testing.T) {
	s, _ := open(t)
	var f facts
	for i := range 300 {
		for id := range uint64(2) {
			f.episodes = append(f.episodes, record.Episode{PatientID: record.PatientID{byte(i / 256), byte(i)}, ID: id + 1, Version: 1, Status: record.EpisodeActive, Programme: "back-pain", ReceivedAt: received})
		}
	}
	put(t, s, f)
	order := func(key uint64) (people []any) {
		for _, row := range extracted(t, s, read.Extract{Table: "episode", Order: [2]uint64{key, key}}) {
			if p := row["patient_id"]; len(people) == 0 || people[len(people)-1] != p {
				people = append(people, p)
			}
		}
		return people
	}
	a, b := order(1), order(2)
	if len(a) != 300 || len(b) != 300 {
		t.Fatalf("%d and %d runs of 300 people", len(a), len(b))
	}
	if slices.Equal(a, b) || !slices.Equal(a, order(1)) {
		t.Error("the order does not follow its key")
	}
	seen := map[any]bool{}
	for _, p := range a {
		seen[p] = true
	}
	if len(slices.Collect(maps.Keys(seen))) != 300 {
		t.Error("someone stands in two places")
	}
}

// TestHalfAListReleasesNobody: where a row of the list of opt-outs is not there
// the extract fails before its first row; so it does for what is not there.
func TestHalfAListReleasesNobody(t *testing.T) {
	s, conn := open(t)
	f, optedOut := exportable(t)
	put(t, s, f)
	ctx := t.Context()
	if err := conn.Exec(ctx, "INSERT INTO event (patient_id, event_id, version, status, programme, type) VALUES (1, 1, 1, 'final', 'back-pain', 'admission')"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.References().OptOuts(ctx, []record.PatientID{optedOut}, write.Load{}); err != nil {
		t.Fatal(err)
	}
	list, _, err := s.Reader().List(ctx, read.ListOptOuts, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, next := range []byte{4, 5} { // the list is replaced twice: its rows are gone
		if _, err := s.References().OptOuts(ctx, []record.PatientID{{next}}, write.Load{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, table := range read.ExtractTables() {
		err := s.Extracts().Read(ctx, read.Extract{Table: table, OptOuts: &list}, func(rec arrow.Record) error {
			return fmt.Errorf("%d rows were released", rec.NumRows())
		})
		if !errors.Is(err, read.ErrListReplaced) {
			t.Errorf("%s: %v", table, err)
		}
	}
	for _, wrong := range []read.Extract{{Table: "patient"}, {Table: "audit"}, {Table: "outcome", Programme: "x'--"}} {
		if err := s.Extracts().Read(ctx, wrong, func(arrow.Record) error { return nil }); !errors.Is(err, read.ErrNoColumns) {
			t.Errorf("%+v: %v", wrong, err)
		}
	}
}
