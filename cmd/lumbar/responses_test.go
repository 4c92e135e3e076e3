package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"strings"
	"syscall"
	"testing"

	ihttp "github.com/lumbar-health/lumbar/ingest/http"
)

const (
	mediaJSON   = "application/json"
	mediaNDJSON = "application/x-ndjson"
)

// wireRow is a record as a sender writes it.
type wireRow map[string]any

// with is the record with other fields; nil takes one away.
func (r wireRow) with(fields wireRow) wireRow {
	out := maps.Clone(r)
	for name, v := range fields {
		if out[name] = v; v == nil {
			delete(out, name)
		}
	}
	return out
}

// person is the episode and the two ODI responses of an invented person, whose
// ODI goes from 60 to 40.
func person(n int) (episode, before, after wireRow) {
	base := wireRow{"programme": "back-pain", "patient": wireRow{"pseudonym": fmt.Sprintf("%032x", n+1)}, "episode": fmt.Sprintf("e%d", n)}
	episode = base.with(wireRow{
		"id": wireRow{"system": "urn:test", "value": fmt.Sprintf("e%d", n)}, "updated_at": "2024-01-20T12:00:00Z", "status": "active",
		"referred_on": "2024-01-02", "first_contact_on": "2024-01-10", "treatment_start": "2024-01-20",
		"intervention": "core_therapy", "provider": "RTR", "region": "ZR1", "sex": "female", "age": 50,
	})
	response := func(key, at string, code int) wireRow {
		answers := make([]int, 10)
		for i := range answers {
			answers[i] = code
		}
		return base.with(wireRow{
			"id": wireRow{"system": "urn:test", "value": fmt.Sprintf("r%d.%s", n, key)}, "instrument": "odi", "instrument_version": "2.1a",
			"status": "completed", "answered_at": at, "reported_by": "patient", "provider": "RTR", "answers": answers,
		})
	}
	return episode, response("before", "2024-01-10T09:30:00Z", 3), response("after", "2025-01-20T09:30:00Z", 2)
}

// posted sends records, and holds status and what became of each.
func posted(t *testing.T, url string, body any, media string, status int, results ...string) ihttp.Reply {
	t.Helper()
	got := sent(t, http.MethodPost, url, body, media)
	var reply ihttp.Reply
	if err := json.Unmarshal(got.body, &reply); err != nil || got.status != status || len(reply.Rows) != len(results) {
		t.Fatalf("POST %s: %d %s, want %d and %v", url, got.status, got.body, status, results)
	}
	for i, want := range results {
		if row := reply.Rows[i]; string(row.Result) != want || row.Row != i+1 {
			t.Errorf("POST %s: row %d: %+v, want %s", url, i+1, row, want)
		}
	}
	if reply.Read != reply.Stored+reply.Duplicate+reply.Rejected || reply.Read != len(results) {
		t.Errorf("POST %s: %d read is not %d stored + %d duplicate + %d rejected", url, reply.Read, reply.Stored, reply.Duplicate, reply.Rejected)
	}
	return reply
}

func repeat(word string, n int) []string {
	return strings.Fields(strings.Repeat(word+" ", n))
}

