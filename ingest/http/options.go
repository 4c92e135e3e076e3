package http

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lumbar-health/lumbar/ingest"
)

// Intake makes records durable; ingest.Intake is the one.
type Intake interface {
	// Submit returns when the records are durable and have their results.
	Submit(ctx context.Context, records []*ingest.Record) (ingest.Mark, error)
	// Await returns when all that was submitted before the mark can be read.
	Await(ctx context.Context, m ingest.Mark) error
}

// Options configure the routes that take records.
type Options struct {
	// Log gets what went wrong on our side; nil is silent.
	Log *slog.Logger
	// Metrics is where the counters are registered; nil keeps them unregistered.
	Metrics prometheus.Registerer
	// Spool is the folder of imports that wait or are under way; it is made where
	// it is not there, readable by nobody else.
	Spool  string
	Limits Limits
	// Sources are the addresses from which an import may fetch files: prefixes of
	// URLs, and networks as 10.20.0.0/16 that they may lie in though they are not
	// public. None allows none.
	Sources []string
	// Now is the clock of limits and retention; nil is the machine's.
	Now func() time.Time
}

// Limits protect the process from its clients. Zero fields have defaults, but
// for the rates.
type Limits struct {
	// Requests and Rows are what one client may send a second; 0 is no limit. A
	// client may save up two seconds' worth of requests, and of rows one whole
	// body.
	Requests, Rows float64
	// Small and Large are how many bodies are read at once: up to 64 KiB, and
	// beyond. 0 is 256 and 4.
	Small, Large int
	// Idle is how long a body may make us wait for its next bytes. 0 is 30 s.
	Idle time.Duration
	// Patience is how long a request waits for one of the places that Small and
	// Large count. 0 is 5 s.
	Patience time.Duration
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	l := &o.Limits
	if l.Small <= 0 {
		l.Small = 256
	}
	if l.Large <= 0 {
		l.Large = 4
	}
	if l.Idle <= 0 {
		l.Idle = 30 * time.Second
	}
	if l.Patience <= 0 {
		l.Patience = 5 * time.Second
	}
	return o
}
