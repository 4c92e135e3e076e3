package ingest

import (
	"context"

	"github.com/lumbar-health/lumbar/record"
)

// dryRun is a Writer that stores nothing. What is stored already it asks the
// real one.
type dryRun struct{ Writer }

// Holders finds nobody: nothing is to be withdrawn.
func (dryRun) Holders(context.Context, []uint64) (map[uint64][]record.Holder, error) {
	return nil, nil
}

// Write stores nothing.
func (dryRun) Write(context.Context, Batch) error { return nil }

// Quarantine keeps nothing.
func (dryRun) Quarantine(context.Context, []record.Refused) error { return nil }

// Bulk stores nothing.
func (dryRun) Bulk(context.Context) (Bulk, error) { return dryBulk{}, nil }

type dryBulk struct{}

func (dryBulk) Write(context.Context, Batch) error { return nil }
func (dryBulk) Commit(context.Context) error       { return nil }
func (dryBulk) Close() error                       { return nil }
