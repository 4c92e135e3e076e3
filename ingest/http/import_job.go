package http

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"sync"

	"github.com/gorilla/mux"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/fhir"
	"github.com/lumbar-health/lumbar/web"
)

// Limits of imports as jobs.
const (
	// MaxImport is the largest body of an import, as sent and unpacked.
	MaxImport = 4 << 30
	// maxWaiting is how many imports may wait while one is under way.
	maxWaiting = 8
	// maxJobs is how many jobs are remembered; the oldest finished one goes.
	maxJobs = 200
)

// job is one import over HTTP. The lock of its jobs guards what changes.
type job struct {
	id     string
	owner  string // who may ask for it
	source ingest.Source
	file   *os.File

	progress ingest.Progress
	report   ingest.Report
	err      error
	done     bool
}

// jobs runs imports one after the other.
type jobs struct {
	pipeline *ingest.Pipeline
	log      *slog.Logger
	ctx      context.Context
	cancel   context.CancelFunc
	ended    chan struct{}
	queue    chan *job

	mu    sync.Mutex
	spool string // empty = the system's folder
	list  []*job // in the order of arrival
}

func newJobs(p *ingest.Pipeline, log *slog.Logger) *jobs {
	ctx, cancel := context.WithCancel(context.Background())
	j := &jobs{pipeline: p, log: log, ctx: ctx, cancel: cancel, ended: make(chan struct{}), queue: make(chan *job, maxWaiting)}
	go j.run()
	return j
}

// SpoolIn names the folder that holds imports while they are read: files that
// nobody else can open, without a name.
func (h *Records) SpoolIn(dir string) {
	h.jobs.mu.Lock()
	defer h.jobs.mu.Unlock()
	h.jobs.spool = dir
}

// close breaks the import off that is under way and forgets the others.
func (j *jobs) close() {
	j.cancel()
	<-j.ended
}

func (j *jobs) run() {
	defer close(j.ended)
	for {
		select {
		case <-j.ctx.Done():
			j.mu.Lock()
			defer j.mu.Unlock()
			for _, one := range j.list {
				one.close()
			}
			return
		case one := <-j.queue:
			j.do(one)
		}
	}
}

// do runs one import.
func (j *jobs) do(one *job) {
	report, err := j.pipeline.Import(j.ctx, one.source, ingest.ImportOptions{Format: fhir.Name}, func(p ingest.Progress) {
		j.mu.Lock()
		defer j.mu.Unlock()
		one.progress = p
	})
	var file *ingest.FileError
	if err != nil && !errors.As(err, &file) {
		j.log.Error("an import broke off", "error", err)
		err = errors.New("the import broke off: send all again, duplicates are recognised")
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	one.report, one.err, one.done = report, err, true
	one.close()
}

// close gives the space of the body back. The lock is held.
func (one *job) close() {
	if one.file != nil {
		one.file.Close()
		one.file = nil
	}
}

// add takes a job; ok is false where too many wait.
func (j *jobs) add(one *job) (ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.ctx.Err() != nil {
		return false
	}
	select {
	case j.queue <- one:
	default:
		return false
	}
	if len(j.list) >= maxJobs {
		if at := slices.IndexFunc(j.list, func(old *job) bool { return old.done }); at >= 0 {
			j.list = slices.Delete(j.list, at, at+1)
		}
	}
	j.list = append(j.list, one)
	return true
}

// find returns a copy of a job that this person started.
func (j *jobs) find(id, owner string) (_ job, found bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, one := range j.list {
		if one.id == id && one.owner == owner {
			return *one, true
		}
	}
	return job{}, false
}

// startImport keeps the body and starts a job.
func (h *Records) startImport(w http.ResponseWriter, r *http.Request) {
	if !hasType(r, bulkTypes) {
		web.WriteProblem(w, r, http.StatusUnsupportedMediaType, "send the resources themselves, one a line, as "+mediaFHIRNDJSON+"; addresses of files are not fetched")
		return
	}
	body, done, refused := unpacked(http.MaxBytesReader(w, r.Body, MaxImport), r)
	if refused != nil {
		web.WriteProblem(w, r, refused.status, refused.detail)
		return
	}
	defer done()
	one, refused := h.jobs.keep(body)
	if refused != nil {
		if refused.status == http.StatusInsufficientStorage {
			h.log.Error("an import could not be kept", "error", refused.detail)
		}
		web.WriteProblem(w, r, refused.status, refused.detail)
		return
	}
	one.owner = web.Who(r.Context()).Name
	if !h.jobs.add(one) {
		one.close()
		w.Header().Set("Retry-After", "30")
		web.WriteProblem(w, r, http.StatusServiceUnavailable, "too many imports are waiting: send it again in a moment")
		return
	}
	w.Header().Set("Content-Location", "/fhir/$import/"+one.id)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusAccepted)
}

