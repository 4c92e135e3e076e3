package ingest

import (
	"context"
	"sync"

	"github.com/lumbar-health/lumbar/record"
)

// generation is how many keys each half of the exact memory holds.
const generation = 200_000

// known tells rows that came before from new ones. What it calls new is new; of
// the rest it knows for certain those that were acknowledged lately.
type known struct {
	mu       sync.RWMutex
	complete bool   // the filter holds all that is stored
	tried    bool   // the filter holds a part of it
	rows     filter // those that came before; of what is not among them it is certain
	// corrections are the ids of responses that were amended or withdrawn.
	corrections  filter
	allCorrected bool // corrections holds all of those

	recent, before map[Key]struct{}
}

func newKnown() *known { return &known{recent: map[Key]struct{}{}} }

// tableMarks tell the fingerprints of tables apart, as the store's do.
var tableMarks = map[Table]byte{
	Responses: record.FingerprintResponse, Episodes: record.FingerprintEpisode,
	Events: record.FingerprintEvent, Patients: record.FingerprintPatient,
}

func (k *Key) fingerprint() uint64 {
	return record.Fingerprint(tableMarks[k.Table], k.PatientID, k.ID, k.Version)
}

// fill reads what is stored. Until it has ended nothing is certainly new.
func (k *known) fill(ctx context.Context, w Writer) error {
	if err := k.fillCorrections(ctx, w); err != nil {
		return err
	}
	again := k.tried // of one goroutine
	k.tried = true
	err := w.Fingerprints(ctx, func(block []uint64) error {
		k.mu.Lock()
		defer k.mu.Unlock()
		for _, f := range block {
			if !again || !k.rows.has(f) { // or it would grow with each attempt
				k.rows.add(f)
			}
		}
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.complete = true
	return nil
}

// fillCorrections reads which responses were corrected; until it has ended each
// may be one.
func (k *known) fillCorrections(ctx context.Context, w Writer) error {
	k.mu.RLock()
	all := k.allCorrected
	k.mu.RUnlock()
	if all {
		return nil
	}
	err := w.Corrected(ctx, func(block []uint64) error {
		for _, id := range block {
			k.correct(id)
		}
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.allCorrected = true
	return nil
}

// correct notes that a response was amended or withdrawn.
func (k *known) correct(id uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.corrections.has(id) {
		k.corrections.add(id)
	}
}

// corrected reports whether the response may have been amended or withdrawn.
func (k *known) corrected(id uint64) bool {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return !k.allCorrected || k.corrections.has(id)
}

// new reports whether the row is certainly not stored and not in the journal.
func (k *known) new(key *Key) bool {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if !k.complete {
		return false
	}
	return !k.rows.has(key.fingerprint())
}

// again reports whether all of the keys were acknowledged lately.
func (k *known) again(keys []Key) bool {
	k.mu.RLock()
	defer k.mu.RUnlock()
	for i := range keys {
		if !k.has(keys[i]) {
			return false
		}
	}
	return true
}

func (k *known) has(key Key) bool {
	_, recent := k.recent[key]
	if !recent {
		_, recent = k.before[key]
	}
	return recent
}

// acknowledge notes the keys of a record that is durable now. again says that
// another request made all of them durable just before.
func (k *known) acknowledge(keys []Key) (again bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	again = true
	for _, key := range keys {
		if k.has(key) {
			continue
		}
		again = false
		if len(k.recent) == generation {
			k.recent, k.before = make(map[Key]struct{}, generation), k.recent
		}
		k.recent[key] = struct{}{}
		k.rows.add(key.fingerprint())
	}
	return again
}

// stored notes the keys of rows that are in the store.
func (k *known) stored(keys []Key) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i := range keys {
		k.rows.add(keys[i].fingerprint())
	}
}
