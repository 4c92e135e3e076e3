package http_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/lumbar-health/lumbar/ingest"
	ihttp "github.com/lumbar-health/lumbar/ingest/http"
	"github.com/lumbar-health/lumbar/ingest/journal"
	"github.com/lumbar-health/lumbar/web"
)

const (
	ann = "000102030405060708090a0b0c0d0e0f"
	bob = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"
)

// taking is what serve opens; close ends it as a process does that stops.
type taking struct {
	url    string
	server *httptest.Server
	in     *installation
	h      *ihttp.Records
	intake *ingest.Intake
	kept   *journal.Journal
}

// serve mounts the record routes and returns their address.
func (in *installation) serve() string { return in.take(ihttp.Options{}).url }

// take mounts the record routes with options; the spool and the journal are
// those of the installation.
func (in *installation) take(o ihttp.Options) *taking {
	in.t.Helper()
	s, err := in.open(o)
	if err != nil {
		in.t.Fatal(err)
	}
	in.t.Cleanup(s.close)
	return s
}

func (in *installation) open(o ihttp.Options) (*taking, error) {
	o.Log, o.Metrics, o.Spool = quiet, in.metrics, filepath.Join(in.dir, "spool")
	kept, err := journal.Open(journal.Options{Dir: filepath.Join(in.dir, "journal"), MaxBytes: in.journal})
	if err != nil {
		return nil, err
	}
	s := &taking{in: in, kept: kept, intake: in.pipeline.NewIntake(kept, ingest.IntakeOptions{})}
	var intake ihttp.Intake = s.intake
	if in.intake != nil {
		intake = in.intake
	}
	if s.h, err = ihttp.NewRecords(in.pipeline, intake, o); err != nil {
		s.close()
		return nil, err
	}
	identify := in.identify
	if identify == nil {
		identify = func(next http.Handler) http.Handler { return next }
	}
	s.server = httptest.NewServer(web.Router(s.h.Routes(), identify))
	s.url = s.server.URL
	return s, nil
}

func (s *taking) close() {
	if s.kept == nil {
		return
	}
	if s.server != nil {
		s.server.Close()
		if err := s.h.Close(); err != nil {
			s.in.t.Error(err)
		}
	}
	if err := errors.Join(s.intake.Close(), s.kept.Close()); err != nil {
		s.in.t.Error(err)
	}
	s.kept = nil
}

// post sends a body and waits until its rows can be read, where no header says
// otherwise.
func post(t testing.TB, url, media, body string, headers ...string) (int, ihttp.Reply, string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", media)
	req.Header.Set("Prefer", "wait=30")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(res.Body); err != nil {
		t.Fatal(err)
	}
	var reply ihttp.Reply
	if strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(b.Bytes(), &reply); err != nil {
			t.Fatal(err)
		}
		if reply.Read != reply.Stored+reply.Duplicate+reply.Rejected || reply.Read != len(reply.Rows) {
			t.Errorf("reply does not reconcile: %+v", reply)
		}
	}
	return res.StatusCode, reply, b.String()
}

// response is a back-pain answer as JSON.
func response(id, patient, status, answer string) string {
	return fmt.Sprintf(`{"id":{"system":"urn:forms","value":%q},"patient":{"pseudonym":%q},"instrument":"nrs_back","status":%q,"answered_at":"2026-04-02T10:00:00Z","answers":[%s]}`, id, patient, status, answer)
}

func referral(id, patient string) string {
	return fmt.Sprintf(`{"id":{"system":"urn:pas","value":%q},"patient":{"pseudonym":%q},"episode":%q,"referred_on":"2026-04-01","first_contact_on":"2026-04-02","provider":"RTR"}`, id, patient, id)
}

