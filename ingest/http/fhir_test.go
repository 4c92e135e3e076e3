package http_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lumbar-health/lumbar/ingest"
	ihttp "github.com/lumbar-health/lumbar/ingest/http"
)

const fhirJSON = "application/fhir+json"

// told is an answer of the FHIR routes: an outcome, a Bundle or parameters.
type told struct {
	ResourceType string `json:"resourceType"`
	Issue        []struct {
		Severity, Code, Diagnostics string
		Details                     struct {
			Coding []struct{ System, Code string }
		}
		Expression []string
	} `json:"issue"`
	Entry []struct {
		Response struct {
			Status  string
			Outcome told
		}
	} `json:"entry"`
	Parameter []struct {
		Name         string
		ValueInteger int
		Resource     told
	} `json:"parameter"`
}

// words are the codes of an outcome's issues.
func (o *told) words() string {
	var out []string
	for _, i := range o.Issue {
		out = append(out, i.Details.Coding[0].Code)
	}
	return strings.Join(out, " ")
}

func (o *told) count(name string) int {
	for _, p := range o.Parameter {
		if p.Name == name {
			return p.ValueInteger
		}
	}
	return -1
}

func ask(t testing.TB, method, url, media, body string, headers ...string) (*http.Response, told, string) {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
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
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var o told
	if res.Header.Get("Content-Type") == fhirJSON {
		if err := json.Unmarshal(text, &o); err != nil {
			t.Fatal(err)
		}
	}
	return res, o, string(text)
}

// pain is an answered pain scale as FHIR.
func pain(id, subject, status, answer, authored string) string {
	return fmt.Sprintf(`{"resourceType":"QuestionnaireResponse","identifier":{"system":"urn:forms","value":%q},"questionnaire":"urn:lumbar:questionnaire:nrs_back","status":%q,"subject":%s,"authored":%q,"item":[{"linkId":"nrs_back.1","answer":[{"valueInteger":%s}]}]}`, id, status, subject, authored, answer)
}

func known(patient string) string {
	return `{"identifier":{"system":"urn:lumbar:pseudonym","value":"` + patient + `"}}`
}

const april = "2026-04-02T10:00:00Z"

// TestFHIRResponse: a response is stored and scored, known again, amended and
// taken back.
func TestFHIRResponse(t *testing.T) {
	in := install(t)
	url := in.serve()
	post(t, url+"/v1/episodes", "application/json", referral("e1", ann))
	score := func() string {
		return fmt.Sprint(in.count("SELECT ifNull(sum(nrs_back_baseline), 0) FROM outcome FINAL WHERE live = 1"))
	}
	for _, step := range []struct {
		status, answer string
		code           int
		words, score   string
	}{
		{"completed", "7", 201, "stored", "7"},
		{"completed", "7", 200, "duplicate", "7"},
		{"amended", "5", 201, "stored", "5"},
		{"amended", "11", 422, "code_out_of_range", "5"},
		{"entered-in-error", "5", 201, "stored", "0"},
		{"amended", "5", 200, "duplicate", "0"},
	} {
		res, o, text := ask(t, "POST", url+"/fhir/QuestionnaireResponse", fhirJSON, pain("r1", known(ann), step.status, step.answer, april))
		if res.StatusCode != step.code || o.ResourceType != "OperationOutcome" || o.words() != step.words {
			t.Errorf("%s %s: %s %s, want %d %s", step.status, step.answer, res.Status, text, step.code, step.words)
		}
		if got := score(); got != step.score {
			t.Errorf("%s %s: outcome holds %s, want %s", step.status, step.answer, got, step.score)
		}
	}
	if got := in.count("SELECT count() FROM response"); got != 3 {
		t.Errorf("%d versions, want 3", got)
	}
	if got := in.count("SELECT count() FROM quarantine FINAL WHERE source = 'fhir' AND reasons = [('nrs_back.1', 'code_out_of_range')]"); got != 1 {
		t.Errorf("%d refused resources are kept, want 1", got)
	}
}

