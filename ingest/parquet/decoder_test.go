package parquet_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	pq "github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/arrowfile"
	"github.com/lumbar-health/lumbar/ingest/parquet"
	"github.com/lumbar-health/lumbar/ingest/wire"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/simulate"
)

const all = wire.KindResponse | wire.KindEpisode | wire.KindEvent | wire.KindPatient

func setting() ingest.Setting {
	return ingest.Setting{Programmes: programme.All(), Now: func() time.Time { return time.Date(2026, 9, 1, 9, 0, 0, 0, time.UTC) }}
}

func field(name string, t arrow.DataType) arrow.Field {
	return arrow.Field{Name: name, Type: t, Nullable: true}
}

var (
	text    = arrow.BinaryTypes.String
	instant = &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
)

const who = `"patient_pseudonym":"000102030405060708090a0b0c0d0e0f"`

// responses is a table with every type of column that a field may have.
func responses(t testing.TB) arrow.Record {
	return table(t, `[
	 {`+who+`,"id_system":"urn:forms","id_value":"r-1","source_version":3,"instrument":"nrs_back","answered_at":"2026-03-31 23:30:00","answers":[7],"predicted":2.5},
	 {`+who+`,"instrument":"odi","answered_at":"2026-04-01 08:00:00","answers":[1,0,2,null,1,1,0,3,2,1],"missing":"{\"odi.4\":\"na\"}"},
	 {`+who+`,"instrument":"odi","answered_at":"2026-04-01 08:00:00","answers":[1,0,2,null,1,1,0,3,2,6]},
	 {`+who+`,"instrument":"odi"},
	 {"kind":"episode",`+who+`,"episode":"e-1","referred_on":"2025-04-02","age":47,"bmi":31}]`,
		field("kind", text), field("id_system", text), field("id_value", text), field("source_version", arrow.PrimitiveTypes.Uint8),
		field("patient_pseudonym", text), field("episode", text), field("instrument", &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: text}),
		field("answered_at", instant), field("answers", arrow.ListOf(arrow.PrimitiveTypes.Int8)), field("predicted", arrow.PrimitiveTypes.Float32),
		field("missing", text), field("referred_on", arrow.FixedWidthTypes.Date32), field("age", arrow.PrimitiveTypes.Int16), field("bmi", arrow.PrimitiveTypes.Int64))
}

