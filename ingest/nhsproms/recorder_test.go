package nhsproms_test

import (
	"context"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/record"
)

// recorder keeps the batches that a decoder's records become. It stores
// nothing: what is stored, and once, is tested with the real engine.
type recorder struct {
	batches []ingest.Batch
	refused []record.Refused
	drop    bool
}

func (w *recorder) Existing(_ context.Context, keys []ingest.Key) ([]bool, error) {
	return make([]bool, len(keys)), nil
}

func (w *recorder) Recorded(_ context.Context, keys []ingest.Key) ([]bool, error) {
	return make([]bool, len(keys)), nil
}

func (w *recorder) Fingerprints(context.Context, func([]uint64) error) error { return nil }
func (w *recorder) Corrected(context.Context, func([]uint64) error) error    { return nil }

func (w *recorder) Holders(context.Context, []uint64) (map[uint64][]record.Holder, error) {
	return nil, nil
}

func (w *recorder) Quarantine(_ context.Context, rows []record.Refused) error {
	w.refused = append(w.refused, rows...)
	return nil
}

func (w *recorder) Write(_ context.Context, b ingest.Batch) error {
	if w.drop {
		return nil
	}
	for _, r := range []arrow.Record{b.Response, b.Score, b.Episode, b.Event, b.Patient} {
		if r != nil {
			r.Retain()
		}
	}
	w.batches = append(w.batches, b)
	return nil
}

func (w *recorder) Bulk(context.Context) (ingest.Bulk, error) { return recorderBulk{w}, nil }

func (w *recorder) release() {
	for i := range w.batches {
		w.batches[i].Release()
	}
}

type recorderBulk struct{ *recorder }

func (recorderBulk) Commit(context.Context) error { return nil }
func (recorderBulk) Close() error                 { return nil }

func column(r arrow.Record, name string) arrow.Array {
	return r.Column(r.Schema().FieldIndices(name)[0])
}
