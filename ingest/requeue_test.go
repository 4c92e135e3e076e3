package ingest_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	pq "github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
	"pgregory.net/rapid"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/arrowfile"
	"github.com/lumbar-health/lumbar/ingest/csvfile"
	"github.com/lumbar-health/lumbar/ingest/fhir"
	"github.com/lumbar-health/lumbar/ingest/nhsproms"
	"github.com/lumbar-health/lumbar/ingest/parquet"
	"github.com/lumbar-health/lumbar/ingest/wire"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/record"
	"github.com/lumbar-health/lumbar/simulate"
)

const sealKey = "a key for tests only, 32 bytes .."

// reader is a pipeline that reads every format, at a moment, of some programmes.
func reader(w ingest.Writer, at time.Time, programmes []*programme.Programme) *ingest.Pipeline {
	return ingest.New(w, ingest.Options{
		Setting: ingest.Setting{Programmes: programmes, Key: []byte(sealKey), TestNumbers: true, Now: func() time.Time { return at }},
		Formats: []ingest.Format{nhsproms.Format(), arrowfile.Format(), fhir.Format(), wire.Format(), parquet.Format(), csvfile.Format()},
	})
}

var (
	before = time.Date(2026, 5, 1, 9, 0, 0, 0, time.UTC)
	later  = time.Date(2027, 5, 1, 9, 0, 0, 0, time.UTC)
)

// another is a programme that is not known at first.
func another() *programme.Programme {
	p := *programme.Default()
	p.ID, p.Default = "another", false
	return &p
}

// refusedOf imports a source and returns what the quarantine is given, by line.
func refusedOf(t rapid.TB, p *ingest.Pipeline, w *recorder, text []byte, o ingest.ImportOptions) map[int]record.Refused {
	t.Helper()
	w.refused = nil
	src := ingest.Source{Name: "test", Size: int64(len(text)), Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }}
	if _, err := p.Import(context.Background(), src, o, nil); err != nil {
		t.Fatalf("%s: %v", o.Format, err)
	}
	rows := map[int]record.Refused{}
	for _, r := range w.refused {
		rows[r.Line] = r
	}
	return rows
}

// recordsOf decodes and prepares a source, by line.
func recordsOf(t rapid.TB, p *ingest.Pipeline, f ingest.Format, text, mapping []byte) map[int]*ingest.Record {
	t.Helper()
	d, err := f.Open(inputOf(p, text, mapping))
	if err != nil {
		t.Fatal(err)
	}
	records := map[int]*ingest.Record{}
	for {
		r := new(ingest.Record)
		if err := d.Next(r); err == io.EOF {
			return records
		} else if err != nil {
			t.Fatal(err)
		}
		if len(r.Reasons) == 0 {
			p.Prepare(r)
		}
		records[r.Line] = r
	}
}

// rowsOf are the rows that a record becomes.
func rowsOf(r *ingest.Record) []any {
	var rows []any
	for i := range r.Responses {
		rows = append(rows, r.Responses[i].Response)
	}
	for i := range r.Episodes {
		e := r.Episodes[i].Episode
		e.Covariates = slices.Clone(e.Covariates)
		rows = append(rows, e)
	}
	for i := range r.Events {
		rows = append(rows, r.Events[i])
	}
	for i := range r.Patients {
		rows = append(rows, r.Patients[i])
	}
	return rows
}

