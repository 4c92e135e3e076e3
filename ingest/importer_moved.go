package ingest

import (
	"context"
	"fmt"
	"slices"

	"github.com/lumbar-health/lumbar/record"
)

// correct keeps the corrections of a record, and what was corrected before, for
// the end of the bulk: what they correct may stand in it too. Those that are
// stored already are among them, for an import that was cut short may have left
// no more than them.
func (m *importer) correct(r *Record) {
	if r.Result == ResultRejected || m.dry {
		return
	}
	for i := range r.Responses {
		if v := &r.Responses[i]; m.p.mayMove(v) {
			kept := Response{Response: v.Response, Definition: v.Definition, scored: slices.Clone(v.scored)}
			kept.Codes = slices.Clone(v.Codes)
			m.corrections = append(m.corrections, kept)
		}
	}
}

// withdraw withdraws the responses that were corrected from the patients under
// whom they stood before. The bulk is committed, so that the store knows them
// all. Of several corrections the newest holds.
func (m *importer) withdraw(ctx context.Context) error {
	corrections := m.corrections
	if m.corrections = nil; len(corrections) == 0 {
		return nil
	}
	ids := make([]uint64, len(corrections))
	newest := make(map[uint64]uint64, len(corrections)) // correction of each response, here
	for i := range corrections {
		v := &corrections[i]
		if ids[i] = v.ID; v.subjectMayChange() {
			newest[v.ID] = max(newest[v.ID], v.Version)
		}
	}
	stored, err := m.writer.Holders(ctx, ids)
	if err != nil {
		return fmt.Errorf("ingest: look for earlier subjects: %w", err)
	}
	var gone []Response
	var keys []Key
	withdraw := func(v *Response, from record.PatientID) {
		w := v.withdrawnFrom(from)
		gone, keys = append(gone, w), append(keys, Key{Responses, from, w.ID, w.Version})
	}
	for i := range corrections {
		v := &corrections[i]
		older, overtaken := v.disputed(stored[v.ID])
		if overtaken && newest[v.ID] <= v.Version { // else that one withdraws it
			withdraw(v, v.PatientID)
		}
		if !v.subjectMayChange() {
			continue
		}
		for _, patient := range older {
			withdraw(v, patient)
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
