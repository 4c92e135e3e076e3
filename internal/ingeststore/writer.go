// Package ingeststore joins ingest and store: neither may import the other, so
// their types are alike and converted here. It never does more than that.
package ingeststore

import (
	"context"
	"errors"
	"fmt"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/record"
	"github.com/lumbar-health/lumbar/store/write"
)

// Writer lets the store's writer be ingest's.
func Writer(w *write.Writer) ingest.Writer { return storeWriter{w} }

type storeWriter struct{ w *write.Writer }

func (s storeWriter) Existing(ctx context.Context, keys []ingest.Key) ([]bool, error) {
	return s.w.Existing(ctx, storeKeys(keys))
}

func (s storeWriter) Recorded(ctx context.Context, keys []ingest.Key) ([]bool, error) {
	return s.w.Recorded(ctx, storeKeys(keys))
}

func storeKeys(keys []ingest.Key) []write.Key {
	list := make([]write.Key, len(keys))
	for i, k := range keys {
		list[i] = write.Key{Table: write.Table(k.Table), PatientID: k.PatientID, ID: k.ID, Version: k.Version}
	}
	return list
}

func (s storeWriter) Fingerprints(ctx context.Context, yield func([]uint64) error) error {
	return s.w.Fingerprints(ctx, yield)
}

func (s storeWriter) Corrected(ctx context.Context, yield func([]uint64) error) error {
	return s.w.Corrected(ctx, yield)
}

func (s storeWriter) Holders(ctx context.Context, responses []uint64) (map[uint64][]record.Holder, error) {
	return s.w.Holders(ctx, responses)
}

func (s storeWriter) Quarantine(ctx context.Context, rows []record.Refused) error {
	return s.w.Quarantine(ctx, rows)
}

func (s storeWriter) Write(ctx context.Context, b ingest.Batch) error {
	err := s.w.Write(ctx, write.Batch(b))
	if errors.Is(err, write.ErrRows) {
		err = fmt.Errorf("%w: %w", ingest.ErrRows, err)
	}
	return err
}

func (s storeWriter) Bulk(ctx context.Context) (ingest.Bulk, error) {
	b, err := s.w.Bulk(ctx)
	if err != nil {
		return nil, err
	}
	return storeBulk{b}, nil
}

type storeBulk struct{ b *write.Bulk }

func (s storeBulk) Write(ctx context.Context, b ingest.Batch) error {
	return s.b.Write(ctx, write.Batch(b))
}

func (s storeBulk) Commit(ctx context.Context) error { return s.b.Commit(ctx) }

func (s storeBulk) Close() error { return s.b.Close() }
