package http_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lumbar-health/lumbar/ingest"
	ihttp "github.com/lumbar-health/lumbar/ingest/http"
)

const ndjson = "application/fhir+ndjson"

// finished waits for a job and returns what it says.
func finished(t testing.TB, url, where string) (told, string) {
	t.Helper()
	for limit := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		res, o, text := ask(t, "GET", url+where, "", "")
		if res.StatusCode == 200 {
			return o, text
		}
		if res.StatusCode != 202 || res.Header.Get("X-Progress") == "" || time.Now().After(limit) {
			t.Fatalf("%s %s: want 202 with a progress, then 200", res.Status, text)
		}
	}
}

// accepted starts an import.
func accepted(t testing.TB, url, media, body string) string {
	t.Helper()
	res, text := send(t, url+"/fhir/$import", media, body)
	if res.StatusCode != 202 {
		t.Fatalf("%s %s, want 202", res.Status, text)
	}
	return res.Header.Get("Content-Location")
}

// breaking is a store that fails while it is told to.
type breaking struct {
	ingest.Writer
	broken atomic.Bool
	asked  atomic.Int64
	failed chan struct{} // closed at the first failure
}

func (b *breaking) Write(ctx context.Context, batch ingest.Batch) error {
	if b.broken.Load() {
		if b.asked.Add(1) == 1 {
			close(b.failed)
		}
		return errors.New("the store is away")
	}
	return b.Writer.Write(ctx, batch)
}

// TestImportOutlivesTheProcess: an import that was accepted is finished by the
// next process, whether it had begun or not, and nothing twice.
func TestImportOutlivesTheProcess(t *testing.T) {
	in := install(t)
	away := &breaking{Writer: in.writer, failed: make(chan struct{})}
	away.broken.Store(true)
	in.options.Metrics = nil
	in.pipeline = ingest.New(away, in.options)
	s := in.take(ihttp.Options{})
	var where []string
	for n := range 3 {
		where = append(where, accepted(t, s.url, ndjson, pain(fmt.Sprint("r", n), known(ann), "completed", "7", april)+"\n{\n"))
	}
	<-away.failed // the first is under way
	s.close()
	held := 0
	err := filepath.WalkDir(filepath.Join(in.dir, "spool"), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if want := fs.FileMode(0o600); !d.IsDir() && info.Mode().Perm() != want || d.IsDir() && info.Mode().Perm() != 0o700 {
			t.Errorf("%s is readable by others: %v", path, info.Mode())
		}
		if d.Name() == "body" {
			held++
		}
		return nil
	})
	if err != nil || held != 3 {
		t.Errorf("%d bodies are kept, %v; want 3", held, err)
	}
	// What was never accepted is cleared away.
	if err := os.Mkdir(filepath.Join(in.dir, "spool", "imports", "new-X"), 0o700); err != nil {
		t.Fatal(err)
	}
	in.pipeline = ingest.New(in.writer, in.options)
	s = in.take(ihttp.Options{})
	for _, w := range where {
		o, text := finished(t, s.url, w)
		if o.count("read") != 2 || o.count("stored") != 1 || o.count("rejected") != 1 {
			t.Errorf("%s: want one stored, one rejected", text)
		}
	}
	if got := in.count("SELECT count() FROM response"); got != 3 {
		t.Errorf("%d responses are stored, want 3", got)
	}
	s.close()
	s = in.take(ihttp.Options{})
	if o, text := finished(t, s.url, where[0]); o.count("stored") != 1 {
		t.Errorf("after another start: %s, want the same result", text)
	}
	if left, _ := filepath.Glob(filepath.Join(in.dir, "spool", "imports", "*", "body")); len(left) > 0 {
		t.Errorf("bodies of finished imports are left: %v", left)
	}
	if left, _ := filepath.Glob(filepath.Join(in.dir, "spool", "imports", "new-*")); len(left) > 0 {
		t.Errorf("what was never accepted is left: %v", left)
	}
}