// checkReopened holds a source against its refused rows: opened again under the
// same settings each is refused for the same reasons, with the same flags; and
// under others it becomes what the source itself would become, or stays refused
// as there.
func checkReopened(t rapid.TB, format string, text, mapping []byte) (refused, accepted int) {
	t.Helper()
	w := &recorder{}
	p := reader(w, before, programme.All())
	fixed := reader(&recorder{}, later, append(programme.All(), another()))
	rows := refusedOf(t, p, w, text, ingest.ImportOptions{Format: format, Mapping: mapping})
	formats := map[string]ingest.Format{}
	for _, f := range []ingest.Format{nhsproms.Format(), arrowfile.Format(), fhir.Format(), wire.Format(), parquet.Format(), csvfile.Format()} {
		formats[f.Name] = f
	}
	direct := recordsOf(t, fixed, formats[format], text, mapping)
	for line, row := range rows {
		kept := &record.Quarantined{Refused: row, State: record.Held}
		if len(row.Sealed) == 0 {
			continue
		}
		r, err := p.Reopen(kept, mapping)
		if err != nil {
			t.Fatalf("%s, line %d, %v: %v", format, line, row.Reasons, err)
		}
		flags := slices.DeleteFunc(slices.Clone(row.Flags), func(f string) bool { return f == ingest.FlagMapped })
		if !slices.Equal(r.Reasons, row.Reasons) || !slices.Equal(r.Flags, flags) {
			t.Errorf("%s, line %d: refused for %v %v, and opened again for %v %v", format, line, row.Reasons, flags, r.Reasons, r.Flags)
		}
		r, err = fixed.Reopen(kept, mapping)
		if err != nil {
			t.Fatalf("%s, line %d: %v", format, line, err)
		}
		want := direct[line]
		if !slices.Equal(r.Reasons, want.Reasons) || len(want.Reasons) == 0 && !reflect.DeepEqual(rowsOf(r), rowsOf(want)) {
			t.Errorf("%s, line %d, refused for %v: becomes %v %+v\nas sent %v %+v", format, line, row.Reasons, r.Reasons, rowsOf(r), want.Reasons, rowsOf(want))
		}
		refused++
		if len(want.Reasons) == 0 {
			accepted++
		}
	}
	return refused, accepted
}

// cell is a value of a random row: a text, a number, or nothing.
type cell = any

// randomRows are rows of responses, episodes, events and patients, many of them
// wrong. Each has a provider of its own, so that no two are equal.
func randomRows(t *rapid.T) (columns []string, rows []map[string]cell) {
	// Most rows are right but for one thing or two.
	one := func(name string, right cell, wrong ...cell) cell {
		if rapid.IntRange(0, 9).Draw(t, name) < 8 {
			return right
		}
		return rapid.SampledFrom(wrong).Draw(t, name)
	}
	items := rapid.SampledFrom([]int{1, 6, 9, 10, 12}).Draw(t, "items")
	for i := range rapid.IntRange(1, 8).Draw(t, "rows") {
		who := one("who", "000102030405060708090a0b0c0d0e0f", "0f0e0d0c0b0a09080706050403020100", "short", nil)
		row := map[string]cell{"patient_pseudonym": who, "kind": rapid.SampledFrom([]cell{nil, nil, "response", "episode", "event", "patient", "thing"}).Draw(t, "kind")}
		if rapid.Bool().Draw(t, "named") {
			row["id_system"], row["id_value"] = "urn:test", "r"+strconv.Itoa(i)
		}
		row["status"] = one("status", nil, "completed", "amended", "in-progress", "wrong")
		switch row["kind"] {
		case "episode":
			row["provider"], row["referred_on"] = "P"+strconv.Itoa(i), one("date", "2026-11-01", "2026-04-01", "2026-04")
			row["episode"], row["bmi"], row["age"] = one("word", nil, "e1"), one("bmi", nil, 31, 200), one("age", nil, 40, 131)
			row["programme"] = one("programme", "another", nil, "back-pain", "none")
		case "event":
			row["provider"], row["type"], row["at"] = "P"+strconv.Itoa(i), "referral", one("date", "2026-11-01", "2026-04-01T09:00:00Z", "x")
		case "patient":
			row["lsoa"], row["sex"] = "E0100000"+strconv.Itoa(i%10), one("sex", nil, "female", "unsure")
		default:
			row["provider"] = "P" + strconv.Itoa(i)
			row["instrument"] = rapid.SampledFrom([]cell{"odi", "nrs_back", "phq9", "wpai_shp", "PHQ-9", nil}).Draw(t, "instrument")
			row["instrument_version"] = one("version", nil, "9.9")
			row["programme"] = one("programme", "another", nil, "back-pain", "none")
			row["timepoint"] = one("timepoint", nil, "baseline", "never")
			row["answered_at"] = one("at", "2026-04-01T09:30:00+01:00", "2026-11-01", "2026-11", "nothing", nil)
			for n := range items {
				row["item_"+strconv.Itoa(n+1)] = one("code", 1, 0, nil, 2, 3, 9)
			}
		}
		maps.DeleteFunc(row, func(_ string, v cell) bool { return v == nil })
		rows = append(rows, row)
	}
	names := map[string]bool{"patient_pseudonym": true}
	for _, row := range rows {
		for name := range row {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names)), rows
}

