package write

import (
	"context"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"golang.org/x/sync/errgroup"
)

const (
	// few patients are derived without asking how many there are.
	few = 1000
	// sliceRows is about how many facts are derived at a time.
	sliceRows = 400_000
	maxSlices = 256
	// derivers is how many slices are under way at once: while the engine reads
	// or writes one, another is derived.
	derivers = 2
)

// outcome and its successor during a rebuild.
const (
	outcome = "outcome"
	rebuilt = "outcome_rebuilt"
)

// derive brings the touched patients' rows of a table of outcomes up to date: by
// name, or all patients slice by slice where the touched ones are nearly all.
func (w *Writer) derive(ctx context.Context, d derivation, table string, t *touched) error {
	t.compact()
	if !t.all && len(t.patients) <= few {
		if len(t.patients) == 0 {
			return nil
		}
		return w.deriveScopes(ctx, d, table, []scope{scopeOf(t.patients)}, t.moved)
	}
	episodes, facts, err := w.count(ctx)
	if err != nil {
		return err
	}
	if t.all || uint64(len(t.patients))*10 > episodes*9 {
		return w.deriveScopes(ctx, d, table, slicesOf(parts(facts)), t.moved)
	}
	// Each statement finds its patients by the index, and one of many patients
	// reads all facts: few large chunks, as far as memory goes.
	size := max(uint64(few), sliceRows*episodes/max(facts, 1))
	var scopes []scope
	for patients := range slices.Chunk(t.patients, int(size)) {
		scopes = append(scopes, scopeOf(patients))
	}
	return w.deriveScopes(ctx, d, table, scopes, t.moved)
}

// deriveAll derives every patient into the table, a slice at a time.
func (w *Writer) deriveAll(ctx context.Context, d derivation, table string, moved bool) error {
	scopes, err := w.slices(ctx)
	if err != nil {
		return err
	}
	return w.deriveScopes(ctx, d, table, scopes, moved)
}

func (w *Writer) deriveScopes(ctx context.Context, d derivation, table string, scopes []scope, moved bool) error {
	if len(scopes) == 1 {
		return w.deriveScope(ctx, &d, table, scopes[0], moved)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(derivers)
	for _, s := range scopes {
		group.Go(func() error { return w.deriveScope(ctx, &d, table, s, moved) })
	}
	return group.Wait()
}

func (w *Writer) deriveScope(ctx context.Context, d *derivation, table string, s scope, moved bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	facts, err := w.readSnapshot(ctx, d, s)
	if err != nil {
		return fmt.Errorf("store: derive %s: %w", table, err)
	}
	defer facts.release()
	rows, err := assign(d, facts, moved).outcome(memory.DefaultAllocator)
	if err != nil || rows == nil {
		return err
	}
	defer rows.Release()
	if err := w.pause("rows derived"); err != nil {
		return err
	}
	return w.insertOutcome(ctx, table, rows)
}

// slices cuts all patients into ranges of about sliceRows facts. Keys are
// hashes, so that equal ranges hold about equally many.
func (w *Writer) slices(ctx context.Context) ([]scope, error) {
	_, facts, err := w.count(ctx)
	return slicesOf(parts(facts)), err
}

// parts is how many slices that many facts make.
func parts(facts uint64) int { return int(min(facts/sliceRows+1, maxSlices)) }

// count returns how many episodes and how many facts there are, of any version.
func (w *Writer) count(ctx context.Context) (episodes, facts uint64, err error) {
	err = w.conn.QueryRow(ctx, "SELECT (SELECT count() FROM episode) AS n, n + (SELECT count() FROM score)").Scan(&episodes, &facts)
	if err != nil {
		return 0, 0, fmt.Errorf("store: count score and episode: %w", err)
	}
	return episodes, facts, nil
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
