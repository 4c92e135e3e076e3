package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gorilla/mux"

	ihttp "github.com/lumbar-health/lumbar/ingest/http"
	"github.com/lumbar-health/lumbar/queries"
	"github.com/lumbar-health/lumbar/queries/study"
	"github.com/lumbar-health/lumbar/web"
)

// Routes of the endpoint through which commands reach the owner of a data
// directory (ADR 13).
const (
	askPath        = "/internal/ask"
	studyPath      = "/internal/study"
	rescorePath    = "/internal/rescore"
	quarantinePath = "/internal/quarantine"
	referencePath  = "/internal/reference"
	exportPath     = "/internal/export"
)

// endpoint is the owner's door for attached commands: loopback only, behind a
// token that stands in the owner's 0600 file.
type endpoint struct {
	server *http.Server
	url    string
	token  string
}

func openEndpoint(h *house) (*endpoint, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("endpoint for attached commands: %w", err)
	}
	spool := filepath.Join(h.dir, "spool")
	if err := os.MkdirAll(spool, 0o700); err != nil {
		return nil, errors.Join(fmt.Errorf("data directory: %w", err), listener.Close())
	}
	e := &endpoint{url: "http://" + listener.Addr().String(), token: rand.Text()}
	r := mux.NewRouter()
	ihttp.NewOwner(h.pipeline, e.token, spool, h.log).Register(r)
	r.Handle(askPath, e.guard(serveAsk(h))).Methods(http.MethodPost)
	r.Handle(studyPath, e.guard(serveStudy(h))).Methods(http.MethodPost)
	r.Handle(rescorePath, e.guard(serveRescore(h))).Methods(http.MethodPost)
	r.Handle(quarantinePath, e.guard(serveQuarantine(h))).Methods(http.MethodPost)
	r.Handle(referencePath, e.guard(serveReference(h))).Methods(http.MethodPost)
	r.Handle(exportPath, e.guard(serveExport(h))).Methods(http.MethodPost)
	e.server = &http.Server{Handler: r, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		if err := e.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			h.log.Error("the endpoint for attached commands ended", "error", err)
		}
	}()
	info := h.engine.Info()
	info.IngestURL, info.IngestToken = e.url, e.token
	return e, h.owner.Publish(info)
}

func (e *endpoint) Close() error {
	ctx, stop := context.WithTimeout(context.Background(), 5*time.Second)
	defer stop()
	return e.server.Shutdown(ctx)
}

func (e *endpoint) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if subtle.ConstantTimeCompare([]byte(token), []byte(e.token)) != 1 {
			web.WriteProblem(w, r, http.StatusUnauthorized, "this route is for commands on the same data directory")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// reply is what the endpoint answers: a result, or the error that the command
// shows as its own.
type reply[T any] struct {
	Result T            `json:"result"`
	Kind   queries.Kind `json:"kind,omitempty"`
	Error  string       `json:"error,omitempty"`
}

func send[T any](w http.ResponseWriter, result T, err error) {
	out := reply[T]{Result: result}
	if err != nil {
		out.Error = err.Error()
		var known *queries.Error
		if errors.As(err, &known) {
			out.Kind, out.Error = known.Kind, known.Message
		}
	}
	w.Header().Set("Content-Type", "application/json")
	// The command may have gone: nobody is left to tell.
	_ = json.NewEncoder(w).Encode(out)
}

func serveAsk(h *house) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q queries.Question
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
			web.WriteProblem(w, r, http.StatusBadRequest, "not a question")
			return
		}
		a, err := h.desk.Ask(r.Context(), q)
		if err != nil {
			a = &queries.Answer{}
		}
		send(w, wireAnswer(*a), err)
	})
}

// studyRequest is a protocol as written.
type studyRequest struct {
	Protocol    string `json:"protocol"`
	Undisclosed bool   `json:"undisclosed"`
}

func serveStudy(h *house) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var req studyRequest
		if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
			web.WriteProblem(w, r, http.StatusBadRequest, "not a study")
			return
		}
		p, err := study.Parse([]byte(req.Protocol))
		if err != nil {
			send[json.RawMessage](w, nil, err)
			return
		}
		a, err := h.runStudy(r.Context(), p, req.Undisclosed)
		if err != nil {
			send[json.RawMessage](w, nil, err)
			return
		}
		text, err := json.Marshal(a)
		send(w, json.RawMessage(text), err)
	})
}

// wireAnswer is an answer with its columns, as it passes between processes.
type wireAnswer queries.Answer

// typed gives numbers their types back: whole ones are counts.
func (a wireAnswer) typed() *queries.Answer {
	for _, row := range a.Rows {
		for i, v := range row.Values {
			n, ok := v.(json.Number)
			if !ok {
				continue
			}
			if whole, err := n.Int64(); err == nil {
				row.Values[i] = whole
			} else if f, err := n.Float64(); err == nil {
				row.Values[i] = f
			}
		}
	}
	out := queries.Answer(a)
	return &out
}

// ownerClient is the process that holds the data directory, as an attached
// command sees it.
type ownerClient struct{ url, token string }

func call[T any](ctx context.Context, o ownerClient, path string, body any) (result T, err error) {
	text, err := json.Marshal(body)
	if err != nil {
		return result, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, o.url+path, bytes.NewReader(text))
	if err != nil {
		return result, err
	}
	req.Header.Set("Authorization", "Bearer "+o.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return result, fmt.Errorf("the process that owns the data directory does not answer: try again: %w", err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return result, fmt.Errorf("the process that owns the data directory ended meanwhile: try again: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return result, fmt.Errorf("the process that owns the data directory is of another version (%s): run the same one", res.Status)
	}
	var out reply[T]
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if err := dec.Decode(&out); err != nil {
		return result, fmt.Errorf("the process that owns the data directory is of another version: run the same one: %w", err)
	}
	if out.Error != "" {
		return result, &queries.Error{Kind: out.Kind, Message: out.Error}
	}
	return out.Result, nil
}
