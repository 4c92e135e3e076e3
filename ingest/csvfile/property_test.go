package csvfile_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lumbar-health/lumbar/ingest"
)

// spelling is a way to write a table.
type spelling struct {
	comma, end   string
	quote, shout bool
	blanks, mark bool
	rows, cols   []int
	gzip         bool
}

// write writes a table so.
func (s *spelling) write(names []string, rows [][]string) []byte {
	var b bytes.Buffer
	line := func(cells []string, head bool) {
		for i, c := range s.cols {
			if i > 0 {
				b.WriteString(s.comma)
			}
			cell := cells[c]
			if head && s.shout {
				cell = strings.ToUpper(strings.ReplaceAll(cell, "_", " "))
			}
			if s.quote || strings.ContainsAny(cell, ",;|\t\"\n") {
				cell = `"` + strings.ReplaceAll(cell, `"`, `""`) + `"`
			}
			if s.blanks {
				cell = " " + cell + " "
			}
			b.WriteString(cell)
		}
		b.WriteString(s.end)
	}
	if s.mark {
		b.WriteString("\xef\xbb\xbf")
	}
	line(names, true)
	for _, r := range s.rows {
		line(rows[r], false)
	}
	return b.Bytes()
}

func drawSpelling(t *rapid.T, rows, cols int) spelling {
	return spelling{
		comma: rapid.SampledFrom([]string{",", ";", "\t", "|"}).Draw(t, "comma"), end: rapid.SampledFrom([]string{"\n", "\r\n"}).Draw(t, "end"),
		quote: rapid.Bool().Draw(t, "quote"), shout: rapid.Bool().Draw(t, "shout"), blanks: rapid.Bool().Draw(t, "blanks"), mark: rapid.Bool().Draw(t, "mark"),
		rows: permutation(t, rows), cols: permutation(t, cols), gzip: rapid.Bool().Draw(t, "gzip"),
	}
}

func permutation(t *rapid.T, n int) []int {
	seed := rapid.Uint64().Draw(t, "order")
	return rand.New(rand.NewPCG(seed, 1)).Perm(n)
}

// TestIdentityDoesNotDependOnSpelling: the order of lines and columns, the
// separator, quotation, the header's spelling and the compression do not change
// which records a file holds, equal lines among them.
func TestIdentityDoesNotDependOnSpelling(t *testing.T) {
	names := []string{"patient_pseudonym", "instrument", "answered_at", "provider", "item_1", "timepoint"}
	rapid.Check(t, func(t *rapid.T) {
		rows := make([][]string, rapid.IntRange(1, 12).Draw(t, "rows"))
		for i := range rows {
			rows[i] = []string{
				who, "nrs_back", rapid.SampledFrom([]string{"2026-04-01", "2026-04", "bad"}).Draw(t, "at"),
				rapid.SampledFrom([]string{"R1", "a, \"b\"", "x|y;z", "é", ""}).Draw(t, "provider"), rapid.SampledFrom([]string{"0", "7", "", "11"}).Draw(t, "pain"), "",
			}
		}
		var sets [2][]string
		for i := range sets {
			s := drawSpelling(t, len(rows), len(names))
			sets[i] = sorted(t, imported(t, s, names, rows))
		}
		if !slices.Equal(sets[0], sets[1]) {
			t.Errorf("%q\n%q", sets[0], sets[1])
		}
	})
}

// imported reads the written table as an import does.
func imported(t *rapid.T, s spelling, names []string, rows [][]string) []*ingest.Record {
	body := s.write(names, rows)
	if s.gzip {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write(body)
		_ = z.Close()
		body = b.Bytes()
	}
	plain, err := ingest.Decompress(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(plain)
	if err != nil {
		t.Fatal(err)
	}
	d, err := open(string(text), "")
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	list, err := readAll(d)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func sorted(t *rapid.T, list []*ingest.Record) []string {
	ids := identities(list)
	slices.Sort(ids)
	if slices.Contains(ids, "") {
		t.Fatal("a record without an identity")
	}
	return ids
}

// FuzzDecoder: no source panics, every accepted row is a row, and a refused one
// can be sent again and is refused again.
func FuzzDecoder(f *testing.F) {
	f.Add([]byte("patient_pseudonym,instrument,answered_at,item_1\n"+who+",odi,2026-04-01,1\n"), false)
	f.Add([]byte("patient_pseudonym;item_1\r\n\"a\"\"b\";\"x\r\ny\"\r\nz;\"\r\n"), false)
	f.Add([]byte("p,w,i\n"+who+",2026,a\n"), true)
	const mapping = "mapping: x\nrows: [{fields: {patient_pseudonym: p, instrument: {value: phq2}, answered_at: w}, items: [{columns: [i, i], codes: {a: 1}, missing: [b]}]}]\n"
	f.Fuzz(func(t *testing.T, source []byte, mapped bool) {
		m := ""
		if mapped {
			m = mapping
		}
		d, err := open(string(source), m)
		if err != nil {
			return
		}
		s := setting()
		last := 1
		for {
			r := new(ingest.Record)
			if err := d.Next(r); err != nil {
				break
			}
			if r.Line <= last {
				t.Fatalf("line %d follows line %d", r.Line, last)
			}
			last = r.Line
			refused := len(r.Reasons) > 0
			body, complete := d.Quote()
			if !refused {
				s.Prepare(r)
				if len(r.Responses)+len(r.Episodes)+len(r.Events)+len(r.Patients) == 0 {
					continue // the pipeline refuses it
				}
			}
			if !complete || !refused {
				continue
			}
			again, err := open(string(body), m)
			if err != nil {
				continue // such as one whose cells look like another header
			}
			second := new(ingest.Record)
			if err := again.Next(second); err != nil || len(second.Reasons) == 0 {
				t.Fatalf("refused for %v, sent again %v %v: %q", r.Reasons, second.Reasons, err, body)
			}
		}
	})
}

// BenchmarkDecoder reads responses of ten items, and with a mapping two rows a
// line.
func BenchmarkDecoder(b *testing.B) {
	var plain, mapped bytes.Buffer
	plain.WriteString("patient_nhs_number,instrument,answered_at,provider,timepoint," + items("item_", 10) + "\n")
	mapped.WriteString(strings.SplitAfterN(clinic(), "\n", 2)[0])
	const lines = 20_000
	for i := range lines {
		fmt.Fprintf(&plain, "9990000018,odi,2026-%02d-%02d,R%d,12m,1,0,2,,1,1,0,3,2,%d\n", i%8+1, i%28+1, i%200, i%6)
		fmt.Fprintf(&mapped, "9990000018,Smith,e-%d,02/04/2025,F,03/04/2025,1,2,3,9,2,2,1,4,3,2,01/04/2026,1,1,2,98,1,1,1,2,1,1,well\n", i)
	}
	for name, c := range map[string]struct{ source, mapping string }{"canonical": {plain.String(), ""}, "mapped": {mapped.String(), documented(b)}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(c.source) / lines))
			var d ingest.Decoder
			r := new(ingest.Record)
			for b.Loop() {
				if d == nil {
					var err error
					if d, err = open(c.source, c.mapping); err != nil {
						b.Fatal(err)
					}
				}
				r.Reset()
				if err := d.Next(r); err == io.EOF {
					d = nil
				} else if len(r.Reasons) > 0 {
					b.Fatal(r.Reasons)
				}
			}
		})
	}
}
