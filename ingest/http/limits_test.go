package http_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lumbar-health/lumbar/ingest"
	ihttp "github.com/lumbar-health/lumbar/ingest/http"
	"github.com/lumbar-health/lumbar/ingest/journal"
	"github.com/lumbar-health/lumbar/web"
)

// send posts and returns the whole reply, with its body read.
func send(t testing.TB, url, media, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	res, _, text := ask(t, http.MethodPost, url, media, body, headers...)
	return res, text
}

// problem holds that a reply is a problem document of that status, and says when
// to come again where it passes.
func problem(t testing.TB, what string, res *http.Response, text string, status int) {
	t.Helper()
	if res.StatusCode != status || res.Header.Get("Content-Type") != "application/problem+json" || strings.Contains(text, ann) {
		t.Errorf("%s: %s %s %s, want a problem of %d", what, res.Status, res.Header.Get("Content-Type"), text, status)
	}
	passes := status == 429 || status == 503 || status == 409
	var seconds int
	if n, _ := fmt.Sscan(res.Header.Get("Retry-After"), &seconds); passes && (n != 1 || seconds < 1 || seconds > 60) {
		t.Errorf("%s: Retry-After %q", what, res.Header.Get("Retry-After"))
	}
}

// TestRates: a client beyond its rate is told when to come again, and nothing
// of what it sent is stored; another client is not held back.
func TestRates(t *testing.T) {
	in := install(t)
	at := time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)
	var mu sync.Mutex
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return at }
	in.identify = web.Identify(func(r *http.Request) (web.Identity, bool) { return web.Identity{Name: r.Header.Get("X-Key")}, true }, "")
	url := in.take(ihttp.Options{Now: clock, Limits: ihttp.Limits{Requests: 1, Rows: 10}}).url + "/v1/responses"
	one := func(id, key string) (*http.Response, string) {
		return send(t, url, "application/json", response(id, ann, "completed", "7"), "X-Key", key)
	}
	for i := range 2 {
		if res, text := one(fmt.Sprint("a", i), "ann"); res.StatusCode != 200 {
			t.Fatalf("%s %s", res.Status, text)
		}
	}
	res, text := one("a2", "ann")
	problem(t, "a third request", res, text, 429)
	if res.Header.Get("RateLimit") != `"requests";r=0;t=1` || res.Header.Get("RateLimit-Policy") != `"requests";q=2;w=2` {
		t.Errorf("headers %v", res.Header)
	}
	if res, text := one("b1", "bob"); res.StatusCode != 200 {
		t.Errorf("another client: %s %s", res.Status, text)
	}
	mu.Lock()
	at = at.Add(time.Hour)
	mu.Unlock()
	if res, text := send(t, url, "application/x-ndjson", strings.Repeat("1\n", ihttp.MaxRecords), "X-Key", "ann"); res.StatusCode != 422 {
		t.Fatalf("%s %.200s", res.Status, text)
	}
	res, text = one("a2", "ann")
	problem(t, "after as many rows as there may be", res, text, 429)
	if got := in.count("SELECT count() FROM response"); got != 3 {
		t.Errorf("%d rows are stored, want 3", got)
	}
	if got := in.metric("lumbar_ingest_refused_total"); got != 2 {
		t.Errorf("%g refusals are counted, want 2", got)
	}
}

