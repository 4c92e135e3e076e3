package ingest

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/lumbar-health/lumbar/ingest/journal"
)

const (
	// insertsPerSecond is what a table sees at most in a steady stream, so that
	// nobody waits for a batch longer than a tenth of a second.
	insertsPerSecond = 10
	// burst is how many batches may go at once after a pause, so that a lone
	// request does not wait.
	burst = 5
	// maxBatchBytes closes a batch by the bytes of its entries: refused rows are no
	// rows of a table, and a backlog of them must not be read at once.
	maxBatchBytes = 32 << 20
	// lookCloser is after how many attempts a batch that the store will not take is
	// taken apart.
	lookCloser = 3
	// A batch that can not be stored is tried again, at first soon.
	firstRetry, lastRetry = 100 * time.Millisecond, 5 * time.Second
)

// drain carries what the journal holds into the store: what comes while one batch
// is written makes the next. It always reads the journal itself, so that a start
// after a crash is nothing special. One goroutine uses it.
type drain struct {
	i      *Intake
	reader *journal.Reader
	commit *committer
	next   *journal.Entry // read, and too large for the batch before
	// backlog is the last entry that the process before acknowledged: nobody has
	// noted the keys of those up to it.
	backlog uint64
	tokens  float64
	filled  time.Time
}

func newDrain(i *Intake, backlog uint64) *drain {
	return &drain{i: i, reader: i.journal.Reader(), commit: newCommitter(i.p), backlog: backlog, tokens: burst, filled: time.Now()}
}

// run drains until the context ends. What can not be stored is tried again for
// ever: it was acknowledged.
func (d *drain) run(ctx context.Context) {
	defer d.commit.close()
	for ctx.Err() == nil {
		var records []*Record
		var last uint64
		ok := d.insist(ctx, "the journal could not be read", func() (err error) {
			records, last, err = d.gather(ctx)
			if err != nil {
				d.next = nil
				if again := d.reader.Rewind(); again != nil {
					return again
				}
			}
			return err
		})
		tries := 0
		ok = ok && d.insist(ctx, "records of the journal could not be stored", func() error {
			err := d.commit.replay(ctx, records)
			if tries++; tries >= lookCloser && errors.Is(err, ErrRows) {
				err = d.isolate(ctx, records)
			}
			return err
		})
		ok = ok && d.insist(ctx, "the journal could not be shortened", func() error {
			return d.i.journal.Release(last)
		})
		if ok {
			d.i.advance(Mark(last), false)
		}
	}
}

// isolate stores a batch that the store will not take because of a value in it:
// in halves, down to the records that are to blame, however many they are. Those
// go to the quarantine, by an insert like theirs: a store that fails as a whole
// refuses that too, and all stay in the journal.
func (d *drain) isolate(ctx context.Context, records []*Record) error {
	blamed, err := d.blame(ctx, records)
	if err != nil || len(blamed) == 0 {
		return err
	}
	for _, r := range blamed {
		k := keep(r)
		if err := d.i.p.setAside(r, &k, Reason{Field: "record", Rule: RuleNotStorable}); err != nil {
			return err
		}
		r.refused.ReceivedAt = d.i.p.Now()
	}
	if err := d.commit.hold(ctx, d.i.p.writer, held(blamed)); err != nil {
		return err
	}
	d.i.log.Error("records that were acknowledged can not be stored and are held in the quarantine", "records", len(blamed), "rule", RuleNotStorable)
	return nil
}

// blame stores what can be stored and returns the records that can not.
func (d *drain) blame(ctx context.Context, records []*Record) ([]*Record, error) {
	err := d.commit.replay(ctx, records)
	if !errors.Is(err, ErrRows) {
		return nil, err
	}
	if len(records) == 1 {
		return records, nil
	}
	half := len(records) / 2
	first, err := d.blame(ctx, records[:half])
	if err != nil {
		return nil, err
	}
	second, err := d.blame(ctx, records[half:])
	return append(slices.Clip(first), second...), err
}

// insist does something until it succeeds; false means that the context ended.
func (d *drain) insist(ctx context.Context, failure string, do func() error) bool {
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		err := do()
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		d.i.p.metrics.drainErrors.Inc()
		d.i.log.Error(failure+"; it is tried again", "error", err, "in", wait)
		if !pause(ctx, wait) {
			return false
		}
	}
}

// pause waits; false means that the context ended.
func pause(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// gather waits for an entry and takes those that are there with it, as far as one
// batch goes. last is the number of the last one. Where one of them can not be
// read, those before it are a batch, and the error comes with the next call.
func (d *drain) gather(ctx context.Context) (records []*Record, last uint64, err error) {
	rows, size := 0, 0
	for rows < maxBatchRows {
		more, err := d.entry(ctx, last == 0)
		if err != nil && last == 0 {
			return nil, 0, err
		}
		if err != nil || d.next == nil {
			break
		}
		n := 0
		for _, r := range more {
			n += max(r.rows(), 1) // a refused one counts too
		}
		if last != 0 && (rows+n > maxBatchRows || size+len(d.next.Body) > maxBatchBytes) {
			break
		}
		d.recall(d.next.Number, more)
		records, rows, size, last = append(records, more...), rows+n, size+len(d.next.Body), d.next.Number
		d.next = nil
	}
	return records, last, nil
}

// entry reads the next entry into d.next, unless one is there, and decodes it.
// The first of a batch it waits for; of the others there may be none.
func (d *drain) entry(ctx context.Context, first bool) ([]*Record, error) {
	if d.next == nil {
		if !first && !d.reader.Ready() {
			return nil, nil
		}
		e, err := d.reader.Next(ctx)
		if err != nil {
			return nil, err
		}
		d.next = &e
		if first {
			d.pace(ctx)
		}
	}
	return d.i.p.decode(d.next.Number, d.next.Body)
}

// recall notes the keys of an entry that the process before acknowledged.
func (d *drain) recall(number uint64, records []*Record) {
	if number > d.backlog {
		return
	}
	var buf [16]Key
	for _, r := range records {
		if r.Result == ResultStored {
			d.i.p.known.acknowledge(r.keys(buf[:0]))
		}
	}
}

// pace waits until the next batch may go.
func (d *drain) pace(ctx context.Context) {
	d.refill()
	if d.tokens < 1 {
		pause(ctx, time.Duration((1-d.tokens)/insertsPerSecond*float64(time.Second)))
		d.refill()
	}
	d.tokens--
}

func (d *drain) refill() {
	now := time.Now()
	d.tokens = min(burst, d.tokens+now.Sub(d.filled).Seconds()*insertsPerSecond)
	d.filled = now
}

// replay stores records of the journal. Those that are there already collapse
// with what they repeat, so that nothing needs to be asked.
func (c *committer) replay(ctx context.Context, records []*Record) error {
	c.fresh = c.fresh[:0]
	c.past.clear()
	var buf [16]Key
	for _, r := range records {
		if r.Result == ResultStored && !c.again(r, r.keys(buf[:0])) {
			c.fresh = append(c.fresh, r)
		}
	}
	if rows := held(records); len(rows) > 0 {
		if err := c.hold(ctx, c.p.writer, rows); err != nil {
			return err
		}
	}
	return c.write(ctx, c.p.writer, c.p.writer.Write)
}
