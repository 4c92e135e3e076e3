package write

import (
	"context"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/lumbar-health/lumbar/record"
)

// touchedPatients is the filter of a derivation of the listed patients.
const touchedPatients = "patient_id IN (SELECT patient_id FROM derive_touched)"

// touched are patients whose outcome must be derived again.
type touched struct {
	patients []record.PatientID
	all      bool // too many to list: every patient
	moved    bool // an episode may have changed its year
}

// listed is how many patients a writer keeps by name before it derives all.
const listed = 250_000

func (t *touched) add(b Batch) {
	t.moved = t.moved || b.Episode != nil && b.Episode.NumRows() > 0
	if t.all {
		return
	}
	t.patients = append(t.patients, b.Touched...)
	if len(t.patients) > 2*listed {
		t.compact()
	}
	if len(t.patients) > listed {
		t.all, t.patients = true, nil
	}
}

// merge adds the patients of another.
func (t *touched) merge(o touched) {
	t.moved, t.all = t.moved || o.moved, t.all || o.all
	t.patients = append(t.patients, o.patients...)
}

func (t *touched) compact() {
	slices.SortFunc(t.patients, func(a, b record.PatientID) int { return slices.Compare(a[:], b[:]) })
	t.patients = slices.Compact(t.patients)
}

// listTouched puts the patients into the table that the filter names.
func (w *Writer) listTouched(ctx context.Context, patients []record.PatientID) error {
	if err := w.newTouched(ctx); err != nil {
		return err
	}
	batch, err := w.conn.PrepareBatch(ctx, "INSERT INTO derive_touched (patient_id)")
	if err != nil {
		return fmt.Errorf("store: list touched patients: %w", err)
	}
	defer batch.Close()
	for _, p := range patients {
		if err := batch.Append(new(big.Int).SetBytes(p[:])); err != nil {
			return fmt.Errorf("store: list touched patients: %w", err)
		}
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("store: list touched patients: %w", err)
	}
	return nil
}

// listReceived puts the patients who have a fact received at or after the
// moment into that table, and returns how many they are.
func (w *Writer) listReceived(ctx context.Context, since time.Time) (uint64, error) {
	if err := w.newTouched(ctx); err != nil {
		return 0, err
	}
	err := w.conn.Exec(ctx, `INSERT INTO derive_touched
SELECT DISTINCT patient_id FROM (
  SELECT patient_id FROM score WHERE received_at >= fromUnixTimestamp64Milli(toInt64(?))
  UNION ALL SELECT patient_id FROM episode WHERE received_at >= fromUnixTimestamp64Milli(toInt64(?)))`, since.UnixMilli(), since.UnixMilli())
	if err != nil {
		return 0, fmt.Errorf("store: list patients of unfinished batches: %w", err)
	}
	var n uint64
	if err := w.conn.QueryRow(ctx, "SELECT count() FROM derive_touched").Scan(&n); err != nil {
		return 0, fmt.Errorf("store: count derive_touched: %w", err)
	}
	return n, nil
}

func (w *Writer) newTouched(ctx context.Context) error {
	for _, statement := range []string{
		"DROP TEMPORARY TABLE IF EXISTS derive_touched",
		"CREATE TEMPORARY TABLE derive_touched (patient_id UInt128) ENGINE = Memory",
	} {
		if err := w.conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("store: list touched patients: %w", err)
		}
	}
	return nil
}