// TestPostReachesOutcome: an answer is in outcome when its post is answered.
func TestPostReachesOutcome(t *testing.T) {
	in := install(t)
	url := in.serve()
	if status, reply, text := post(t, url+"/v1/episodes", "application/json", referral("e1", ann)); status != 200 || reply.Stored != 1 {
		t.Fatalf("episode: %d %s", status, text)
	}
	status, reply, text := post(t, url+"/v1/responses", "application/json", response("r1", ann, "completed", "7"))
	if status != 200 || reply.Stored != 1 || reply.Rows[0].Row != 1 || reply.Rows[0].ID != "r1" || reply.Rows[0].Result != ingest.ResultStored {
		t.Fatalf("response: %d %s", status, text)
	}
	if got := in.count("SELECT nrs_back_baseline FROM outcome FINAL WHERE live = 1"); got != 7 {
		t.Errorf("outcome holds %d, want 7", got)
	}
	if _, reply, text := post(t, url+"/v1/responses", "application/json", response("r1", ann, "completed", "7")); reply.Duplicate != 1 {
		t.Errorf("the same again: %s; want duplicate", text)
	}
	if _, reply, text := post(t, url+"/v1/responses", "application/json", response("r1", ann, "amended", "5")); reply.Stored != 1 {
		t.Errorf("an amendment: %s; want stored", text)
	}
	if got := in.count("SELECT nrs_back_baseline FROM outcome FINAL WHERE live = 1"); got != 5 {
		t.Errorf("after the amendment outcome holds %d, want 5", got)
	}
	post(t, url+"/v1/responses", "application/json", response("r1", ann, "entered-in-error", "5"))
	if got := in.count("SELECT count(nrs_back_baseline) FROM outcome FINAL WHERE live = 1"); got != 0 {
		t.Error("a withdrawn answer is still in outcome")
	}
	if got := in.count("SELECT count() FROM response"); got != 3 {
		t.Errorf("%d versions are kept, want 3", got)
	}
}

// TestUnfinishedDoesNotCount: a later version that is not finished takes the
// score of an earlier one away.
func TestUnfinishedDoesNotCount(t *testing.T) {
	in := install(t)
	url := in.serve()
	post(t, url+"/v1/episodes", "application/json", referral("e1", ann))
	later := strings.Replace(response("r1", ann, "in-progress", "3"), `"status"`, `"updated_at":"2026-04-03T10:00:00Z","status"`, 1)
	post(t, url+"/v1/responses", "application/x-ndjson", response("r1", ann, "completed", "7")+"\n"+later)
	if got := in.count("SELECT count(nrs_back_baseline) FROM outcome FINAL WHERE live = 1"); got != 0 {
		t.Error("the score of a superseded version counts")
	}
}

// TestSubjectChanged: an amendment under another patient leaves nothing under
// the first, whether that one came before or in the same request.
func TestSubjectChanged(t *testing.T) {
	for name, posts := range map[string][]string{
		"two requests": {response("r1", ann, "completed", "7"), response("r1", bob, "amended", "7")},
		"one request":  {response("r1", ann, "completed", "7") + "\n" + response("r1", bob, "amended", "7")},
	} {
		t.Run(name, func(t *testing.T) {
			in := install(t)
			url := in.serve()
			post(t, url+"/v1/episodes", "application/json", "["+referral("e1", ann)+","+referral("e2", bob)+"]")
			for _, body := range posts {
				if status, _, text := post(t, url+"/v1/responses", "application/x-ndjson", body); status != 200 {
					t.Fatal(text)
				}
			}
			if got := in.count("SELECT count() FROM outcome FINAL WHERE live = 1 AND nrs_back_baseline = 7"); got != 1 {
				t.Errorf("%d people have the answer, want 1", got)
			}
			if got := in.count("SELECT count() FROM response WHERE status = 'entered-in-error'"); got != 1 {
				t.Errorf("%d retractions, want 1", got)
			}
		})
	}
}

