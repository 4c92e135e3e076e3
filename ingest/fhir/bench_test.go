package fhir_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/fhir"
)

// BenchmarkNDJSON decodes and scores answered ODIs one a line, as a server
// writes them.
func BenchmarkNDJSON(b *testing.B) {
	const lines = 10_000
	var text strings.Builder
	for i := range lines {
		r := change(odi(), "r-1", fmt.Sprint("r-", i))
		text.WriteString(change(r, `"id":"1"`, fmt.Sprintf(`"id":"%d","meta":{"versionId":"1","lastUpdated":"2026-04-01T10:00:00Z"},"basedOn":[{"reference":"ServiceRequest/%d"}],"source":{"reference":"Patient/%d"}`, i, i, i)))
		text.WriteByte('\n')
	}
	s := setting()
	rec := new(ingest.Record)
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		d, err := fhir.NewDecoder(ingest.Input{Name: "bench", Reader: bufio.NewReaderSize(strings.NewReader(text.String()), 256<<10), Setting: s}, fhir.AcceptAll)
		if err != nil {
			b.Fatal(err)
		}
		for n := 0; ; n++ {
			rec.Reset()
			if err := d.Next(rec); errors.Is(err, io.EOF) && n == lines {
				break
			} else if err != nil {
				b.Fatal(err)
			}
			s.Prepare(rec)
			if len(rec.Reasons) > 0 {
				b.Fatal(rec.Reasons)
			}
		}
	}
	b.ReportMetric(float64(lines*b.N)/b.Elapsed().Seconds(), "responses/s")
	b.ReportMetric(0, "ns/op")
}