// asLines writes rows as JSON, one a line.
func asLines(t rapid.TB, rows []map[string]cell) []byte {
	var b bytes.Buffer
	for _, row := range rows {
		out := map[string]any{}
		var answers []any
		for name, v := range row {
			group, part, nested := strings.Cut(name, "_")
			switch {
			case group == "item":
				n, _ := strconv.Atoi(part)
				for len(answers) < n {
					answers = append(answers, nil)
				}
				answers[n-1] = v
			case nested && (group == "patient" || group == "id"):
				inner, ok := out[group].(map[string]any)
				if !ok {
					inner = map[string]any{}
					out[group] = inner
				}
				inner[part] = v
			default:
				out[name] = v
			}
		}
		if answers != nil {
			out["answers"] = answers
		}
		text, err := json.Marshal(out)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(text, '\n'))
	}
	return b.Bytes()
}

func asText(v cell) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// asCSV writes rows as a table; title names the columns.
func asCSV(columns []string, rows []map[string]cell, comma rune, title func(string) string) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Comma = comma
	head := make([]string, len(columns))
	for i, name := range columns {
		head[i] = title(name)
	}
	_ = w.Write(head)
	for _, row := range rows {
		cells := make([]string, len(columns))
		for i, name := range columns {
			cells[i] = asText(row[name])
		}
		_ = w.Write(cells)
	}
	w.Flush()
	return b.Bytes()
}