// TestJournalFull: where nothing more can be kept the client is told to come
// again, nothing of the request is stored, and what was acknowledged is.
func TestJournalFull(t *testing.T) {
	in := install(t)
	in.journal = 4 << 10
	in.pipeline = ingest.New(stopped{in.writer}, silent(in.options))
	s := in.take(ihttp.Options{})
	acknowledged := 0
	for i := range 1000 {
		res, text := send(t, s.url+"/v1/responses", "application/json", response(fmt.Sprint("r", i), ann, "completed", "7"), "Prefer", "wait=0")
		if res.StatusCode != 200 {
			problem(t, "a full journal", res, text, 503)
			break
		}
		acknowledged++
	}
	res, _, text := ask(t, "POST", s.url+"/fhir/QuestionnaireResponse", fhirJSON, pain("f1", known(ann), "completed", "7", april), "Prefer", "wait=0")
	problem(t, "FHIR, and a full journal", res, text, 503)
	if acknowledged == 0 || acknowledged == 1000 {
		t.Fatalf("%d requests were acknowledged before the journal was full", acknowledged)
	}
	s.close()
	in.pipeline = ingest.New(in.writer, silent(in.options))
	s = in.take(ihttp.Options{})
	if err := s.intake.Drained(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := in.count("SELECT uniqExact(response_id) FROM response"); got != uint64(acknowledged) {
		t.Errorf("%d responses are stored, %d were acknowledged", got, acknowledged)
	}
}

// silent are options without metrics, for a further pipeline.
func silent(o ingest.Options) ingest.Options {
	o.Metrics = nil
	return o
}

// stopped is a store that takes nothing.
type stopped struct{ ingest.Writer }

func (stopped) Write(context.Context, ingest.Batch) error { return errors.New("not now") }

// answering is an intake that takes nothing, for a reason.
type answering struct{ err error }

func (a answering) Submit(context.Context, []*ingest.Record) (ingest.Mark, error) { return 0, a.err }

func (answering) Await(context.Context, ingest.Mark) error { return nil }

// TestNotStored: each way in which records are not taken passes.
func TestNotStored(t *testing.T) {
	in := install(t)
	for _, err := range []error{ingest.ErrBusy, ingest.ErrClosed, fmt.Errorf("x: %w", journal.ErrFull), errors.New("disk on fire")} {
		in.intake = answering{err}
		s := in.take(ihttp.Options{})
		res, text := send(t, s.url+"/v1/responses", "application/json", response("r1", ann, "completed", "7"))
		problem(t, err.Error(), res, text, 503)
		if strings.Contains(text, "fire") {
			t.Errorf("the answer tells our own error: %s", text)
		}
		s.close()
	}
}

// TestPrefer: the preference is said to be honoured when the rows can be read,
// and only then.
func TestPrefer(t *testing.T) {
	in := install(t)
	in.pipeline = ingest.New(stopped{in.writer}, silent(in.options))
	s := in.take(ihttp.Options{})
	res, text := send(t, s.url+"/v1/responses", "application/json", response("r1", ann, "completed", "7"), "Prefer", "wait=1")
	if res.StatusCode != 200 || res.Header.Get("Preference-Applied") != "" {
		t.Errorf("%s %s %q, want an acknowledgement without a promise", res.Status, text, res.Header.Get("Preference-Applied"))
	}
	s.close()
	in.pipeline = ingest.New(in.writer, silent(in.options))
	s = in.take(ihttp.Options{})
	res, text = send(t, s.url+"/v1/responses", "application/json", response("r2", ann, "completed", "7"), "Prefer", "respond-async, wait=30")
	if res.StatusCode != 200 || res.Header.Get("Preference-Applied") != "wait" {
		t.Errorf("%s %s %q, want the preference applied", res.Status, text, res.Header.Get("Preference-Applied"))
	}
	if got := in.count("SELECT count() FROM response"); got != 2 {
		t.Errorf("%d responses can be read, want 2", got)
	}
}

// dial sends the head of a request, and what is given of its body.
func dial(t testing.TB, url, path, body string, headers ...string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nContent-Length: 1000000\r\n%s\r\n%s", path, strings.Join(append(headers, ""), "\r\n"), body); err != nil {
		t.Fatal(err)
	}
	return conn
}

// TestSlowBody: a body that does not come is given up, for all routes.
func TestSlowBody(t *testing.T) {
	in := install(t)
	url := in.take(ihttp.Options{Limits: ihttp.Limits{Idle: 50 * time.Millisecond}}).url
	for _, path := range []string{"/v1/responses", "/fhir/$import"} {
		conn := dial(t, url, path, response("r1", ann, "completed", "7")+"\n")
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(res.Body)
		problem(t, path, res, string(text), 408)
	}
	if got := in.count("SELECT count() FROM response"); got != 0 {
		t.Errorf("%d rows of broken bodies are stored", got)
	}
}

// TestLargeBodiesWait: as many large bodies as there are places are read at
// once; the next client is told to come again, and a small one goes through.
func TestLargeBodiesWait(t *testing.T) {
	in := install(t)
	url := in.take(ihttp.Options{Limits: ihttp.Limits{Large: 1, Patience: 50 * time.Millisecond, Idle: time.Minute}}).url
	large := strings.Repeat(response("r1", ann, "completed", "7")+"\n", 1000)
	dial(t, url, "/v1/responses", large) // it never ends
	refused := func() (*http.Response, string) { return send(t, url+"/v1/responses", "application/x-ndjson", large) }
	res, text := refused()
	for begun := time.Now(); res.StatusCode == 200 && time.Since(begun) < 10*time.Minute; res, text = refused() {
		// The first one has not come yet, or came beside this one and was refused.
		time.Sleep(10 * time.Millisecond)
		dial(t, url, "/v1/responses", large)
		time.Sleep(100 * time.Millisecond)
	}
	problem(t, "a second large body", res, text, 503)
	if res, text := send(t, url+"/v1/responses", "application/json", response("r2", ann, "completed", "7")); res.StatusCode != 200 {
		t.Errorf("a small body beside it: %s %s", res.Status, text)
	}
}
