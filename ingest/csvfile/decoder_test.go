package csvfile_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/csvfile"
	"github.com/lumbar-health/lumbar/ingest/wire"
	"github.com/lumbar-health/lumbar/programme"
)

func setting() ingest.Setting {
	return ingest.Setting{
		Programmes: programme.All(), Key: []byte("a key for tests only, 32 bytes .."), TestNumbers: true,
		Now: func() time.Time { return time.Date(2026, 9, 1, 9, 0, 0, 0, time.UTC) },
	}
}

// open opens a source, with a mapping where there is one.
func open(source, mapping string) (*csvfile.Decoder, error) {
	return csvfile.NewDecoder(ingest.Input{Name: "test", Reader: bufio.NewReader(strings.NewReader(source)), Mapping: []byte(mapping), Setting: setting()})
}

func readAll(d ingest.Decoder) (list []*ingest.Record, err error) {
	s := setting()
	for {
		r := new(ingest.Record)
		switch err := d.Next(r); {
		case errors.Is(err, io.EOF):
			return list, nil
		case err != nil:
			return list, err
		}
		if len(r.Reasons) == 0 {
			s.Prepare(r)
		}
		list = append(list, r)
	}
}

func decode(t testing.TB, source, mapping string) []*ingest.Record {
	t.Helper()
	d, err := open(source, mapping)
	if err != nil {
		t.Fatal(err)
	}
	list, err := readAll(d)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// asJSON reads rows of JSON, to compare with.
func asJSON(t testing.TB, source string) []*ingest.Record {
	t.Helper()
	in := ingest.Input{Name: "test", Reader: bufio.NewReader(strings.NewReader(source)), Setting: setting()}
	d, err := wire.NewDecoder(in, wire.KindResponse|wire.KindEpisode|wire.KindEvent|wire.KindPatient)
	if err != nil {
		t.Fatal(err)
	}
	list, err := readAll(d)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// identity is all that tells a record from others.
func identity(r *ingest.Record) string {
	if len(r.Reasons) > 0 {
		return fmt.Sprint("refused ", r.Reasons, r.Flags)
	}
	var b strings.Builder
	for _, v := range r.Responses {
		fmt.Fprintln(&b, "response", v.PatientID, v.ID, v.Version, v.EpisodeID, v.Instrument, v.Codes, v.Ticks, v.MissingReasons, v.AnsweredAt.UnixMilli(), v.AnsweredOn, v.Timepoint, v.Provider)
	}
	for _, v := range r.Episodes {
		fmt.Fprintln(&b, "episode", v.PatientID, v.ID, v.Version, v.ReferredOn, v.Age, v.Covariates)
	}
	for _, v := range r.Events {
		fmt.Fprintln(&b, "event", v.PatientID, v.ID, v.Version, v.Type, v.CostPence)
	}
	for _, v := range r.Patients {
		fmt.Fprintln(&b, "patient", v.PatientID, v.Version, v.BirthMonth)
	}
	return b.String()
}

func identities(list []*ingest.Record) []string {
	ids := make([]string, len(list))
	for i, r := range list {
		ids[i] = identity(r)
	}
	return ids
}

const (
	who = "000102030405060708090a0b0c0d0e0f"

	canonicalCSV = `kind,id_system,id_value,source_version,patient_pseudonym,patient_nhs_number,episode,instrument,answered_at,timepoint,item_1,item_2,item_3,item_4,item_5,item_6,item_7,item_8,item_9,item_10,missing,predicted,referred_on,age,bmi,symptom_duration,type,at,cost_pence,birth_month
response,urn:forms,r-1,3,` + who + `,,e-1,nrs_back,2026-03-31T23:30:00Z,,7,,,,,,,,,,,2.5,,,,,,,,
,,,,,999 000 0018,,odi,2026-04-01,12m,1,0,2,,1,1,0,3,2.0,1,"{""odi.4"":""na""}",,,,,,,,,
episode,,,,` + who + `,,e-1,,,,,,,,,,,,,,,,2025-04-02,47,31,lt_6w,,,,
event,,,,` + who + `,,e-1,,,,,,,,,,,,,,,,,,,,admission,2026-01-02T08:00:00+01:00,125000,
patient,,,,` + who + `,,,,,,,,,,,,,,,,,,,,,,,,,1979-05
,,,,` + who + `,,,work_status,2026-04-01,,carer,,,,,,,,,,,,,,,,,,,
`
	canonicalJSON = `{"kind":"response","id":{"system":"urn:forms","value":"r-1"},"source_version":3,"patient":{"pseudonym":"` + who + `"},"episode":"e-1","instrument":"nrs_back","answered_at":"2026-03-31T23:30:00Z","answers":[7],"predicted":2.5}
{"patient":{"nhs_number":"9990000018"},"instrument":"odi","answered_at":"2026-04-01","timepoint":"12m","answers":[1,0,2,null,1,1,0,3,2,1],"missing":{"odi.4":"na"}}
{"kind":"episode","patient":{"pseudonym":"` + who + `"},"episode":"e-1","referred_on":"2025-04-02","age":47,"bmi":31,"symptom_duration":"lt_6w"}
{"kind":"event","patient":{"pseudonym":"` + who + `"},"episode":"e-1","type":"admission","at":"2026-01-02T07:00:00Z","cost_pence":125000}
{"kind":"patient","patient":{"pseudonym":"` + who + `"},"birth_month":"1979-05"}
{"patient":{"pseudonym":"` + who + `"},"instrument":"work_status","answered_at":"2026-04-01","answers":["carer",null,null]}
`
)

// TestSameAsJSON: a row in a table is the record that it is in JSON, with an
// identifier and without.
func TestSameAsJSON(t *testing.T) {
	want := identities(asJSON(t, canonicalJSON))
	got := identities(decode(t, canonicalCSV, ""))
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] || strings.HasPrefix(got[i], "refused") {
			t.Errorf("row %d:\n%s\nas JSON:\n%s", i+1, got[i], want[i])
		}
	}
}

