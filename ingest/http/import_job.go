package http

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/gorilla/mux"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/web"
)

// spoolFull is the answer where a job can not be kept.
func spoolFull() *refusal {
	return &refusal{status: http.StatusInsufficientStorage, again: afterImports, why: whySpool, detail: "the body could not be kept while it is read: check the space in the data directory"}
}

// startImport keeps a body, or the addresses of files, for a job, and answers
// where it is once it is durable.
func (h *Records) startImport(w http.ResponseWriter, r *http.Request) {
	files := hasType(r, fhirTypes)
	if !files && !hasType(r, bulkTypes) {
		h.refuse(w, r, &refusal{status: http.StatusUnsupportedMediaType, detail: "send " + mediaFHIRNDJSON + ", one resource a line, or a manifest of files as " + mediaJSON})
		return
	}
	release, ok := h.jobs.reserve()
	if !ok {
		h.refuse(w, r, &refusal{status: http.StatusServiceUnavailable, again: afterImports, why: whyImports, detail: "too many imports are waiting: send it again in a moment"})
		return
	}
	defer release()
	body, done, refused := unpacked(http.MaxBytesReader(w, r.Body, MaxImport), r)
	if refused != nil {
		h.refuse(w, r, refused)
		return
	}
	defer done()
	one, refused := h.keep(body, files, web.Who(r.Context()).Name)
	if refused != nil {
		h.refuse(w, r, refused)
		return
	}
	w.Header().Set("Content-Location", "/fhir/$import/"+one.ID)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusAccepted)
}

// keep makes a job of a body. When it returns one, it is on disk and will be
// imported, by the next process if not by this.
func (h *Records) keep(body io.Reader, files bool, owner string) (*job, *refusal) {
	one, err := h.jobs.begin(owner)
	if err != nil {
		h.log.Error("an import could not be kept", "error", err)
		return nil, spoolFull()
	}
	var refused *refusal
	if files {
		one.Inputs, refused = h.sources.readManifest(body)
	} else {
		refused = h.keepBody(one, body)
	}
	if refused == nil {
		if err = h.jobs.accept(one); err == nil {
			return one, nil
		}
		h.log.Error("an import could not be kept", "error", err)
		refused = spoolFull()
	}
	if err := os.RemoveAll(one.dir); err != nil {
		h.log.Warn("an import that was refused could not be cleared away", "error", err)
	}
	return nil, refused
}

// keepBody writes the body to the job's folder.
func (h *Records) keepBody(one *job, body io.Reader) *refusal {
	f, err := os.OpenFile(one.path(bodyFile), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		h.log.Error("an import could not be kept", "error", err)
		return spoolFull()
	}
	defer f.Close()
	s, read := newScanner(f), &reading{r: body}
	err = s.file(read)
	switch {
	case read.err != nil:
		return problemOf(read.err, nil)
	case errors.Is(err, errUnpacked):
		return problemOf(errUnpacked, nil)
	case errors.Is(err, errPacked) || err == nil && s.known.Bytes == 0:
		return &refusal{status: http.StatusBadRequest, detail: "the body has no resource, or its compression is not named: send one a line, and Content-Encoding with gzip or zstd"}
	case err == nil:
		err = errors.Join(s.flush(), f.Sync())
	}
	if err != nil {
		h.log.Error("an import could not be kept", "error", err)
		return spoolFull()
	}
	one.Body = &s.known
	return nil
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

// showImport says how far a job is, and of a finished one what became of it: the
// counts, or where the client accepts NDJSON alone each refused line.
func (h *Records) showImport(w http.ResponseWriter, r *http.Request) {
	one, found := h.jobs.find(mux.Vars(r)["job"], web.Who(r.Context()).Name)
	switch {
	case !found:
		web.WriteProblem(w, r, http.StatusNotFound, "there is no such import: finished ones are kept for a week; send the resources again, duplicates are recognised")
	case !one.done:
		progress := fmt.Sprintf("%d resources", one.progress.Records)
		if one.trouble != "" {
			progress = one.trouble
		}
		w.Header().Set("X-Progress", progress)
		w.Header().Set("Retry-After", "1")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusAccepted)
	case acceptsNDJSON(r):
		h.showRejected(w, r, &one)
	default:
		out, err := one.outcome()
		if err != nil {
			h.log.Error("the result of an import can not be read", "error", err)
			web.WriteProblem(w, r, http.StatusInternalServerError, "the result of the import can not be read")
			return
		}
		writeFHIR(w, http.StatusOK, one.result(&out))
	}
}

// acceptsNDJSON reports whether a client asks for lines.
func acceptsNDJSON(r *http.Request) bool {
	for _, line := range r.Header.Values("Accept") {
		for part := range strings.SplitSeq(line, ",") {
			media, _, _ := strings.Cut(part, ";")
			for _, t := range bulkTypes {
				if strings.EqualFold(strings.TrimSpace(media), t) {
					return true
				}
			}
		}
	}
	return false
}

// showRejected answers with an OperationOutcome for each refused line.
func (h *Records) showRejected(w http.ResponseWriter, r *http.Request, one *job) {
	f, err := os.Open(one.path(rejectedFile))
	if errors.Is(err, os.ErrNotExist) { // it ended before its first line
		f, err = os.Open(os.DevNull)
	}
	if err != nil {
		h.log.Error("the refused lines of an import can not be read", "error", err)
		web.WriteProblem(w, r, http.StatusInternalServerError, "the refused lines of the import can not be read")
		return
	}
	defer f.Close()
	w.Header().Set("Content-Type", mediaFHIRNDJSON)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	// A client that has gone away may ask again.
	_, _ = io.Copy(w, f)
}

// result is what a finished job says.
func (one *job) result(out *result) parameters {
	p := parameters{ResourceType: "Parameters"}
	for _, n := range []struct {
		name  string
		count int
	}{
		{"read", out.Report.Read}, {"stored", out.Report.Stored}, {"duplicate", out.Report.Duplicate},
		{"rejected", out.Report.Rejected}, {"score_mismatch", out.Report.ScoreMismatch},
	} {
		p.Parameters = append(p.Parameters, parameter{Name: n.name, ValueInteger: &n.count})
	}
	o := &outcome{ResourceType: "OperationOutcome"}
	if out.Error != "" {
		o.Issues = append(o.Issues, issue{Severity: "fatal", Code: "incomplete", Details: concept{Text: out.Error}})
	}
	if out.Unlisted {
		o.Issues = append(o.Issues, issue{Severity: "warning", Code: "incomplete", Details: said("not_all_refused_lines_are_listed")})
	}
	for _, e := range out.Report.Rejections {
		i := refusedFor(ingest.Reason{Field: e.Field, Rule: e.Rule})
		i.Diagnostics = one.Body.where(e.Line) + ": " + i.Diagnostics
		o.Issues = append(o.Issues, i)
	}
	if len(o.Issues) == 0 {
		o.Issues = append(o.Issues, issue{Severity: "information", Code: "informational", Details: said("all_read")})
	}
	p.Parameters = append(p.Parameters, parameter{Name: "outcome", Resource: o})
	return p
}
