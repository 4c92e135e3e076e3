package http

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"sync/atomic"
	"time"

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

// smallBody is the longest body, unpacked, that is read in a small place.
const smallBody = 64 << 10

// Records serves the routes that take records.
type Records struct {
	pipeline *ingest.Pipeline
	intake   Intake
	jobs     *jobs
	sources  *sources
	limits   Limits
	requests *web.Limiter
	rows     *web.Limiter
	small    *slots
	large    *slots
	replies  *replies
	metrics  *metrics
	told     atomic.Int64 // when we last complained, in seconds
	log      *slog.Logger
}

// NewRecords returns the handlers of the routes that take records, and goes on
// with the imports that the process before left. Close it to stop them.
func NewRecords(p *ingest.Pipeline, intake Intake, o Options) (*Records, error) {
	o = o.withDefaults()
	from, err := newSources(o.Sources)
	if err != nil {
		return nil, err
	}
	h := &Records{
		pipeline: p, intake: intake, sources: from, limits: o.Limits, log: o.Log, metrics: newMetrics(o.Metrics),
		requests: web.NewLimiter("requests", o.Limits.Requests, int(2*o.Limits.Requests), o.Now),
		rows:     web.NewLimiter("records", o.Limits.Rows, max(MaxRecords, int(o.Limits.Rows)), o.Now),
		small:    newSlots(o.Limits.Small), large: newSlots(o.Limits.Large), replies: newReplies(o.Now),
	}
	h.jobs, err = openJobs(p, from, h.metrics, o)
	return h, err
}

// Close breaks off the import that is under way; the next process goes on with
// it.
func (h *Records) Close() error {
	h.jobs.close()
	return nil
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

// maxShownID is the longest identifier that a reply repeats; a longer one breaks
// a rule, and the row's number tells which it is.
const maxShownID = 500

func (h *Records) handler(kind wire.Kind) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		source, done, refused := h.open(w, r, kind)
		if refused != nil {
			h.refuse(w, r, refused)
			return
		}
		defer done()
		var reply Reply
		if refused := h.take(w, r, source, &reply); refused != nil {
			h.refuse(w, r, refused)
			return
		}
		status := http.StatusOK
		switch {
		case reply.Read == 0:
			h.refuse(w, r, &refusal{status: http.StatusBadRequest, detail: "the body has no record: send one JSON object, an array, one object a line, or an Arrow stream"})
			return
		case reply.Rejected == reply.Read:
			status = http.StatusUnprocessableEntity
		}
		w.Header().Set("Content-Type", mediaJSON)
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		// A client that has gone away will ask again and be told: duplicate.
		_ = reply.write(w)
	}
}

// write writes the reply as JSON, row by row.
func (reply *Reply) write(w io.Writer) error {
	out := bufio.NewWriterSize(w, min(32<<10, 512*(len(reply.Rows)+1)))
	rows := reply.Rows
	head := *reply
	head.Rows = []RowReply{}
	b, err := json.Marshal(head)
	if err != nil {
		return err
	}
	out.Write(b[:len(b)-len("]}")])
	for i := range rows {
		if i > 0 {
			out.WriteByte(',')
		}
		b, err := json.Marshal(&rows[i])
		if err != nil {
			return err
		}
		out.Write(b)
	}
	out.WriteString("]}\n")
	return out.Flush()
}

// open makes a decoder for the body, by its media type and compression.
func (h *Records) open(w http.ResponseWriter, r *http.Request, kind wire.Kind) (_ *ingest.Reader, done func(), _ *refusal) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != mediaJSON && media != mediaNDJSON && media != mediaArrow {
		return nil, nil, &refusal{status: http.StatusUnsupportedMediaType, detail: "send " + mediaJSON + ", " + mediaNDJSON + " or " + mediaArrow}
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

// input unpacks the body. Of a large one the reading waits for its place, so
// that the memory of all together has a bound.
func (h *Records) input(w http.ResponseWriter, r *http.Request) (in ingest.Input, done func(), _ *refusal) {
	body, done, refused := unpacked(http.MaxBytesReader(w, r.Body, MaxBody), r)
	if refused != nil {
		return in, nil, refused
	}
	size := smallBody
	if n := r.ContentLength; n >= 0 && n < smallBody && r.Header.Get("Content-Encoding") == "" {
		size = max(int(n)+1, 512)
	}
	text := bufio.NewReaderSize(&capped{r: body, left: MaxUnpacked}, size)
	_, err := text.Peek(size)
	switch {
	case errors.Is(err, io.EOF):
	case err != nil:
		done()
		return in, nil, problemOf(err, nil)
	default:
		release, ok := h.place(r.Context(), h.large, web.Client(r))
		if !ok {
			done()
			return in, nil, &refusal{status: http.StatusServiceUnavailable, again: afterLarge, why: whyConcurrency, detail: "too many large bodies are being read: send it again in a moment, or fewer records at once"}
		}
		unpack := done
		done = func() { unpack(); release() }
	}
	return ingest.Input{Name: "the body", Reader: text, Setting: h.pipeline.Setting}, done, nil
}

// take reads, checks and stores the records.
func (h *Records) take(w http.ResponseWriter, r *http.Request, source *ingest.Reader, reply *Reply) *refusal {
	var records []*ingest.Record
	var mark ingest.Mark
	held := 0
	defer func() { h.rows.Charge(web.Client(r), reply.Read) }()
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
		if mark, err = h.intake.Submit(r.Context(), records); err != nil {
			h.complain(r, err)
			return problemOf(errors.Join(errStore, err), reply)
		}
		for _, rec := range records {
			reply.add(rec)
		}
		records, held = nil, 0
	}
	if reply.Read > 0 {
		h.await(w, r, mark)
	}
	return nil
}

// complainEvery is how often the log tells that records are not stored: while
// that lasts it happens to every request.
const complainEvery = 10

// complain tells the log why records were not stored.
func (h *Records) complain(r *http.Request, err error) {
	now, last := time.Now().Unix(), h.told.Load()
	if r.Context().Err() == nil && now-last >= complainEvery && h.told.CompareAndSwap(last, now) {
		h.log.Error("records were not stored; further ones within ten seconds are not told", "error", err)
	}
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
	id := rec.ID
	if len(id) > maxShownID {
		id = ""
	}
	reply.Rows = append(reply.Rows, RowReply{Row: reply.Read, ID: id, Result: rec.Result, Reasons: rec.Reasons, Flags: rec.Flags, line: rec.Line})
}