// keep writes the body to a file without a name.
func (j *jobs) keep(body io.Reader) (*job, *refusal) {
	j.mu.Lock()
	dir := j.spool
	j.mu.Unlock()
	full := &refusal{http.StatusInsufficientStorage, "the body could not be kept while it is read: check the space in the data directory"}
	if dir != "" && os.MkdirAll(dir, 0o700) != nil {
		return nil, full
	}
	f, err := os.CreateTemp(dir, "fhir-*")
	if err != nil {
		return nil, full
	}
	one := &job{id: rand.Text(), file: f}
	if os.Remove(f.Name()) != nil {
		one.close()
		return nil, full
	}
	read := &reading{r: &capped{r: body, left: MaxImport}}
	n, err := io.Copy(f, read)
	switch {
	case read.err != nil:
		one.close()
		return nil, problemOf(read.err, nil)
	case err != nil:
		one.close()
		return nil, full
	}
	// What is read has been unpacked and measured: it must not unpack again.
	head := make([]byte, 1)
	if _, err := f.ReadAt(head, 0); err != nil || head[0] == 0x1f || head[0] == 0x28 {
		one.close()
		return nil, &refusal{http.StatusBadRequest, "the body has no resource, or its compression is not named: send one a line, and Content-Encoding with gzip or zstd"}
	}
	one.source = ingest.Source{Name: "the body", Size: n, Open: func() (io.ReadCloser, error) {
		return io.NopCloser(io.NewSectionReader(f, 0, n)), nil
	}}
	return one, nil
}

// reading tells an error of reading from one of writing.
type reading struct {
	r   io.Reader
	err error
}

func (c *reading) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}

// parameters is a FHIR Parameters resource.
type parameters struct {
	ResourceType string      `json:"resourceType"`
	Parameters   []parameter `json:"parameter"`
}

type parameter struct {
	Name         string   `json:"name"`
	ValueInteger *int     `json:"valueInteger,omitempty"`
	ValueString  string   `json:"valueString,omitempty"`
	Resource     *outcome `json:"resource,omitempty"`
}

// showImport says how far a job is.
func (h *Records) showImport(w http.ResponseWriter, r *http.Request) {
	one, found := h.jobs.find(mux.Vars(r)["job"], web.Who(r.Context()).Name)
	switch {
	case !found:
		web.WriteProblem(w, r, http.StatusNotFound, "there is no such import: jobs end with the process; send the resources again, duplicates are recognised")
	case !one.done:
		w.Header().Set("X-Progress", fmt.Sprintf("%d resources", one.progress.Records))
		w.Header().Set("Retry-After", "1")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusAccepted)
	default:
		writeFHIR(w, http.StatusOK, one.result())
	}
}

// result is what a finished job says.
func (one *job) result() parameters {
	p := parameters{ResourceType: "Parameters"}
	for _, n := range []struct {
		name  string
		count int
	}{
		{"read", one.report.Read}, {"stored", one.report.Stored}, {"duplicate", one.report.Duplicate},
		{"rejected", one.report.Rejected}, {"score_mismatch", one.report.ScoreMismatch},
	} {
		p.Parameters = append(p.Parameters, parameter{Name: n.name, ValueInteger: &n.count})
	}
	o := &outcome{ResourceType: "OperationOutcome"}
	if one.err != nil {
		o.Issues = append(o.Issues, issue{Severity: "fatal", Code: "incomplete", Details: concept{Text: one.err.Error()}})
	}
	for _, e := range one.report.Rejections {
		i := refusedFor(ingest.Reason{Field: e.Field, Rule: e.Rule})
		i.Diagnostics = fmt.Sprintf("line %d: %s", e.Line, i.Diagnostics)
		o.Issues = append(o.Issues, i)
	}
	if len(o.Issues) == 0 {
		o.Issues = append(o.Issues, issue{Severity: "information", Code: "informational", Details: said("all_read")})
	}
	p.Parameters = append(p.Parameters, parameter{Name: "outcome", Resource: o})
	return p
}
