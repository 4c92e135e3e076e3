package fhir_test

import (
	"bufio"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/fhir"
	"github.com/lumbar-health/lumbar/record"
)

func bundle(genre string, entries ...string) string {
	return `{"resourceType":"Bundle","type":"` + genre + `","total":3,"entry":[` + strings.Join(entries, ",") + `]}`
}

func wrapped(full, resource string) string {
	return fmt.Sprintf(`{"fullUrl":%q,"resource":%s}`, full, resource)
}

// fates are what became of records, in the order of their places.
func fates(list []*ingest.Record) string {
	out := make([]string, 0, len(list))
	for _, r := range list {
		fate := "ok"
		if len(r.Reasons) > 0 {
			fate = r.Reasons[0].Field + "/" + r.Reasons[0].Rule
		}
		out = append(out, fmt.Sprintf("%d %s", r.Line, fate))
	}
	return strings.Join(out, ", ")
}

// TestBundles: types, order of members, framing; a bad entry is refused alone.
func TestBundles(t *testing.T) {
	entry := `{"resource":` + odi() + `}`
	long := `{"resource":{"resourceType":"QuestionnaireResponse","x":"` + strings.Repeat("x", 10<<20) + `"}}`
	for name, c := range map[string]struct{ text, want string }{
		"transaction":    {bundle("transaction", entry), "1 ok"},
		"batch":          {bundle("batch", entry, entry), "1 ok, 2 ok"},
		"collection":     {"\n" + bundle("collection", entry), "1 ok"},
		"searchset":      {"\xef\xbb\xbf" + bundle("searchset", entry), "1 ok"},
		"over lines":     {strings.ReplaceAll(bundle("batch", entry, entry), ",", ",\n  "), "1 ok, 2 ok"},
		"entries first":  {`{"entry":[` + entry + `],"resourceType":"Bundle","type":"batch"}`, "1 ok"},
		"two":            {bundle("batch", entry) + "\n" + bundle("batch", entry, entry), "1 ok, 2 ok, 3 ok"},
		"none":           {bundle("batch"), ""},
		"bad in between": {bundle("batch", entry, `{"resource":{"resourceType":"QuestionnaireResponse"}}`, entry), "1 ok, 2 patient/required, 3 ok"},
		"not an object":  {bundle("batch", `"x"`, "7", `[1]`, entry), "1 record/malformed, 2 record/malformed, 3 record/malformed, 4 ok"},
		"no resource":    {bundle("batch", `{"fullUrl":"x"}`, entry), "1 record/required, 2 ok"},
		"no JSON":        {bundle("batch", `{"resource":{x}}`, entry), "1 record/malformed, 2 ok"},
		"too long":       {bundle("batch", entry, long, entry), "1 ok, 2 record/too_long, 3 ok"},
		"nested":         {bundle("batch", `{"resource":`+bundle("batch", entry)+`}`, entry), "1 resourceType/not_accepted_here, 2 ok"},
		"delete":         {bundle("batch", `{"request":{"method":"DELETE","url":"x"},"resource":`+odi()+`}`, entry), "1 request.method/not_allowed, 2 ok"},
		"put":            {bundle("batch", `{"request":{"method":"PUT","url":"x"},"resource":`+odi()+`}`), "1 ok"},
		"modified":       {bundle("batch", `{"modifierExtension":[],"resource":`+odi()+`}`), "1 modifierExtension/not_allowed"},
		"NDJSON":         {odi() + "\n\n{\n" + odi() + "\r\n" + strings.Repeat("[", 100) + "\n" + bundle("batch", entry), "1 ok, 3 record/malformed, 4 ok, 5 record/malformed, 6 resourceType/not_accepted_here"},
		"a list":         {"[" + odi() + ",\n7," + odi() + "]", "1 ok, 2 record/malformed, 2 ok"},
		"pretty":         {strings.ReplaceAll(odi(), `,"`, ",\n  \"") + "\n", "1 ok"},
	} {
		list, err := decodeAll(t, c.text, fhir.AcceptAll)
		if got := fates(list); err != nil || got != c.want {
			t.Errorf("%s: %s, %v; want %s", name, got, err, c.want)
		}
		if err := fhir.Format().Verify("test", bufio.NewReader(strings.NewReader(c.text))); err != nil {
			t.Errorf("%s: verify: %v", name, err)
		}
	}
}