func TestMixedStream(t *testing.T) {
	in := install(t)
	url := in.serve()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	fmt.Fprintln(z, response("r1", ann, "completed", "7"))
	fmt.Fprintln(z, response("r2", ann, "completed", "11"))
	fmt.Fprintln(z, `{"patient":`)
	fmt.Fprintln(z, response("r1", ann, "completed", "7"))
	fmt.Fprintln(z, strings.Replace(response("r3", ann, "completed", "6"), `"pseudonym":"`+ann, `"nhs_number":"999 000 0018`, 1))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	status, reply, text := post(t, url+"/v1/responses", "application/x-ndjson", b.String(), "Content-Encoding", "gzip")
	if status != 200 || reply.Stored != 2 || reply.Duplicate != 1 || reply.Rejected != 2 {
		t.Fatalf("%d %s; want 2 stored, 1 duplicate, 2 rejected", status, text)
	}
	for i, want := range []string{
		`{"row":1,"id":"r1","result":"stored"}`,
		`{"row":2,"id":"r2","result":"rejected","reasons":[{"field":"nrs_back.1","rule":"code_out_of_range"}]}`,
		`{"row":3,"result":"rejected","reasons":[{"field":"record","rule":"malformed"}]}`,
		`{"row":4,"id":"r1","result":"duplicate"}`,
		`{"row":5,"id":"r3","result":"stored"}`,
	} {
		if got, _ := json.Marshal(reply.Rows[i]); string(got) != want {
			t.Errorf("row %d: %s, want %s", i+1, got, want)
		}
	}
	if got := in.metric("lumbar_ingest_rows_total"); got != 5 {
		t.Errorf("lumbar_ingest_rows_total sums to %g, want 5", got)
	}
}

// metric sums a counter's values, or a histogram's counts, over its series.
func (in *installation) metric(name string) (sum float64) {
	in.t.Helper()
	families, err := in.metrics.Gather()
	if err != nil {
		in.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				sum += m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return sum
}

// gauge is the value of a gauge.
func (in *installation) gauge(name string) float64 {
	in.t.Helper()
	families, err := in.metrics.Gather()
	if err != nil {
		in.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	in.t.Fatalf("there is no gauge %s", name)
	return 0
}

func TestArrowStream(t *testing.T) {
	in := install(t)
	url := in.serve()
	text := arrow.BinaryTypes.String
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "id_system", Type: text}, {Name: "id_value", Type: text}, {Name: "patient_pseudonym", Type: text},
		{Name: "instrument", Type: text}, {Name: "answered_at", Type: text}, {Name: "item_1", Type: arrow.PrimitiveTypes.Int8},
	}, nil)
	rec, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(`[
		{"id_system":"s","id_value":"a","patient_pseudonym":"`+ann+`","instrument":"nrs_back","answered_at":"2026-04-01","item_1":7},
		{"id_system":"s","id_value":"b","patient_pseudonym":"`+ann+`","instrument":"nrs_back","answered_at":"2026-04-01","item_1":12}]`))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := ipc.NewWriter(&b, ipc.WithSchema(schema))
	if err := errors.Join(w.Write(rec), w.Close()); err != nil {
		t.Fatal(err)
	}
	status, reply, answer := post(t, url+"/v1/responses", "application/vnd.apache.arrow.stream", b.String())
	if status != 200 || reply.Stored != 1 || reply.Rejected != 1 || reply.Rows[1].ID != "b" || reply.Rows[1].Reasons[0].Field != "nrs_back.1" {
		t.Errorf("%d %s; want one stored, and b rejected", status, answer)
	}
}

// TestConcurrentPostsShareBatches: sixty requests at once make few inserts,
// and each is answered with its own row.
func TestConcurrentPostsShareBatches(t *testing.T) {
	in := install(t)
	url := in.serve()
	var wait sync.WaitGroup
	for i := range 60 {
		wait.Go(func() {
			id := fmt.Sprintf("r%d", i)
			status, reply, text := post(t, url+"/v1/responses", "application/json", response(id, ann, "completed", "7"))
			if status != 200 || reply.Stored != 1 || reply.Rows[0].ID != id {
				t.Errorf("%s: %d %s", id, status, text)
			}
		})
	}
	wait.Wait()
	if got := in.count("SELECT count() FROM response"); got != 60 {
		t.Errorf("%d responses, want 60", got)
	}
	if got := in.metric("lumbar_ingest_batch_rows"); got > 30 {
		t.Errorf("%g batches for 60 concurrent requests", got)
	}
}