// cutting is a store that a bulk can write to a few times only.
type cutting struct {
	ingest.Writer
	writes atomic.Int64
	failed chan struct{} // closed at the first failure
}

func (c *cutting) Bulk(ctx context.Context) (ingest.Bulk, error) {
	b, err := c.Writer.Bulk(ctx)
	return &cutBulk{b, c}, err
}

type cutBulk struct {
	ingest.Bulk
	of *cutting
}

func (b *cutBulk) Write(ctx context.Context, batch ingest.Batch) error {
	switch n := b.of.writes.Add(1); {
	case n == 4:
		close(b.of.failed)
		fallthrough
	case n > 4:
		return errors.New("the process dies")
	}
	return b.Bulk.Write(ctx, batch)
}

// TestImportInTheMiddle: a process that ends when some batches of an import are
// written leaves the rest to the next one, and none is there twice.
func TestImportInTheMiddle(t *testing.T) {
	in := install(t)
	cut := &cutting{Writer: in.writer, failed: make(chan struct{})}
	in.options.Metrics, in.options.BatchRows = nil, 10
	in.pipeline = ingest.New(cut, in.options)
	s := in.take(ihttp.Options{})
	var lines []string
	for n := range 100 {
		lines = append(lines, pain(fmt.Sprint("r", n), known(ann), "completed", "7", april))
	}
	where := accepted(t, s.url, ndjson, strings.Join(lines, "\n"))
	<-cut.failed
	s.close()
	if got := in.count("SELECT count() FROM response"); got == 100 {
		t.Fatal("all rows were stored before the end")
	}
	in.pipeline = ingest.New(in.writer, in.options)
	s = in.take(ihttp.Options{})
	o, text := finished(t, s.url, where)
	if o.count("read") != 100 || o.count("stored")+o.count("duplicate") != 100 {
		t.Errorf("%s: want all 100 stored", text)
	}
	if got := in.count("SELECT count() FROM response FINAL"); got != 100 {
		t.Errorf("%d responses are stored, want 100", got)
	}
}

// TestImportWaitsForTheStore: while the store is away an import is tried again,
// and its progress says so.
func TestImportWaitsForTheStore(t *testing.T) {
	in := install(t)
	away := &breaking{Writer: in.writer, failed: make(chan struct{})}
	away.broken.Store(true)
	in.pipeline = ingest.New(away, silent(in.options))
	s := in.take(ihttp.Options{})
	where := accepted(t, s.url, ndjson, pain("r1", known(ann), "completed", "7", april))
	for limit := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		res, _, text := ask(t, "GET", s.url+where, "", "")
		if res.StatusCode != 202 || time.Now().After(limit) {
			t.Fatalf("%s %s, want it under way", res.Status, text)
		}
		if strings.Contains(res.Header.Get("X-Progress"), "tried again") {
			break
		}
	}
	away.broken.Store(false)
	if o, text := finished(t, s.url, where); o.count("stored") != 1 {
		t.Errorf("%s, want it stored", text)
	}
}

