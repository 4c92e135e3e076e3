package grafana

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

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

// Routes are the Prometheus read protocol. The programmes are those that a query
// may name; the default one comes first.
func Routes(asker dashboards.Asker, programmes []dashboards.Programme, log *slog.Logger) []web.Route {
	h := &handler{evaluator{asker, defaultFirst(programmes)}, log, time.Now}
	var routes []web.Route
	for _, call := range []struct {
		path, summary string
		answer        answerFunc
	}{
		{"query", "Prometheus: a selector's samples", h.query},
		{"query_range", "Prometheus: a selector's samples, one at the end", h.queryRange},
		{"labels", "Prometheus: names of labels", h.labelNames},
		{"label/{name}/values", "Prometheus: values of a label", h.labelValues},
		{"series", "Prometheus: series of selectors", h.series},
		{"metadata", "Prometheus: what metrics mean", h.metadata},
		{"status/buildinfo", "Prometheus: the version of the server", h.buildInfo},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			route := web.Route{
				Method: method, Path: BasePath + "/api/v1/" + call.path, Summary: call.summary, Loose: true, Handler: h.answer(call.answer),
				Answers: []web.Reply{{Status: http.StatusOK, Description: "as the Prometheus HTTP API", Types: []string{"application/json"}}},
			}
			if strings.Contains(call.path, "{name}") {
				route.Params = []web.Param{{Name: "name", In: "path", Description: "the label", Schema: web.Schema{"type": "string"}}}
			}
			routes = append(routes, route)
		}
	}
	return routes
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