// TestRefusedByNumber: a body is refused by the number of its records, however
// few bytes they take, and records that are all refused wait for no batch.
func TestRefusedByNumber(t *testing.T) {
	in := install(t)
	url := in.serve()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.Copy(z, strings.NewReader(strings.Repeat("1\n", ihttp.MaxRecords+1))); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	status, _, text := post(t, url+"/v1/responses", "application/x-ndjson", b.String(), "Content-Encoding", "gzip")
	if status != 413 || !strings.Contains(text, "several requests") {
		t.Errorf("one record too many: %d %.200s, want 413 with advice", status, text)
	}
	status, reply, text := post(t, url+"/v1/responses", "application/x-ndjson", strings.Repeat("1\n", ihttp.MaxRecords))
	if status != 422 || reply.Rejected != ihttp.MaxRecords {
		t.Errorf("as many as allowed: %d %.200s, want 422", status, text)
	}
	if got := in.metric("lumbar_ingest_rows_total"); got != 2*ihttp.MaxRecords {
		t.Errorf("%g records are counted, want %d", got, 2*ihttp.MaxRecords)
	}
	if got := in.metric("lumbar_ingest_batch_rows"); got != 0 {
		t.Errorf("%g batches were written, want none", got)
	}
	schema := arrow.NewSchema([]arrow.Field{{Name: "mode", Type: arrow.Null, Nullable: true}}, nil)
	var a bytes.Buffer
	w := ipc.NewWriter(&a, ipc.WithSchema(schema))
	rec := array.NewRecord(schema, []arrow.Array{array.NewNull(1 << 24)}, 1<<24)
	if err := errors.Join(w.Write(rec), w.Close()); err != nil {
		t.Fatal(err)
	}
	if status, _, text := post(t, url+"/v1/responses", "application/vnd.apache.arrow.stream", a.String()); a.Len() > 1000 || status != 400 {
		t.Errorf("%d bytes of 16 million rows: %d %.200s, want 400", a.Len(), status, text)
	}
}

func TestRefusedRequests(t *testing.T) {
	in := install(t)
	url := in.serve()
	whole := response("r1", ann, "completed", "7")
	for name, c := range map[string]struct {
		path, media, body string
		headers           []string
		status            int
	}{
		"media type":     {"/v1/responses", "text/csv", whole, nil, 415},
		"encoding":       {"/v1/responses", "application/json", whole, []string{"Content-Encoding", "br"}, 415},
		"not gzip":       {"/v1/responses", "application/json", "\x1f\x8bxxxxxxxxxxxx", []string{"Content-Encoding", "gzip"}, 400},
		"nothing":        {"/v1/responses", "application/json", " ", nil, 400},
		"parameter":      {"/v1/responses?dry=1", "application/json", whole, nil, 400},
		"not arrow":      {"/v1/responses", "application/vnd.apache.arrow.stream", whole, nil, 400},
		"array cut":      {"/v1/responses", "application/json", "[" + whole + "," + whole[:40], nil, 400},
		"too large":      {"/v1/responses", "application/json", strings.Repeat(" ", ihttp.MaxBody+1), nil, 413},
		"malformed":      {"/v1/responses", "application/json", "{", nil, 422},
		"of other kind":  {"/v1/responses", "application/json", `{"kind":"episode"}`, nil, 422},
		"malformed kind": {"/v1/patients", "application/json", whole, nil, 422},
	} {
		status, _, text := post(t, url+c.path, c.media, c.body, c.headers...)
		if status != c.status {
			t.Errorf("%s: %d %.200s, want %d", name, status, text, c.status)
		}
		if strings.Contains(text, ann) {
			t.Errorf("%s: the answer repeats the patient", name)
		}
	}
	if got := in.count("SELECT count() FROM response"); got != 0 {
		t.Errorf("%d rows were stored", got)
	}
}
