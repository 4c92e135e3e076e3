package console

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/lumbar-health/lumbar/dashboards"
)

// maxStreams bounds the open streams: each holds a connection.
const maxStreams = 256

// feed tells the open streams when the data version changes. It asks only
// while someone listens.
type feed struct {
	asker dashboards.Asker
	every time.Duration // between two looks at the data version
	beat  time.Duration // between two signs of life on a quiet stream
	log   *slog.Logger

	mu        sync.Mutex
	listeners map[chan uint64]bool
	last      uint64
	known     bool
	stop      context.CancelFunc // of the watch, nil while nobody listens
	done      chan struct{}      // closed by close
	closed    bool
}

func newFeed(asker dashboards.Asker, every, beat time.Duration, log *slog.Logger) *feed {
	return &feed{asker: asker, every: every, beat: beat, log: log, listeners: map[chan uint64]bool{}, done: make(chan struct{})}
}

// listen returns a channel of new versions and how to leave; ok is false when
// too many listen already or the feed is closed.
func (f *feed) listen() (versions chan uint64, leave func(), ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || len(f.listeners) >= maxStreams {
		return nil, nil, false
	}
	versions = make(chan uint64, 1)
	f.listeners[versions] = true
	if f.known {
		versions <- f.last
	}
	if f.stop == nil {
		ctx, cancel := context.WithCancel(context.Background())
		f.stop = cancel
		go f.watch(ctx)
	}
	return versions, func() { f.leave(versions) }, true
}

func (f *feed) leave(versions chan uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.listeners, versions)
	if len(f.listeners) == 0 && f.stop != nil {
		f.stop()
		f.stop, f.known = nil, false
	}
}

func (f *feed) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	f.closed = true
	close(f.done)
	if f.stop != nil {
		f.stop()
		f.stop = nil
	}
}

func (f *feed) watch(ctx context.Context) {
	tick := time.NewTicker(f.every)
	defer tick.Stop()
	for {
		version, err := f.asker.DataVersion(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			f.log.Debug("data version not known", "error", err)
		default:
			f.tell(version)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// tell hands a version that is new to every listener. One that has not taken
// the version before gets the newer one in its place.
func (f *feed) tell(version uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.known && f.last == version {
		return
	}
	f.last, f.known = version, true
	for l := range f.listeners {
		select {
		case <-l:
		default:
		}
		l <- version
	}
}

// live streams the data version: at once, then whenever it changes, with a
// comment as a sign of life in between.
func (c *Console) live(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", "text/event-stream")
		return // nothing to follow: a stream would hold the connection for ever
	}
	versions, leave, ok := c.feed.listen()
	if !ok {
		w.Header().Set("Retry-After", "30")
		http.Error(w, "too many pages follow the data just now; load the page again to see later answers", http.StatusServiceUnavailable)
		return
	}
	defer leave()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no")
	stream := http.NewResponseController(w)
	// A server without deadlines needs no lifting of them.
	_ = stream.SetReadDeadline(time.Time{})
	beat := time.NewTicker(c.feed.beat)
	defer beat.Stop()
	message := "retry: 3000\n\n"
	for {
		_ = stream.SetWriteDeadline(c.now().Add(2 * c.feed.beat))
		if _, err := fmt.Fprint(w, message); err != nil {
			return
		}
		if err := stream.Flush(); err != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-c.feed.done:
			return
		case version := <-versions:
			message = fmt.Sprintf("event: version\ndata: %d\n\n", version)
		case <-beat.C:
			message = ": still here\n\n"
		}
	}
}
