package http

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/fhir"
)

// Limits of imports as jobs.
const (
	// MaxImport is the largest body of an import, as sent and unpacked, and of all
	// files together that one fetches.
	MaxImport = 4 << 30
	// maxWaiting is how many imports may wait or be received.
	maxWaiting = 8
	// maxJobs is how many finished jobs are remembered, and maxListings how many
	// bytes of lists of refused lines; the oldest go first.
	maxJobs     = 200
	maxListings = 4 << 30
	// keepJobs is how long a finished job is remembered.
	keepJobs = 7 * 24 * time.Hour
	// giveUp is how long an import is tried again when storing fails.
	giveUp = 7 * 24 * time.Hour
	// longestPause is between two tries.
	longestPause = time.Minute
)

// jobs runs imports one after the other. What it has accepted is on disk until
// it is finished, so that a process that ends leaves it to the next.
type jobs struct {
	pipeline *ingest.Pipeline
	sources  *sources
	metrics  *metrics
	log      *slog.Logger
	now      func() time.Time
	root     string
	ctx      context.Context
	cancel   context.CancelFunc
	ended    chan struct{}
	wake     chan struct{}

	mu        sync.Mutex
	list      []*job // in the order of arrival
	receiving int
}

// openJobs goes on with the imports of a folder.
func openJobs(p *ingest.Pipeline, from *sources, m *metrics, o Options) (*jobs, error) {
	if o.Spool == "" {
		return nil, errors.New("imports over HTTP need a folder for what waits")
	}
	root := filepath.Join(o.Spool, "imports")
	list, err := readJobs(root)
	if err != nil {
		return nil, fmt.Errorf("imports over HTTP: %w", err)
	}
	slices.SortStableFunc(list, func(a, b *job) int { return a.Received.Compare(b.Received) })
	ctx, cancel := context.WithCancel(context.Background())
	j := &jobs{
		pipeline: p, sources: from, metrics: m, log: o.Log, now: o.Now, root: root, list: list,
		ctx: ctx, cancel: cancel, ended: make(chan struct{}), wake: make(chan struct{}, 1),
	}
	j.prune()
	j.metrics.waiting.Set(float64(j.waiting()))
	go j.run()
	return j, nil
}

// close breaks the import off that is under way. It stays on disk.
func (j *jobs) close() {
	j.cancel()
	<-j.ended
}

// waiting counts the jobs that are not finished. The lock is held.
func (j *jobs) waiting() (n int) {
	for _, one := range j.list {
		if !one.done {
			n++
		}
	}
	return n
}

// reserve takes a place for an import before its body is read. release gives it
// back once it is in the list or refused.
func (j *jobs) reserve() (release func(), ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.ctx.Err() != nil || j.waiting()+j.receiving >= maxWaiting {
		return nil, false
	}
	j.receiving++
	return func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.receiving--
	}, true
}

// begin makes the folder of a job that is not accepted yet.
func (j *jobs) begin(owner string) (*job, error) {
	one := &job{ID: rand.Text(), Owner: owner, Received: j.now()}
	one.dir = filepath.Join(j.root, unfinished+one.ID)
	return one, os.Mkdir(one.dir, 0o700)
}

// accept makes the job durable and has it run.
func (j *jobs) accept(one *job) error {
	if err := one.accept(j.root); err != nil {
		return err
	}
	j.mu.Lock()
	j.list = append(j.list, one)
	j.metrics.waiting.Set(float64(j.waiting()))
	j.mu.Unlock()
	select {
	case j.wake <- struct{}{}:
	default:
	}
	return nil
}

// find returns a copy of a job that this person started.
func (j *jobs) find(id, owner string) (_ job, found bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, one := range j.list {
		if one.ID == id && one.Owner == owner {
			return *one, true
		}
	}
	return job{}, false
}

func (j *jobs) run() {
	defer close(j.ended)
	for {
		one, wait := j.next()
		if one != nil {
			j.do(one)
		}
		pause := time.NewTimer(wait)
		select {
		case <-j.ctx.Done():
			pause.Stop()
			return
		case <-j.wake:
		case <-pause.C:
		}
		pause.Stop()
	}
}

// next returns the first job that may run, else when to look again. What failed
// lets others go first.
func (j *jobs) next() (*job, time.Duration) {
	j.mu.Lock()
	defer j.mu.Unlock()
	var best *job
	wait := time.Hour
	for _, one := range j.list {
		if one.done {
			continue
		}
		if left := time.Until(one.due); left > 0 {
			wait = min(wait, left)
		} else if best == nil || one.tries < best.tries {
			best = one
		}
	}
	if best != nil {
		return best, 0
	}
	return nil, wait
}

// do runs one import, once.
func (j *jobs) do(one *job) {
	out := result{}
	if one.Body == nil {
		err := j.fetch(one)
		if j.ctx.Err() != nil {
			return
		}
		if err != nil {
			out.Error = err.Error()
			j.finish(one, out)
			return
		}
	}
	list, err := newListing(one.path(rejectedFile), one.Body)
	if err != nil {
		j.again(one, err)
		return
	}
	options := ingest.ImportOptions{Format: fhir.Name, Rejected: list.add}
	out.Report, err = j.pipeline.Import(j.ctx, one.Body.source(one.path(bodyFile)), options, func(p ingest.Progress) {
		j.mu.Lock()
		defer j.mu.Unlock()
		one.progress = p
	})
	out.Unlisted = list.close()
	var file *ingest.FileError
	switch {
	case err == nil:
	case j.ctx.Err() != nil:
		return
	case errors.As(err, &file):
		out.Error = file.Error()
	case j.now().Sub(one.Received) > giveUp:
		j.log.Error("an import is given up", "error", err)
		out.Error = "the import could not be stored for a week and is given up: send all again, duplicates are recognised"
	default:
		j.again(one, err)
		return
	}
	j.finish(one, out)
}

// again has a job run once more, later.
func (j *jobs) again(one *job, err error) {
	j.log.Error("an import broke off and is tried again", "error", err)
	j.metrics.retries.Inc()
	j.mu.Lock()
	defer j.mu.Unlock()
	one.tries++
	one.due = time.Now().Add(min(time.Second<<min(one.tries-1, 10), longestPause))
	one.trouble = "the records can not be stored at present; it is tried again"
}

// finish ends a job.
func (j *jobs) finish(one *job, out result) {
	out.Finished = j.now()
	if err := one.finish(out); err != nil {
		j.again(one, fmt.Errorf("keep the result: %w", err))
		return
	}
	how := importDone
	if out.Error != "" {
		how = importFailed
	}
	j.metrics.imports.WithLabelValues(how).Inc()
	j.mu.Lock()
	defer j.mu.Unlock()
	if info, err := os.Stat(one.path(rejectedFile)); err == nil {
		one.listed = info.Size()
	}
	one.done, one.finished = true, out.Finished
	j.prune()
	j.metrics.waiting.Set(float64(j.waiting()))
}

// prune forgets finished jobs that are too old or too many. The lock is held, or
// nobody else is there.
func (j *jobs) prune() {
	kept, bytes := 0, int64(0)
	for at := len(j.list) - 1; at >= 0; at-- {
		one := j.list[at]
		if !one.done {
			continue
		}
		kept++
		bytes += one.listed
		if kept == 1 || kept <= maxJobs && bytes <= maxListings && j.now().Sub(one.finished) < keepJobs {
			continue
		}
		if err := os.RemoveAll(one.dir); err != nil {
			j.log.Warn("an old import could not be cleared away", "error", err)
		}
		j.list = slices.Delete(j.list, at, at+1)
	}
}