// asRecord makes an Arrow record batch of rows; numbers become columns of the
// given type.
func asRecord(columns []string, rows []map[string]cell, number arrow.DataType) arrow.Record {
	var fields []arrow.Field
	for _, name := range columns {
		kind := arrow.DataType(arrow.BinaryTypes.String)
		if strings.HasPrefix(name, "item_") || name == "age" || name == "bmi" {
			kind = number
		}
		fields = append(fields, arrow.Field{Name: name, Type: kind, Nullable: true})
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	for _, row := range rows {
		for i, name := range columns {
			v, there := row[name]
			switch f := b.Field(i).(type) {
			case *array.StringBuilder:
				f.Append(asText(v))
			case *array.Int16Builder:
				if n, ok := v.(int); there && ok {
					f.Append(int16(n))
				} else {
					f.AppendNull()
				}
			case *array.Float64Builder:
				if n, ok := v.(int); there && ok {
					f.Append(float64(n))
				} else {
					f.AppendNull()
				}
			}
		}
	}
	return b.NewRecord()
}

func asArrow(t rapid.TB, rec arrow.Record) []byte {
	var b bytes.Buffer
	w := ipc.NewWriter(&b, ipc.WithSchema(rec.Schema()))
	if err := w.Write(rec); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asParquet(t rapid.TB, rec arrow.Record) []byte {
	var b bytes.Buffer
	w, err := pqarrow.NewFileWriter(rec.Schema(), &b, pq.NewWriterProperties(), pqarrow.DefaultWriterProps())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(rec); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestReopenedIsWhatWasSent: whatever is refused, of every format of tables and
// objects, is sealed so that it can be opened, read and told as if it came anew.
func TestReopenedIsWhatWasSent(t *testing.T) {
	refused, accepted := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		columns, rows := randomRows(t)
		plain := func(name string) string { return name }
		number := rapid.SampledFrom([]arrow.DataType{arrow.PrimitiveTypes.Int16, arrow.PrimitiveTypes.Float64}).Draw(t, "type")
		table := asRecord(columns, rows, number)
		for _, source := range []struct {
			format string
			text   []byte
		}{
			{wire.Name, asLines(t, rows)},
			{csvfile.Name, asCSV(columns, rows, rapid.SampledFrom([]rune{',', ';', '\t'}).Draw(t, "comma"), plain)},
			{arrowfile.Name, asArrow(t, table)},
			{parquet.Name, asParquet(t, table)},
		} {
			r, a := checkReopened(t, source.format, source.text, nil)
			refused, accepted = refused+r, accepted+a
		}
	})
	if refused < 100 || accepted < 10 {
		t.Errorf("%d refused rows were opened, %d of them accepted: the test tests nothing", refused, accepted)
	}
}

func inputOf(p *ingest.Pipeline, text, mapping []byte) ingest.Input {
	return ingest.Input{
		Name: "test", Reader: bufio.NewReaderSize(bytes.NewReader(text), 1<<20), At: bytes.NewReader(text), Size: int64(len(text)),
		Mapping: mapping, Setting: p.Setting,
	}
}

// TestMappedIsReopenedWithItsMapping: a line that came through a mapping, with
// another encoding and separator, is read through it again, and never without.
func TestMappedIsReopenedWithItsMapping(t *testing.T) {
	mapping := []byte("mapping: test\nencoding: windows-1252\ndelimiter: ';'\ndates: [DD/MM/YYYY]\nrows:\n  - fields:\n      patient_pseudonym: Qui\n" +
		"      instrument: {value: nrs_back}\n      answered_at: Reçu\n      provider: Où\n    items:\n      - columns: [item_1]\n        codes: {1: 0, 2: 1, 3: 2}\n")
	const who = "000102030405060708090a0b0c0d0e0f"
	text := []byte("Qui;Re\xe7u;O\xf9;item_1\n" + who + ";01/11/2026;Orl\xe9ans, nord;3\n" + who + ";01/04/2026;Caen;7\n" + who + ";01/04/2026;Caen;2\n")
	if refused, accepted := checkReopened(t, csvfile.Name, text, mapping); refused != 2 || accepted != 1 {
		t.Errorf("%d refused rows were opened, %d accepted; want 2 and 1", refused, accepted)
	}
	w := &recorder{}
	p := reader(w, before, programme.All())
	for _, row := range refusedOf(t, p, w, text, ingest.ImportOptions{Format: csvfile.Name, Mapping: mapping}) {
		if _, err := p.Reopen(&record.Quarantined{Refused: row}, nil); err == nil || !strings.Contains(err.Error(), "--mapping") {
			t.Errorf("without its mapping: %v, want to be told to give it", err)
		}
		other := bytes.Replace(mapping, []byte("Où"), []byte("Lieu"), 1)
		if _, err := p.Reopen(&record.Quarantined{Refused: row}, other); err == nil || !strings.Contains(err.Error(), "does not fit the mapping") {
			t.Errorf("through another mapping: %v", err)
		}
	}
}

// TestResourcesAreReopened: FHIR resources alone and in a Bundle, and lines of
// NHS PROMs.
func TestResourcesAreReopened(t *testing.T) {
	response := func(id, subject, authored string) string {
		return fmt.Sprintf(`{"resourceType":"QuestionnaireResponse","id":%q,"questionnaire":"urn:lumbar:questionnaire:nrs_back","status":"completed","subject":%s,"authored":%q,"item":[{"linkId":"nrs_back.1","answer":[{"valueInteger":7}]}]}`, id, subject, authored)
	}
	const pseudonym = `{"identifier":{"system":"urn:lumbar:pseudonym","value":"000102030405060708090a0b0c0d0e0f"}}`
	const numbered = `{"identifier":{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}}`
	const patient = `{"resourceType":"Patient","id":"p","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}],"gender":"female"}`
	entry := func(url, resource string) string { return fmt.Sprintf(`{"fullUrl":%q,"resource":%s}`, url, resource) }
	lines := strings.Join([]string{
		response("1", pseudonym, "2026-11-01"), response("2", numbered, "2026-11-01T09:00:00Z"), response("3", pseudonym, "2026-04-01"),
		response("4", `{"reference":"Patient/p"}`, "2026-11"), response("5", pseudonym, "whenever"),
		`{"resourceType":"Encounter","id":"e","status":"finished","subject":` + pseudonym + `}`,
	}, "\n")
	bundle := `{"resourceType":"Bundle","type":"transaction","entry":[` + strings.Join([]string{
		entry("urn:uuid:1", response("1", `{"reference":"urn:uuid:p"}`, "2026-11-01")), entry("urn:uuid:p", patient),
		entry("https://one.example/fhir/QuestionnaireResponse/2", response("2", `{"reference":"Patient/q"}`, "2026-11-01")),
		entry("urn:uuid:3", response("3", pseudonym, "2026-04-01")),
	}, ",") + `]}`
	for text, want := range map[string][2]int{lines: {5, 3}, bundle: {2, 2}} {
		if refused, accepted := checkReopened(t, fhir.Name, []byte(text), nil); refused != want[0] || accepted != want[1] {
			t.Errorf("%.60s…: %d refused rows were opened, %d accepted; want %v", text, refused, accepted, want)
		}
	}
	dir := t.TempDir()
	if _, err := simulate.Write(context.Background(), dir, simulate.Options{Patients: 8, Seed: 2}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "hip-provider-simulated.csv"))
	if err != nil {
		t.Fatal(err)
	}
	future := regexp.MustCompile(`20\d\d/\d\d`).ReplaceAll(text, []byte("2026/27"))
	if refused, accepted := checkReopened(t, nhsproms.Name, future, nil); refused == 0 || accepted != refused {
		t.Errorf("NHS PROMs: %d refused rows were opened, %d accepted", refused, accepted)
	}
}