// TestFHIRSafety: a refused answer is flagged in its outcome and counted.
func TestFHIRSafety(t *testing.T) {
	in := install(t)
	url := in.serve()
	phq := `{"resourceType":"QuestionnaireResponse","questionnaire":"http://loinc.org/q/44249-1","status":"completed","subject":{"reference":"Group/9"},"authored":"2026-04-02","item":[{"linkId":"/44260-8","answer":[{"valueCoding":{"system":"http://loinc.org","code":"LA6570-1"}}]}]}`
	res, o, text := ask(t, "POST", url+"/fhir/QuestionnaireResponse", "application/json; charset=utf-8", phq)
	if res.StatusCode != 422 || o.words() != "unresolved_reference item9_positive" || o.Issue[0].Expression[0] != "QuestionnaireResponse.subject" || o.Issue[1].Severity != "warning" {
		t.Errorf("%s %s: want 422, the subject unresolved and item 9 flagged", res.Status, text)
	}
	if got := in.flagged("item9_positive"); got != 1 {
		t.Errorf("counted %g flags, want 1", got)
	}
}

// TestFHIRBundle: entries are answered in their order, each for itself, though
// a response may come before its Patient.
func TestFHIRBundle(t *testing.T) {
	in := install(t)
	url := in.serve()
	wrap := func(full, resource string) string {
		return fmt.Sprintf(`{"fullUrl":%q,"request":{"method":"POST","url":"x"},"resource":%s}`, full, resource)
	}
	entries := []string{
		wrap("urn:uuid:3", pain("r1", `{"reference":"urn:uuid:1"}`, "completed", "7", april)),
		wrap("urn:uuid:4", `{"resourceType":"Observation"}`),
		wrap("urn:uuid:2", `{"resourceType":"ServiceRequest","id":"s1","status":"active","intent":"order","subject":{"reference":"urn:uuid:1"},"authoredOn":"2026-04-01"}`),
		wrap("urn:uuid:5", pain("r2", `{"reference":"urn:uuid:99"}`, "completed", "7", april)),
		wrap("urn:uuid:1", `{"resourceType":"Patient","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}],"gender":"female"}`),
		wrap("urn:uuid:6", `{"resourceType":"Bundle","type":"batch","entry":[]}`),
	}
	body := `{"resourceType":"Bundle","type":"transaction","entry":[` + strings.Join(entries, ",") + `]}`
	const refused = "422 Unprocessable Entity "
	checkBundle(t, url, body, []string{"201 Created stored", refused + "not_accepted_here", "201 Created stored", refused + "unresolved_reference", "201 Created stored", refused + "not_accepted_here"})
	if got := in.count("SELECT count() FROM outcome FINAL WHERE live = 1 AND nrs_back_baseline = 7"); got != 1 {
		t.Errorf("%d episodes have the answer, want 1", got)
	}
	checkBundle(t, url, body, []string{"200 OK duplicate", refused + "not_accepted_here", "200 OK duplicate", refused + "unresolved_reference", "200 OK duplicate", refused + "not_accepted_here"})
}

func checkBundle(t *testing.T, url, body string, want []string) {
	t.Helper()
	res, o, text := ask(t, "POST", url+"/fhir", fhirJSON, body)
	if res.StatusCode != 200 || o.ResourceType != "Bundle" || len(o.Entry) != len(want) {
		t.Fatalf("%s %s: want a Bundle of %d", res.Status, text, len(want))
	}
	for i, e := range o.Entry {
		if got := e.Response.Status + " " + e.Response.Outcome.words(); got != want[i] {
			t.Errorf("entry %d: %s, want %s", i, got, want[i])
		}
		for _, why := range e.Response.Outcome.Issue {
			if why.Severity == "error" && !strings.HasPrefix(why.Expression[0], fmt.Sprintf("Bundle.entry[%d].resource", i)) {
				t.Errorf("entry %d: the issue points to %s", i, why.Expression)
			}
		}
	}
}

