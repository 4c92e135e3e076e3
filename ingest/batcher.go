package ingest

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// insertsPerSecond is what a table sees at most in a steady stream.
	insertsPerSecond = 10
	// burst is how many batches may go at once after a pause, so that a lone
	// request does not wait.
	burst = 5
)

// ErrClosed says that the batcher takes nothing more.
var ErrClosed = errors.New("ingest: closed for new records: the program is stopping")

// Batcher joins records of concurrent requests into batches: what comes while
// one batch is being written makes the next. Nobody waits longer than a batch
// and a tenth of a second.
type Batcher struct {
	p       *Pipeline
	mu      sync.Mutex
	waiting []*submission
	wake    chan struct{}
	stop    chan struct{}
	done    chan struct{}
	tokens  float64
	filled  time.Time
}

// submission is what one request wants stored.
type submission struct {
	records []*Record
	done    chan error
}

// NewBatcher starts a batcher. Close it to stop its goroutine.
func (p *Pipeline) NewBatcher() *Batcher {
	b := &Batcher{
		p: p, wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
		tokens: burst, filled: time.Now(),
	}
	go b.run()
	return b
}

// Submit stores records of a Reader and sets their results. When it returns nil
// they are durable, and those that are refused are in the quarantine. On any error the caller may send the same records again,
// but these values are no longer its own: a batch may still hold them.
func (b *Batcher) Submit(ctx context.Context, records []*Record) error {
	s := &submission{records: records, done: make(chan error, 1)}
	b.mu.Lock()
	select {
	case <-b.stop:
		b.mu.Unlock()
		return ErrClosed
	default:
	}
	b.waiting = append(b.waiting, s)
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
	select {
	case err := <-s.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close writes what was submitted and stops. It may be called once.
func (b *Batcher) Close() error {
	b.mu.Lock()
	close(b.stop)
	b.mu.Unlock()
	<-b.done
	return nil
}

func (b *Batcher) run() {
	defer close(b.done)
	c := newCommitter(b.p, false)
	defer c.close()
	for {
		select {
		case <-b.wake:
		case <-b.stop:
			b.drain(c)
			return
		}
		b.drain(c)
	}
}

// drain writes batches until nobody waits.
func (b *Batcher) drain(c *committer) {
	for {
		b.pace()
		batch := b.take()
		if len(batch) == 0 {
			return
		}
		var records []*Record
		for _, s := range batch {
			records = append(records, s.records...)
		}
		// The requests may go away; what they sent is stored all the same.
		err := c.commit(context.Background(), b.p.writer, b.p.writer.Write, records)
		for _, s := range batch {
			s.done <- err
		}
	}
}

// take returns the submissions of the next batch, in order.
func (b *Batcher) take() []*submission {
	b.mu.Lock()
	defer b.mu.Unlock()
	rows, n := 0, 0
	for n < len(b.waiting) && (n == 0 || rows < maxBatchRows) {
		for _, r := range b.waiting[n].records {
			rows += r.rows()
		}
		if n > 0 && rows > maxBatchRows {
			break
		}
		n++
	}
	batch := b.waiting[:n:n]
	b.waiting = b.waiting[n:]
	if len(b.waiting) == 0 {
		b.waiting = nil
	}
	return batch
}

// pace waits until the next batch may go.
func (b *Batcher) pace() {
	b.mu.Lock()
	idle := len(b.waiting) == 0
	b.mu.Unlock()
	if idle {
		return
	}
	now := time.Now()
	b.tokens = min(burst, b.tokens+now.Sub(b.filled).Seconds()*insertsPerSecond)
	b.filled = now
	if b.tokens < 1 {
		wait := time.NewTimer(time.Duration((1 - b.tokens) / insertsPerSecond * float64(time.Second)))
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-b.stop:
		}
		now = time.Now()
		b.tokens = min(burst, b.tokens+now.Sub(b.filled).Seconds()*insertsPerSecond)
		b.filled = now
	}
	b.tokens--
}

// What a request should submit at once: so many records, or fewer whose refused
// ones hold so many bytes (Record.Held).
const (
	MaxSubmission = 10_000
	MaxHeld       = maxHeld
)
