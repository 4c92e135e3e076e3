package ingest

import (
	"context"
	"errors"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/lumbar-health/lumbar/record"
)

// ErrRows is what Write says of a batch that can never be stored, because of a
// value in it, as against a store that is away or full.
var ErrRows = errors.New("ingest: the store will not take a value of these rows")

// Writer stores batches. The store implements it, and so does a dry run.
type Writer interface {
	// Existing says of each key whether that very version is stored already.
	Existing(ctx context.Context, keys []Key) ([]bool, error)
	// Recorded says the same without waiting for a batch or a derivation under
	// way: what it knows may not be in outcome yet.
	Recorded(ctx context.Context, keys []Key) ([]bool, error)
	// Fingerprints yields record.Fingerprint of every stored version of a fact,
	// some of them perhaps twice.
	Fingerprints(ctx context.Context, yield func([]uint64) error) error
	// Corrected yields the ids of the responses that were amended or withdrawn.
	Corrected(ctx context.Context, yield func([]uint64) error) error
	// Holders returns the patients under whom the responses are stored. It is
	// asked where a subject may have changed.
	Holders(ctx context.Context, responses []uint64) (map[uint64][]record.Holder, error)
	// Write stores a batch. When it returns nil the rows are durable and
	// visible in outcome; on an error a retry of the same batch is harmless.
	Write(ctx context.Context, b Batch) error
	// Quarantine keeps refused rows. When it returns nil they are durable; the
	// same row again replaces the one before.
	Quarantine(ctx context.Context, rows []record.Refused) error
	// Bulk starts a large import, whose rows become visible in outcome at Commit.
	Bulk(ctx context.Context) (Bulk, error)
}

// Bulk stores many batches and re-derives outcome once.
type Bulk interface {
	Write(ctx context.Context, b Batch) error
	Commit(ctx context.Context) error
	// Close gives the bulk up where it was not committed; rows written stay,
	// whole, and an import of the same file completes them.
	Close() error
}

// Batch holds Arrow records in the columns of the tables of the same names; a
// nil record has no rows. The writer does not release them.
type Batch struct {
	Response, Score, Episode, Event, Patient arrow.Record
	// Touched are the patients whose outcome must be derived again, each once.
	Touched []record.PatientID
}

// Key is the identity of one version of a row.
type Key struct {
	Table     Table
	PatientID record.PatientID
	ID        uint64 // response, episode or event id; 0 for a patient
	Version   uint64
}

// Table is a table of facts.
type Table string

// Tables of facts.
const (
	Responses Table = "response"
	Episodes  Table = "episode"
	Events    Table = "event"
	Patients  Table = "patient"
)
