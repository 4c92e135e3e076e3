package grafana

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"github.com/lumbar-health/lumbar/dashboards"
	"github.com/lumbar-health/lumbar/queries"
	"github.com/lumbar-health/lumbar/web"
)

// BasePath is where the read protocol is mounted: the data source's address is
// the server's own followed by it.
const BasePath = "/grafana/prometheus"

// maxForm bounds the body of a POSTed query.
const maxForm = 1 << 20

type handler struct {
	evaluator
	log *slog.Logger
	now func() time.Time
}

// Register mounts the Prometheus read protocol on the router. The programmes
// are those that a query may name; the default one comes first.
func Register(r *mux.Router, asker dashboards.Asker, programmes []dashboards.Programme, log *slog.Logger) {
	h := &handler{evaluator{asker, defaultFirst(programmes)}, log, time.Now}
	s := r.PathPrefix(BasePath).Subrouter()
	for path, f := range map[string]answerFunc{
		"/api/v1/query":               h.query,
		"/api/v1/query_range":         h.queryRange,
		"/api/v1/labels":              h.labelNames,
		"/api/v1/label/{name}/values": h.labelValues,
		"/api/v1/series":              h.series,
		"/api/v1/metadata":            h.metadata,
		"/api/v1/status/buildinfo":    h.buildInfo,
	} {
		s.Handle(path, h.answer(f)).Methods(http.MethodGet, http.MethodPost)
	}
	s.PathPrefix("/").HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		web.WriteProblem(w, r, http.StatusNotFound, "this part of the Prometheus API is not offered: query, query_range, labels, label/<name>/values, series, metadata and status/buildinfo are")
	})
}

func defaultFirst(programmes []dashboards.Programme) []dashboards.Programme {
	var out []dashboards.Programme
	for _, first := range []bool{true, false} {
		for _, p := range programmes {
			if p.Default == first {
				out = append(out, p)
			}
		}
	}
	return out
}

// reply is the envelope of every answer of the Prometheus API.
type reply struct {
	Status    string   `json:"status"`
	Data      any      `json:"data,omitempty"`
	ErrorType string   `json:"errorType,omitempty"`
	Error     string   `json:"error,omitempty"`
	Warnings  []string `json:"warnings,omitempty"`
	Infos     []string `json:"infos,omitempty"`
}

// answerFunc answers one route: its data, and what to say beside it.
type answerFunc func(r *http.Request) (data any, beside result, err error)

func (h *handler) answer(f answerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if err := r.ParseForm(); err != nil {
			h.refuse(w, r, &refusal{http.StatusBadRequest, "the form does not parse: " + err.Error()})
			return
		}
		data, beside, err := f(r)
		if err != nil {
			h.refuse(w, r, err)
			return
		}
		h.write(w, http.StatusOK, reply{Status: "success", Data: data, Warnings: beside.warnings, Infos: beside.infos})
	})
}

// refuse writes an error the way Prometheus does. What is ours stays in the log.
func (h *handler) refuse(w http.ResponseWriter, r *http.Request, err error) {
	var no *refusal
	var known *queries.Error
	switch {
	case errors.As(err, &no):
		h.write(w, no.status, reply{Status: "error", ErrorType: "bad_data", Error: no.words})
	case errors.As(err, &known) && (known.Kind == queries.InvalidArgument || known.Kind == queries.NotFound):
		h.write(w, http.StatusUnprocessableEntity, reply{Status: "error", ErrorType: "bad_data", Error: known.Message})
	case errors.As(err, &known) && known.Kind == queries.Unavailable:
		h.log.Error("read protocol: no answer", "path", r.URL.Path, "error", err)
		w.Header().Set("Retry-After", "5")
		h.write(w, http.StatusServiceUnavailable, reply{Status: "error", ErrorType: "unavailable", Error: known.Message})
	case r.Context().Err() != nil:
		h.write(w, http.StatusServiceUnavailable, reply{Status: "error", ErrorType: "canceled", Error: "the query was given up before it was answered"})
	default:
		h.log.Error("read protocol: no answer", "path", r.URL.Path, "error", err)
		h.write(w, http.StatusInternalServerError, reply{Status: "error", ErrorType: "internal", Error: "the answer could not be made; the log of the server says why"})
	}
}

func (h *handler) write(w http.ResponseWriter, status int, body reply) {
	b, err := json.Marshal(body)
	if err != nil {
		h.log.Error("read protocol: answer not written", "error", err)
		status, b = http.StatusInternalServerError, []byte(`{"status":"error","errorType":"internal","error":"the answer could not be written"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(b) // a reader that has gone away is no error of ours
}
