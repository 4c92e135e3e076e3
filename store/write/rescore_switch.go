package write

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/lumbar-health/lumbar/store/schema"
)

// successor is the table in which a re-score fills the outcome to come.
const successor = "outcome_successor"

// build fills the successor of outcome by the next derivation while batches go
// on into outcome. Whose facts arrive meanwhile is remembered.
func (r *rescore) build(ctx context.Context, next derivation) error {
	w := r.w
	run := func(statement string) error {
		if err := w.conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("store: re-score, fill outcome anew: %w", err)
		}
		return nil
	}
	if err := run("DROP TABLE IF EXISTS " + successor); err != nil {
		return err
	}
	if err := run("CREATE TABLE " + successor + " AS outcome"); err != nil {
		return err
	}
	if err := schema.Conform(ctx, w.conn, successor, next.catalogue); err != nil {
		return err
	}
	w.mu.Lock()
	w.since = &touched{}
	w.mu.Unlock()
	scopes, err := w.slices(ctx)
	if err != nil {
		return err
	}
	for i, s := range scopes {
		r.o.Progress(RescoreProgress{"deriving", int64(i), int64(len(scopes))})
		if err := w.deriveScopes(ctx, next, successor, []scope{s}, false); err != nil {
			return err
		}
		if err := w.pause("derived"); err != nil {
			return err
		}
	}
	var n uint64
	if err := w.conn.QueryRow(ctx, "SELECT count() FROM "+successor).Scan(&n); err != nil {
		return fmt.Errorf("store: count %s: %w", successor, err)
	}
	r.report.Episodes = int64(n)
	return r.catchUp(ctx, next)
}

// rounds is how often a re-score derives beside the batches before it makes
// them wait.
const rounds = 8

// catchUp derives into the successor whom batches touched since it was begun,
// until they are few.
func (r *rescore) catchUp(ctx context.Context, next derivation) error {
	w := r.w
	for range rounds {
		w.mu.Lock()
		late := *w.since
		if few := !late.all && len(late.patients) <= 1000; !few {
			w.since = &touched{}
		} else {
			late = touched{}
		}
		w.mu.Unlock()
		if !late.all && len(late.patients) == 0 {
			return nil
		}
		if err := w.derive(ctx, next, successor, &late); err != nil {
			return err
		}
	}
	return nil
}

// forget ends the list of whom batches touch.
func (w *Writer) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.since = nil
}

func (w *Writer) checksum() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.derivation.checksum
}

// exchange makes the plan current. Scoring is switched first, in one insert: a
// crash after it leaves an outcome of another derivation than table derivation
// names, and the next start fills it anew. The batch that is begun before it
// makes that start count a new data version too. Batches wait meanwhile.
func (r *rescore) exchange(ctx context.Context, next derivation, filled bool) error {
	w := r.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.settle(ctx); err != nil {
		return err
	}
	if filled {
		if err := w.derive(ctx, next, successor, w.since); err != nil {
			return err
		}
	}
	// From here on nobody's leaving stops it half way.
	ctx = context.WithoutCancel(ctx)
	number, err := w.begin(ctx, Batch{})
	if err != nil {
		return err
	}
	w.open = append(w.open, begun{number, 0})
	if err := w.pause("begun"); err != nil {
		return err
	}
	if err := schema.Switch(ctx, w.conn, r.plan.Changes, w.cfg.Clock()); err != nil {
		return err
	}
	if err := w.pause("scoring"); err != nil {
		return err
	}
	if err := w.replace(ctx, next, filled); err != nil {
		return err
	}
	if err := w.pause("committed"); err != nil {
		return err
	}
	if err := w.recordDerivation(ctx); err != nil {
		return err
	}
	if !filled {
		return nil
	}
	if err := w.conn.Exec(ctx, "DROP TABLE "+successor); err != nil {
		return fmt.Errorf("store: drop %s: %w", successor, err)
	}
	return nil
}

// replace puts the successor in outcome's place and lets the readers follow.
func (w *Writer) replace(ctx context.Context, next derivation, filled bool) error {
	var err error
	exchange := func() (done, known bool) { return true, true }
	if filled {
		mark := rand.Text()
		if err := w.conn.Exec(ctx, "ALTER TABLE "+successor+" MODIFY COMMENT "+schema.Literal(mark)); err != nil {
			return fmt.Errorf("store: mark %s: %w", successor, err)
		}
		exchange = func() (done, known bool) {
			if err = w.conn.Exec(ctx, "EXCHANGE TABLES outcome AND "+successor); err == nil {
				return true, true
			}
			return w.exchanged(ctx, mark)
		}
	}
	swap := func() (done, known bool) {
		done, known = exchange()
		if !done || !known {
			return done, known
		}
		if err = w.pause("exchanged"); err != nil {
			return true, true
		}
		// The new data version counts before anybody reads under the new catalogue.
		w.derivation = next
		err = w.settle(ctx)
		return true, true
	}
	if w.cfg.Readers != nil {
		w.cfg.Readers.Switch(next.catalogue, swap)
	} else {
		swap()
	}
	return err
}

// exchanged finds out which table is outcome after an exchange whose answer was
// lost. The engine may be starting again.
func (w *Writer) exchanged(ctx context.Context, mark string) (done, known bool) {
	for range 30 {
		var comment string
		err := w.conn.QueryRow(ctx, "SELECT comment FROM system.tables WHERE database = currentDatabase() AND name = 'outcome'").Scan(&comment)
		if err == nil {
			return comment == mark, true
		}
		time.Sleep(time.Second)
	}
	return false, false
}

// pause is a step of a batch or a re-score at which a test may act or end it.
func (w *Writer) pause(step string) error {
	if w.at == nil {
		return nil
	}
	return w.at(step)
}
