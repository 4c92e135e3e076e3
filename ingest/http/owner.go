package http

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/web"
)

// ImportPath is the owner's route for files of attached commands.
const ImportPath = "/internal/import"

// Owner imports files for commands that run on the same data directory. Its
// routes are for the holder of the token in that directory alone.
type Owner struct {
	pipeline *ingest.Pipeline
	token    string
	spool    string
	log      *slog.Logger
}

// NewOwner returns the owner's handler. Files are kept in the folder spool
// while they are read, readable by nobody else and without a name.
func NewOwner(p *ingest.Pipeline, token, spool string, log *slog.Logger) *Owner {
	return &Owner{pipeline: p, token: token, spool: spool, log: log}
}

// Register puts the route on a router, outside the identity middleware.
func (o *Owner) Register(r *mux.Router) {
	r.Handle(ImportPath, o).Methods(http.MethodPost)
}

// progressEvery is how often an import tells how far it is.
const progressEvery = 200 * time.Millisecond

// line is one line of the answer: progress, then a report or an error or both.
type line struct {
	Progress *ingest.Progress `json:"progress,omitempty"`
	Report   *ingest.Report   `json:"report,omitempty"`
	Error    string           `json:"error,omitempty"`
}

// ServeHTTP imports the body and answers with progress as it goes.
func (o *Owner) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if o.token == "" || !bearer || subtle.ConstantTimeCompare([]byte(token), []byte(o.token)) != 1 {
		web.WriteProblem(w, r, http.StatusUnauthorized, "this route is for commands on the same data directory")
		return
	}
	mapping, err := readMapping(r)
	if err != nil {
		web.WriteProblem(w, r, http.StatusBadRequest, err.Error())
		return
	}
	src, done, err := o.spoolBody(r)
	if err != nil {
		o.log.Error("import: the file could not be kept", "error", err)
		web.WriteProblem(w, r, http.StatusInsufficientStorage, "the file could not be kept while it is read: check the space in the data directory")
		return
	}
	defer done()
	q := r.URL.Query()
	w.Header().Set("Content-Type", mediaNDJSON)
	w.Header().Set("Cache-Control", "no-store")
	out := json.NewEncoder(w)
	flush := http.NewResponseController(w)
	var last time.Time
	options := ingest.ImportOptions{Format: q.Get("format"), DryRun: q.Get("dry_run") == "true", Mapping: mapping}
	report, err := o.pipeline.Import(r.Context(), src, options, func(p ingest.Progress) {
		if now := time.Now(); now.Sub(last) >= progressEvery {
			last = now
			// The command may have gone; the context then ends the import.
			_ = out.Encode(line{Progress: &p})
			_ = flush.Flush()
		}
	})
	final := line{Report: &report}
	if err != nil {
		final.Error = err.Error()
	}
	_ = out.Encode(final)
}

// readMapping reads the mapping that stands before the file in the body.
func readMapping(r *http.Request) ([]byte, error) {
	text := r.URL.Query().Get("mapping_bytes")
	if text == "" {
		return nil, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > ingest.MaxMapping {
		return nil, fmt.Errorf("a mapping has at most %d bytes", ingest.MaxMapping)
	}
	mapping := make([]byte, n)
	if _, err := io.ReadFull(r.Body, mapping); err != nil {
		return nil, errors.New("the mapping was cut short: start the import again")
	}
	return mapping, nil
}

// spoolBody keeps the body in a file without a name: a format may have to be
// checked to its end before its first record is stored.
func (o *Owner) spoolBody(r *http.Request) (src ingest.Source, done func(), err error) {
	f, err := os.CreateTemp(o.spool, "import-*")
	if err != nil {
		return src, nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return src, nil, err
	}
	done = func() { f.Close() }
	n, err := io.Copy(f, r.Body)
	if err != nil {
		done()
		return src, nil, err
	}
	name := r.URL.Query().Get("name")
	if name == "" {
		name = "the file"
	}
	return ingest.Source{Name: name, Size: n, Open: func() (io.ReadCloser, error) {
		return section{io.NewSectionReader(f, 0, n)}, nil
	}}, done, nil
}

// section is the whole of a spooled file, to be read from front to back or at
// any place.
type section struct{ *io.SectionReader }

// Close leaves the file open: it has no other name to open it by.
func (section) Close() error { return nil }