// TestSpelling: separators, line ends, a byte order mark, quotation, blanks, the
// order of columns and the spelling of their names do not change a record.
func TestSpelling(t *testing.T) {
	const plain = "patient_pseudonym,instrument,answered_at,item_1,provider\n" + who + ",nrs_back,2026-04-01,7,R1\n" + who + ",nrs_back,2026-04-02,3,R1\n"
	want := identities(decode(t, plain, ""))
	for name, source := range map[string]string{
		"CRLF":      strings.ReplaceAll(plain, "\n", "\r\n"),
		"mark":      "\xef\xbb\xbf" + plain,
		"tabs":      strings.ReplaceAll(plain, ",", "\t"),
		"semicolon": strings.ReplaceAll(plain, ",", ";"),
		"bar":       strings.ReplaceAll(plain, ",", "|"),
		"quoted":    `"` + strings.ReplaceAll(strings.ReplaceAll(strings.TrimSpace(plain), ",", `","`), "\n", "\"\n\"") + `"`,
		"blanks":    strings.ReplaceAll(plain, ",", " , "),
		"no end":    strings.TrimSuffix(plain, "\n"),
		"gaps":      strings.ReplaceAll(plain, "\n", "\n\n") + ",,,,\n",
		"names":     strings.Replace(plain, "patient_pseudonym,instrument,answered_at,item_1", "Patient.Pseudonym,INSTRUMENT,Answered At,Item 01", 1),
		"columns":   "item_1,provider,answered_at,instrument,patient_pseudonym\n7,R1,2026-04-01,nrs_back," + who + "\n3,R1,2026-04-02,nrs_back," + who + "\n",
		"wider":     "patient_pseudonym,instrument,answered_at,item_1,item_2,provider\n" + who + ",nrs_back,2026-04-01,7.0,,R1\n" + who + ",nrs_back,2026-04-02,3,,R1\n",
	} {
		if !csvfile.Format().Detect([]byte(source)) {
			t.Errorf("%s: not detected", name)
		}
		got := identities(decode(t, source, ""))
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestQuotedCells: a cell may hold separators, marks and line ends; the line of
// what follows is right.
func TestQuotedCells(t *testing.T) {
	list := decode(t, "id_system,id_value,patient_pseudonym,instrument,answered_at,item_1\n"+
		"\"a,\"\"b\"\"\",\"x\ny\",p,nrs_back,2026-04-01,7\n"+
		"s,\"v\",p,nrs_back,2026-04-01,7\r\n"+
		"s,5' 10\" tall,"+who+",nrs_back,2026-04-01,7", "")
	if len(list) != 3 || list[0].Line != 2 || list[1].Line != 4 || list[2].Line != 5 {
		t.Fatalf("lines %d %d %d of %d", list[0].Line, list[1].Line, list[2].Line, len(list))
	}
	if list[0].ID != "x\ny" || list[2].ID != `5' 10" tall` || len(list[2].Reasons) > 0 {
		t.Errorf("ids %q %q, %v", list[0].ID, list[2].ID, list[2].Reasons)
	}
}

func reasonsOf(r *ingest.Record) string {
	var b []string
	for _, why := range r.Reasons {
		b = append(b, why.Field+" "+why.Rule)
	}
	return strings.Join(append(b, r.Flags...), ", ")
}

// TestRefusedRows: what is wrong with a row is told by field, the other rows go
// through, and safety is looked at.
func TestRefusedRows(t *testing.T) {
	const head = "kind,patient_pseudonym,instrument,answered_at,cost_pence,missing,item_1,item_2,item_3,item_4,item_5,item_6,item_7,item_8,item_9\n"
	for line, want := range map[string]string{
		"," + who + ",nrs_back,01/04/2026,,,7,,,,,,,,":                           "answered_at malformed",
		"," + who + ",nrs_back,2026-04-01T09:30:00,,,7,,,,,,,,":                  "answered_at malformed",
		"," + who + ",nrs_back,2026-04-01,5,,7,,,,,,,,":                          "cost_pence unknown_field",
		"answer," + who + ",nrs_back,2026-04-01,,,7,,,,,,,,":                     "kind not_allowed",
		"," + who + ",nrs_back,2026-04-01,,,11,,,,,,,,":                          "nrs_back.1 code_out_of_range",
		"," + who + ",nrs_back,2026-04-01,,,\"6,5\",,,,,,,,":                     "nrs_back.1 code_not_integer",
		"," + who + ",nrs_back,2026-04-01,,,NA,,,,,,,,":                          "nrs_back.1 code_not_integer",
		"," + who + ",nrs_back,2026-04-01,,,0x7,,,,,,,,":                         "nrs_back.1 code_not_integer",
		"," + who + ",nrs_back,2026-04-01,,\"{\",7,,,,,,,,":                      "missing malformed",
		"," + who + ",nrs_back,2026-04-01,,,7":                                   "line columns",
		",\"" + who + "\"x,nrs_back,2026-04-01,,,7,,,,,,,,":                      "line malformed",
		"," + who + ",nrs_back,2026-04-01,,,7,,,,,,,,\xff":                       "line encoding",
		"," + who + ",phq8,2026-04-01,,,7,,,,,,,,":                               "instrument unknown_instrument",
		"," + who + ",phq9,2027-04-01,,,1,1,1,1,1,1,1,1,2":                       "answered_at in_future, item9_positive",
		"event," + who + ",PHQ-9,2026-04-01,,,1,1,1,1,1,1,1,1,2":                 "instrument unknown_field, answered_at unknown_field, item9_positive",
		"," + who + ",phq9,2026-04-01,,,1,1,1,1,1,1,1,1":                         "line columns, safety_unreadable",
		",\"" + who + "\" ,phq9,2026-04-01,,,1,1,1,1,1,1,1,1,\"2\"x":             "line malformed, safety_unreadable",
		"," + who + ",phq9,2026-04-01,,,1,1,1,1,1,1,1,1,5":                       "phq9.9 code_out_of_range, item9_missing",
		"," + who + ",odi,2026-04-01,,,1,1,1,1,1,1,1,1,5":                        "answers wrong_item_count",
		",,nrs_back,2026-04-01,,,7,,,,,,,,":                                      "patient required",
		"," + who + ",nrs_back,2026-04-01,,,7,8,,,,,,,":                          "answers wrong_item_count",
		"," + who + "," + strings.Repeat("x", 1<<20) + ",2026-04-01,,,7,,,,,,,,": "line too_long",
	} {
		list := decode(t, head+line+"\n,"+who+",nrs_back,2026-04-01,,,7,,,,,,,,\n", "")
		if len(list) != 2 || len(list[1].Reasons) > 0 || list[1].Line != 3 {
			t.Errorf("%.60s: %d records, the last %v", line, len(list), list[len(list)-1].Reasons)
			continue
		}
		if got := reasonsOf(list[0]); got != want && !strings.HasPrefix(got, want+", ") {
			t.Errorf("%.60s:\n%s, want %s", line, got, want)
		}
	}
}

// TestStrayMark: a quotation mark that does not end costs its line, not the
// rest of the file.
func TestStrayMark(t *testing.T) {
	var b strings.Builder
	b.WriteString("patient_pseudonym,instrument,answered_at,item_1,provider\n")
	for i := range 1000 {
		mark := ""
		if i == 500 {
			mark = `"`
		}
		fmt.Fprintf(&b, "%s,nrs_back,2026-04-01,7,%sR%d\n", who, mark, i)
	}
	list := decode(t, b.String(), "")
	refused := 0
	for _, r := range list {
		if len(r.Reasons) > 0 {
			refused++
		}
	}
	if len(list) != 1000 || refused != 1 {
		t.Errorf("%d records, %d refused; want 1000 and 1", len(list), refused)
	}
}

func TestRefusedFiles(t *testing.T) {
	const row = "\n" + who + ",nrs_back,2026-04-01,7\n"
	for source, want := range map[string]string{
		"patient_psuedonym,instrumnt,answered_at,item_1" + row:      `unknown column "patient_psuedonym" (did you mean patient_pseudonym?), "instrumnt" (did you mean instrument?)`,
		"patient_pseudonym,instrument,answered_at,shoe size" + row:  `unknown column "shoe size": name`,
		"patient_pseudonym,instrument,answered_at,Instrument" + row: "column instrument twice",
		"patient_pseudonym,instrument,answered_at,item_201" + row:   `unknown column "item_201"`,
		"patient_pseudonym,instrument,answered_at," + row:           "no name for its column 4",
		"patient_pseudonym,instrument,answers,item_1" + row:         "both answers and item columns",
		"instrument,answered_at,item_1\nnrs_back,2026-04-01,7\n":    "no column patient_nhs_number or patient_pseudonym",
		"patient_pseudonym,instrument,answered_at,pr\xe9nom" + row:  "not UTF-8 (the name of column 4)",
		"\xff\xfep\x00a\x00":                   "UTF-16",
		"":                                     "no header",
		"patient_pseudonym,\"instrument" + row: "unknown column",
		"patient_pseudonym,instrument\r" + who + ",odi\r":              "old Macs",
		"patient_pseudonym," + strings.Repeat("x,", 1<<16) + "a" + row: "header",
	} {
		_, err := open(source, "")
		var refused *ingest.FileError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.50q: error %v, want %s", source, err, want)
		}
	}
}

// TestCodedOneOff: answers from 1 to 6 to items from 0 to 5 are refused as a
// whole: the rows without a 6 would be stored shifted.
func TestCodedOneOff(t *testing.T) {
	file := func(rows ...string) string {
		var b strings.Builder
		b.WriteString("patient_pseudonym,instrument,answered_at," + items("item_", 10) + "\n")
		for _, r := range rows {
			b.WriteString(who + ",odi,2026-04-01," + r + "\n")
		}
		return b.String()
	}
	mild, severe, zero := "1,2,1,1,2,1,1,1,2,1", "1,2,1,1,2,1,6,1,2,1", "0,1,0,0,1,0,0,0,1,0"
	for _, c := range []struct {
		name string
		rows []string
		off  bool
	}{
		{"one to six", []string{mild, severe, severe, mild, mild, mild}, true},
		{"too few to judge", []string{mild, severe, severe, mild}, false},
		{"a slip of the pen", []string{mild, mild, severe, mild, mild, mild}, false},
		{"zeros too", []string{mild, zero, severe, severe, mild, mild}, false},
		{"never zero", []string{mild, mild, mild, mild, mild, mild}, false},
	} {
		d, err := open(file(c.rows...), "")
		if off := err != nil; off != c.off || off && !strings.Contains(err.Error(), "odi coded one off") {
			t.Errorf("%s: %v, want refused %t", c.name, err, c.off)
		}
		if err != nil {
			continue
		}
		list, err := readAll(d)
		if err != nil || len(list) != len(c.rows) {
			t.Errorf("%s: %d records, %v", c.name, len(list), err)
		}
		for i, r := range list {
			if refused := len(r.Reasons) > 0; refused != (c.rows[i] == severe) {
				t.Errorf("%s: row %d refused %t", c.name, i+1, refused)
			}
		}
	}
	five := "patient_pseudonym,instrument,answered_at," + items("item_", 5) + "\n" + strings.Repeat(who+",eq5d5l,2026-04-01,0,1,0,2,0\n", 6)
	if _, err := open(five, ""); err == nil || !strings.Contains(err.Error(), "eq5d5l coded one off") {
		t.Errorf("EQ-5D from 0 to 4: %v", err)
	}
}

func items(prefix string, n int) string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprint(prefix, i+1)
	}
	return strings.Join(names, ",")
}

