package ingest

import (
	"context"
	"fmt"
	"slices"

	"github.com/lumbar-health/lumbar/record"
)

// correct keeps the corrections of a record for the end of the bulk: what they
// correct may stand in it too. Those that are stored already are among them, for
// an import that was cut short may have left no more than them.
func (m *importer) correct(r *Record) {
	if r.Result == ResultRejected || m.dry {
		return
	}
	for i := range r.Responses {
		if v := &r.Responses[i]; v.subjectMayChange() {
			kept := Response{Response: v.Response, Definition: v.Definition, scored: slices.Clone(v.scored)}
			kept.Codes = slices.Clone(v.Codes)
			m.corrections = append(m.corrections, kept)
		}
	}
}

// withdraw withdraws the responses that were corrected from the patients under
// whom they stood before. The bulk is committed, so that the store knows them
// all. Of two corrections the newer one withdraws the older, not each the other.
func (m *importer) withdraw(ctx context.Context) error {
	corrections := m.corrections
	if m.corrections = nil; len(corrections) == 0 {
		return nil
	}
	type holding struct {
		response uint64
		patient  record.PatientID
	}
	ids := make([]uint64, len(corrections))
	newest := make(map[holding]uint64, len(corrections))
	for i := range corrections {
		v := &corrections[i]
		h := holding{v.ID, v.PatientID}
		ids[i], newest[h] = v.ID, max(newest[h], v.Version)
	}
	stored, err := m.writer.Holders(ctx, ids)
	if err != nil {
		return fmt.Errorf("ingest: look for earlier subjects: %w", err)
	}
	var gone []Response
	var keys []Key
	for i := range corrections {
		v := &corrections[i]
		for _, patient := range stored[v.ID] {
			if patient == v.PatientID || newest[holding{v.ID, patient}] > v.Version {
				continue
			}
			w := v.withdrawnFrom(patient)
			gone, keys = append(gone, w), append(keys, Key{Responses, patient, w.ID, w.Version})
		}
	}
	return m.retract(ctx, gone, keys)
}

// retract stores withdrawals, those that are not stored yet.
func (m *importer) retract(ctx context.Context, gone []Response, keys []Key) error {
	if len(gone) == 0 {
		return nil
	}
	there, err := m.writer.Existing(ctx, keys)
	if err == nil && len(there) != len(keys) {
		err = fmt.Errorf("%d answers to %d keys", len(there), len(keys))
	}
	if err != nil {
		return fmt.Errorf("ingest: look for withdrawals stored before: %w", err)
	}
	received := m.p.Now()
	for i := range gone {
		if !there[i] {
			gone[i].ReceivedAt = received
			m.builder.addResponse(&gone[i])
		}
	}
	batch := m.builder.batch()
	if batch.Rows() == 0 {
		batch.Release()
		return nil
	}
	m.p.known.stored(keys)
	return m.put(ctx, m.writer.Write, batch)
}
