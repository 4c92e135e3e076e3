package http_test

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	ihttp "github.com/lumbar-health/lumbar/ingest/http"
)

// TestBadRows: each bad row has its reason, and the good ones around it are
// stored.
func TestBadRows(t *testing.T) {
	in := install(t)
	url := in.serve()
	row := func(id, old, new string) string {
		return strings.Replace(response(id, ann, "completed", "7"), old, new, 1)
	}
	rows := []struct{ text, reason string }{
		{row("good1", "", ""), ""},
		{`{"id":`, "record: malformed"},
		{"[]", "record: malformed"},
		{`"text"`, "record: malformed"},
		{row("r", `"completed"`, `"completed","note":"x"`), "note: unknown_field"},
		{row("r", `"completed"`, `"completed","status":"amended"`), "status: repeated"},
		{row("r", `[7]`, `"`+strings.Repeat("9", 10<<20)+`"`), "record: too_long"},
		{row("r", `"completed"`, `"completed","provider":"`+strings.Repeat("x", 501)+`"`), "provider: too_long"},
		{row("r", `"completed"`, "\"completed\",\"provider\":\"\xff\xfe\""), "record: encoding"},
		{row("r", `"completed"`, `"completed","provider":"R\u0000R"`), "provider: encoding"},
		{row("r", "2026-04-02T10:00:00Z", "2027-01-01"), "answered_at: in_future"},
		{row("r", "2026-04-02T10:00:00Z", "2026-02-30"), "answered_at: malformed"},
		{row("r", "2026-04-02T10:00:00Z", "yesterday"), "answered_at: malformed"},
		{row("r", `[7]`, `[1e99]`), "nrs_back.1: code_out_of_range"},
		{row("r", `[7]`, `[7.5]`), "nrs_back.1: code_not_integer"},
		{row("r", `[7]`, `[[[[[7]]]]]`), "nrs_back.1: code_not_integer"},
		{row("r", `[7]`, strings.Repeat("[", 5000)+strings.Repeat("]", 5000)), "nrs_back.1: code_not_integer"},
		{row("r", `"instrument":"nrs_back"`, `"instrument":"tea_leaves"`), "instrument: unknown_instrument"},
		{row("year", "2026-04-02T10:00:00Z", "2026"), ""},
		{row("month", "2026-04-02T10:00:00Z", "2026-03"), ""},
		{row("good2", "", ""), ""},
	}
	var lines []string
	for _, r := range rows {
		lines = append(lines, r.text)
	}
	status, reply, text := post(t, url+"/v1/responses", "application/x-ndjson", strings.Join(lines, "\n"))
	if status != 200 || reply.Read != len(rows) {
		t.Fatalf("%d %.500s; want %d rows", status, text, len(rows))
	}
	for i, r := range rows {
		got := reply.Rows[i]
		reason := ""
		if len(got.Reasons) > 0 {
			reason = got.Reasons[0].Field + ": " + got.Reasons[0].Rule
		}
		if reason != r.reason || (r.reason == "") != (got.Result == "stored") {
			t.Errorf("row %d %.60q: %s %q, want %q", i+1, r.text, got.Result, reason, r.reason)
		}
	}
	if got := in.count("SELECT count() FROM response WHERE source_id IN ('good1', 'good2')"); got != 2 {
		t.Errorf("%d good rows are stored, want 2", got)
	}
	if got := in.count("SELECT count() FROM response"); got != 4 {
		t.Errorf("%d rows are stored, want 4", got)
	}
}

// TestBadResources: the same of FHIR, in one Bundle and one a line.
func TestBadResources(t *testing.T) {
	in := install(t)
	url := in.serve()
	whole := pain("good", known(ann), "completed", "7", april)
	resources := []struct{ text, reason string }{
		{whole, "stored"},
		{`{"resourceType":"Bundle","type":"collection","entry":[{"resource":` + whole + `}]}`, "not_accepted_here"},
		{pain("r1", known(ann), "completed", "7", "2027-01-01"), "in_future"},
		{pain("r2", known(ann), "completed", "7", "not a date"), "malformed"},
		{strings.Replace(whole, `"item"`, `"text":{"div":"`+strings.Repeat("x", 10<<20)+`"},"item"`, 1), "too_long"},
		{pain("r3", known(ann), "completed", `"x"`, april), "type"},
		{pain("y", known(ann), "completed", "7", "2026"), "stored"},
		{pain("m", known(ann), "completed", "7", "2026-03"), "stored"},
		{"7", ""},
	}
	var entries []string
	for _, r := range resources {
		entries = append(entries, `{"resource":`+r.text+`}`)
	}
	_, o, text := ask(t, http.MethodPost, url+"/fhir", fhirJSON, `{"resourceType":"Bundle","type":"batch","entry":[`+strings.Join(entries, ",")+`]}`)
	if len(o.Entry) != len(resources) {
		t.Fatalf("%.500s: want %d entries", text, len(resources))
	}
	for i, r := range resources {
		got := o.Entry[i].Response
		if r.reason != "" && got.Outcome.words() != r.reason || r.reason == "" && !strings.HasPrefix(got.Status, "422") {
			t.Errorf("entry %d %.60q: %s %s, want %s", i, r.text, got.Status, got.Outcome.words(), r.reason)
		}
	}
	if got := in.count("SELECT count() FROM response"); got != 3 {
		t.Errorf("%d resources are stored, want 3", got)
	}
}

