package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lumbar-health/lumbar/ingest/journal"
)

// What a request should submit at once: so many records, or fewer whose refused
// ones hold so many bytes (Record.Held).
const (
	MaxSubmission = 10_000
	MaxHeld       = maxHeld
)

const (
	// maxUndecided is how many bytes of entries may wait for the disk at once.
	maxUndecided = 256 << 20
	// askPatience is how long the store may take to say what it knows of a record
	// that may have come before.
	askPatience = 2 * time.Second
	// closePatience is how long Close lets the drain go on unless it is told.
	closePatience = 5 * time.Second
)

// ErrClosed says that the intake takes nothing more.
var ErrClosed = errors.New("ingest: closed for new records: the program is stopping")

// ErrBusy says that more waits to become durable than the intake holds.
var ErrBusy = errors.New("ingest: too many records wait for the disk: send them again in a moment")

// Mark is a moment in the life of an intake: what was submitted before it.
type Mark uint64

// Intake acknowledges records as soon as the journal has them on disk, and
// drains the journal into the store. It is safe for concurrent use.
type Intake struct {
	p       *Pipeline
	journal *journal.Journal
	log     *slog.Logger
	patient time.Duration
	waiting atomic.Int64 // bytes on their way to the disk

	mu      sync.Mutex
	closed  bool
	visible Mark
	changed chan struct{} // closed when visible changes or the drain ends
	ended   bool

	stop    context.CancelFunc
	drained chan struct{}
	filling sync.WaitGroup
}

// IntakeOptions configure an Intake.
type IntakeOptions struct {
	Log *slog.Logger // nil = silent
	// Patience is how long Close lets the drain go on; 0 is five seconds.
	Patience time.Duration
}

// NewIntake starts an intake on a journal and drains what the journal holds.
// Close it before the journal.
func (p *Pipeline) NewIntake(j *journal.Journal, o IntakeOptions) *Intake {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	ctx, stop := context.WithCancel(context.Background())
	found := j.State()
	i := &Intake{
		p: p, journal: j, log: o.Log, patient: cmp.Or(o.Patience, closePatience), stop: stop, changed: make(chan struct{}), drained: make(chan struct{}),
		visible: Mark(found.Released),
	}
	p.metrics.watch(i)
	i.filling.Go(func() { i.fill(ctx, Mark(found.Appended)) })
	go func() {
		defer close(i.drained)
		newDrain(i, found.Appended).run(ctx)
		i.advance(0, true)
	}()
	return i
}

// fill lets the pipeline know what is stored; until then the store is asked of
// each record. What the journal held at the start must be in the store first:
// nowhere else would it be found.
func (i *Intake) fill(ctx context.Context, backlog Mark) {
	if i.Await(ctx, backlog) != nil {
		return
	}
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		err := i.p.known.fill(ctx, i.p.writer)
		if err == nil || ctx.Err() != nil {
			return
		}
		i.log.Warn("what is stored could not be listed; it is tried again", "error", err)
		if !pause(ctx, wait) {
			return
		}
	}
}

// Submit makes records of a Reader durable and sets their results. When it
// returns nil the new ones are in the journal, and those that are refused are
// too, for the quarantine; all up to the mark will be in the store, once each,
// whatever happens. On any error the caller may send the same records again, but
// these values are no longer its own.
//
// A record that came before is a duplicate. Where only the store could know, and
// it does not answer, the record is taken again: that changes nothing in the
// store.
func (i *Intake) Submit(ctx context.Context, records []*Record) (Mark, error) {
	i.mu.Lock()
	closed := i.closed
	i.mu.Unlock()
	if closed {
		return 0, ErrClosed
	}
	i.recognise(ctx, records)
	body, err := encode(records, i.p.Now())
	if err != nil {
		return 0, err
	}
	if len(body) > journal.MaxEntryBytes && len(records) > 1 {
		half := len(records) / 2
		if _, err := i.Submit(ctx, records[:half]); err != nil {
			return 0, err
		}
		return i.Submit(ctx, records[half:])
	}
	mark := Mark(i.journal.State().Appended)
	if len(body) > 0 {
		if mark, err = i.append(ctx, body); err != nil {
			return 0, err
		}
	}
	i.acknowledge(records)
	i.p.metrics.count(records)
	return mark, nil
}