// ndjson writes records one a line.
func ndjson(t *testing.T, rows []wireRow) string {
	t.Helper()
	var b strings.Builder
	for _, r := range rows {
		if err := json.NewEncoder(&b).Encode(r); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

// TestResponsesOverHTTP follows answers from POST /v1/responses to /v1/outcomes:
// one, many and a stream; repeated, amended, withdrawn and wrong ones.
func TestResponsesOverHTTP(t *testing.T) {
	in := newInstallation(t)
	h := in.hold(t)
	demo, _ := faceOf(t, h, true)
	const people = 20
	var episodes, before, after []wireRow
	for n := range people {
		e, b, a := person(n)
		episodes, before, after = append(episodes, e), append(before, b), append(after, a)
	}
	responses := demo.URL + "/v1/responses"
	posted(t, demo.URL+"/v1/episodes", episodes, mediaJSON, http.StatusOK, repeat("stored", people)...)
	posted(t, responses, before[0], mediaJSON, http.StatusOK, "stored")
	posted(t, responses, before, mediaJSON, http.StatusOK, append([]string{"duplicate"}, repeat("stored", people-1)...)...)
	posted(t, responses, ndjson(t, after), mediaNDJSON, http.StatusOK, repeat("stored", people)...)
	posted(t, responses, ndjson(t, after), mediaNDJSON, http.StatusOK, repeat("duplicate", people)...)
	in.holdsODI(t, people, 60, 40)
	if r := publicODI(t, demo.URL); r.number(t, "n_modelled") != people || r.number(t, "mean_gain") != 20 {
		t.Errorf("/v1/outcomes = %v", r)
	}

	worst := []int{5, 5, 5, 5, 5, 5, 5, 5, 5, 5}
	amended := after[0].with(wireRow{"status": "amended", "source_version": 1, "updated_at": "2025-01-21T09:00:00Z", "answers": worst})
	posted(t, responses, amended, mediaJSON, http.StatusOK, "stored")
	posted(t, responses, amended, mediaJSON, http.StatusOK, "duplicate")
	posted(t, responses, after[0], mediaJSON, http.StatusOK, "duplicate")
	in.holdsODI(t, people, 60, 43)

	gone := amended.with(wireRow{"status": "entered-in-error", "source_version": 2, "updated_at": "2025-01-22T09:00:00Z"})
	posted(t, responses, gone, mediaJSON, http.StatusOK, "stored")
	in.holdsODI(t, people-1, 60, 40)
	// What comes late about an older version changes nothing.
	posted(t, responses, amended, mediaJSON, http.StatusOK, "duplicate")
	in.holdsODI(t, people-1, 60, 40)

	wrong := before[1].with(wireRow{"id": wireRow{"system": "urn:test", "value": "wrong"}, "answers": []int{9, 0, 0, 0, 0, 0, 0, 0, 0, 0}})
	reply := posted(t, responses, []wireRow{before[1], wrong, wrong.with(wireRow{"colour": "red"}), wrong.with(wireRow{"instrument": nil})},
		mediaJSON, http.StatusOK, "duplicate", "rejected", "rejected", "rejected")
	for i, want := range map[int][2]string{1: {"odi.1", "code_out_of_range"}, 2: {"colour", "unknown_field"}, 3: {"instrument", "required"}} {
		if got := reply.Rows[i].Reasons; len(got) == 0 || got[0].Field != want[0] || got[0].Rule != want[1] {
			t.Errorf("row %d: %+v, want %v", i+1, got, want)
		}
	}
	posted(t, responses, wrong, mediaJSON, http.StatusUnprocessableEntity, "rejected")
	posted(t, responses, "{", mediaJSON, http.StatusUnprocessableEntity, "rejected")
	for what, c := range map[string]struct {
		body   any
		media  string
		status int
	}{
		"nothing":       {"", mediaJSON, http.StatusBadRequest},
		"no media type": {before[1], "", http.StatusUnsupportedMediaType},
		"XML":           {"<a/>", "application/xml", http.StatusUnsupportedMediaType},
	} {
		sent(t, http.MethodPost, responses, c.body, c.media).isProblem(t, what, c.status)
	}
	in.holdsODI(t, people-1, 60, 40)
	h.sound(t)
}

// holdsODI holds what is known of the ODI at 12 months at the provider.
func (in installation) holdsODI(t *testing.T, n, before, after float64) {
	t.Helper()
	rows := in.ask(t, "outcomes", "--instrument", "odi", "--by", "provider", "--undisclosed").Rows
	if len(rows) != 1 {
		t.Fatalf("rows %v", rows)
	}
	r := rows[0]
	if r.number(t, "n_modelled") != n || r.number(t, "mean_baseline") != before || math.Abs(r.number(t, "mean_follow_up")-after) > 1e-9 || r.text("provider") != "RTR" {
		t.Errorf("outcomes = %v, want %v people from %v to %v", r, n, before, after)
	}
}

// publicODI is the row of /v1/outcomes for the ODI of all people.
func publicODI(t *testing.T, base string) row {
	t.Helper()
	got := sent(t, http.MethodGet, base+"/v1/outcomes?instrument=odi", nil, "")
	var a answer
	if err := json.Unmarshal(got.body, &a); err != nil || got.status != http.StatusOK || len(a.Rows) != 1 || a.Receipt == "" {
		t.Fatalf("/v1/outcomes: %d %s", got.status, got.body)
	}
	return a.Rows[0]
}

// TestReadyFollowsTheEngine holds that /readyz tells when the engine has died
// and when it is back, that records are then refused with a way on and no
// answer is made up, and that what was stored is there again.
func TestReadyFollowsTheEngine(t *testing.T) {
	in := newInstallation(t)
	h := in.hold(t)
	demo, _ := faceOf(t, h, true)
	episode, before, after := person(1)
	posted(t, demo.URL+"/v1/episodes", episode, mediaJSON, http.StatusOK, "stored")
	posted(t, demo.URL+"/v1/responses", before, mediaJSON, http.StatusOK, "stored")
	ready := func(status int) func() bool {
		return func() bool { return sent(t, http.MethodGet, demo.URL+"/readyz", nil, "").status == status }
	}
	if !ready(http.StatusOK)() {
		t.Fatal("not ready at first")
	}
	if err := syscall.Kill(h.engine.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "/readyz answers 503", ready(http.StatusServiceUnavailable))
	if got := sent(t, http.MethodGet, demo.URL+"/healthz", nil, ""); got.status != http.StatusOK {
		t.Errorf("/healthz: %d", got.status)
	}
	// The engine may be back at any moment: stored or refused, nothing else.
	if got := sent(t, http.MethodPost, demo.URL+"/v1/responses", after, mediaJSON); got.status != http.StatusOK {
		got.isProblem(t, "POST without an engine", http.StatusServiceUnavailable, "send them again")
	}
	if got := sent(t, http.MethodGet, demo.URL+"/v1/outcomes", nil, ""); got.status != http.StatusOK {
		got.isProblem(t, "GET without an engine", http.StatusServiceUnavailable)
	}
	eventually(t, "/readyz answers 200 again", ready(http.StatusOK))
	eventually(t, "the response is stored", func() bool {
		return sent(t, http.MethodPost, demo.URL+"/v1/responses", after, mediaJSON).status == http.StatusOK
	})
	posted(t, demo.URL+"/v1/responses", []wireRow{before, after}, mediaJSON, http.StatusOK, "duplicate", "duplicate")
	in.holdsODI(t, 1, 60, 40)
}
