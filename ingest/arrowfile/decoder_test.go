package arrowfile_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/arrowfile"
	"github.com/lumbar-health/lumbar/ingest/wire"
	"github.com/lumbar-health/lumbar/programme"
)

const all = wire.KindResponse | wire.KindEpisode | wire.KindEvent | wire.KindPatient

func setting() ingest.Setting {
	return ingest.Setting{Programmes: programme.All(), Now: func() time.Time { return time.Date(2026, 5, 1, 9, 0, 0, 0, time.UTC) }}
}

func field(name string, t arrow.DataType) arrow.Field {
	return arrow.Field{Name: name, Type: t, Nullable: true}
}

var (
	text    = arrow.BinaryTypes.String
	words   = &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	instant = &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
)

// table builds one record batch from rows of JSON, as Arrow's own reader of
// JSON understands them.
func table(t testing.TB, rows string, fields ...arrow.Field) arrow.Record {
	t.Helper()
	rec, _, err := array.RecordFromJSON(memory.DefaultAllocator, arrow.NewSchema(fields, nil), strings.NewReader(rows))
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func asFile(t testing.TB, rec arrow.Record, opts ...ipc.Option) []byte {
	t.Helper()
	f := new(seekable)
	w, err := ipc.NewFileWriter(f, append(opts, ipc.WithSchema(rec.Schema()))...)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Write(rec), w.Write(rec.NewSlice(0, 0)), w.Close()); err != nil {
		t.Fatal(err)
	}
	return f.Bytes()
}

