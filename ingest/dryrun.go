package ingest

import (
	"context"
	"encoding/binary"
	"hash/maphash"

	"github.com/lumbar-health/lumbar/record"
)

// dryRun is a Writer that stores nothing. What is stored already it asks the
// real one, and what it was given before it remembers by a hash.
type dryRun struct {
	stored Writer // nil = nothing is stored
	seen   map[uint64]struct{}
	seed   maphash.Seed
	ready  bool
}

func (d *dryRun) hash(k *Key) uint64 {
	if !d.ready {
		d.seed, d.ready = maphash.MakeSeed(), true
	}
	var b [48]byte
	copy(b[:16], k.PatientID[:])
	binary.LittleEndian.PutUint64(b[16:], k.ID)
	binary.LittleEndian.PutUint64(b[24:], k.Version)
	copy(b[32:], k.Table)
	return maphash.Bytes(d.seed, b[:])
}

// Existing says of each key whether it is stored or was given before.
func (d *dryRun) Existing(ctx context.Context, keys []Key) ([]bool, error) {
	there := make([]bool, len(keys))
	if d.stored != nil {
		var err error
		if there, err = d.stored.Existing(ctx, keys); err != nil {
			return nil, err
		}
	}
	for i := range keys {
		h := d.hash(&keys[i])
		if _, again := d.seen[h]; again {
			there[i] = true
		}
		d.seen[h] = struct{}{}
	}
	return there, nil
}

// Holders finds nobody: nothing is to be withdrawn.
func (d *dryRun) Holders(context.Context, []uint64) (map[uint64][]record.PatientID, error) {
	return nil, nil
}

// Write stores nothing.
func (d *dryRun) Write(context.Context, Batch) error { return nil }

// Bulk stores nothing.
func (d *dryRun) Bulk(context.Context) (Bulk, error) { return dryBulk{}, nil }

type dryBulk struct{}

func (dryBulk) Write(context.Context, Batch) error { return nil }
func (dryBulk) Commit(context.Context) error       { return nil }
func (dryBulk) Close() error                       { return nil }
