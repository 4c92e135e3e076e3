package write

import (
	"context"
	"fmt"
	"math/big"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
)

const (
	// chunk is how many listed patients one statement derives.
	chunk = 20_000
	// sliceRows is about how many current facts a slice of a rebuild holds.
	sliceRows = 1_000_000
	maxSlices = 256
	// fewPatients are derived by name whatever the size of the database.
	fewPatients = 1_000
)

// everyone is the filter of a derivation of all patients at once.
const everyone = "1"

// derive brings the outcome of the touched patients up to date: by name where
// they are less than 2 % of the episodes, else all patients slice by slice.
func (w *Writer) derive(ctx context.Context, t *touched) error {
	t.compact()
	var episodes uint64
	if err := w.conn.QueryRow(ctx, "SELECT count() FROM episode").Scan(&episodes); err != nil {
		return fmt.Errorf("store: count episode: %w", err)
	}
	moved := t.moved
	if moved {
		var derived uint64
		if err := w.conn.QueryRow(ctx, "SELECT count() FROM outcome").Scan(&derived); err != nil {
			return fmt.Errorf("store: count outcome: %w", err)
		}
		moved = derived > 0
	}
	if n := len(t.patients); t.all || n > fewPatients && uint64(n)*50 > episodes {
		return w.deriveAll(ctx, moved)
	}
	for rest := t.patients; len(rest) > 0; {
		n := min(chunk, len(rest))
		if err := w.listTouched(ctx, rest[:n]); err != nil {
			return err
		}
		if err := w.deriveSome(ctx, "outcome", touchedPatients, moved); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

// deriveAll derives every patient, a slice at a time.
func (w *Writer) deriveAll(ctx context.Context, moved bool) error {
	filters, err := w.slices(ctx)
	if err != nil {
		return err
	}
	for _, filter := range filters {
		if err := w.deriveSome(ctx, "outcome", filter, moved); err != nil {
			return err
		}
	}
	return nil
}

// deriveSome derives the patients of the filter into outcome or its successor.
func (w *Writer) deriveSome(ctx context.Context, table, filter string, moved bool) error {
	ctx = derivationSettings(ctx)
	if err := w.snapshot(ctx, filter); err != nil {
		return err
	}
	if err := w.conn.Exec(ctx, w.derivation.insert(table, moved, filter)); err != nil {
		return fmt.Errorf("store: derive outcome: %w", err)
	}
	return w.dropSnapshot(ctx)
}

// derivationSettings go with every statement that reads or writes outcome for
// a derivation. A derivation repeated is no duplicate to be dropped: its rows
// must win over those of an older derivation of equal version.
func derivationSettings(ctx context.Context) context.Context {
	return clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"do_not_merge_across_partitions_select_final": 1,
		"join_use_nulls":                  1,
		"async_insert":                    0,
		"insert_deduplicate":              0,
		"max_partitions_per_insert_block": 0,
	}))
}

var snapshotTables = []string{"derive_episode", "derive_score"}

// snapshot takes the current facts of the filter's patients into two temporary
// tables: every later step reads them there, so that an outcome and its version
// come from one state of the facts.
func (w *Writer) snapshot(ctx context.Context, filter string) error {
	if err := w.dropSnapshot(ctx); err != nil {
		return err
	}
	for i, statement := range []string{w.derivation.episodes, w.derivation.scores} {
		if err := w.conn.Exec(ctx, fmt.Sprintf(statement, filter)); err != nil {
			return fmt.Errorf("store: snapshot %s: %w", snapshotTables[i], err)
		}
	}
	return nil
}

func (w *Writer) dropSnapshot(ctx context.Context) error {
	for _, table := range snapshotTables {
		if err := w.conn.Exec(ctx, "DROP TEMPORARY TABLE IF EXISTS "+table); err != nil {
			return fmt.Errorf("store: drop %s: %w", table, err)
		}
	}
	return nil
}

// slices cuts all patients into ranges of about sliceRows facts. Keys are
// hashes, so that equal ranges hold about equally many.
func (w *Writer) slices(ctx context.Context) ([]string, error) {
	var rows uint64
	if err := w.conn.QueryRow(ctx, "SELECT (SELECT count() FROM score) + (SELECT count() FROM episode)").Scan(&rows); err != nil {
		return nil, fmt.Errorf("store: count score and episode: %w", err)
	}
	return sliceFilters(int(min(rows/sliceRows+1, maxSlices))), nil
}

// sliceFilters returns n conditions on patient_id that hold for each patient
// once.
func sliceFilters(n int) []string {
	if n <= 1 {
		return []string{everyone}
	}
	width := new(big.Int).Div(new(big.Int).Lsh(big.NewInt(1), 128), big.NewInt(int64(n)))
	filters := make([]string, n)
	for i := range filters {
		var conditions []string
		if i > 0 {
			low := new(big.Int).Mul(width, big.NewInt(int64(i)))
			conditions = append(conditions, "patient_id >= toUInt128('"+low.String()+"')")
		}
		if i < n-1 {
			high := new(big.Int).Mul(width, big.NewInt(int64(i+1)))
			conditions = append(conditions, "patient_id < toUInt128('"+high.String()+"')")
		}
		filters[i] = strings.Join(conditions, " AND ")
	}
	return filters
}
