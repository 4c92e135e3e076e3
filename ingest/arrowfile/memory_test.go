package arrowfile_test

import (
	"bufio"
	"bytes"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/arrowfile"
)

// TestMemoryIsGivenBack: whatever a source holds, whole, of unknown columns, cut
// short anywhere or damaged anywhere, a decoder that is closed has given its
// memory back, and so has one that could not be opened.
func TestMemoryIsGivenBack(t *testing.T) {
	rec := table(t, `[{"patient_pseudonym":"000102030405060708090a0b0c0d0e0f","instrument":"odi","answered_at":"2026-04-01","answers":[1,2,3,4,5,0,1,2,3,null]},
{"patient_pseudonym":"x","instrument":"odi","answered_at":"2026-04-01","answers":[]}]`,
		field("patient_pseudonym", text), field("instrument", words), field("answered_at", text), field("answers", arrow.ListOf(arrow.PrimitiveTypes.Int16)))
	defer rec.Release()
	whole := asStream(t, rec)
	sources := [][]byte{
		whole, asFile(t, rec), asFile(t, rec, ipc.WithLZ4()), asFile(t, rec, ipc.WithZstd()),
		asStream(t, table(t, `[{"surname":"x"}]`, field("surname", text))),
		asStream(t, table(t, `[{"instrument":[["x"]]}]`, field("instrument", arrow.ListOf(arrow.ListOf(text))))),
	}
	for end := 0; end < len(whole); end += 7 {
		sources = append(sources, whole[:end])
	}
	for at := 0; at < len(whole); at += 5 {
		flipped := bytes.Clone(whole)
		flipped[at] ^= 0x41
		sources = append(sources, flipped)
	}
	for _, source := range sources {
		alloc := memory.NewCheckedAllocator(memory.NewGoAllocator())
		d, err := arrowfile.NewDecoderIn(ingest.Input{Name: "test", Reader: bufio.NewReader(bytes.NewReader(source)), Setting: setting()}, all, alloc)
		if err == nil {
			rec := new(ingest.Record)
			for range 10 {
				rec.Reset()
				if d.Next(rec) != nil {
					break
				}
				if len(rec.Reasons) > 0 {
					d.Quote()
				}
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		}
		if n := alloc.CurrentAlloc(); n != 0 {
			t.Errorf("%d bytes of %d of source are not given back (opened: %v)", n, len(source), err)
		}
	}
}
