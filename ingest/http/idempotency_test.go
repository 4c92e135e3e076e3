package http_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	ihttp "github.com/lumbar-health/lumbar/ingest/http"
	"github.com/lumbar-health/lumbar/web"
)

// TestIdempotencyKey: a repetition is answered as the first time, another body
// under the same key is refused, and after a restart rows are duplicates.
func TestIdempotencyKey(t *testing.T) {
	in := install(t)
	in.identify = web.Identify(func(r *http.Request) (web.Identity, bool) { return web.Identity{Name: r.Header.Get("X-Key")}, true }, "")
	at := time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)
	var mu sync.Mutex
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return at }
	s := in.take(ihttp.Options{Now: clock})
	one, other := response("r1", ann, "completed", "7"), response("r2", ann, "completed", "7")
	url := s.url + "/v1/responses"
	keyed := func(key, body string, more ...string) (*http.Response, string) {
		return send(t, url, "application/json", body, append([]string{"Idempotency-Key", key, "X-Key", "ann"}, more...)...)
	}
	first, text := keyed("k1", one)
	if first.StatusCode != 200 || first.Header.Get("Idempotent-Replayed") != "" || !strings.Contains(text, `"stored":1`) {
		t.Fatalf("%s %s", first.Status, text)
	}
	again, repeated := keyed("k1", one)
	if again.StatusCode != 200 || repeated != text || again.Header.Get("Idempotent-Replayed") != "true" ||
		again.Header.Get("Content-Type") != first.Header.Get("Content-Type") || again.Header.Get("Preference-Applied") != "wait" {
		t.Errorf("a repetition: %s %v %s, want the first reply", again.Status, again.Header, repeated)
	}
	res, text2 := keyed("k1", other)
	problem(t, "another body", res, text2, 422)
	res, text2 = keyed("k1", one, "Content-Type", "application/x-ndjson")
	problem(t, "another type", res, text2, 422)
	for what, c := range map[string]struct {
		key, path, client, want string
	}{
		"another client": {"k1", "/v1/responses", "bob", `"duplicate":1`},
		"another key":    {"k2", "/v1/responses", "ann", `"duplicate":1`},
		"quoted":         {`"k1"`, "/v1/responses", "ann", `"duplicate":1`},
		"another route":  {"k1", "/v1/episodes", "ann", `"rejected":1`},
	} {
		res, text := send(t, s.url+c.path, "application/json", one, "Idempotency-Key", c.key, "X-Key", c.client)
		if res.Header.Get("Idempotent-Replayed") != "" || !strings.Contains(text, c.want) {
			t.Errorf("%s: %s %s, want %s", what, res.Status, text, c.want)
		}
	}
	for _, bad := range []string{"", " ", "a b", "é", strings.Repeat("x", 256)} {
		res, text := keyed(bad, one)
		problem(t, fmt.Sprintf("the key %q", bad), res, text, 400)
	}
	if res, _ := keyed(strings.Repeat("x", 255), one); res.StatusCode != 200 {
		t.Errorf("the longest key: %s", res.Status)
	}
	if got := in.metric("lumbar_ingest_replayed_total"); got != 1 {
		t.Errorf("%g replays are counted, want 1", got)
	}
	mu.Lock()
	at = at.Add(24 * time.Hour)
	mu.Unlock()
	if res, text := keyed("k1", one); res.Header.Get("Idempotent-Replayed") != "" || !strings.Contains(text, `"duplicate":1`) {
		t.Errorf("a day later: %s %s, want it read again", res.Status, text)
	}
	s.close()
	url = in.take(ihttp.Options{}).url + "/v1/responses"
	if res, text := keyed("k1", one); res.Header.Get("Idempotent-Replayed") != "" || !strings.Contains(text, `"duplicate":1`) {
		t.Errorf("after a restart: %s %s, want a duplicate", res.Status, text)
	}
	if got := in.count("SELECT count() FROM response"); got != 1 {
		t.Errorf("%d rows are stored, want 1", got)
	}
}

// TestIdempotencyOfRefusals: a reply that passes is not remembered, one about
// the rows is.
func TestIdempotencyOfRefusals(t *testing.T) {
	in := install(t)
	url := in.serve()
	for _, c := range []struct {
		body   string
		status int
		replay string
	}{
		{response("r1", ann, "completed", "77"), 422, "true"}, {"", 400, ""}, {"[", 400, ""},
	} {
		for i, replay := range []string{"", c.replay} {
			res, text := send(t, url+"/v1/responses", "application/json", c.body, "Idempotency-Key", "key-of-"+fmt.Sprint(len(c.body)))
			if res.StatusCode != c.status || res.Header.Get("Idempotent-Replayed") != replay {
				t.Errorf("%.20q, time %d: %s %q %s", c.body, i+1, res.Status, res.Header.Get("Idempotent-Replayed"), text)
			}
		}
	}
	res, _ := send(t, url+"/fhir/$import", "application/fhir+ndjson", pain("f1", known(ann), "completed", "7", april), "Idempotency-Key", "i")
	where := res.Header.Get("Content-Location")
	again, _ := send(t, url+"/fhir/$import", "application/fhir+ndjson", pain("f1", known(ann), "completed", "7", april), "Idempotency-Key", "i")
	if again.StatusCode != 202 || where == "" || again.Header.Get("Content-Location") != where {
		t.Errorf("an import again: %s at %q, want the same job %q", again.Status, again.Header.Get("Content-Location"), where)
	}
}

// TestIdempotencyUnderWay: while the first request is under way a repetition is
// told to wait.
func TestIdempotencyUnderWay(t *testing.T) {
	in := install(t)
	url := in.serve()
	dial(t, url, "/v1/responses", "", "Idempotency-Key: k1")
	for begun := time.Now(); in.gauge("lumbar_ingest_requests_in_flight") == 0; time.Sleep(time.Millisecond) {
		if time.Since(begun) > time.Minute {
			t.Fatal("the first request does not arrive")
		}
	}
	for begun := time.Now(); time.Since(begun) < time.Minute; time.Sleep(time.Millisecond) {
		// The first is counted a moment before its key is noted; a request without
		// a record is not remembered.
		res, text := send(t, url+"/v1/responses", "application/x-ndjson", " ", "Idempotency-Key", "k1")
		if res.StatusCode != 400 {
			problem(t, "meanwhile", res, text, 409)
			return
		}
	}
	t.Error("a repetition is not told to wait")
}
