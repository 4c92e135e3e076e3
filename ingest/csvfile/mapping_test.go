package csvfile_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/lumbar-health/lumbar/ingest/csvfile"
)

// TestDocumentedTable: the table that docs/csv.md shows is taken as it stands.
func TestDocumentedTable(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "csv.md"))
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("(?ms)^```csv\n(.+?)^```$").FindSubmatch(text)
	if shown == nil {
		t.Fatal("the document shows no table")
	}
	if list := decode(t, string(shown[1]), ""); len(list) != 1 || len(list[0].Reasons) > 0 {
		t.Errorf("%d records, %v", len(list), list[0].Reasons)
	}
}

// documented is the mapping that docs/csv.md shows.
func documented(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "csv.md"))
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("(?ms)^```yaml\n(mapping: .+?)^```$").FindSubmatch(text)
	if shown == nil {
		t.Fatal("the document shows no mapping")
	}
	return string(shown[1])
}

func schema(t testing.TB) func(text string) error {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile("mapping.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return func(text string) error {
		asJSON, err := yaml.YAMLToJSON([]byte(text))
		if err != nil {
			return err
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
		if err != nil {
			return err
		}
		return s.Validate(doc)
	}
}

// clinic is a file that the documented mapping is for, in Windows-1252.
func clinic() string {
	head := "NHS no,surname,referral id,referred,gender,base date," + items("b_odi_", 10) + ",fu date," + items("f_odi_", 10) + ",free text\n"
	return head +
		"9990000018,M\xfcller,e-1,02/04/2025,F,03/04/2025,1,2,3,9,2,2,1,4,3,2,01/04/2026,1,1,2,98,1,1.0,1,2,1,1,\x93well\x94\n" +
		"9990000026,Smith,e-2,2025-05-01,U,03/05/2025,1,2,3,NULL,2,2,1,4,3,2,NULL,,,,,,,,,,,\n" +
		"9990000034,Jones,e-3,01/06/2025,X,03/06/2025,1,2,3,1,2,2,1,4,3,2,,,,,,,,,,,,\n" +
		"9990000042,Patel,e-4,01/06/2025,M,03/06/2025,0,2,3,1,2,2,1,4,3,2,,,,,,,,,,,,\n" +
		"9990000050,Khan,e-5,31/06/2025,M,03/06/2025,1,2,3,1,2,2,1,4,3,2,4/7/2026,1,1,1,1,1,1,1,1,1,1,\n"
}

const clinicJSON = `{"id":{"system":"urn:spine-clinic","value":"e-1/odi/baseline"},"patient":{"nhs_number":"9990000018"},"episode":"e-1","instrument":"odi","timepoint":"baseline","answered_at":"2025-04-03","answers":[0,1,2,null,1,1,0,3,2,1],"missing":{"odi.4":"blank"}}
{"id":{"system":"urn:spine-clinic","value":"e-1/odi/12m"},"patient":{"nhs_number":"9990000018"},"episode":"e-1","instrument":"odi","timepoint":"12m","answered_at":"2026-04-01","answers":[0,0,1,null,0,0,0,1,0,0],"missing":{"odi.4":"declined"}}
{"kind":"episode","patient":{"nhs_number":"9990000018"},"episode":"e-1","referred_on":"2025-04-02","provider":"RTR","sex":"female"}
{"id":{"system":"urn:spine-clinic","value":"e-2/odi/baseline"},"patient":{"nhs_number":"9990000026"},"episode":"e-2","instrument":"odi","timepoint":"baseline","answered_at":"2025-05-03","answers":[0,1,2,null,1,1,0,3,2,1]}
{"kind":"episode","patient":{"nhs_number":"9990000026"},"episode":"e-2","referred_on":"2025-05-01","provider":"RTR"}
`

// TestDocumentedMapping: the mapping of the document reads a clinic's file:
// several rows a line, codes from 1, missing codes, dates, an encoding.
func TestDocumentedMapping(t *testing.T) {
	mapping := documented(t)
	if err := csvfile.Check([]byte(mapping)); err != nil {
		t.Fatal(err)
	}
	if err := schema(t)(mapping); err != nil {
		t.Errorf("the schema refuses it: %v", err)
	}
	list := decode(t, clinic(), mapping)
	if len(list) != 5 {
		t.Fatalf("%d records, want 5", len(list))
	}
	want := identities(asJSON(t, clinicJSON))
	if got := strings.Join([]string{identity(list[0]), identity(list[1])}, ""); got != strings.Join(want, "") {
		t.Errorf("the first two lines:\n%s\nas JSON:\n%s", got, strings.Join(want, ""))
	}
	for i, want := range map[int]string{
		2: "episode.sex not_allowed", 3: "odi.1 code_not_integer", 4: "episode.referred_on malformed, follow_up.answered_at malformed",
	} {
		if got := reasonsOf(list[i]); got != want {
			t.Errorf("line %d: %s, want %s", i+2, got, want)
		}
	}
}

// small is a mapping of one response, to be spoilt.
const small = `mapping: small
timezone: Europe/London
rows:
  - fields:
      patient_pseudonym: who
      instrument: {value: nrs_back}
      answered_at: {column: when, dates: ["DD/MM/YYYY hh:mm", D MMM YYYY, MM.YYYY]}
      reported_by: {column: by, codes: {P: patient, C: proxy}}
    items:
      - columns: [pain]
        missing: [NA, "-1"]
`

// TestTimes: dates and local times, and the hours around a change of clocks.
func TestTimes(t *testing.T) {
	for text, want := range map[string]string{
		"01/07/2026 09:30": "2026-07-01T08:30:00Z", "1 Jul 2026": "2026-07-01T00:00:00Z", "03.2026": "2026-03-01T00:00:00Z",
		"29/03/2026 01:30": "", "25/10/2025 01:30": "2025-10-25T00:30:00Z", "26/10/2025 01:30": "2025-10-26T00:30:00Z", "26/10/2025 02:30": "2025-10-26T02:30:00Z",
		"07/13/2026 09:30": "", "2026-07-01": "", "01/07/26 09:30": "",
	} {
		r := decode(t, "who,when,by,pain\n"+who+","+text+",P,3\n", small)[0]
		got := ""
		if len(r.Reasons) == 0 {
			got = r.Responses[0].AnsweredAt.Format("2006-01-02T15:04:05Z")
		}
		if got != want {
			t.Errorf("%s: %q %v, want %q", text, got, r.Reasons, want)
		}
	}
	r := decode(t, "who,when,by,pain\n"+who+",1 Jul 2026,C,-1\n", small)[0]
	if len(r.Reasons) > 0 || r.Responses[0].MissingReasons[0] != "blank" {
		t.Errorf("missing: %v %+v", r.Reasons, r.Responses)
	}
}

// TestBrokenMappings: what is wrong with a mapping is said before the file is
// looked at, and what is wrong with its form the schema says too.
func TestBrokenMappings(t *testing.T) {
	validate := schema(t)
	if err := validate(small); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		old, new, want string
		schema         bool
	}{
		{"mapping: small\n", "", "name is missing", true},
		{"timezone: Europe/London", "timezone: London/Europe", "timezone", false},
		{"timezone: Europe/London\n", "", "needs the mapping's timezone", false},
		{"timezone:", "time_zone:", "unknown field", true},
		{"instrument:", "instrumnt:", "did you mean instrument?", false},
		{"value: nrs_back", "value: nrs_neck", "not known", false},
		{"value: nrs_back", "valu: nrs_back", "unknown field", true},
		{"{value: nrs_back}", "{value: nrs_back, column: x}", "one of them", true},
		{"{value: nrs_back}", "{value: nrs_back, codes: {a: b}}", "takes no codes", true},
		{"reported_by: {column: by, codes: {P: patient, C: proxy}}", "cost_pence: by", "no field of this kind", false},
		{"reported_by: {column: by, codes: {P: patient, C: proxy}}", "kind: by", "beside fields", false},
		{"codes: {P: patient, C: proxy}", "missing: [P], codes: {P: patient}", "in codes and in missing", false},
		{"by, codes: {P: patient, C: proxy}", "by, dates: [ISO]", "dates only", false},
		{"      answered_at: {column: when, dates: [\"DD/MM/YYYY hh:mm\", D MMM YYYY, MM.YYYY]}\n", "", "lacks the field answered_at", false},
		{"      patient_pseudonym: who\n", "", "patient_nhs_number or patient_pseudonym", false},
		{"      patient_pseudonym: who\n", "      patient_pseudonym: who\n      id_value: who\n", "go together", false},
		{"DD/MM/YYYY hh:mm", "DD/MM/YY", "dates", true},
		{"DD/MM/YYYY hh:mm", "DD/YYYY", "the month", false},
		{"DD/MM/YYYY hh:mm", "DD/MM/YYYY MM", "twice", false},
		{"DD/MM/YYYY hh:mm", "dd.mm.yyyy", "write it with", true},
		{"columns: [pain]", "columns: [pain, leg]", "2 columns, but nrs_back has 1", false},
		{"columns: [pain]", "columns: [\"pain_{1..x}\"]", "run of columns", false},
		{"columns: [pain]", "columns: []", "no columns", true},
		{"missing: [NA, \"-1\"]", "missing: {NA: forgot}", "reason", true},
		{"missing: [NA, \"-1\"]", "codes: {1: 11}", "becomes 11, but nrs_back.1 has 0 to 10", false},
		{"missing: [NA, \"-1\"]", "codes: {NA: 1}\n        missing: [NA]", "in codes and in missing", false},
		{"    items:\n      - columns: [pain]\n        missing: [NA, \"-1\"]\n", "", "as items or as the field answers", false},
		{"  - fields:", "  - kind: answer\n    fields:", "kind", true},
		{"  - fields:", "  - kind: patient\n    fields:", "no field of this kind", false},
		{"{value: nrs_back}", "{value: nrs_back}\n      status: {value: done}\n      age: {value: old}", "no field of this kind", false},
		{"mapping: small\n", "mapping: small\nencoding: latin-1\n", "encoding", true},
		{"mapping: small\n", "mapping: small\ndelimiter: x\n", "delimiter", true},
		{"mapping: small\n", "mapping: small\nother_columns: drop\n", "other_columns", true},
		{"mapping: small\n", "---\nmapping: small\nrows: []\n---\nmapping: small\n", "second document", false},
		{small, "mapping: x\nrows: []\n", "rows", true},
		{small, "", "empty", false},
		{small, "mapping: [", "mapping", false},
	} {
		text := strings.Replace(small, c.old, c.new, 1)
		if text == small {
			t.Fatalf("nothing was spoilt by %q", c.new)
		}
		if err := csvfile.Check([]byte(text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want %s", c.new, err, c.want)
		}
		if c.schema && validate(text) == nil {
			t.Errorf("%q: the schema takes it", c.new)
		}
	}
}

// TestMappingAndHeader: a mapping names every column, and every column that it
// names is there.
func TestMappingAndHeader(t *testing.T) {
	for header, want := range map[string]string{
		"who,wen,by,pain":            `no column "when"; did you mean wen?`,
		"who,when,by,pain,shoe size": `column "shoe size", which the mapping does not name`,
		"who,when,by,pain,WHO.":      "WHO.",
		"WHO,When,By,Pain":           "",
		"who,when,by,pain,":          `column "", which the mapping does not name`,
	} {
		_, err := open(header+"\n", small)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: error %v, want %q", header, err, want)
		}
	}
	if _, err := open("who,when,by,pain,shoe size\n", small+"other_columns: ignore\n"); err != nil {
		t.Error(err)
	}
	if _, err := open("who,when,by,pain,shoe size\n", small+"ignore: [shoe size]\n"); err != nil {
		t.Error(err)
	}
	if _, err := open("who,when,by,pain\n", small+"ignore: [shoe size]\n"); err == nil {
		t.Error("a column to ignore is not there")
	}
	covariate := strings.Replace(strings.Replace(small, "fields:", "kind: episode\n    fields:", 1), "      instrument: {value: nrs_back}\n", "      shoe_size: who\n      referred_on: when\n", 1)
	covariate = covariate[:strings.Index(covariate, "    items:")]
	covariate = strings.NewReplacer("      answered_at: {column: when, dates: [\"DD/MM/YYYY hh:mm\", D MMM YYYY, MM.YYYY]}\n", "", "      reported_by: {column: by, codes: {P: patient, C: proxy}}\n", "").Replace(covariate)
	if _, err := open("who,when\n", covariate); err == nil || !strings.Contains(err.Error(), "covariate") {
		t.Errorf("a field that no programme knows: %v", err)
	}
	if list := decode(t, "who,when\n"+who+",2026-04-01\n", strings.Replace(covariate, "shoe_size: who", "bmi: {value: 31}", 1)); len(list[0].Reasons) > 0 {
		t.Errorf("a covariate: %v", list[0].Reasons)
	}
}

