package http_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lumbar-health/lumbar/ingest"
	ihttp "github.com/lumbar-health/lumbar/ingest/http"
	"github.com/lumbar-health/lumbar/record"
)

// answered is a response to any questionnaire.
func answered(id, instrument, answers, further string) string {
	return fmt.Sprintf(`{"id":{"system":"urn:forms","value":%q},"patient":{"pseudonym":%q},"instrument":%q,"answered_at":"2026-04-02T10:00:00Z","answers":%s%s}`, id, ann, instrument, answers, further)
}

// flagged is the value of the counter of a safety flag.
func (in *installation) flagged(flag string) float64 {
	in.t.Helper()
	families, err := in.metrics.Gather()
	if err != nil {
		in.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "lumbar_ingest_safety_flags_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			if len(m.GetLabel()) == 1 && m.GetLabel()[0].GetValue() == flag {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

// bodies opens what the quarantine holds, in the order of lines.
func (in *installation) bodies() []string {
	in.t.Helper()
	rows, err := in.db.Conn(in.t).Query(context.Background(), "SELECT quarantine_id, body_sealed FROM quarantine FINAL WHERE state = 'held' ORDER BY line, quarantine_id")
	if err != nil {
		in.t.Fatal(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var id uint64
		var sealed string
		if err := rows.Scan(&id, &sealed); err != nil {
			in.t.Fatal(err)
		}
		if strings.Contains(sealed, "instrument") || strings.Contains(sealed, ann) {
			in.t.Error("a body stands in the open")
		}
		body, err := ingest.OpenBody(in.options.Key, id, []byte(sealed))
		if err != nil {
			in.t.Error(err)
		}
		out = append(out, string(body))
		if _, err := ingest.OpenBody([]byte("another key of the length it needs"), id, []byte(sealed)); err == nil {
			in.t.Error("another key opens the body")
		}
		if _, err := ingest.OpenBody(in.options.Key, id+1, []byte(sealed)); err == nil {
			in.t.Error("the body opens as another row's")
		}
	}
	if err := rows.Err(); err != nil {
		in.t.Fatal(err)
	}
	return out
}

// TestSafetyBeforeRefusal: what PHQ-9 and the cauda equina questions say is in
// the reply, in the quarantine and counted, whatever else is wrong.
func TestSafetyBeforeRefusal(t *testing.T) {
	in := install(t)
	url := in.serve()
	body := strings.Join([]string{
		answered("r1", "phq9", "[7,0,0,0,0,0,0,0,2]", ""),
		answered("r2", "phq9", "[1,0,0,0,0,0,0,0,1]", `,"instrument_version":"1999"`),
		answered("r3", "phq9", `"unreadable"`, ""),
		strings.Replace(answered("r4", "phq9", "[1,0,0,0,0,0,0,0,3]", ""), ann, "nobody", 1),
		answered("r5", "phq9", "[0,0,0,0,0,0,0,0,0]", ""),
		answered("r6", "phq9", "[0,0,0,0,0,0,0,0,1]", `,"status":"in-progress"`),
		answered("r7", "ces", "[0,1,0,0,0,0,0,2]", `,"programme":"feet"`),
		answered("r8", "nrs_back", "[10]", `,"supplied_score":3`),
	}, "\n")
	status, reply, text := post(t, url+"/v1/responses", "application/x-ndjson", body)
	if status != 200 || reply.Stored != 3 || reply.Rejected != 5 || reply.ScoreMismatch != 1 {
		t.Fatalf("%d %s; want 3 stored, 5 rejected", status, text)
	}
	for i, want := range []string{
		`{"row":1,"id":"r1","result":"rejected","reasons":[{"field":"phq9.1","rule":"code_out_of_range"}],"flags":["item9_positive"]}`,
		`{"row":2,"id":"r2","result":"rejected","reasons":[{"field":"instrument_version","rule":"unknown_version"}],"flags":["item9_positive"]}`,
		`{"row":3,"id":"r3","result":"rejected","reasons":[{"field":"answers","rule":"malformed"}],"flags":["safety_unreadable"]}`,
		`{"row":4,"id":"r4","result":"rejected","reasons":[{"field":"patient.pseudonym","rule":"malformed"}],"flags":["item9_positive"]}`,
		`{"row":5,"id":"r5","result":"stored"}`,
		`{"row":6,"id":"r6","result":"stored","flags":["item9_positive"]}`,
		`{"row":7,"id":"r7","result":"rejected","reasons":[{"field":"programme","rule":"unknown_programme"}],"flags":["ces_p0"]}`,
		`{"row":8,"id":"r8","result":"stored","flags":["supplied_score_differs"]}`,
	} {
		if got, _ := json.Marshal(reply.Rows[i]); string(got) != want {
			t.Errorf("row %d: %s\nwant %s", i+1, got, want)
		}
	}
	for flag, want := range map[string]float64{"item9_positive": 4, "safety_unreadable": 1, "ces_p0": 1, "supplied_score_differs": 0} {
		if got := in.flagged(flag); got != want {
			t.Errorf("%s is counted %g times, want %g", flag, got, want)
		}
	}
	for query, want := range map[string]uint64{
		"SELECT count() FROM score WHERE flags = ['item9_positive'] AND score = 'phq9' AND status = 'insufficient'":     1,
		"SELECT count() FROM score WHERE notEmpty(flags) AND score NOT IN ('phq9', 'nrs_back')":                         0,
		"SELECT count() FROM score WHERE flags = ['supplied_score_differs'] AND score = 'nrs_back' AND units = 10":      1,
		"SELECT count() FROM quarantine FINAL WHERE state = 'held' AND source = 'ndjson'":                               5,
		"SELECT count() FROM quarantine FINAL WHERE flags = ['item9_positive'] AND line IN (1, 2, 4)":                   3,
		"SELECT count() FROM quarantine FINAL WHERE reasons = [('phq9.1', 'code_out_of_range')] AND line = 1":           1,
		"SELECT uniqExact(batch) FROM quarantine":                                                                       1,
		"SELECT count() FROM quarantine FINAL WHERE received_at = toDateTime64('2026-09-01 09:00:00', 3, 'UTC')":        5,
		"SELECT count() FROM batch WHERE state = 'committed'":                                                           1,
		"SELECT count() FROM response WHERE instrument_version = '1999' OR source_id IN ('r1', 'r2', 'r3', 'r4', 'r7')": 0,
		"SELECT count() FROM score WHERE units IS NOT NULL AND response_id NOT IN (SELECT response_id FROM response)":   0,
		"SELECT count() FROM score WHERE score = 'phq9' AND units IS NOT NULL AND status = 'complete' AND flags = []":   1,
		"SELECT count() FROM score WHERE score = 'nrs_back' AND value IS NOT NULL":                                      0,
	} {
		if got := in.count(query); got != want {
			t.Errorf("%s = %d, want %d", query, got, want)
		}
	}
	if got := in.bodies(); len(got) != 5 || !strings.HasPrefix(got[0], `{"answered_at":"2026-04-02T10:00:00Z","answers":[7,0,0`) || !strings.Contains(got[1], `"r2"`) {
		t.Errorf("the quarantine holds %q", got)
	}
}

// TestRefusedOnce: the same refused row is held once, however often and
// however spelt it comes, and a request of refused rows alone changes no
// answer.
func TestRefusedOnce(t *testing.T) {
	in := install(t)
	url := in.serve()
	row := answered("r1", "phq9", "[0,0,0,0,0,0,0,0,5]", "")
	respelt := strings.Replace(strings.Replace(row, `{"id"`, `{ "instrument" : "phq9", "id"`, 1), `"instrument":"phq9",`, "", 1)
	for range 2 {
		status, reply, text := post(t, url+"/v1/responses", "application/x-ndjson", row+"\n"+respelt+"\n"+row)
		if status != 422 || reply.Rejected != 3 {
			t.Fatalf("%d %s", status, text)
		}
	}
	if got := in.bodies(); len(got) != 1 {
		t.Errorf("%d rows are held, want 1: %q", len(got), got)
	}
	if got := in.count("SELECT count() FROM batch"); got != 0 {
		t.Errorf("%d batches were begun for refused rows", got)
	}
	if got := in.flagged("item9_missing"); got != 6 {
		t.Errorf("flags are counted %g times, want 6: each time one came", got)
	}
}

// TestQuarantineOfImports: what an import refuses is held, of every format; a
// dry run holds nothing.
func TestQuarantineOfImports(t *testing.T) {
	in := install(t)
	long := answered("r3", "nrs_back", "[7]", `,"provider":"`+strings.Repeat("x", 1<<20)+`"`)
	file := text("Smith-phq9.ndjson", []byte(strings.Join([]string{
		answered("r1", "nrs_back", "[7]", ""), answered("r2", "odi", "[6,6,6,6,6,6,6,6,6,6]", ""), `{"instrument":"phq9","answers":[0`, long,
	}, "\n")))
	if r := in.load(file, ingest.ImportOptions{DryRun: true}); r.Rejected != 3 || in.count("SELECT count() FROM quarantine") != 0 {
		t.Errorf("dry run: %+v, %d rows held; want 3 rejected, none held", r, in.count("SELECT count() FROM quarantine"))
	}
	if r := in.load(file, ingest.ImportOptions{}); r.Rejected != 3 || r.Stored != 1 {
		t.Errorf("%+v, want 3 rejected", r)
	}
	for query, want := range map[string]uint64{
		"SELECT count() FROM quarantine FINAL": 3,
		"SELECT count() FROM quarantine FINAL WHERE line = 2 AND reasons = [('odi.1', 'code_out_of_range')] AND notEmpty(body_sealed)":                  1,
		"SELECT count() FROM quarantine FINAL WHERE line = 3 AND reasons = [('record', 'malformed')] AND flags = ['safety_unreadable']":                 1,
		"SELECT count() FROM quarantine FINAL WHERE line = 4 AND reasons = [('record', 'too_long')] AND flags = ['body_not_kept'] AND body_sealed = ''": 1,
		"SELECT countIf(position(batch, 'Smith') > 0) FROM quarantine":                                                                                  0,
	} {
		if got := in.count(query); got != want {
			t.Errorf("%s = %d, want %d", query, got, want)
		}
	}
	in.load(file, ingest.ImportOptions{})
	if got := in.count("SELECT count() FROM quarantine FINAL"); got != 3 {
		t.Errorf("after the second import %d rows are held, want 3", got)
	}
}

// TestQuarantineWithoutKey: without a key nothing can be sealed, and reasons
// are all that is held.
func TestQuarantineWithoutKey(t *testing.T) {
	in := install(t)
	in.options.Key, in.options.Metrics = nil, prometheus.NewRegistry()
	in.pipeline = ingest.New(in.writer, in.options)
	number := strings.Replace(answered("r1", "phq9", "[0,0,0,0,0,0,0,0,1]", ""), `"pseudonym":"`+ann, `"nhs_number":"999 000 0018`, 1)
	if r := in.load(text("a.ndjson", []byte(number)), ingest.ImportOptions{}); r.Rules["no_key"] != 1 {
		t.Errorf("%+v, want no_key", r)
	}
	if got := in.count("SELECT count() FROM quarantine FINAL WHERE body_sealed = '' AND flags = ['item9_positive', 'body_not_kept'] AND reasons.rule = ['no_key']"); got != 1 {
		t.Error("the reasons are not held")
	}
}

// noQuarantine is a store whose quarantine is full.
type noQuarantine struct{ ingest.Writer }

func (noQuarantine) Quarantine(context.Context, []record.Refused) error {
	return errors.New("no space left")
}

// TestRefusalIsDurable: a row that is said to be refused is held, by the next
// process where this one could not.
func TestRefusalIsDurable(t *testing.T) {
	in := install(t)
	whole := in.pipeline
	in.options.Metrics = prometheus.NewRegistry()
	in.pipeline = ingest.New(noQuarantine{in.writer}, in.options)
	s := in.take(ihttp.Options{})
	status, _, text := post(t, s.url+"/v1/responses", "application/json", answered("r1", "phq9", "[0,0,0,0,0,0,0,0,7]", ""), "Prefer", "wait=0")
	if status != 422 || in.count("SELECT count() FROM quarantine") != 0 {
		t.Errorf("%d %s, want 422 before it is in the quarantine", status, text)
	}
	s.close()
	in.pipeline = whole
	s = in.take(ihttp.Options{})
	if err := s.intake.Drained(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := in.bodies(); len(got) != 1 || !strings.Contains(got[0], `"r1"`) {
		t.Errorf("the next process holds %q, want the refused row", got)
	}
}

// TestScoresWithoutUnit: a score without a unit stands in its own column, next
// to those with one, and every score of a definition has a row.
func TestScoresWithoutUnit(t *testing.T) {
	in := install(t)
	url := in.serve()
	body := answered("r1", "wpai_shp", "[1,7.5,0,30,5,6]", "") + "\n" + answered("r2", "eq5d5l", `"21232"`, "")
	if status, reply, text := post(t, url+"/v1/responses", "application/x-ndjson", body); status != 200 || reply.Stored != 2 {
		t.Fatalf("%d %s", status, text)
	}
	for query, want := range map[string]uint64{
		"SELECT count() FROM score WHERE score = 'wpai_shp_absenteeism' AND value = 0.2 AND units IS NULL AND unit = 0": 1,
		"SELECT count() FROM score WHERE score = 'wpai_shp_presenteeism' AND units = 5 AND unit = 10 AND value IS NULL": 1,
		"SELECT count() FROM response WHERE instrument = 'wpai_shp' AND codes = [1, 750, 0, 3000, 5, 6]":                1,
		"SELECT count() FROM score WHERE score = 'eq5d5l_profile' AND units = 21232":                                    1,
		"SELECT uniqExact(value_set) FROM score WHERE score = 'eq5d5l' AND units IS NOT NULL":                           3,
		"SELECT count() FROM score WHERE startsWith(value_set, 'dsu_')":                                                 0,
	} {
		if got := in.count(query); got != want {
			t.Errorf("%s = %d, want %d", query, got, want)
		}
	}
}