// TestJournalRowIsReopened: a record that was acknowledged and that the next
// version of the product could not take is opened by the one that can.
func TestJournalRowIsReopened(t *testing.T) {
	body, err := os.ReadFile(filepath.Join("testdata", "entry-1.cbor"))
	if err != nil {
		t.Fatal(err)
	}
	const id = "pain-back" // as long as the default programme's
	w := &collector{}
	p := reader(w, before, programme.All())
	j := openJournal(t, t.TempDir())
	defer j.Close()
	if _, err := j.Append(t.Context(), bytes.ReplaceAll(body, []byte(programme.Default().ID), []byte(id))); err != nil {
		t.Fatal(err)
	}
	in := p.NewIntake(j, ingest.IntakeOptions{})
	if err := in.Drained(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	at := slices.IndexFunc(w.refused, func(r record.Refused) bool { return r.Format == ingest.FormatJournal })
	if at < 0 {
		t.Fatalf("held: %+v", w.refused)
	}
	kept := &record.Quarantined{Refused: w.refused[at]}
	if r, err := p.Reopen(kept, nil); err != nil || len(r.Reasons) != 1 || r.Reasons[0].Rule != ingest.RuleUnknownProgramme {
		t.Errorf("by the same version: %+v, %v", r, err)
	}
	known := *programme.Default()
	known.ID, known.Default = id, false
	r, err := reader(w, before, append(programme.All(), &known)).Reopen(kept, nil)
	if err != nil || len(r.Reasons) > 0 || len(r.Episodes) != 1 || r.Episodes[0].Programme != id || r.Episodes[0].ReferredOn.String() != "2026-01-01" {
		t.Errorf("by another version: %+v, %v", r, err)
	}
	if _, err := reader(w, before, programme.All()).Reopen(&record.Quarantined{Refused: record.Refused{ID: 1, Format: "ndjson"}}, nil); err == nil || !strings.Contains(err.Error(), "send it again") {
		t.Errorf("without a body: %v", err)
	}
	other := *kept
	other.Format = "papyrus"
	if _, err := p.Reopen(&other, nil); err == nil || !strings.Contains(err.Error(), `"papyrus"`) {
		t.Errorf("of an unknown format: %v", err)
	}
}