func asStream(t testing.TB, rec arrow.Record) []byte {
	t.Helper()
	var b bytes.Buffer
	w := ipc.NewWriter(&b, ipc.WithSchema(rec.Schema()))
	if err := errors.Join(w.Write(rec), w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// seekable is a buffer that says where it is.
type seekable struct{ bytes.Buffer }

func (s *seekable) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekCurrent {
		return 0, errors.New("only its place is known")
	}
	return int64(s.Len()), nil
}

func decode(source []byte, kinds wire.Kind) (out []*ingest.Record, err error) {
	s := setting()
	d, err := arrowfile.NewDecoder(ingest.Input{Name: "test", Reader: bufio.NewReader(bytes.NewReader(source)), Setting: s}, kinds)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	for {
		r := new(ingest.Record)
		err := d.Next(r)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		if len(r.Reasons) == 0 {
			s.Prepare(r)
		}
		if len(out) < 100 { // a fuzzed table may claim millions
			if body, whole := d.Quote(); !whole || !json.Valid(body) {
				return out, errors.New("a row can not be quoted")
			}
		}
		out = append(out, r)
	}
}

func responses(t testing.TB) arrow.Record {
	return table(t, `[
	 {"id_system":"urn:forms","id_value":"r-1","source_version":3,"patient_pseudonym":"000102030405060708090a0b0c0d0e0f","episode":"e-1","instrument":"nrs_back","answered_at":"2026-03-31 23:30:00","answers":[7],"predicted":2.5,"missing":null},
	 {"id_system":null,"id_value":null,"source_version":null,"patient_pseudonym":"000102030405060708090a0b0c0d0e0f","episode":null,"instrument":"odi","answered_at":"2026-04-01 08:00:00","answers":[1,0,2,null,1,1,0,3,2,1],"predicted":null,"missing":"{\"odi.4\":\"na\"}"},
	 {"id_system":null,"id_value":null,"source_version":null,"patient_pseudonym":"x","episode":null,"instrument":"odi","answered_at":null,"answers":null,"predicted":null,"missing":null}]`,
		field("id_system", words), field("id_value", text), field("source_version", arrow.PrimitiveTypes.Uint8),
		field("patient_pseudonym", text), field("episode", text), field("instrument", words), field("answered_at", instant),
		field("answers", arrow.ListOf(arrow.PrimitiveTypes.Int32)), field("predicted", arrow.PrimitiveTypes.Float32), field("missing", arrow.BinaryTypes.LargeString))
}

// sameAs is the first two rows of responses as JSON.
const sameAs = `{"id":{"system":"urn:forms","value":"r-1"},"source_version":3,"patient":{"pseudonym":"000102030405060708090a0b0c0d0e0f"},"episode":"e-1","instrument":"nrs_back","answered_at":"2026-03-31T23:30:00Z","answers":[7],"predicted":2.5}
{"patient":{"pseudonym":"000102030405060708090a0b0c0d0e0f"},"instrument":"odi","answered_at":"2026-04-01T08:00:00Z","answers":[1,0,2,null,1,1,0,3,2,1],"missing":{"odi.4":"na"}}`

// TestFormsAgree: a row is the same record as a file, as a stream, compressed
// and as JSON.
func TestFormsAgree(t *testing.T) {
	rec := responses(t)
	d, err := wire.NewDecoder(ingest.Input{Name: "test", Reader: bufio.NewReader(strings.NewReader(sameAs)), Setting: setting()}, all)
	if err != nil {
		t.Fatal(err)
	}
	var want [2]ingest.Record
	for i := range want {
		if err := d.Next(&want[i]); err != nil || len(want[i].Reasons) > 0 {
			t.Fatal(err, want[i].Reasons)
		}
	}
	for name, source := range map[string][]byte{
		"file": asFile(t, rec), "stream": asStream(t, rec), "zstd": asFile(t, rec, ipc.WithZstd()), "lz4": asFile(t, rec, ipc.WithLZ4()),
	} {
		got, err := decode(source, all)
		if err != nil || len(got) != 3 {
			t.Fatalf("%s: %d records, %v; want 3", name, len(got), err)
		}
		for i := range want {
			if len(got[i].Reasons) > 0 {
				t.Errorf("%s row %d: %v", name, i, got[i].Reasons)
				continue
			}
			g, w := &got[i].Responses[0], &want[i].Responses[0]
			if g.ID != w.ID || g.Version != w.Version || g.PatientID != w.PatientID || !slices.Equal(g.Codes, w.Codes) || g.AnsweredOn != w.AnsweredOn {
				t.Errorf("%s row %d: %+v, as JSON %+v", name, i, g.Response, w.Response)
			}
		}
		if len(got[2].Reasons) == 0 || got[2].Line != 3 {
			t.Errorf("%s: row 3 at line %d was accepted", name, got[2].Line)
		}
	}
}

// TestItemColumns: item_1 … are the answers; those beyond a questionnaire are
// null.
func TestItemColumns(t *testing.T) {
	rec := table(t, `[
	 {"patient_pseudonym":"000102030405060708090a0b0c0d0e0f","instrument":"nrs_back","answered_at":"2026-04-01","item_1":7,"item_2":null},
	 {"patient_pseudonym":"000102030405060708090a0b0c0d0e0f","instrument":"nrs_back","answered_at":"2026-04","item_1":7,"item_2":1},
	 {"patient_pseudonym":"000102030405060708090a0b0c0d0e0f","instrument":"nrs_back","answered_at":"2026","item_1":6.5,"item_2":null}]`,
		field("patient_pseudonym", text), field("instrument", text), field("answered_at", text),
		field("item_1", arrow.PrimitiveTypes.Float64), field("item_2", arrow.PrimitiveTypes.Int64))
	got, err := decode(asFile(t, rec), wire.KindResponse)
	if err != nil || len(got) != 3 {
		t.Fatal(err)
	}
	if len(got[0].Reasons) > 0 || !slices.Equal(got[0].Responses[0].Codes, []int16{7}) {
		t.Errorf("row 1: %v, want code 7", got[0].Reasons)
	}
	for i, rule := range map[int]string{1: "wrong_item_count", 2: "code_not_integer"} {
		if len(got[i].Reasons) != 1 || got[i].Reasons[0].Rule != rule {
			t.Errorf("row %d: %v, want %s", i+1, got[i].Reasons, rule)
		}
	}
}

func TestEpisodeColumns(t *testing.T) {
	rec := table(t, `[
	 {"kind":"episode","patient_pseudonym":"000102030405060708090a0b0c0d0e0f","episode":"e-1","referred_on":"2025-04-02","age":47,"bmi":31,"symptom_duration":"lt_6w"},
	 {"kind":"episode","patient_pseudonym":"000102030405060708090a0b0c0d0e0f","episode":"e-2","referred_on":"2025-04-02","age":null,"bmi":310,"symptom_duration":null},
	 {"kind":"response","patient_pseudonym":"000102030405060708090a0b0c0d0e0f","episode":"e-2","referred_on":"2025-04-02","age":null,"bmi":null,"symptom_duration":null}]`,
		field("kind", text), field("patient_pseudonym", text), field("episode", text), field("referred_on", arrow.FixedWidthTypes.Date32),
		field("age", arrow.PrimitiveTypes.Int64), field("bmi", arrow.PrimitiveTypes.Int32), field("symptom_duration", text))
	got, err := decode(asStream(t, rec), all)
	if err != nil || len(got) != 3 || len(got[0].Reasons) > 0 {
		t.Fatalf("%v %+v", err, got)
	}
	if e := got[0].Episodes[0]; e.ReferredOn.String() != "2025-04-02" || e.Age != 47 {
		t.Errorf("episode = %+v", e.Episode)
	}
	for i, want := range map[int]ingest.Reason{1: {Field: "bmi", Rule: "out_of_range"}, 2: {Field: "referred_on", Rule: "unknown_field"}} {
		if !slices.Contains(got[i].Reasons, want) {
			t.Errorf("row %d: %v, want %v", i+1, got[i].Reasons, want)
		}
	}
}

func TestRefusedTables(t *testing.T) {
	for name, c := range map[string]struct {
		field arrow.Field
		value string
		want  string
	}{
		"unknown column": {field("shoe_size", text), `"9"`, `unknown column "shoe_size"`},
		"nested":         {field("patient_pseudonym", arrow.StructOf(field("a", text))), `{"a":"x"}`, "has the column patient_pseudonym of type struct"},
		"item of days":   {field("item_1", arrow.FixedWidthTypes.Date32), `"2026-04-01"`, "has the column item_1 of type date32"},
		"no zone":        {field("answered_at", &arrow.TimestampType{Unit: arrow.Second}), `"2026-04-01 08:00:00"`, "without a time zone in the column answered_at"},
		"item too far":   {field("item_999", arrow.PrimitiveTypes.Int8), `1`, "unknown column"},
	} {
		_, err := decode(asFile(t, table(t, `[{"`+c.field.Name+`":`+c.value+`}]`, c.field)), all)
		var refused *ingest.FileError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %s", name, err, c.want)
		}
	}
}

