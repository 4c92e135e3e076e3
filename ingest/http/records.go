package http

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strings"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/arrowfile"
	"github.com/lumbar-health/lumbar/ingest/wire"
	"github.com/lumbar-health/lumbar/web"
)

// Limits of one request.
const (
	// MaxBody is the largest body as sent.
	MaxBody = 64 << 20
	// MaxUnpacked is the largest body without its compression.
	MaxUnpacked = 512 << 20
	// MaxRecords is the most records of one body: each is answered by itself.
	MaxRecords = 200_000
)

// Media types of the record routes.
const (
	mediaJSON   = "application/json"
	mediaNDJSON = "application/x-ndjson"
	mediaArrow  = "application/vnd.apache.arrow.stream"
)

// Records serves the routes that take records.
type Records struct {
	pipeline *ingest.Pipeline
	batcher  *ingest.Batcher
	jobs     *jobs
	log      *slog.Logger
}

// NewRecords returns the handlers of the record routes. Close it to write what
// is under way.
func NewRecords(p *ingest.Pipeline, log *slog.Logger) *Records {
	return &Records{pipeline: p, batcher: p.NewBatcher(), jobs: newJobs(p, log), log: log}
}

// Close writes what was received and stops; an import under way breaks off.
func (h *Records) Close() error {
	h.jobs.close()
	return h.batcher.Close()
}

// Reply is the answer to records: what became of each, and the counts.
type Reply struct {
	Read          int        `json:"read"`
	Stored        int        `json:"stored"`
	Duplicate     int        `json:"duplicate"`
	Rejected      int        `json:"rejected"`
	ScoreMismatch int        `json:"score_mismatch"`
	Rows          []RowReply `json:"rows"`
}

// RowReply is what became of one record. Row counts from 1.
type RowReply struct {
	Row     int             `json:"row"`
	ID      string          `json:"id,omitempty"`
	Result  ingest.Result   `json:"result"`
	Reasons []ingest.Reason `json:"reasons,omitempty"`
	// Flags are what someone must look at, whatever became of the record.
	Flags []string `json:"flags,omitempty"`

	line int // of the source
}

func (h *Records) handler(kind wire.Kind) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		source, done, refused := h.open(w, r, kind)
		if refused != nil {
			web.WriteProblem(w, r, refused.status, refused.detail)
			return
		}
		defer done()
		var reply Reply
		if refused := h.take(r, source, &reply); refused != nil {
			web.WriteProblem(w, r, refused.status, refused.detail)
			return
		}
		status := http.StatusOK
		switch {
		case reply.Read == 0:
			web.WriteProblem(w, r, http.StatusBadRequest, "the body has no record: send one JSON object, an array, one object a line, or an Arrow stream")
			return
		case reply.Rejected == reply.Read:
			status = http.StatusUnprocessableEntity
		}
		w.Header().Set("Content-Type", mediaJSON)
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		// A client that has gone away will ask again and be told: duplicate.
		_ = json.NewEncoder(w).Encode(reply)
	})
}

// refusal is an answer other than a reply.
type refusal struct {
	status int
	detail string
}

// open makes a decoder for the body, by its media type and compression.
func (h *Records) open(w http.ResponseWriter, r *http.Request, kind wire.Kind) (_ *ingest.Reader, done func(), _ *refusal) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != mediaJSON && media != mediaNDJSON && media != mediaArrow {
		return nil, nil, &refusal{http.StatusUnsupportedMediaType, "send " + mediaJSON + ", " + mediaNDJSON + " or " + mediaArrow}
	}
	in, done, refused := h.input(w, r)
	if refused != nil {
		return nil, nil, refused
	}
	var d ingest.Decoder
	format := wire.Name
	if media == mediaArrow {
		format = arrowfile.Name
		d, err = arrowfile.NewDecoder(in, kind)
	} else {
		d, err = wire.NewDecoder(in, kind)
	}
	if err != nil {
		done()
		return nil, nil, problemOf(err, nil)
	}
	if c, ok := d.(io.Closer); ok {
		before := done
		done = func() { c.Close(); before() }
	}
	return h.pipeline.Reader(d, format), done, nil
}

