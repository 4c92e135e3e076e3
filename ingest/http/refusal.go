package http

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/journal"
	"github.com/lumbar-health/lumbar/web"
)

// refusal is an answer other than a reply: what is wrong and what to do.
type refusal struct {
	status int
	detail string
	// Of one that passes: when to come again, and why, for the metrics.
	again time.Duration
	why   string
}

// When to come again.
const (
	// afterFull: the journal is full because the engine has been away for long.
	afterFull = 30 * time.Second
	// afterClosing: another process takes over.
	afterClosing = 5 * time.Second
	// afterBusy: something that goes by in a moment.
	afterBusy = time.Second
	// afterLarge: bodies that take seconds are under way.
	afterLarge = 5 * time.Second
	// afterImports: whole imports are under way.
	afterImports = 30 * time.Second
)

// refuse answers with a problem.
func (h *Records) refuse(w http.ResponseWriter, r *http.Request, why *refusal) {
	if why.why != "" {
		h.metrics.refused.WithLabelValues(why.why).Inc()
	}
	if why.again > 0 {
		web.RetryAfter(w, why.again)
	}
	web.WriteProblem(w, r, why.status, why.detail)
}

// errRecords says that a body has more records than MaxRecords.
var errRecords = errors.New("the body has too many records")

// errStore marks an error of storing, as against one of reading.
var errStore = errors.New("not stored")

// problemOf turns an error into an answer. Our own errors stay in the log. reply
// is what became of the records before it; nil where there were none.
func problemOf(err error, reply *Reply) *refusal {
	rest := ""
	if reply != nil && reply.Stored > 0 {
		rest = "; some records were stored: send all again, duplicates are recognised"
	}
	var tooLarge *http.MaxBytesError
	var file *ingest.FileError
	switch {
	case errors.Is(err, errStore):
		return notStored(err, rest)
	case errors.As(err, &tooLarge), errors.Is(err, errUnpacked):
		return &refusal{status: http.StatusRequestEntityTooLarge, detail: "the body is too large: send fewer records at once" + rest}
	case errors.Is(err, errRecords):
		return &refusal{status: http.StatusRequestEntityTooLarge, detail: fmt.Sprintf("the body has more than %d records: send it in several requests, or as a file by the import command", MaxRecords) + rest}
	case errors.As(err, &file):
		return &refusal{status: http.StatusBadRequest, detail: file.Error() + rest}
	case late(err):
		return &refusal{status: http.StatusRequestTimeout, detail: "the body came too slowly: send it again" + rest}
	}
	return &refusal{status: http.StatusBadRequest, detail: "the body can not be read: check its compression and that it is complete" + rest}
}

// notStored says why the intake did not take records. None of those that it
// refused is kept anywhere.
func notStored(err error, rest string) *refusal {
	r := refusal{status: http.StatusServiceUnavailable, again: afterBusy, why: whyStore, detail: "the records could not be stored: send them again in a moment"}
	switch {
	case errors.Is(err, journal.ErrFull):
		r.again, r.why, r.detail = afterFull, whyJournalFull, "no more records can be kept until the database has taken those that wait: send them again later"
	case errors.Is(err, ingest.ErrBusy):
		r.why, r.detail = whyBusy, "too many records wait for the disk: send them again in a moment"
	case errors.Is(err, ingest.ErrClosed):
		r.again, r.why, r.detail = afterClosing, whyClosing, "the server is stopping: send the records again in a moment"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		r.detail = "the request ended before the records were stored: send them again"
	}
	r.detail += rest
	return &r
}
