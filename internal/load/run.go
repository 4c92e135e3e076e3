package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Options are how a load is put on.
type Options struct {
	// Plan deals the parcels.
	Plan *Plan
	// Ledger takes what is acknowledged; its world is posted.
	Ledger *Ledger
	// Workers is how many connections post at once.
	Workers int
	// Seed decides about pauses and what is sent again.
	Seed uint64
	// Pace is how many parcels are begun in a second; 0 = as fast as they go.
	Pace float64
	// Again is how many of a hundred acknowledged parcels are posted once more.
	Again int
	// Keyed is how many of a hundred parcels bring an Idempotency-Key.
	Keyed int
	// MaxPause bounds the pause before a retry, also against Retry-After.
	// 0 = half a second.
	MaxPause time.Duration
	// Visible is how many of a thousand parcels ask to be acknowledged only when
	// they can be read (Prefer: wait), to measure how long that takes.
	Visible int
	// Seen is called as soon as the program has said of such a parcel that it can
	// be read; an error ends the load. nil = not.
	Seen func(p Parcel) error
}

// Load is a load under way.
type Load struct {
	client *Client
	o      Options
	ticks  chan time.Time // nil without a pace
	ctx    context.Context
	cancel context.CancelCauseFunc
	wait   sync.WaitGroup
	begun  time.Time

	flying  atomic.Int64
	acked   atomic.Int64 // answers, those sent again too
	refused atomic.Int64 // attempts

	mu     sync.Mutex
	report Report
}

// Report is what a load came to.
type Report struct {
	// Requests were acknowledged, Rows of answers in them.
	Requests, Rows int
	// Cut is how many attempts ended without a reply.
	Cut int
	// Statuses counts the replies.
	Statuses map[int]int
	// Unadvised counts replies 429 and 503 without Retry-After.
	Unadvised int
	// Latency is of the attempts that were acknowledged. At a pace it counts
	// from when the parcel was due.
	Latency Latency
	// Visible is the same of the parcels that asked to wait until they can be
	// read, which do not count in Latency. Unseen of them were not in time.
	Visible Latency
	Unseen  int
	// Took is from the first request to the last acknowledgement.
	Took time.Duration
}

// Start puts a load on. Wait for it; the context ends it at once.
func Start(ctx context.Context, c *Client, o Options) *Load {
	l := &Load{client: c, o: o, begun: time.Now(), report: Report{Statuses: map[int]int{}}}
	if l.o.MaxPause == 0 {
		l.o.MaxPause = time.Second / 2
	}
	l.ctx, l.cancel = context.WithCancelCause(ctx)
	if o.Pace > 0 {
		l.ticks = make(chan time.Time)
		go l.tick()
	}
	for i := range o.Workers {
		l.wait.Go(func() { l.work(uint64(i)) })
	}
	return l
}

// InFlight is how many requests wait for their reply just now.
func (l *Load) InFlight() int { return int(l.flying.Load()) }

// Answers is how many rows of answers were acknowledged so far.
func (l *Load) Answers() int { return int(l.acked.Load()) }

// Refused is how many attempts the program has put off so far.
func (l *Load) Refused() int { return int(l.refused.Load()) }

// Wait returns when all that was dealt is acknowledged. The error is that of
// the first parcel that was refused, or the context's.
func (l *Load) Wait() (Report, error) {
	l.wait.Wait()
	err := context.Cause(l.ctx)
	l.cancel(nil)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.report.Took = time.Since(l.begun)
	return l.report, err
}

// tick makes parcels due, at the pace and never sooner; a late one does not
// make the next one late.
func (l *Load) tick() {
	each := time.Duration(float64(time.Second) / l.o.Pace)
	for due := l.begun; ; due = due.Add(each) {
		if early := time.Until(due); early > time.Millisecond {
			time.Sleep(early)
		}
		select {
		case l.ticks <- due:
		case <-l.ctx.Done():
			return
		}
	}
}