// input unpacks the body.
func (h *Records) input(w http.ResponseWriter, r *http.Request) (in ingest.Input, done func(), _ *refusal) {
	body, done, refused := unpacked(http.MaxBytesReader(w, r.Body, MaxBody), r)
	if refused != nil {
		return in, nil, refused
	}
	return ingest.Input{
		Name:    "the body",
		Reader:  bufio.NewReaderSize(&capped{r: body, left: MaxUnpacked}, 64<<10),
		Setting: h.pipeline.Setting,
	}, done, nil
}

// unpacked is the body without the compression that its header names.
func unpacked(body io.Reader, r *http.Request) (_ io.Reader, done func(), _ *refusal) {
	switch strings.ToLower(r.Header.Get("Content-Encoding")) {
	case "", "identity":
		return body, func() {}, nil
	case "gzip", "zstd":
		plain, err := ingest.Decompress(body)
		if err != nil {
			return nil, nil, problemOf(err, nil)
		}
		return plain, func() { plain.Close() }, nil
	}
	return nil, nil, &refusal{http.StatusUnsupportedMediaType, "compress with gzip or zstd, or not at all"}
}

// errUnpacked says that a body grew beyond MaxUnpacked.
var errUnpacked = errors.New("the body is too large unpacked")

// capped refuses to read more than it may: a small body can hide a huge one.
type capped struct {
	r    io.Reader
	left int64
}

func (c *capped) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errUnpacked
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	return n, err
}

// take reads, checks and stores the records.
func (h *Records) take(r *http.Request, source *ingest.Reader, reply *Reply) *refusal {
	var records []*ingest.Record
	held := 0
	for end := false; !end; {
		rec := new(ingest.Record)
		err := source.Next(rec)
		switch {
		case errors.Is(err, io.EOF):
			end = true
		case err != nil:
			return problemOf(err, reply)
		case reply.Read+len(records) == MaxRecords:
			return problemOf(errRecords, reply)
		default:
			records = append(records, rec)
			held += rec.Held()
		}
		if len(records) == 0 || !end && len(records) < ingest.MaxSubmission && held < ingest.MaxHeld {
			continue
		}
		if err := h.batcher.Submit(r.Context(), records); err != nil {
			h.log.Error("records were not stored", "error", err)
			return problemOf(errors.Join(errStore, err), reply)
		}
		for _, rec := range records {
			reply.add(rec)
		}
		records, held = nil, 0
	}
	return nil
}

func (reply *Reply) add(rec *ingest.Record) {
	reply.Read++
	switch rec.Result {
	case ingest.ResultStored:
		reply.Stored++
		reply.ScoreMismatch += rec.Mismatches()
	case ingest.ResultDuplicate:
		reply.Duplicate++
	default:
		reply.Rejected++
	}
	reply.Rows = append(reply.Rows, RowReply{Row: reply.Read, ID: rec.ID, Result: rec.Result, Reasons: rec.Reasons, Flags: rec.Flags, line: rec.Line})
}

// problemOf turns an error into an answer. Our own errors stay in the log.
func problemOf(err error, reply *Reply) *refusal {
	again := ""
	if reply != nil && reply.Stored > 0 {
		again = "; some records were stored: send all again, duplicates are recognised"
	}
	var tooLarge *http.MaxBytesError
	var file *ingest.FileError
	switch {
	case errors.As(err, &tooLarge), errors.Is(err, errUnpacked):
		return &refusal{http.StatusRequestEntityTooLarge, "the body is too large: send fewer records at once" + again}
	case errors.Is(err, errRecords):
		return &refusal{http.StatusRequestEntityTooLarge, fmt.Sprintf("the body has more than %d records: send it in several requests, or as a file by the import command", MaxRecords) + again}
	case errors.As(err, &file):
		return &refusal{http.StatusBadRequest, file.Error() + again}
	case errors.Is(err, errStore):
		return &refusal{http.StatusServiceUnavailable, "the records could not be stored: send them again in a moment" + again}
	}
	return &refusal{http.StatusBadRequest, "the body can not be read: check its compression and that it is complete" + again}
}

// errRecords says that a body has more records than MaxRecords.
var errRecords = errors.New("the body has too many records")

// errStore marks an error of storing, as against one of reading.
var errStore = errors.New("not stored")