// TestRowsWithoutBytes: a batch may not claim more rows than it has bytes for,
// and one whose columns pack well is read.
func TestRowsWithoutBytes(t *testing.T) {
	const rows = 100_000
	schema := arrow.NewSchema([]arrow.Field{field("mode", arrow.Null)}, nil)
	empty := array.NewRecord(schema, []arrow.Array{array.NewNull(rows)}, rows)
	var refused *ingest.FileError
	if list, err := decode(asStream(t, empty), all); !errors.As(err, &refused) || len(list) > 0 {
		t.Errorf("%d records, %v: want none of a column without bytes", len(list), err)
	}
	alike := array.NewInt8Builder(memory.DefaultAllocator)
	for range rows {
		alike.Append(1)
	}
	schema = arrow.NewSchema([]arrow.Field{field("item_1", arrow.PrimitiveTypes.Int8)}, nil)
	packed := asFile(t, array.NewRecord(schema, []arrow.Array{alike.NewArray()}, rows), ipc.WithZstd())
	if list, err := decode(packed, all); err != nil || len(list) != rows || len(packed) > rows {
		t.Errorf("%d records of %d packed bytes, %v: want all", len(list), len(packed), err)
	}
}

// TestVerify: a source that was cut anywhere is refused before a record is
// read. A stream cut between two messages can not be told from a whole one.
func TestVerify(t *testing.T) {
	verify := func(b []byte) error { return arrowfile.Format().Verify("test", bufio.NewReader(bytes.NewReader(b))) }
	file, stream := asFile(t, responses(t)), asStream(t, responses(t))
	if err := errors.Join(verify(file), verify(stream)); err != nil {
		t.Fatal(err)
	}
	for n := 8; n < len(file); n++ {
		if verify(file[:n]) == nil {
			t.Errorf("a file cut to %d of %d bytes is said to be whole", n, len(file))
		}
	}
	whole := 0
	for n := 1; n < len(stream); n++ {
		if verify(stream[:n]) == nil {
			whole++
		}
	}
	if whole > 8 { // as many as it has messages
		t.Errorf("%d cut streams are said to be whole", whole)
	}
}

func FuzzDecoder(f *testing.F) {
	rec := responses(f)
	f.Add(asFile(f, rec))
	f.Add(asStream(f, rec))
	f.Add(asFile(f, rec, ipc.WithLZ4()))
	f.Add(asStream(f, forms(f)))
	f.Add(asFile(f, lists(f)))
	f.Fuzz(func(t *testing.T, source []byte) {
		// An import ends where this fails; a request is read as it comes.
		broken := arrowfile.Format().Verify("test", bufio.NewReader(bytes.NewReader(source)))
		list, err := decode(source, all)
		var refused *ingest.FileError
		if err != nil && !errors.As(err, &refused) || broken != nil && !errors.As(broken, &refused) {
			t.Errorf("error %v or %v is none of ours", err, broken)
		}
		for _, r := range list {
			if len(r.Reasons) == 0 && len(r.Responses)+len(r.Episodes)+len(r.Events)+len(r.Patients) != 1 {
				t.Errorf("an accepted row is %+v", r)
			}
		}
	})
}