// TestImportListsEveryLine: each refused line is told as NDJSON, more than a
// report holds, whatever the order of Patients.
func TestImportListsEveryLine(t *testing.T) {
	in := install(t)
	s := in.take(ihttp.Options{})
	const bad = 60_000 // more than a batch
	lines := []string{pain("r1", `{"reference":"Patient/7"}`, "completed", "7", april)}
	for range bad {
		lines = append(lines, "{")
	}
	lines = append(lines, `{"resourceType":"Patient","id":"7","identifier":[{"system":"urn:lumbar:pseudonym","value":"`+ann+`"}]}`,
		strings.Replace(pain("r2", known(ann), "completed", "7", april), `"urn:lumbar:questionnaire:nrs_back"`, `"urn:lumbar:questionnaire:nrs_back|9"`, 1))
	where := accepted(t, s.url, ndjson, strings.Join(lines, "\n"))
	o, text := finished(t, s.url, where)
	if o.count("stored") != 2 || o.count("rejected") != bad+1 {
		t.Fatalf("%.300s, want %d refused", text, bad+1)
	}
	if first := o.Parameter[len(o.Parameter)-1].Resource.Issue[0].Diagnostics; first != "line 2: record: malformed" {
		t.Errorf("the first issue is %q", first)
	}
	if got := in.count("SELECT count() FROM response WHERE patient_id = reinterpretAsUInt128(reverse(unhex('" + ann + "')))"); got != 1 {
		t.Errorf("%d answers are of the Patient who came after them, want 1", got)
	}
	res, _, list := ask(t, "GET", s.url+where, "", "", "Accept", ndjson)
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != ndjson {
		t.Fatalf("%s %s", res.Status, res.Header.Get("Content-Type"))
	}
	var last told
	n := 0
	for in := bufio.NewScanner(strings.NewReader(list)); in.Scan(); n++ {
		last = told{}
		if err := json.Unmarshal(in.Bytes(), &last); err != nil || last.ResourceType != "OperationOutcome" {
			t.Fatalf("%s: %v", in.Text(), err)
		}
	}
	if n != bad+1 || last.Issue[0].Diagnostics != "line 60003: instrument_version: unknown_version" || strings.Contains(list, ann) {
		t.Errorf("%d lines are listed, the last %+v; want %d", n, last, bad+1)
	}
}