func table(t testing.TB, rows string, fields ...arrow.Field) arrow.Record {
	t.Helper()
	rec, _, err := array.RecordFromJSON(memory.DefaultAllocator, arrow.NewSchema(fields, nil), strings.NewReader(rows))
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

// written is the table as Parquet, n times over, a row group each.
func written(t testing.TB, rec arrow.Record, n int, opts ...pq.WriterProperty) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := pqarrow.NewFileWriter(rec.Schema(), &b, pq.NewWriterProperties(opts...), pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		if err := w.Write(rec); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func input(source []byte) ingest.Input {
	return ingest.Input{Name: "test", Reader: bufio.NewReader(bytes.NewReader(source)), At: bytes.NewReader(source), Size: int64(len(source)), Setting: setting()}
}

func decode(source []byte) ([]*ingest.Record, error) {
	return decodeInput(input(source), memory.NewGoAllocator())
}

func decodeInput(in ingest.Input, alloc memory.Allocator) ([]*ingest.Record, error) {
	d, err := parquet.NewDecoder(in, all, alloc)
	if err != nil {
		return nil, err
	}
	return readAll(d)
}

type closer interface {
	ingest.Decoder
	io.Closer
}

func readAll(d closer) (list []*ingest.Record, err error) {
	defer func() { err = errors.Join(err, d.Close()) }()
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
		if len(list) < 100 { // a fuzzed table may claim millions
			if _, whole := d.Quote(); !whole {
				return list, errors.New("a row can not be quoted")
			}
		}
		list = append(list, r)
	}
}

// identity is all that tells a record from others.
func identity(r *ingest.Record) string {
	var b strings.Builder
	fmt.Fprint(&b, r.Line, r.Reasons, r.Flags)
	for _, v := range r.Responses {
		fmt.Fprint(&b, " response ", v.PatientID, v.ID, v.Version, v.Instrument, v.Codes, v.MissingReasons, v.AnsweredAt)
	}
	for _, v := range r.Episodes {
		fmt.Fprint(&b, " episode ", v.PatientID, v.ID, v.Version, v.ReferredOn, v.Age, v.Covariates)
	}
	return b.String()
}

// TestSameAsArrow: a table is the same records as Arrow and as Parquet, in each
// compression, over several row groups, read in place and from a stream.
func TestSameAsArrow(t *testing.T) {
	rec := responses(t)
	want := asArrow(t, rec)
	for name, source := range map[string][]byte{
		"plain": written(t, rec, 1), "zstd": written(t, rec, 1, pq.WithCompression(compress.Codecs.Zstd)), "snappy": written(t, rec, 1, pq.WithCompression(compress.Codecs.Snappy)),
		"gzip": written(t, rec, 1, pq.WithCompression(compress.Codecs.Gzip)), "brotli": written(t, rec, 1, pq.WithCompression(compress.Codecs.Brotli)),
		"no dictionary": written(t, rec, 1, pq.WithDictionaryDefault(false)), "pages 2": written(t, rec, 1, pq.WithDataPageVersion(pq.DataPageV2)),
		"small pages": written(t, rec, 1, pq.WithDataPageSize(1), pq.WithBatchSize(1)), "format 1": written(t, rec, 1, pq.WithVersion(pq.V1_0)),
	} {
		for how, in := range map[string]ingest.Input{"in place": input(source), "stream": {Name: "test", Reader: bufio.NewReader(bytes.NewReader(source)), Setting: setting()}} {
			pool := memory.NewCheckedAllocator(memory.NewGoAllocator())
			list, err := decodeInput(in, pool)
			if err != nil || len(list) != len(want) {
				t.Errorf("%s, %s: %d records, %v", name, how, len(list), err)
				continue
			}
			for i := range list {
				if got := identity(list[i]); got != want[i] {
					t.Errorf("%s, %s: row %d\n%s\nas Arrow\n%s", name, how, i+1, got, want[i])
				}
			}
			pool.AssertSize(t, 0)
		}
	}
	list, err := decode(written(t, rec, 2000))
	if err != nil || len(list) != 2000*len(want) || list[len(list)-1].Line != len(list) {
		t.Errorf("2000 row groups: %d records, %v", len(list), err)
	}
}

func asArrow(t testing.TB, rec arrow.Record) []string {
	t.Helper()
	d, err := arrowfile.NewTable(ingest.Input{Name: "test", Setting: setting()}, all, "test", &once{rec: rec})
	if err != nil {
		t.Fatal(err)
	}
	list, err := readAll(d)
	if err != nil {
		t.Fatal(err)
	}
	want := make([]string, len(list))
	for i, r := range list {
		want[i] = identity(r)
	}
	if len(list[0].Reasons)+len(list[1].Reasons)+len(list[4].Reasons) > 0 || len(list[2].Reasons) == 0 {
		t.Fatal(want)
	}
	return want
}

// once is a table of one batch.
type once struct {
	rec  arrow.Record
	done bool
}

func (o *once) Schema() *arrow.Schema { return o.rec.Schema() }
func (o *once) Next() bool            { more := !o.done; o.done = true; return more }
func (o *once) Record() arrow.Record  { return o.rec }
func (o *once) Err() error            { return nil }
func (o *once) Release()              {}

// TestBatches: rows beyond one batch, with texts long and short, come in their
// order and the allocator is balanced, also where reading stops early.
func TestBatches(t *testing.T) {
	const n = 30_000
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{field("id_value", text), field("item_1", arrow.PrimitiveTypes.Int32)}, nil))
	for i := range n {
		b.Field(0).(*array.StringBuilder).Append(fmt.Sprint("r-", i))
		b.Field(1).(*array.Int32Builder).Append(int32(i % 11))
	}
	source := written(t, b.NewRecord(), 1, pq.WithMaxRowGroupLength(20_000))
	for _, stop := range []int{n, 1, 8192, 8193, 20_001} {
		pool := memory.NewCheckedAllocator(memory.NewGoAllocator())
		d, err := parquet.NewDecoder(input(source), all, pool)
		if err != nil {
			t.Fatal(err)
		}
		r := new(ingest.Record)
		for i := range stop {
			r.Reset()
			if err := d.Next(r); err != nil {
				t.Fatal(err)
			}
			if want := fmt.Sprint("r-", i); r.ID != want || r.Line != i+1 {
				t.Fatalf("row %d is %s at line %d", i+1, r.ID, r.Line)
			}
		}
		if at := d.Offset(); at <= 0 || at > int64(len(source)) || (at == int64(len(source))) != (stop == n) {
			t.Errorf("after %d rows at byte %d of %d", stop, at, len(source))
		}
		if err := d.Next(r); stop == n && err != io.EOF {
			t.Errorf("after the last row: %v", err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		pool.AssertSize(t, 0)
	}
}

// TestRefusedFiles: a file cut anywhere is refused before its first row, and so
// are tables that are no rows of the wire.
func TestRefusedFiles(t *testing.T) {
	whole := written(t, responses(t), 1)
	for n := range whole {
		if _, err := parquet.NewDecoder(input(whole[:n]), all, memory.NewGoAllocator()); err == nil {
			t.Fatalf("a file cut to %d of %d bytes is opened", n, len(whole))
		} else if refused := new(ingest.FileError); !errors.As(err, &refused) {
			t.Fatalf("a file cut to %d bytes: %v", n, err)
		}
	}
	point := arrow.StructOf(field("x", arrow.PrimitiveTypes.Int8), field("y", arrow.PrimitiveTypes.Int8))
	for name, c := range map[string]struct {
		source []byte
		want   string
	}{
		"unknown column": {written(t, table(t, `[{"shoe_size":"9"}]`, field("shoe_size", text)), 1), `unknown column "shoe_size"`},
		"struct":         {written(t, table(t, `[{"patient":{"x":1,"y":2}}]`, field("patient", point)), 1), "nested column patient"},
		"list of lists":  {written(t, table(t, `[{"answers":[[1]]}]`, field("answers", arrow.ListOf(arrow.ListOf(arrow.PrimitiveTypes.Int8)))), 1), "nested column answers"},
		"bytes":          {written(t, table(t, `[{"id_value":"YQ=="}]`, field("id_value", arrow.BinaryTypes.Binary)), 1), "has the column id_value of type binary"},
		"no zone":        {written(t, table(t, `[{"answered_at":"2026-04-01 08:00:00"}]`, field("answered_at", &arrow.TimestampType{Unit: arrow.Microsecond})), 1), "without a time zone"},
		"encrypted":      {append(slices.Clone(whole[:len(whole)-4]), "PARE"...), "encrypted"},
		"empty":          {nil, "cut short"},
		"magic alone":    {[]byte("PAR1\x00\x00\x00\x00PAR1"), "cut short or damaged (Parquet)"},
	} {
		_, err := decode(c.source)
		var refused *ingest.FileError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %s", name, err, c.want)
		}
	}
}