// TestBrokenBundles: what can not be read to its end is refused before
// anything of a file is stored.
func TestBrokenBundles(t *testing.T) {
	entry := `{"resource":` + odi() + `}`
	whole := bundle("batch", entry, entry)
	for name, text := range map[string]string{
		"cut in an entry": whole[:len(whole)-40], "cut after one": whole[:strings.LastIndex(whole, `,{"resource"`)],
		"cut at the end": whole[:len(whole)-1], "no comma": bundle("batch", entry+entry), "goes on": whole + "x",
		"another resource": whole + odi(), "history": bundle("history", entry), "document": bundle("document", entry),
		"no type": change(whole, `"type":"batch",`, ""), "rules of its own": change(whole, `"type"`, `"implicitRules":"x","type"`),
		"type last": `{"resourceType":"Bundle","entry":[` + entry + `],"type":"message"}`,
		"a name":    change(whole, `"type"`, `type`), "list cut": "[" + odi() + ",",
	} {
		_, err := decodeAll(t, text, fhir.AcceptAll)
		verified := fhir.Format().Verify("test", bufio.NewReader(strings.NewReader(text)))
		var refused *ingest.FileError
		if !errors.As(err, &refused) || !errors.As(verified, &refused) || !strings.Contains(refused.Error(), "nothing of it was stored") {
			t.Errorf("%s: %v, verify: %v; want a refusal", name, err, verified)
		}
	}
}

// TestReferencesInBundle: a person and a referral may come after what points to
// them, and what comes late is answered with its own place.
func TestReferencesInBundle(t *testing.T) {
	nhs := record.Pseudonym([]byte(key), "9990000018")
	response := change(change(odi(), subject, `{"reference":"urn:uuid:p"}`), `"id":"1"`, `"basedOn":[{"reference":"urn:uuid:s"}]`)
	request := change(change(change(referral, subject, `{"reference":"urn:uuid:p"}`), `"id":"s1",`, ""), `"status"`, `"x":1,"status"`)
	list := decode(t, bundle("transaction", wrapped("urn:uuid:r", response), wrapped("urn:uuid:s", request), wrapped("urn:uuid:p", patient)))
	if got := fates(list); got != "3 ok, 1 ok, 2 ok" {
		t.Fatal(got)
	}
	v, e := list[1].Responses[0], list[2].Episodes[0]
	if v.PatientID != nhs || e.PatientID != nhs || v.EpisodeID != e.ID || e.ID != record.RowID("back-pain", "UB1") {
		t.Errorf("response %x %d, episode %x %d: want one person and one episode", v.PatientID, v.EpisodeID, e.PatientID, e.ID)
	}
	relative := change(odi(), subject, `{"reference":"Patient/p1"}`)
	list = decode(t, bundle("searchset", wrapped("https://a.example/r4/QuestionnaireResponse/1", relative), wrapped("https://a.example/r4/Patient/p1", patient)))
	if got := list[1].Responses[0].PatientID; got != nhs {
		t.Error("a relative reference is not resolved against its server")
	}
	list = decode(t, patient+"\n"+relative)
	if got := list[1].Responses[0].PatientID; got != nhs {
		t.Error("a reference to an earlier line is not resolved")
	}
	bad := change(patient, "9990000018", "9990000017")
	if got := fates(decode(t, bundle("batch", wrapped("urn:uuid:p", bad), wrapped("urn:uuid:r", response)))); got != "1 patient.nhs_number/nhs_number, 2 patient.nhs_number/nhs_number" {
		t.Errorf("a person with a wrong number: %s", got)
	}
}

