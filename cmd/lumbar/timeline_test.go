package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lumbar-health/lumbar/care/timeline"
	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/simulate"
	"github.com/lumbar-health/lumbar/web"
)

// setClock lets the house receive at a moment of the test's choice.
func (h *house) setClock(at time.Time) { h.pipeline.Now = func() time.Time { return at } }

// timelineOf reads a timeline, of all that is in the journal too.
func (h *house) timelineOf(t *testing.T, url, pseudonym, query string) timeline.Timeline {
	t.Helper()
	if err := h.intake.Drained(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := sent(t, http.MethodGet, url+"/v1/patients/"+pseudonym+"/timeline"+query, nil, "")
	var out timeline.Timeline
	if err := json.Unmarshal(got.body, &out); err != nil || got.status != http.StatusOK {
		t.Fatalf("timeline%s: %d %s", query, got.status, got.body)
	}
	return out
}

// scoreOf is a score of a response.
func scoreOf(t *testing.T, scores []timeline.Score, name string) timeline.Score {
	t.Helper()
	for _, s := range scores {
		if s.Score == name {
			return s
		}
	}
	t.Fatalf("no score %s among %+v", name, scores)
	return timeline.Score{}
}

// cellsOf are the cells of outcome that a timeline says its responses fill.
func cellsOf(t *timeline.Timeline, columns []string) map[string]string {
	cells := map[string]string{}
	for _, r := range t.Responses {
		if !r.CountsInOutcome {
			continue
		}
		for _, s := range r.Scores {
			column := s.Score
			if s.ValueSet != "" {
				column += "_" + s.ValueSet
			}
			if s.Units != nil && slices.Contains(columns, column+"_"+*r.Placed.Timepoint) {
				cells[r.Placed.Episode+" "+column+"_"+*r.Placed.Timepoint] = fmt.Sprintf("%d %s", *s.Units, *r.AnsweredOn)
			}
		}
	}
	return cells
}

// TestTimelineAgreesWithOutcome: what a timeline says of places in the schedule
// is what the store derives, for people whose answers are late, doubled,
// amended and moved.
func TestTimelineAgreesWithOutcome(t *testing.T) {
	h := openTestHouse(t)
	if err := h.fill(t.Context(), simulate.Options{Patients: 120, Seed: 8}, io.Discard); err != nil {
		t.Fatal(err)
	}
	demo, _ := faceOf(t, h, true)
	random := rand.New(rand.NewPCG(8, 1))
	day := func(from, to int) string {
		return time.Date(2024, 1, 1+from+random.IntN(to-from), 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
	}
	var rows []wireRow
	for n := range 40 {
		episode, before, _ := person(n)
		for e := range 1 + random.IntN(2) {
			word := fmt.Sprintf("e%d.%d", n, e)
			start := day(60*e, 60*e+100)
			rows = append(rows, episode.with(wireRow{"kind": "episode", "id": nil, "updated_at": "2026-01-01T00:00:00Z", "episode": word, "referred_on": day(60*e, 60*e+1), "first_contact_on": nil, "treatment_start": start,
				"discharged_on": day(60*e+100, 60*e+200)}))
		}
		for r := range 12 {
			change := wireRow{"kind": "response", "id": wireRow{"system": "urn:test", "value": fmt.Sprintf("r%d.%d", n, random.IntN(9))}, "answered_at": day(0, 560), "episode": nil,
				"source_version": r, "status": []string{"completed", "completed", "amended", "entered-in-error", "in-progress"}[random.IntN(5)],
				"reported_by": []string{"patient", "patient", "proxy"}[random.IntN(3)], "answers": slices.Repeat([]int{random.IntN(6)}, 10)}
			switch random.IntN(4) {
			case 0:
				change["episode"] = fmt.Sprintf("e%d.0", n)
			case 1:
				change["timepoint"] = []string{"baseline", "12m", "discharge"}[random.IntN(3)]
			}
			rows = append(rows, before.with(change))
		}
	}
	if got := sent(t, http.MethodPost, demo.URL+"/v1/responses", slices.Collect(only(rows, "response")), mediaJSON); got.status != http.StatusOK {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := sent(t, http.MethodPost, demo.URL+"/v1/episodes", slices.Collect(only(rows, "episode")), mediaJSON); got.status != http.StatusOK {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if err := h.intake.Drained(t.Context()); err != nil {
		t.Fatal(err)
	}
	columns := []string{}
	for _, stem := range []string{"odi", "nrs_back", "eqvas", "phq9", "eq5d5l_uk5l_rowen2026"} {
		for _, at := range []string{"baseline", "discharge", "6m", "12m"} {
			columns = append(columns, stem+"_"+at)
		}
	}
	want, people := h.outcomeCells(t, columns)
	have := map[string]string{}
	for _, pseudonym := range people {
		one := h.timelineOf(t, demo.URL, pseudonym, "")
		for cell, value := range cellsOf(&one, columns) {
			have[cell] = value
		}
	}
	if len(want) < 500 {
		t.Errorf("outcome has %d filled cells: the test tests nothing", len(want))
	}
	for cell, value := range want {
		if have[cell] != value {
			t.Errorf("%s: outcome has %s, the timeline %q", cell, value, have[cell])
		}
	}
	for cell, value := range have {
		if want[cell] == "" {
			t.Errorf("%s: the timeline has %s, outcome nothing", cell, value)
		}
	}
}

// only yields rows of a kind.
func only(rows []wireRow, kind string) func(yield func(wireRow) bool) {
	return func(yield func(wireRow) bool) {
		for _, r := range rows {
			if r["kind"] == kind && !yield(r) {
				return
			}
		}
	}
}

// outcomeCells reads filled cells of outcome, and who is in it.
func (h *house) outcomeCells(t *testing.T, columns []string) (cells map[string]string, people []string) {
	t.Helper()
	conn, err := h.engine.Connect(h.engine.Database())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	cells = map[string]string{}
	for _, c := range columns {
		rows, err := conn.Query(t.Context(), "SELECT lower(leftPad(hex(episode_id), 16, '0')), concat(toString("+c+"), ' ', toString("+c+"_at)) FROM outcome FINAL WHERE live = 1 AND isNotNull("+c+")")
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var episode, value string
			if err := rows.Scan(&episode, &value); err != nil {
				t.Fatal(err)
			}
			cells[episode+" "+c] = value
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		rows.Close()
	}
	rows, err := conn.Query(t.Context(), "SELECT DISTINCT lower(leftPad(hex(patient_id), 32, '0')) FROM outcome FINAL WHERE live = 1")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var one string
		if err := rows.Scan(&one); err != nil {
			t.Fatal(err)
		}
		people = append(people, one)
	}
	return cells, people
}

// TestTimelineOverTime follows one person: what is committed is there at once,
// what was amended, withdrawn and moved to another person shows its versions, and
// as_of gives the record as it was known.
func TestTimelineOverTime(t *testing.T) {
	h := openTestHouse(t)
	demo, _ := faceOf(t, h, true)
	received := func(month time.Month) time.Time { return time.Date(2026, month, 1, 9, 0, 0, 0, time.UTC) }
	post := func(month time.Month, path string, rows ...wireRow) {
		t.Helper()
		h.setClock(received(month))
		posted(t, demo.URL+path, rows, mediaJSON, http.StatusOK, repeat("stored", len(rows))...)
		if err := h.intake.Drained(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	episode, before, after := person(1)
	_, _, others := person(2)
	ann, bob := fmt.Sprintf("%032x", 2), fmt.Sprintf("%032x", 3)
	phq9 := after.with(wireRow{"id": wireRow{"system": "urn:test", "value": "phq9"}, "instrument": "phq9", "instrument_version": nil, "answers": []int{1, 1, 0, 0, 0, 0, 0, 0, 2}, "answered_at": "2025-02"})
	wrong := after.with(wireRow{"id": wireRow{"system": "urn:test", "value": "moved"}, "answered_at": "2025-01-21T09:30:00Z", "answers": slices.Repeat([]int{5}, 10)})
	post(1, "/v1/episodes", episode)
	post(1, "/v1/patients", wireRow{"patient": wireRow{"pseudonym": ann}, "sex": "female", "birth_month": "1974-05", "lsoa": "E01000001", "imd_decile": 3, "imd_version": "2025"})
	post(1, "/v1/events", wireRow{"patient": wireRow{"pseudonym": ann}, "episode": "e1", "type": "admission", "at": "2024-03-01T08:00:00Z", "cost_pence": 12345})
	post(2, "/v1/responses", before, after, phq9, wrong)
	post(3, "/v1/responses", after.with(wireRow{"status": "amended", "updated_at": "2025-03-01T00:00:00Z", "answers": slices.Repeat([]int{1}, 10)}))
	post(4, "/v1/responses", wrong.with(wireRow{"status": "amended", "updated_at": "2025-03-01T00:00:00Z", "patient": wireRow{"pseudonym": bob}}), others)
	post(5, "/v1/responses", phq9.with(wireRow{"status": "entered-in-error", "updated_at": "2025-04-01T00:00:00Z"}))

	now := h.timelineOf(t, demo.URL, strings.ToUpper(ann), "")
	if now.Pseudonym != ann || now.AsOf != nil || now.Person == nil || now.Person.BirthMonth != "1974-05" || len(now.Episodes) != 1 || len(now.Events) != 1 || len(now.Responses) != 4 {
		t.Fatalf("%+v", now)
	}
	e := now.Episodes[0]
	if *e.ReferredOn != "2024-01-02" || *e.FirstContactOn != "2024-01-10" || e.DischargedOn != nil || e.Provider != "RTR" || *e.Age != 50 || e.AgeBand == "" || !e.ReceivedAt.Equal(received(1)) {
		t.Errorf("episode %+v", e)
	}
	if v := now.Events[0]; v.Type != "admission" || *v.CostPence != 12345 || *v.Episode != e.ID {
		t.Errorf("event %+v", v)
	}
	first, amended, moved, gone := now.Responses[0], now.Responses[1], now.Responses[2], now.Responses[3]
	base := scoreOf(t, first.Scores, "odi")
	if *base.Points != 60 || base.Change != nil || !base.Main || first.Placed == nil || *first.Placed.Timepoint != "baseline" || first.Placed.Stated || *first.Placed.OpensOn != "2023-12-27" || !first.CountsInOutcome {
		t.Errorf("baseline %+v, placed %+v", base, first.Placed)
	}
	s := scoreOf(t, amended.Scores, "odi")
	if amended.Status != "amended" || *s.Points != 20 || *s.Units != 360 || s.Unit != 18 || s.Band == "" || s.Status != "complete" || len(amended.Earlier) != 1 || *scoreOf(t, amended.Earlier[0].Scores, "odi").Points != 40 {
		t.Errorf("amended %+v", amended)
	}
	if !amended.ReceivedAt.Equal(received(3)) || !amended.Earlier[0].ReceivedAt.Equal(received(2)) || amended.AnsweredAt != "2025-01-20T09:30:00Z" || *amended.Completeness != (timeline.Completeness{Answered: 10, Items: 10}) {
		t.Errorf("amended %+v", amended)
	}
	if c := s.Change; c == nil || *c.Improvement != 40 || !*c.Responder || !*c.MeetsPercent || c.Baseline.Response != first.ID || c.Baseline.Points != 60 || c.Rules["responder"] == "" || *amended.Placed.Timepoint != "12m" || *amended.Placed.Days == 0 {
		t.Errorf("change %+v, placed %+v", c, amended.Placed)
	}
	for what, r := range map[string]timeline.Response{"moved to another person": moved, "withdrawn": gone} {
		if r.Status != "entered-in-error" || r.Placed != nil || len(r.Scores) > 0 || len(r.Flags) > 0 || r.CountsInOutcome || len(r.Earlier) != 1 || len(r.Earlier[0].Scores) > 0 || r.Earlier[0].Status != "completed" || r.Completeness != nil {
			t.Errorf("%s: %+v", what, r)
		}
	}
	if his := h.timelineOf(t, demo.URL, bob, ""); len(his.Responses) != 2 || *scoreOf(t, his.Responses[1].Scores, "odi").Points != 100 || his.Responses[1].ID != moved.ID || his.Responses[1].Placed != nil || his.Person != nil {
		t.Errorf("the other person: %+v", his)
	}

	then := h.timelineOf(t, demo.URL, ann, "?as_of=2026-02-01T09:00:00Z")
	if then.AsOf == nil || len(then.Responses) != 4 || *scoreOf(t, then.Responses[1].Scores, "odi").Points != 40 || len(then.Responses[1].Earlier) != 0 {
		t.Errorf("as of February: %+v", then)
	}
	c := scoreOf(t, then.Responses[2].Scores, "odi").Change
	if c == nil || *c.Improvement != -40 || !*c.Deteriorated || *c.Responder {
		t.Errorf("as of February the moved response: %+v", c)
	}
	if p := then.Responses[3]; !slices.Equal(p.Flags, []string{instruments.FlagItem9Positive}) || p.AnsweredAt != "2025-02" || p.Precision != "month" || scoreOf(t, p.Scores, "phq9").Change.Reasons["responder"] != instruments.ReasonMissingBaseline {
		t.Errorf("as of February PHQ-9: %+v", p)
	}
	if early := h.timelineOf(t, demo.URL, ann, "?as_of=2026-01-31T00:00:00%2B01:00"); len(early.Responses) != 0 || len(early.Episodes) != 1 {
		t.Errorf("as of January: %+v", early)
	}
	described := document(t, demo.URL)
	checkAnswer(t, described, demo.URL, http.MethodGet, "/v1/patients/"+ann+"/timeline", "")
	checkAnswer(t, described, demo.URL, http.MethodGet, "/v1/patients/"+ann+"/timeline?as_of=2026-02-01T09:00:00Z", "")
}

// TestTimelineAccess: who may ask, what is audited, and that nothing is shown
// where it can not be.
func TestTimelineAccess(t *testing.T) {
	h := openTestHouse(t)
	who := web.Identity{Name: "dr a", Role: "clinician"}
	f, err := h.faces(func(*http.Request) (web.Identity, bool) { return who, true }, "")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(f.router)
	t.Cleanup(func() {
		server.Close()
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	_, before, _ := person(1)
	posted(t, server.URL+"/v1/responses", before, mediaJSON, http.StatusOK, "stored")
	ann := fmt.Sprintf("%032x", 2)
	h.timelineOf(t, server.URL, ann, "")
	path := server.URL + "/v1/patients/"
	sent(t, http.MethodGet, path+strings.Repeat("0", 32)+"/timeline", nil, "").isProblem(t, "somebody unknown", http.StatusNotFound, "nothing is known")
	sent(t, http.MethodGet, path+ann+"/timeline?as_of=2020-01-01T00:00:00Z", nil, "").isProblem(t, "before anything was known", http.StatusNotFound, "nothing is known")
	for _, bad := range []string{"x", ann + "0", strings.Repeat("g", 32), "9990000018"} {
		sent(t, http.MethodGet, path+bad+"/timeline", nil, "").isProblem(t, bad, http.StatusBadRequest, "32 hexadecimal digits")
	}
	for _, bad := range []string{"2026", "2026-02-01", "now", "", "0001-01-01T00:00:00Z"} {
		sent(t, http.MethodGet, path+ann+"/timeline?as_of="+bad, nil, "").isProblem(t, bad, http.StatusBadRequest, "as_of")
	}
	conn, err := h.engine.Connect(h.engine.Database())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	count := func(query string) (n uint64) {
		t.Helper()
		if err := conn.QueryRow(t.Context(), query).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := count("SELECT count() FROM audit WHERE actor = 'dr a' AND role = 'clinician' AND action = 'timeline' AND subject = '" + ann + "' AND rows = 2"); n != 1 {
		t.Errorf("%d lines of the audit tell of the access, want 1", n)
	}
	if n := count("SELECT count() FROM audit"); n != 3 {
		t.Errorf("%d lines of the audit, want 3: also for those who are not known", n)
	}
	for _, role := range []string{"", "researcher", "lead", "administrator"} {
		who.Role = role
		sent(t, http.MethodGet, path+ann+"/timeline", nil, "").isProblem(t, "role "+role, http.StatusForbidden, "clinician")
	}
	who.Role = "clinician"
	res, err := http.Get(path + ann + "/timeline")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if got := res.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control: %s", got)
	}
	if err := conn.Exec(t.Context(), "RENAME TABLE audit TO audit_away"); err != nil {
		t.Fatal(err)
	}
	sent(t, http.MethodGet, path+ann+"/timeline", nil, "").isProblem(t, "without an audit", http.StatusServiceUnavailable, "again in a moment")
}