// TestEncoding: Windows-1252 is read where it is declared, and a byte without a
// meaning refuses its line.
func TestEncoding(t *testing.T) {
	mapping := "mapping: x\nencoding: windows-1252\nrows:\n  - fields:\n      patient_pseudonym: p\n      instrument: {value: nrs_back}\n      answered_at: {value: 2026-04-01}\n      provider: \"h\xc3\xb4pital\"\n    items: [{columns: [pain]}]\n"
	list := decode(t, "p,h\xf4pital,pain\n"+who+",\x80\xe9\x9f,3\n"+who+",\x81,3\n", mapping)
	if len(list) != 2 || len(list[0].Reasons) > 0 || list[0].Responses[0].Provider != "€éŸ" {
		t.Errorf("%v %+v", list[0].Reasons, list[0].Responses)
	}
	if got := reasonsOf(list[1]); got != "provider encoding" {
		t.Errorf("a byte without a meaning: %s", got)
	}
	if _, err := open("\xef\xbb\xbfp,pain\n", mapping); err == nil || !strings.Contains(err.Error(), "is UTF-8") {
		t.Errorf("UTF-8 declared as Windows-1252: %v", err)
	}
}

// TestSafetyOfMappedLines: what a refused line says of safety is flagged, of
// each of its rows.
func TestSafetyOfMappedLines(t *testing.T) {
	row := func(name, when, prefix string) string {
		return fmt.Sprintf("  - name: %s\n    fields: {patient_pseudonym: p, instrument: {value: phq9}, answered_at: %s}\n    items: [{columns: [\"%s_{1..9}\"], codes: {a: 0, b: 1, c: 2, d: 3}}]\n", name, when, prefix)
	}
	mapping := "mapping: x\nrows:\n" + row("before", "d1", "b") + row("after", "d2", "f")
	head := "p,d1,d2," + items("b_", 9) + "," + items("f_", 9) + "\n"
	for line, want := range map[string]string{
		who + ",x,2026-04-01,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,c": "before.answered_at malformed, item9_positive",
		who + ",x,2026-04-01,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,z": "before.answered_at malformed, item9_missing",
		who + ",x,2026-04-01,a,a,a":                               "line columns, safety_unreadable",
	} {
		r := decode(t, head+line+"\n", mapping)[0]
		got := strings.Split(reasonsOf(r), ", ")
		slices.Sort(got[1:])
		if strings.Join(got, ", ") != want {
			t.Errorf("%s: %v, want %s", line, got, want)
		}
	}
}
