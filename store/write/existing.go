package write

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"

	"github.com/lumbar-health/lumbar/record"
)

// identity is the id column of each table of facts, "0" where the patient is
// all there is.
var identity = map[Table]string{Responses: "response_id", Episodes: "episode_id", Events: "event_id", Patients: "toUInt64(0)"}

// Existing says of each key whether that very version is stored already. Facts
// that an earlier failure left stored but not in outcome are derived first, so
// that what exists is also visible.
func (w *Writer) Existing(ctx context.Context, keys []Key) ([]bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.settle(ctx); err != nil {
		return nil, err
	}
	return w.find(ctx, keys)
}

// find looks each key up.
func (w *Writer) find(ctx context.Context, keys []Key) ([]bool, error) {
	found := make([]bool, len(keys))
	byTable := map[Table][]int{}
	for i, k := range keys {
		byTable[k.Table] = append(byTable[k.Table], i)
	}
	for table, at := range byTable {
		stored, err := w.stored(ctx, table, keys, at)
		if err != nil {
			return nil, err
		}
		for _, i := range at {
			_, found[i] = stored[keys[i]]
		}
	}
	return found, nil
}

// stored returns those of the keys at the given places that the table holds.
func (w *Writer) stored(ctx context.Context, table Table, keys []Key, at []int) (map[Key]struct{}, error) {
	id, known := identity[table]
	if !known {
		return nil, fmt.Errorf("store: existing: no table of facts is called %q", table)
	}
	wrap := func(err error) error { return fmt.Errorf("store: existing rows of %s: %w", table, err) }
	var any uint64
	if err := w.conn.QueryRow(ctx, "SELECT count() FROM "+string(table)).Scan(&any); err != nil {
		return nil, wrap(err)
	}
	if any == 0 {
		return nil, nil
	}
	asked, err := ext.NewTable("asked", ext.Column("patient", "FixedString(16)"), ext.Column("id", "UInt64"), ext.Column("version", "UInt64"))
	if err != nil {
		return nil, wrap(err)
	}
	for _, i := range at {
		patient := Wire(keys[i].PatientID)
		if err := asked.Append(patient[:], keys[i].ID, keys[i].Version); err != nil {
			return nil, wrap(err)
		}
	}
	const these = " WHERE (patient_id, %s, version) IN (SELECT reinterpretAsUInt128(patient), id, version FROM asked)"
	statement := "SELECT DISTINCT reinterpret(patient_id, 'FixedString(16)'), " + id + ", version FROM " + string(table) + fmt.Sprintf(these, id)
	if table == Responses {
		// Each version of a response has scores, stored after it. Where a crash
		// came between the two, a retry must bring both.
		statement += " AND (patient_id, response_id, version) IN (SELECT patient_id, response_id, version FROM score" + fmt.Sprintf(these, id) + ")"
	}
	rows, err := w.conn.Query(clickhouse.Context(ctx, clickhouse.WithExternalTable(asked)), statement)
	if err != nil {
		return nil, wrap(err)
	}
	defer rows.Close()
	stored := make(map[Key]struct{}, len(at))
	for rows.Next() {
		var patient string
		k := Key{Table: table}
		if err := rows.Scan(&patient, &k.ID, &k.Version); err != nil {
			return nil, wrap(err)
		}
		k.PatientID = fromWire(patient)
		stored[k] = struct{}{}
	}
	if err := rows.Err(); err != nil {
		return nil, wrap(err)
	}
	return stored, nil
}

// fromWire is the inverse of Wire, which is its own.
func fromWire(wire string) record.PatientID {
	var id record.PatientID
	copy(id[:], wire)
	return Wire(id)
}

// Holders returns the patients under whom the responses are stored, with the
// newest version there. It is asked where a subject may have changed.
func (w *Writer) Holders(ctx context.Context, responses []uint64) (map[uint64][]record.Holder, error) {
	holders := map[uint64][]record.Holder{}
	if len(responses) == 0 {
		return holders, nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	wrap := func(err error) error { return fmt.Errorf("store: holders in response: %w", err) }
	asked, err := ext.NewTable("asked", ext.Column("id", "UInt64"))
	if err != nil {
		return nil, wrap(err)
	}
	for _, id := range responses {
		if err := asked.Append(id); err != nil {
			return nil, wrap(err)
		}
	}
	rows, err := w.conn.Query(clickhouse.Context(ctx, clickhouse.WithExternalTable(asked)),
		`SELECT response_id, reinterpret(patient_id, 'FixedString(16)') AS patient, max(version)
FROM response WHERE response_id IN (SELECT id FROM asked) GROUP BY response_id, patient_id ORDER BY response_id, patient`)
	if err != nil {
		return nil, wrap(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, version uint64
		var patient string
		if err := rows.Scan(&id, &patient, &version); err != nil {
			return nil, wrap(err)
		}
		holders[id] = append(holders[id], record.Holder{Patient: fromWire(patient), Version: version})
	}
	if err := rows.Err(); err != nil {
		return nil, wrap(err)
	}
	return holders, nil
}
