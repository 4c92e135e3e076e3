package write

import (
	"context"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/lumbar-health/lumbar/record"
)

// Recorded says of each key whether that very version is stored, as Existing
// does, but neither waits for a batch under way nor derives anything: what is
// recorded may not be in outcome yet. It only reads and may be called beside all
// else.
func (w *Writer) Recorded(ctx context.Context, keys []Key) ([]bool, error) {
	return w.find(ctx, keys)
}

// kinds are the tables whose versions have fingerprints.
var kinds = []struct {
	table Table
	kind  byte
}{
	{Responses, record.FingerprintResponse}, {Episodes, record.FingerprintEpisode},
	{Events, record.FingerprintEvent}, {Patients, record.FingerprintPatient},
}

// Fingerprints hands over the fingerprint of every stored version of a response,
// episode, event and patient, in blocks and in no order; a version that is
// stored twice may come twice. A response is among them whose scores a crash
// kept away. It only reads, on one of the engine's threads, and what is stored
// meanwhile may or may not be among them. A block is valid until yield returns,
// whose error ends it.
func (w *Writer) Fingerprints(ctx context.Context, yield func([]uint64) error) error {
	for _, of := range kinds {
		if err := w.eachNumber(ctx, of.table, "SELECT "+fingerprint(of.kind, identity[of.table])+" AS f FROM "+string(of.table), yield); err != nil {
			return err
		}
	}
	return nil
}

// eachNumber hands over the only column of a query, of UInt64, in blocks, on one of
// the engine's threads.
func (w *Writer) eachNumber(ctx context.Context, table Table, query string, yield func([]uint64) error) error {
	return w.eachRecord(ctx, string(table), query+" SETTINGS max_threads = 1", nil, func(rec arrow.Record) error {
		numbers, ok := rec.Column(0).(*array.Uint64)
		if !ok {
			return fmt.Errorf("store: read %s: the engine answers with %s for whole numbers", table, rec.Column(0).DataType())
		}
		return yield(numbers.Uint64Values())
	})
}

// Corrected hands over, as Fingerprints does, the ids of the responses that were
// amended or withdrawn: a late version of one may name another patient.
func (w *Writer) Corrected(ctx context.Context, yield func([]uint64) error) error {
	return w.eachNumber(ctx, Responses, "SELECT DISTINCT response_id FROM response WHERE status IN ('amended', 'entered-in-error')", yield)
}

// fingerprint is record.Fingerprint in the engine's words. That is a sum of
// products, so that it tells its own factors.
func fingerprint(kind byte, id string) string {
	return fmt.Sprintf("toUInt64(%d) + %s * toUInt64(%d) + version * toUInt64(%d) + toUInt64(patient_id) * toUInt64(%d) + toUInt64(bitShiftRight(patient_id, 64)) * toUInt64(%d)",
		kind, id,
		record.Fingerprint(0, record.PatientID{}, 1, 0), record.Fingerprint(0, record.PatientID{}, 0, 1),
		record.Fingerprint(0, record.PatientID{15: 1}, 0, 0), record.Fingerprint(0, record.PatientID{7: 1}, 0, 0))
}