// TestHostileBodies: whatever a body is, the answer is one of the client's
// mistakes, never one of ours.
func TestHostileBodies(t *testing.T) {
	in := install(t)
	s := in.take(ihttp.Options{})
	var zipped, frames bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write([]byte(bomb(t, ihttp.MaxUnpacked+1))) // twice
	_ = z.Close()
	e, err := zstd.NewWriter(&frames)
	if err != nil {
		t.Fatal(err)
	}
	blanks := make([]byte, 1<<20)
	for n := 0; n <= ihttp.MaxUnpacked; n += len(blanks) {
		_, _ = e.Write(blanks)
	}
	_ = e.Close()
	utf16le := []byte{0xff, 0xfe}
	for _, c := range utf16.Encode([]rune(response("r1", ann, "completed", "7"))) {
		utf16le = append(utf16le, byte(c), byte(c>>8))
	}
	bodies := map[string]struct {
		body, encoding string
		status         []int
	}{
		"a zip bomb":       {bomb(t, ihttp.MaxUnpacked+1), "gzip", []int{413}},
		"a bomb in zstd":   {frames.String(), "zstd", []int{413, 422}},
		"packed twice":     {zipped.String(), "gzip", []int{422, 400}},
		"deep":             {strings.Repeat(`{"a":[`, 1<<20), "", []int{422, 400}},
		"deep and whole":   {strings.Repeat("[", 1<<20) + strings.Repeat("]", 1<<20), "", []int{422, 400}},
		"one string":       {`"` + strings.Repeat("x", 10<<20) + `"`, "", []int{422, 400}},
		"one number":       {strings.Repeat("9", 10<<20), "", []int{422, 400}},
		"UTF-16":           {string(utf16le), "", []int{422, 400}},
		"Latin-1":          {strings.Replace(response("r1", ann, "completed", "7"), "urn:forms", "M\xfcller", 1), "", []int{422}},
		"zeros":            {strings.Repeat("\x00", 1<<20), "", []int{422, 400}},
		"a cut gzip":       {bomb(t, 1000)[:20], "gzip", []int{400}},
		"a byte order":     {"\xef\xbb\xbf", "", []int{400, 422}},
		"a surrogate":      {`{"id":{"system":"\ud800","value":"\udfff"}}`, "", []int{422}},
		"newlines":         {strings.Repeat("\n", 1<<20), "", []int{400}},
		"a line too long":  {strings.Repeat("x", 10<<20) + "\n", "", []int{422, 400}},
		"nested in nested": {`{"resourceType":"Bundle","type":"batch","entry":[{"resource":` + strings.Repeat(`{"resourceType":"Bundle","entry":[{"resource":`, 10_000), "", []int{400, 422}},
	}
	for name, c := range bodies {
		for path, media := range map[string]string{"/v1/responses": "application/x-ndjson", "/v1/events": "application/json", "/fhir": fhirJSON, "/fhir/QuestionnaireResponse": fhirJSON} {
			var headers []string
			if c.encoding != "" {
				if path == "/v1/events" || path == "/fhir/QuestionnaireResponse" {
					continue // unpacked by the same code
				}
				headers = []string{"Content-Encoding", c.encoding}
			}
			res, text := send(t, s.url+path, media, c.body, headers...)
			if res.StatusCode < 400 || res.StatusCode > 499 || path == "/v1/responses" && !slices.Contains(c.status, res.StatusCode) {
				t.Errorf("%s to %s: %s %.200s, want %v", name, path, res.Status, text, c.status)
			}
			if len(text) > 1<<20 {
				t.Errorf("%s to %s: an answer of %d bytes", name, path, len(text))
			}
		}
	}
	if got := in.count("SELECT count() FROM response"); got != 0 {
		t.Errorf("%d rows are stored", got)
	}
}
