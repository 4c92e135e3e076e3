package bulk_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/arrowfile"
	"github.com/lumbar-health/lumbar/ingest/csvfile"
	"github.com/lumbar-health/lumbar/ingest/fhir"
	"github.com/lumbar-health/lumbar/ingest/wire"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/record"
)

// nowhere takes batches and stores nothing.
type nowhere struct{}

func (nowhere) Existing(_ context.Context, keys []ingest.Key) ([]bool, error) {
	return make([]bool, len(keys)), nil
}

func (nowhere) Recorded(_ context.Context, keys []ingest.Key) ([]bool, error) {
	return make([]bool, len(keys)), nil
}

func (nowhere) Fingerprints(context.Context, func([]uint64) error) error { return nil }
func (nowhere) Corrected(context.Context, func([]uint64) error) error    { return nil }

func (nowhere) Holders(context.Context, []uint64) (map[uint64][]record.Holder, error) {
	return nil, nil
}

func (nowhere) Write(context.Context, ingest.Batch) error          { return nil }
func (nowhere) Quarantine(context.Context, []record.Refused) error { return nil }
func (nowhere) Bulk(context.Context) (ingest.Bulk, error)          { return nowhere{}, nil }
func (nowhere) Commit(context.Context) error                       { return nil }
func (nowhere) Close() error                                       { return nil }

// BenchmarkPipeline reads the file that BULK_FILE names and stores nothing: what
// our side costs, for profiles.
func BenchmarkPipeline(b *testing.B) {
	p := ingest.New(nowhere{}, ingest.Options{
		Setting: ingest.Setting{Programmes: programme.All(), Now: time.Now},
		Formats: []ingest.Format{arrowfile.Format(), fhir.Format(), wire.Format(), csvfile.Format()},
	})
	b.ReportAllocs()
	for b.Loop() {
		src, err := ingest.File(os.Getenv("BULK_FILE"))
		if err != nil {
			b.Fatal(err)
		}
		begin := time.Now()
		report, err := p.Import(b.Context(), src, ingest.ImportOptions{}, nil)
		if err != nil || report.Stored != report.Read {
			b.Fatalf("%+v %v", report, err)
		}
		b.ReportMetric(float64(report.Read)/time.Since(begin).Seconds(), "records/s")
	}
}