// TestFHIRImport: a job reads the lines that it can, and says which it can not.
func TestFHIRImport(t *testing.T) {
	in := install(t)
	url := in.serve()
	var lines []string
	for i := range 300 {
		lines = append(lines, pain(fmt.Sprint("r", i), known(ann), "completed", fmt.Sprint(i%11), april))
	}
	lines = append(lines, `{"resourceType":"QuestionnaireResponse","x":"`+strings.Repeat("x", 10<<20)+`"}`, "{", lines[0], `{"resourceType":"Patient","id":"p9"}`)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte(strings.Join(lines, "\n"))); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	res, _, text := ask(t, "POST", url+"/fhir/$import", "application/fhir+ndjson", packed.String(), "Content-Encoding", "gzip", "Prefer", "respond-async")
	where := res.Header.Get("Content-Location")
	if res.StatusCode != 202 || !strings.HasPrefix(where, "/fhir/$import/") || text != "" {
		t.Fatalf("%s %s at %q, want 202", res.Status, text, where)
	}
	var o told
	for limit := time.Now().Add(time.Minute); ; {
		if res, o, text = ask(t, "GET", url+where, "", ""); res.StatusCode == 200 {
			break
		}
		if res.StatusCode != 202 || res.Header.Get("X-Progress") == "" || time.Now().After(limit) {
			t.Fatalf("%s %s: want 202 with a progress, then 200", res.Status, text)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if o.count("read") != 304 || o.count("stored") != 301 || o.count("duplicate") != 1 || o.count("rejected") != 2 {
		t.Errorf("%s: want 304 read, 301 stored, 1 duplicate, 2 rejected", text)
	}
	outcome := o.Parameter[len(o.Parameter)-1].Resource
	if outcome.words() != "too_long malformed" || !strings.HasPrefix(outcome.Issue[0].Diagnostics, "line 301: ") {
		t.Errorf("outcome %+v, want lines 301 and 302", outcome)
	}
	if got := in.count("SELECT count() FROM response"); got != 300 {
		t.Errorf("%d responses, want 300", got)
	}
	if res, _, _ := ask(t, "GET", url+"/fhir/$import/none", "", ""); res.StatusCode != 404 {
		t.Errorf("another job: %s, want 404", res.Status)
	}
}

func TestFHIRRefusedRequests(t *testing.T) {
	in := install(t)
	url := in.serve()
	whole := pain("r1", known(ann), "completed", "7", april)
	bundle := `{"resourceType":"Bundle","type":"batch","entry":[{"resource":` + whole + `}]}`
	for name, c := range map[string]struct {
		path, media, body string
		headers           []string
		status            int
	}{
		"XML":               {"/fhir/QuestionnaireResponse", "application/fhir+xml", "<a/>", nil, 415},
		"NDJSON":            {"/fhir", "application/fhir+ndjson", whole, nil, 415},
		"empty":             {"/fhir/QuestionnaireResponse", fhirJSON, "", nil, 400},
		"a list":            {"/fhir/QuestionnaireResponse", fhirJSON, "[" + whole + "]", nil, 400},
		"two":               {"/fhir/QuestionnaireResponse", fhirJSON, whole + "\n" + whole, nil, 400},
		"another type":      {"/fhir/QuestionnaireResponse", fhirJSON, `{"resourceType":"Patient"}`, nil, 422},
		"malformed":         {"/fhir/QuestionnaireResponse", fhirJSON, whole[:40], nil, 422},
		"cut, over lines":   {"/fhir/QuestionnaireResponse", fhirJSON, "{\n" + whole[1:40], nil, 400},
		"UTF-16":            {"/fhir/QuestionnaireResponse", fhirJSON, "\xff\xfe{\x00", nil, 422},
		"no Bundle":         {"/fhir", fhirJSON, whole, nil, 400},
		"a history":         {"/fhir", fhirJSON, strings.Replace(bundle, "batch", "history", 1), nil, 400},
		"cut Bundle":        {"/fhir", fhirJSON, bundle[:len(bundle)-3], nil, 400},
		"empty Bundle":      {"/fhir", fhirJSON, `{"resourceType":"Bundle","type":"batch"}`, nil, 400},
		"brotli":            {"/fhir", fhirJSON, bundle, []string{"Content-Encoding", "br"}, 415},
		"not gzip":          {"/fhir", fhirJSON, bundle, []string{"Content-Encoding", "gzip"}, 200}, // plain after all
		"broken gzip":       {"/fhir", fhirJSON, "\x1f\x8bxxxxxxxxxx", []string{"Content-Encoding", "gzip"}, 400},
		"bomb":              {"/fhir", fhirJSON, bomb(t, ihttp.MaxUnpacked+1), []string{"Content-Encoding", "gzip"}, 413},
		"too large":         {"/fhir", fhirJSON, strings.Repeat(" ", ihttp.MaxBody+1), nil, 413},
		"no addresses":      {"/fhir/$import", fhirJSON, `{"resourceType":"Parameters"}`, nil, 422},
		"empty import":      {"/fhir/$import", "application/fhir+ndjson", "", nil, 400},
		"unnamed gzip":      {"/fhir/$import", "application/fhir+ndjson", bomb(t, 100), nil, 400},
		"unknown parameter": {"/fhir/$import?x=1", "application/fhir+ndjson", whole, nil, 400},
	} {
		res, _, text := ask(t, "POST", url+c.path, c.media, c.body, c.headers...)
		if res.StatusCode != c.status {
			t.Errorf("%s: %s %.300s, want %d", name, res.Status, text, c.status)
		}
		if strings.Contains(text, ann) {
			t.Errorf("%s: the answer repeats the patient", name)
		}
	}
}

// bomb is so many blanks, packed.
func bomb(t testing.TB, n int) string {
	t.Helper()
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	blanks := bytes.Repeat([]byte(" "), 1<<20)
	for n > 0 {
		part := blanks[:min(n, len(blanks))]
		if _, err := z.Write(part); err != nil {
			t.Fatal(err)
		}
		n -= len(part)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestFHIRFiles: an import knows FHIR from its content, packed or not, and
// finds what came over HTTP.
func TestFHIRFiles(t *testing.T) {
	in := install(t)
	url := in.serve()
	first := pain("r1", known(ann), "completed", "7", april)
	ask(t, "POST", url+"/fhir/QuestionnaireResponse", fhirJSON, first)
	lines := text("answers.ndjson", []byte(first+"\n"+pain("r2", known(ann), "completed", "12", april)+"\n"+pain("r3", known(bob), "completed", "3", april)))
	dry := in.load(lines, ingest.ImportOptions{DryRun: true})
	report := in.load(lines, ingest.ImportOptions{})
	if report.Format != "fhir" || report.Stored != 1 || report.Duplicate != 1 || report.Rejected != 1 || dry.Stored != 1 {
		t.Errorf("%+v, dry %+v; want one stored, one known, one refused", report, dry)
	}
	if again := in.load(gzipped(t, lines), ingest.ImportOptions{Format: "fhir"}); again.Duplicate != 2 {
		t.Errorf("packed: %+v, want two known", again)
	}
	whole := `{"resourceType":"Bundle","type":"searchset","entry":[{"resource":` + first + `}]}`
	if r := in.load(text("bundle.json", []byte(whole)), ingest.ImportOptions{}); r.Format != "fhir" || r.Duplicate != 1 {
		t.Errorf("bundle: %+v, want one known", r)
	}
	for _, broken := range []string{whole[:len(whole)-2], strings.Replace(whole, "searchset", "message", 1)} {
		if _, err := in.pipeline.Import(context.Background(), text("bundle.json", []byte(broken)), ingest.ImportOptions{}, nil); err == nil || !strings.Contains(err.Error(), "nothing of it was stored") {
			t.Errorf("%.40s…: error %v, want a refusal", broken, err)
		}
	}
}