func TestDetect(t *testing.T) {
	if !parquet.Format().Detect(written(t, responses(t), 1)) || parquet.Format().Detect([]byte("patient_pseudonym,instrument\n")) {
		t.Error("Detect does not tell Parquet from others")
	}
}

// TestSimulatedTwins: the simulator's files are the same records as Parquet and
// as Arrow, and packed once more as well.
func TestSimulatedTwins(t *testing.T) {
	folders := map[simulate.Format]string{simulate.Arrow: t.TempDir(), simulate.Parquet: t.TempDir()}
	for format, dir := range folders {
		if _, err := simulate.Write(context.Background(), dir, simulate.Options{Patients: 300, Seed: 7, Format: format}); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"episodes", "responses"} {
		in, err := os.Open(filepath.Join(folders[simulate.Arrow], name+".arrow"))
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		d, err := arrowfile.NewDecoder(ingest.Input{Name: name, Reader: bufio.NewReader(in), Setting: setting()}, all)
		if err != nil {
			t.Fatal(err)
		}
		want, err := readAll(d)
		if err != nil {
			t.Fatal(err)
		}
		source, err := os.ReadFile(filepath.Join(folders[simulate.Parquet], name+".parquet"))
		if err != nil {
			t.Fatal(err)
		}
		packed := packedOnce(t, source)
		unpacked, err := ingest.Decompress(bytes.NewReader(packed))
		if err != nil {
			t.Fatal(err)
		}
		for how, in := range map[string]ingest.Input{"in place": input(source), "gzip": {Name: "test", Reader: bufio.NewReader(unpacked), Setting: setting()}} {
			got, err := decodeInput(in, memory.NewGoAllocator())
			if err != nil || len(got) != len(want) || len(want) < 300 {
				t.Fatalf("%s, %s: %d records, %v; want %d", name, how, len(got), err, len(want))
			}
			for i := range got {
				if g, w := identity(got[i]), identity(want[i]); g != w || len(got[i].Reasons) > 0 {
					t.Fatalf("%s, %s, row %d:\n%s\nas Arrow\n%s", name, how, i+1, g, w)
				}
			}
		}
	}
}

func packedOnce(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func FuzzDecoder(f *testing.F) {
	narrow := table(f, `[{`+who+`,"instrument":"odi","answers":[1,null]}]`, field("patient_pseudonym", text), field("instrument", text), field("answers", arrow.ListOf(arrow.PrimitiveTypes.Int8)))
	f.Add(written(f, narrow, 1))
	f.Add(written(f, narrow, 1, pq.WithCompression(compress.Codecs.Snappy), pq.WithStats(false)))
	f.Add(written(f, table(f, `[{"item_1":1},{"item_1":null}]`, field("item_1", arrow.PrimitiveTypes.Int32)), 2, pq.WithDictionaryDefault(false), pq.WithStats(false)))
	f.Fuzz(func(t *testing.T, source []byte) {
		list, err := decode(source)
		var refused *ingest.FileError
		if err != nil && !errors.As(err, &refused) {
			t.Errorf("error %v is none of ours", err)
		}
		for _, r := range list {
			if len(r.Reasons) == 0 && len(r.Responses)+len(r.Episodes)+len(r.Events)+len(r.Patients) != 1 {
				t.Errorf("an accepted row is %+v", r)
			}
		}
	})
}

func BenchmarkDecoder(b *testing.B) {
	dir := b.TempDir()
	if _, err := simulate.Write(context.Background(), dir, simulate.Options{Patients: 2000, Seed: 1, Format: simulate.Parquet}); err != nil {
		b.Fatal(err)
	}
	source, err := os.ReadFile(filepath.Join(dir, "responses.parquet"))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var d *parquet.Decoder
	r := new(ingest.Record)
	for b.Loop() {
		if d == nil {
			if d, err = parquet.NewDecoder(input(source), all, memory.NewGoAllocator()); err != nil {
				b.Fatal(err)
			}
		}
		r.Reset()
		if err := d.Next(r); err == io.EOF {
			_ = d.Close()
			d = nil
		} else if err != nil {
			b.Fatal(err)
		}
	}
}
