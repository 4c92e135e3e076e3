package write

import (
	"context"
	"fmt"
	"math/big"
	"slices"
	"strings"
)

const (
	// chunk is how many listed patients one statement derives, and largeChunk
	// where they are so many that each statement reads most of the facts.
	chunk      = 20_000
	largeChunk = 60_000
	// sliceRows is about how many facts a slice of a rebuild holds.
	sliceRows = 1_000_000
	maxSlices = 256
)

// derive brings the touched patients' rows of a table of outcomes up to date: by
// name, or all patients slice by slice where the touched ones are nearly all.
func (w *Writer) derive(ctx context.Context, d derivation, table string, t *touched) error {
	t.compact()
	var episodes, derived uint64
	row := w.conn.QueryRow(ctx, "SELECT (SELECT count() FROM episode), (SELECT count() FROM "+table+")")
	if err := row.Scan(&episodes, &derived); err != nil {
		return fmt.Errorf("store: count episode and %s: %w", table, err)
	}
	moved := t.moved && derived > 0
	size := uint64(chunk)
	if touched := uint64(len(t.patients)); t.all || touched > chunk && touched*10 > episodes*9 {
		return w.deriveAll(ctx, d, table, moved)
	} else if touched*50 > episodes {
		size = largeChunk
	}
	var scopes []scope
	for patients := range slices.Chunk(t.patients, int(size)) {
		s, err := scopeOf(patients)
		if err != nil {
			return err
		}
		scopes = append(scopes, s)
	}
	return w.deriveScopes(ctx, d, table, scopes, moved)
}

// outcome and its successor during a rebuild.
const (
	outcome = "outcome"
	rebuilt = "outcome_rebuilt"
)

// deriveAll derives every patient into the table, a slice at a time.
func (w *Writer) deriveAll(ctx context.Context, d derivation, table string, moved bool) error {
	scopes, err := w.slices(ctx)
	if err != nil {
		return err
	}
	return w.deriveScopes(ctx, d, table, scopes, moved)
}

func (w *Writer) deriveScopes(ctx context.Context, d derivation, table string, scopes []scope, moved bool) error {
	return w.inSession(ctx, func(c session) error {
		for _, s := range scopes {
			if err := c.snapshot(ctx, d, s); err != nil {
				return err
			}
			if err := c.fill(ctx, d, table, moved, s); err != nil {
				return fmt.Errorf("store: derive %s: %w", table, err)
			}
		}
		return c.release(ctx)
	})
}

// fill derives the snapshot's episodes, a programme at a time.
func (c session) fill(ctx context.Context, d derivation, table string, moved bool, s scope) error {
	holds, err := c.contents(ctx)
	if err != nil {
		return err
	}
	for _, p := range d.branches {
		if !p.within(holds) {
			continue
		}
		if _, err := c.conn.ExecContext(s.context(ctx), d.insert(p, holds, table, moved, s.condition)); err != nil {
			return err
		}
	}
	return nil
}

// slices cuts all patients into ranges of about sliceRows facts. Keys are
// hashes, so that equal ranges hold about equally many.
func (w *Writer) slices(ctx context.Context) ([]scope, error) {
	var rows uint64
	if err := w.conn.QueryRow(ctx, "SELECT (SELECT count() FROM score) + (SELECT count() FROM episode)").Scan(&rows); err != nil {
		return nil, fmt.Errorf("store: count score and episode: %w", err)
	}
	return slicesOf(int(min(rows/sliceRows+1, maxSlices))), nil
}

// slicesOf returns n scopes that hold each patient once.
func slicesOf(n int) []scope {
	if n <= 1 {
		return []scope{everyone}
	}
	width := new(big.Int).Div(new(big.Int).Lsh(big.NewInt(1), 128), big.NewInt(int64(n)))
	scopes := make([]scope, n)
	for i := range scopes {
		var conditions []string
		if i > 0 {
			low := new(big.Int).Mul(width, big.NewInt(int64(i)))
			conditions = append(conditions, "patient_id >= toUInt128('"+low.String()+"')")
		}
		if i < n-1 {
			high := new(big.Int).Mul(width, big.NewInt(int64(i+1)))
			conditions = append(conditions, "patient_id < toUInt128('"+high.String()+"')")
		}
		scopes[i].condition = strings.Join(conditions, " AND ")
	}
	return scopes
}
