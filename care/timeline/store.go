package timeline

import (
	"context"
	"time"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/record"
)

// Store reads the facts about one person.
type Store interface {
	// History returns every version of every fact about the person that was
	// received at or before asOf; the zero time means all.
	History(ctx context.Context, patient record.PatientID, asOf time.Time) (*record.History, error)
	// Scores returns the scores that are current in a programme.
	Scores(programme string) []*instruments.Score
	// CurrentScore returns the one that stands for an instrument there.
	CurrentScore(programme string, instrument instruments.ID) (*instruments.Score, bool)
}

// Auditor appends lines to the audit.
type Auditor interface {
	// Audit returns nil when the lines are durable.
	Audit(ctx context.Context, lines ...record.Access) error
}