// TestImportOfAddresses: files that a manifest or Parameters name are fetched,
// tried again where a server fails, unpacked, and read as one with Patients
// first.
func TestImportOfAddresses(t *testing.T) {
	in := install(t)
	patient := `{"resourceType":"Patient","id":"7","identifier":[{"system":"urn:lumbar:pseudonym","value":"` + ann + `"}]}`
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	fmt.Fprint(z, patient)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int64
	files := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/export/answers.ndjson":
			fmt.Fprint(w, "\xef\xbb\xbf"+pain("r1", `{"reference":"Patient/7"}`, "completed", "7", april)+"\n")
			if asked.Add(1) == 1 {
				_ = http.NewResponseController(w).Flush()
				panic(http.ErrAbortHandler) // it breaks off
			}
			fmt.Fprint(w, pain("r2", `{"reference":"Patient/7"}`, "completed", "77", april))
		case "/export/patients.ndjson.gz":
			if r.Header.Get("Referer") != "" {
				t.Error("the address that led here is told")
			}
			_, _ = w.Write(packed.Bytes())
		case "/export/moved":
			http.Redirect(w, r, "/export/patients.ndjson.gz", http.StatusFound)
		case "/export/away":
			http.Redirect(w, r, "/private", http.StatusFound)
		default:
			http.NotFound(w, r)
		}
	}))
	defer files.Close()
	s := in.take(ihttp.Options{Sources: []string{files.URL + "/export/"}})
	manifest := func(paths ...string) string {
		var inputs []string
		for _, p := range paths {
			inputs = append(inputs, fmt.Sprintf(`{"type":"Patient","url":%q}`, files.URL+p))
		}
		return `{"inputFormat":"application/fhir+ndjson","inputSource":"https://x","storageDetail":{"type":"https"},"input":[` + strings.Join(inputs, ",") + `]}`
	}
	where := accepted(t, s.url, "application/json", manifest("/export/answers.ndjson", "/export/patients.ndjson.gz"))
	o, text := finished(t, s.url, where)
	if o.count("read") != 3 || o.count("stored") != 2 || o.count("rejected") != 1 || asked.Load() != 2 {
		t.Fatalf("%s after %d tries, want two stored, one rejected", text, asked.Load())
	}
	if got := o.Parameter[len(o.Parameter)-1].Resource.Issue[0].Diagnostics; got != "input 1, line 2: nrs_back.1: code_out_of_range" {
		t.Errorf("the refused line is %q", got)
	}
	if got := in.count("SELECT count() FROM response WHERE patient_id = reinterpretAsUInt128(reverse(unhex('" + ann + "')))"); got != 1 {
		t.Errorf("%d answers are of the Patient in the second file, want 1", got)
	}
	parameters := fmt.Sprintf(`{"resourceType":"Parameters","parameter":[{"name":"inputFormat","valueCode":"application/fhir+ndjson"},{"name":"input","part":[{"name":"type","valueCode":"Patient"},{"name":"url","valueUri":%q}]},{"name":"mode","valueCode":"merge"}]}`, files.URL+"/export/moved")
	if o, text := finished(t, s.url, accepted(t, s.url, fhirJSON, parameters)); o.count("duplicate") != 1 {
		t.Errorf("Parameters, redirected within the list: %s, want a duplicate", text)
	}
	for path, want := range map[string]string{"/export/none": "input 1 can not be fetched: its server answers 404", "/export/away": "not in fhir.import_sources"} {
		o, text := finished(t, s.url, accepted(t, s.url, "application/json", manifest(path)))
		if o.count("read") != 0 || !strings.Contains(text, want) || strings.Contains(text, files.URL) {
			t.Errorf("%s: %s, want %q without the address", path, text, want)
		}
	}
	for name, body := range map[string]string{
		"not listed":         manifest("/exports/x"),
		"out of it":          manifest("/export/../private"),
		"hidden":             manifest("/export/%2e%2e/private"),
		"another host":       `{"input":[{"url":"https://example.org/export/x"}]}`,
		"a file":             `{"input":[{"url":"file:///etc/passwd"}]}`,
		"with a user":        `{"input":[{"url":"` + strings.Replace(files.URL, "://", "://a:b@", 1) + `/export/x"}]}`,
		"no input":           `{"input":[]}`,
		"CSV":                strings.Replace(manifest("/export/a"), "fhir+ndjson", "csv", 1),
		"overwrite":          strings.Replace(parameters, "merge", "overwrite", 1),
		"also in a manifest": strings.Replace(manifest("/export/a"), `"inputSource"`, `"mode":"overwrite","inputSource"`, 1),
		"and for one input":  strings.Replace(manifest("/export/a"), `"url"`, `"saveMode":"overwrite","url"`, 1),
		"a patient":          patient,
	} {
		res, text := send(t, s.url+"/fhir/$import", "application/json", body)
		problem(t, name, res, text, 422)
	}
	res, text := send(t, s.url+"/fhir/$import", "application/json", "{")
	problem(t, "no JSON", res, text, 400)
	s.close()
	res, text = send(t, in.serve()+"/fhir/$import", "application/json", manifest("/export/answers.ndjson"))
	if problem(t, "no list", res, text, 422); !strings.Contains(text, "fhir.import_sources") {
		t.Errorf("%s does not say which setting is needed", text)
	}
}

// TestImportsWait: beyond as many as may wait the next is told to come again,
// and leaves nothing.
func TestImportsWait(t *testing.T) {
	in := install(t)
	away := &breaking{Writer: in.writer, failed: make(chan struct{})}
	away.broken.Store(true)
	in.pipeline = ingest.New(away, silent(in.options))
	s := in.take(ihttp.Options{})
	for n := range 8 {
		accepted(t, s.url, ndjson, pain(fmt.Sprint("r", n), known(ann), "completed", "7", april))
	}
	res, text := send(t, s.url+"/fhir/$import", ndjson, pain("r9", known(ann), "completed", "7", april))
	problem(t, "a ninth", res, text, 503)
	if got := in.gauge("lumbar_ingest_imports_waiting"); got != 8 {
		t.Errorf("%g imports wait, want 8", got)
	}
	if left, _ := filepath.Glob(filepath.Join(in.dir, "spool", "imports", "*")); len(left) != 8 {
		t.Errorf("%d folders in the spool, want 8", len(left))
	}
}