func (i *Intake) append(ctx context.Context, body []byte) (Mark, error) {
	size := int64(len(body))
	if i.waiting.Add(size) > maxUndecided && size < maxUndecided {
		i.waiting.Add(-size)
		return 0, ErrBusy
	}
	defer i.waiting.Add(-size)
	start := time.Now()
	number, err := i.journal.Append(ctx, body)
	if errors.Is(err, journal.ErrClosed) {
		return 0, ErrClosed
	}
	if err != nil {
		return 0, fmt.Errorf("ingest: keep records in the journal: %w", err)
	}
	i.p.metrics.fsync.Observe(time.Since(start).Seconds())
	return Mark(number), nil
}

// recognise sets the result of every record: refused, duplicate, or stored, as it
// will be once it is in the journal.
func (i *Intake) recognise(ctx context.Context, records []*Record) {
	var buf [16]Key
	var ask []Key
	var of []int // for each key asked the place of its record
	here := map[Key]struct{}{}
	for n, r := range records {
		keys := r.keys(buf[:0])
		if len(keys) == 0 && len(r.Reasons) == 0 {
			r.Reject("record", RuleRequired)
		}
		if len(r.Reasons) > 0 {
			r.Result = ResultRejected
			continue
		}
		r.Result = ResultStored
		again, fresh := len(records) > 1, false
		for k := range keys {
			if len(records) > 1 {
				_, seen := here[keys[k]]
				again = again && seen
				here[keys[k]] = struct{}{}
			}
			fresh = fresh || i.p.known.new(&keys[k])
		}
		switch {
		case again || !fresh && i.p.known.again(keys):
			r.Result = ResultDuplicate
		case !fresh:
			for _, k := range keys {
				ask, of = append(ask, k), append(of, n)
			}
		}
	}
	i.ask(ctx, records, ask, of)
}

// ask lets the store say which of the keys it holds. A record is a duplicate when
// it holds them all.
func (i *Intake) ask(ctx context.Context, records []*Record, keys []Key, of []int) {
	if len(keys) == 0 {
		return
	}
	ctx, stop := context.WithTimeout(ctx, askPatience)
	defer stop()
	there, err := i.p.writer.Recorded(ctx, keys)
	if err != nil || len(there) != len(keys) {
		i.p.metrics.unasked.Inc()
		return
	}
	for _, n := range of {
		records[n].Result = ResultDuplicate
	}
	for k, yes := range there {
		if !yes {
			records[of[k]].Result = ResultStored
		}
	}
}

// acknowledge notes what is durable now. Of two requests with one record the
// later one is told that it was the second.
func (i *Intake) acknowledge(records []*Record) {
	var buf [16]Key
	for _, r := range records {
		if r.Result == ResultStored && i.p.known.acknowledge(r.keys(buf[:0])) {
			r.Result = ResultDuplicate
		}
	}
}

// Await returns nil once all that was submitted before the mark is in the store
// and in outcome.
func (i *Intake) Await(ctx context.Context, m Mark) error {
	for {
		i.mu.Lock()
		visible, ended, changed := i.visible, i.ended, i.changed
		i.mu.Unlock()
		switch {
		case visible >= m:
			return nil
		case ended:
			return ErrClosed
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Drained returns nil once all that the journal holds now is in the store.
func (i *Intake) Drained(ctx context.Context) error {
	return i.Await(ctx, Mark(i.journal.State().Appended))
}

// advance tells those who wait how far the drain is.
func (i *Intake) advance(m Mark, ended bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.visible = max(i.visible, m)
	i.ended = i.ended || ended
	close(i.changed)
	i.changed = make(chan struct{})
}

// Close takes nothing more and lets the drain go on for a while. What is left
// then waits in the journal for the next start.
func (i *Intake) Close() error {
	i.mu.Lock()
	i.closed = true
	i.mu.Unlock()
	ctx, stop := context.WithTimeout(context.Background(), i.patient)
	defer stop()
	if err := i.Drained(ctx); err != nil {
		i.log.Warn("not all of the journal is in the store yet: the next start goes on with it")
	}
	i.stop()
	<-i.drained
	i.filling.Wait()
	i.p.metrics.unwatch(i)
	return nil
}