// TestQuote: a refused row is kept as a file of one record, whatever its
// spelling was.
func TestQuote(t *testing.T) {
	quote := func(source string) string {
		d, err := open(source, "")
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Next(new(ingest.Record)); err != nil {
			t.Fatal(err)
		}
		body, complete := d.Quote()
		if !complete {
			t.Fatal("not complete")
		}
		return string(body)
	}
	want := "answered_at,instrument,item_1,patient_pseudonym,provider\n2026-04-01,nrs_back,11," + who + ",\"a \"\"b\"\", c\"\n"
	for _, source := range []string{
		"patient_pseudonym,instrument,episode,answered_at,item_1,provider\n" + who + ",nrs_back,,2026-04-01,11,\"a \"\"b\"\", c\"\n",
		"Provider;Item 1;Answered at;Instrument;Patient-Pseudonym\n\"a \"\"b\"\", c\"; 11;2026-04-01;nrs_back;" + who,
		want,
	} {
		if got := quote(source); got != want {
			t.Errorf("Quote() = %q, want %q", got, want)
		}
	}
	// The last item says how many there are, though it has no answer.
	if got := quote("patient_pseudonym,item_1,item_2,item_3\n" + who + ",11,,\n"); got != "item_1,item_3,patient_pseudonym\n11,,"+who+"\n" {
		t.Errorf("Quote() = %q", got)
	}
	if got := quote("patient_pseudonym,instrument\n\"a\"b,c\n"); got != "patient_pseudonym,instrument\n\"a\"b,c\n" {
		t.Errorf("Quote() of a broken line = %q", got)
	}
	d, err := open("patient_pseudonym,instrument\n"+strings.Repeat("x", 2<<20)+"\n", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Next(new(ingest.Record)); err != nil {
		t.Fatal(err)
	}
	if body, complete := d.Quote(); complete || len(body) > 0 {
		t.Error("a line that was not kept is said to be whole")
	}
}

func TestDetect(t *testing.T) {
	for head, want := range map[string]bool{
		"patient_nhs_number,instrument\n": true, "Patient NHS number;x;y;z": true, "instrument,answered_at,foo": true,
		"\xef\xbb\xbfpatient_pseudonym\tinstrument": true,
		"a,b\n1,2\n": false, `{"patient_pseudonym":1,"instrument":2}`: false, "to whom it may concern\n": false, "": false,
		"Provider Code,Procedure,Year\n": false, "patient_pseudonym\n": false, "PAR1\x00,instrument,at": false,
	} {
		if got := csvfile.Format().Detect([]byte(head)); got != want {
			t.Errorf("Detect(%.40q) = %t, want %t", head, got, want)
		}
	}
	if csvfile.Format().Detect(bytes.Repeat([]byte{0, 1, 2, 0xff}, 9000)) {
		t.Error("bytes are taken for a table")
	}
}