// work posts parcels until there is none.
func (l *Load) work(number uint64) {
	r := rand.New(rand.NewPCG(l.o.Seed, number))
	var mine Report
	mine.Statuses = map[int]int{}
	line := l.client.line()
	defer line.close()
	defer func() { l.merge(&mine) }()
	var body []byte
	for {
		begun := time.Now()
		if l.ticks != nil {
			select {
			case begun = <-l.ticks:
			case <-l.ctx.Done():
				return
			}
		}
		p, ok := l.o.Plan.Next()
		if !ok {
			return
		}
		m := message{method: "POST", path: p.path(), media: p.media()}
		body = p.appendBody(body[:0], l.o.Ledger.World)
		m.body = body
		if r.IntN(100) < l.o.Keyed {
			m.header = "Idempotency-Key: \"" + p.key(l.o.Ledger.World) + "\"\r\n"
		}
		if m.wait = !p.Episodes && r.IntN(1000) < l.o.Visible; m.wait {
			m.header += "Prefer: wait=30\r\n"
		}
		times := 1
		if r.IntN(100) < l.o.Again {
			times = 2
		}
		for range times {
			if err := l.post(line, r, p, m, begun, &mine); err != nil {
				l.cancel(err)
				return
			}
			begun = time.Now()
		}
	}
}

// post sends a parcel until it is acknowledged.
func (l *Load) post(line *line, r *rand.Rand, p Parcel, m message, begun time.Time, mine *Report) error {
	sent := begun
	for attempt := 0; ; attempt++ {
		l.flying.Add(1)
		a, err := line.do(l.ctx, m)
		l.flying.Add(-1)
		if l.ctx.Err() != nil {
			return context.Cause(l.ctx)
		}
		switch {
		case err != nil:
			mine.Cut++
		case again(a.status):
			mine.Statuses[a.status]++
			l.refused.Add(1)
			if !a.hasRetry && (a.status == 429 || a.status == 503) {
				mine.Unadvised++
			}
		default:
			mine.Statuses[a.status]++
			fates, err := fates(p, a)
			if err != nil {
				return err
			}
			took := time.Since(sent)
			mine.Requests++
			l.o.Ledger.note(p, fates)
			switch {
			case !m.wait:
				mine.Latency.Add(took)
			case a.header.Get("Preference-Applied") != "wait":
				mine.Unseen++
			default:
				mine.Visible.Add(time.Since(begun))
				if l.o.Seen != nil {
					if err := l.o.Seen(p); err != nil {
						return err
					}
				}
			}
			if !p.Episodes {
				mine.Rows += len(fates)
				l.acked.Add(int64(len(fates)))
			}
			return nil
		}
		pause := time.Duration(1<<min(attempt, 12)) * 5 * time.Millisecond
		pause = min(max(pause, a.retryAfter), l.o.MaxPause)
		select {
		case <-time.After(pause/2 + time.Duration(r.Int64N(int64(pause/2)+1))):
		case <-l.ctx.Done():
			return context.Cause(l.ctx)
		}
		sent = time.Now()
	}
}

// merge adds what one worker saw.
func (l *Load) merge(mine *Report) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.report.Requests += mine.Requests
	l.report.Rows += mine.Rows
	l.report.Cut += mine.Cut
	l.report.Unadvised += mine.Unadvised
	for status, n := range mine.Statuses {
		l.report.Statuses[status] += n
	}
	l.report.Latency.Merge(&mine.Latency)
	l.report.Visible.Merge(&mine.Visible)
	l.report.Unseen += mine.Unseen
}

// Rate is requests a second.
func (r *Report) Rate() float64 { return float64(r.Requests) / r.Took.Seconds() }

// String is one line.
func (r *Report) String() string {
	return fmt.Sprintf("%d requests with %d answers in %s, statuses %v, %d without a reply; %s",
		r.Requests, r.Rows, round(r.Took), r.Statuses, r.Cut, &r.Latency)
}

// Post puts all parcels of a plan on and waits; a convenience for what is no
// load.
func Post(ctx context.Context, c *Client, ledger *Ledger, workers int, parcels ...Parcel) (Report, error) {
	r, err := Start(ctx, c, Options{Plan: Deal(parcels), Ledger: ledger, Workers: workers}).Wait()
	if err != nil {
		err = errors.Join(errors.New("load: not all was acknowledged"), err)
	}
	return r, err
}
