package bulk_test

import (
	"bufio"
	"io"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

func appendDay(b []byte, day int) []byte {
	return time.Unix(int64(day)*86400, 0).UTC().AppendFormat(b, time.DateOnly)
}

// lines writes what line appends for each number.
func lines(w io.Writer, head string, n int, line func(b []byte, i int) []byte) error {
	out := bufio.NewWriterSize(w, 1<<20)
	if _, err := out.WriteString(head); err != nil {
		return err
	}
	var b []byte
	for i := range n {
		b = append(line(b[:0], i), '\n')
		if _, err := out.Write(b); err != nil {
			return err
		}
	}
	return out.Flush()
}

// episodeLines writes the episodes as CSV.
func (p population) episodeLines(w io.Writer) error {
	const head = "kind,patient_pseudonym,episode,referred_on,first_contact_on,treatment_start,discharged_on,provider,region,intervention,sex,age\n"
	return lines(w, head, p.episodes, func(b []byte, i int) []byte {
		e := p.at(i)
		b = append(e.pseudonym(append(b, "episode,"...)), ',')
		b = append(e.id(b), ',')
		for _, day := range []int{e.referred, e.contact(), e.start(), e.answered(1)} {
			b = append(appendDay(b, day), ',')
		}
		r := mix(uint64(i) ^ 1<<42)
		b = strconv.AppendUint(append(b, 'R'), 100+r%150, 10)
		b = strconv.AppendUint(append(b, ",Y"...), 50+r>>8%8, 10)
		b = append(append(b, ','), [...]string{"core_therapy", "cppp", "surgery"}[r>>16%3]...)
		b = append(append(b, ','), [...]string{"female", "male"}[r>>24%2]...)
		return strconv.AppendUint(append(b, ','), 18+r>>32%70, 10)
	})
}

// nth is the answer that stands at a place of a file. Those of an episode do not
// stand together: a registry's file is in the order in which they came.
func (p population) nth(place int) (e episode, n int) {
	return p.at(place % p.episodes), place / p.episodes
}

// responseLines writes the answers as CSV, with or without identifiers.
func (p population) responseLines(identified bool) func(io.Writer) error {
	return p.csv(identified, 1)
}

// repeated writes the answers with identifiers so many times.
func (p population) repeated(times int) func(io.Writer) error { return p.csv(true, times) }

func (p population) csv(identified bool, times int) func(io.Writer) error {
	head := "patient_pseudonym,episode,instrument,answered_at"
	if identified {
		head = "id_system,id_value," + head
	}
	for i := range items {
		head += ",item_" + strconv.Itoa(i+1)
	}
	return func(w io.Writer) error {
		return lines(w, head+"\n", times*p.responses(), func(b []byte, i int) []byte {
			i %= p.responses()
			e, n := p.nth(i)
			if identified {
				b = append(strconv.AppendInt(append(b, "urn:bench,"...), int64(i), 10), ',')
			}
			b = append(e.id(append(e.pseudonym(b), ',')), ",odi,"...)
			b = appendDay(b, e.answered(n))
			for _, c := range e.codes(n) {
				if b = append(b, ','); c >= 0 {
					b = append(b, byte('0'+c))
				}
			}
			return b
		})
	}
}

// fhirLines writes the answers as QuestionnaireResponses, one a line, as servers
// write them.
func (p population) fhirLines(w io.Writer) error {
	return lines(w, "", p.responses(), func(b []byte, i int) []byte {
		e, n := p.nth(i)
		b = append(b, `{"resourceType":"QuestionnaireResponse","id":"`...)
		b = strconv.AppendInt(b, int64(i), 10)
		b = append(b, `","meta":{"versionId":"1","lastUpdated":"2026-04-01T10:00:00Z"},"identifier":{"system":"urn:bench","value":"`...)
		b = strconv.AppendInt(b, int64(i), 10)
		b = append(b, `"},"basedOn":[{"type":"ServiceRequest","identifier":{"system":"urn:bench:referral","value":"`...)
		b = append(e.id(b), `"}}],"questionnaire":"urn:lumbar:questionnaire:odi|2.1a","status":"completed","subject":{"identifier":{"system":"urn:lumbar:pseudonym","value":"`...)
		b = append(e.pseudonym(b), `"}},"authored":"`...)
		b = append(appendDay(b, e.answered(n)), `T09:30:00Z","item":[`...)
		for j, c := range e.codes(n) {
			if j > 0 {
				b = append(b, ',')
			}
			b = strconv.AppendInt(append(b, `{"linkId":"odi.`...), int64(j+1), 10)
			b = append(b, `","text":"A question"`...)
			if c >= 0 {
				b = append(append(append(b, `,"answer":[{"valueInteger":`...), byte('0'+c)), "}]"...)
			}
			b = append(b, '}')
		}
		return append(b, "]}"...)
	})
}

// responseTable writes the answers as an Arrow stream with a column for each item.
func (p population) responseTable(w io.Writer) error {
	words := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	fields := []arrow.Field{
		{Name: "id_system", Type: words}, {Name: "id_value", Type: arrow.BinaryTypes.String},
		{Name: "patient_pseudonym", Type: arrow.BinaryTypes.String}, {Name: "episode", Type: arrow.BinaryTypes.String},
		{Name: "instrument", Type: words}, {Name: "answered_at", Type: arrow.FixedWidthTypes.Date32},
	}
	for i := range items {
		fields = append(fields, arrow.Field{Name: "item_" + strconv.Itoa(i+1), Type: arrow.PrimitiveTypes.Int8, Nullable: true})
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	defer b.Release()
	out := ipc.NewWriter(w, ipc.WithSchema(b.Schema()))
	const batch = 64 << 10
	for i := range p.responses() {
		e, n := p.nth(i)
		_ = b.Field(0).(*array.BinaryDictionaryBuilder).AppendString("urn:bench")
		b.Field(1).(*array.StringBuilder).Append(strconv.Itoa(i))
		b.Field(2).(*array.StringBuilder).Append(string(e.pseudonym(nil)))
		b.Field(3).(*array.StringBuilder).Append(string(e.id(nil)))
		_ = b.Field(4).(*array.BinaryDictionaryBuilder).AppendString("odi")
		b.Field(5).(*array.Date32Builder).Append(arrow.Date32(e.answered(n)))
		for j, c := range e.codes(n) {
			if col := b.Field(6 + j).(*array.Int8Builder); c < 0 {
				col.AppendNull()
			} else {
				col.Append(c)
			}
		}
		if i%batch == batch-1 || i == p.responses()-1 {
			rec := b.NewRecord()
			err := out.Write(rec)
			rec.Release()
			if err != nil {
				return err
			}
		}
	}
	return out.Close()
}

// file makes a file of a benchmark's folder and returns its size.
func file(b *testing.B, path string, write func(io.Writer) error) int64 {
	b.Helper()
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	if err := write(f); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	return info.Size()
}