// TestTooMuchWaits: what is beyond the memory for waiting resources is refused,
// never taken for a person of the server's own.
func TestTooMuchWaits(t *testing.T) {
	var entries []string
	padding := strings.Repeat("x", 900<<10)
	for i := range 40 {
		entries = append(entries, wrapped(fmt.Sprint("urn:uuid:r", i), change(change(odi(), subject, `{"reference":"urn:uuid:p"}`), `"id":"1"`, `"text":{"div":"`+padding+`"}`)))
	}
	list := decode(t, bundle("batch", append(entries, wrapped("urn:uuid:p", patient))...))
	ok, refused := 0, 0
	for _, r := range list {
		switch {
		case len(r.Reasons) == 0:
			ok++
		case r.Reasons[0].Rule == fhir.RuleUnresolved:
			refused++
		}
	}
	if len(list) != 41 || ok < 36 || refused == 0 || ok+refused != 41 {
		t.Errorf("%d records, %d taken, %d refused", len(list), ok, refused)
	}
}

// TestQuote: a refused resource is quoted so that it is read alike on its own.
func TestQuote(t *testing.T) {
	s := setting()
	response := change(change(odi(), subject, `{"reference":"urn:uuid:p"}`), `{"valueInteger":3}`, `{"valueInteger":7}`)
	for name, text := range map[string]string{
		"alone":         change(odi(), `{"valueInteger":3}`, `{"valueInteger":7}`),
		"in a Bundle":   bundle("batch", wrapped("https://a.example/QuestionnaireResponse/1", change(odi(), "completed", "final"))),
		"with a person": bundle("batch", wrapped("urn:uuid:p", patient), wrapped("urn:uuid:r", response)),
		"deletion":      bundle("batch", `{"request":{"method":"DELETE"},"resource":`+odi()+`}`),
	} {
		d, err := fhir.NewDecoder(ingest.Input{Name: "test", Reader: bufio.NewReader(strings.NewReader(text)), Setting: s}, fhir.AcceptAll)
		if err != nil {
			t.Fatal(err)
		}
		var first *ingest.Record
		var body string
		for r := new(ingest.Record); d.Next(r) == nil; r = new(ingest.Record) {
			if len(r.Reasons) == 0 {
				s.Prepare(r)
			}
			if len(r.Reasons) > 0 {
				quoted, whole := d.Quote()
				if !whole {
					t.Errorf("%s: not whole", name)
				}
				first, body = r, string(quoted)
			}
		}
		again := one(t, body)
		if first == nil || len(again.Reasons) == 0 || again.Reasons[0] != first.Reasons[0] {
			t.Fatalf("%s: quoted as %s, refused for %v, want as %+v", name, body, again.Reasons, first)
		}
		if len(first.Responses) > 0 && len(again.Responses) > 0 && (first.Responses[0].PatientID != again.Responses[0].PatientID || first.Responses[0].ID != again.Responses[0].ID) {
			t.Errorf("%s: another person or response than before", name)
		}
		if strings.Contains(body, "9990000018") {
			t.Errorf("%s: the quotation has the number of the person", name)
		}
	}
	spelt := change(odi(), `{"valueInteger":3}`, `{ "valueInteger" : 7 }`)
	if quoteOf(t, spelt) != quoteOf(t, change(odi(), `{"valueInteger":3}`, `{"valueInteger":7}`)) {
		t.Error("blanks change the quotation")
	}
}

func quoteOf(t *testing.T, text string) string {
	t.Helper()
	d, err := fhir.NewDecoder(ingest.Input{Name: "test", Reader: bufio.NewReader(strings.NewReader(text)), Setting: setting()}, fhir.AcceptAll)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Next(new(ingest.Record)); err != nil {
		t.Fatal(err)
	}
	body, _ := d.Quote()
	return string(body)
}

// TestDetect: FHIR is known by its content, rows of our own are not.
func TestDetect(t *testing.T) {
	for text, want := range map[string]bool{
		odi(): true, "  \n" + bundle("batch"): true, "[" + odi() + "]": true, "\xef\xbb\xbf" + patient: true,
		`{"entry":[{"resource":{"resourceType":"Patient"}}],"type":"batch"}`: true,
		`{"id":1,"instrument":"odi"}` + "\n" + odi():                         false, "": false, "{": false, "Year,Provider": false,
		`{"note":"resourceType"}`: false, `[]`: false, `{"a":"\"resourceType\":"}`: false,
	} {
		if got := fhir.Format().Detect([]byte(text)); got != want {
			t.Errorf("%.60s: %v, want %v", text, got, want)
		}
	}
}
