package api

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/gorilla/mux"

	"github.com/lumbar-health/lumbar/queries"
	"github.com/lumbar-health/lumbar/queries/catalogue"
	"github.com/lumbar-health/lumbar/queries/export"
	"github.com/lumbar-health/lumbar/queries/methods"
	"github.com/lumbar-health/lumbar/web"
)

// Desk answers questions; *queries.Desk is one.
type Desk interface {
	Ask(ctx context.Context, q queries.Question) (*queries.Answer, error)
	Receipt(ctx context.Context, id string) (*queries.Receipt, error)
}

// API is the HTTP face of queries.
type API struct {
	desk          Desk
	catalogue     *catalogue.Catalogue
	organisations *catalogue.Organisations
	exporter      *export.Exporter
	log           *slog.Logger
}

// New returns the API over a desk.
func New(desk Desk, c *catalogue.Catalogue, log *slog.Logger) *API {
	return &API{desk: desk, catalogue: c, log: log}
}

// WithStore adds the routes that read the store beside the desk: organisations
// and research extracts.
func (a *API) WithStore(o *catalogue.Organisations, e *export.Exporter) *API {
	a.organisations, a.exporter = o, e
	return a
}

// handler answers with a value, or with an error that becomes a problem.
type handler func(r *http.Request) (any, error)

func (a *API) json(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, err := h(r)
		if err != nil {
			writeError(a.log, w, r, err)
			return
		}
		if err := writeJSON(w, v); err != nil {
			a.log.Warn("answer not sent", "path", r.URL.Path, "error", err)
		}
	})
}

// Routes are the routes of the API.
func (a *API) Routes() []web.Route {
	routes := a.questionRoutes()
	if a.exporter != nil {
		routes = append(routes, a.organisationsRoute(), a.exportRoute())
	}
	return append(routes, a.instrumentRoute(), a.listRoute("/v1/instruments", "Every version of every instrument",
		listOf(instrumentSummarySchema()), nil, func(*http.Request) (any, error) { return a.catalogue.Instruments(), nil }),
		a.listRoute("/v1/programmes", "The programmes of care", listOf(programmeSchema()), nil,
			func(*http.Request) (any, error) { return a.catalogue.Programmes(), nil }),
		a.listRoute("/v1/interventions", "The interventions of the programmes", listOf(interventionSchema()),
			[]web.Param{{Name: "programme", In: "query", Description: "only this programme's", Schema: web.Schema{"type": "string"}}},
			func(r *http.Request) (any, error) {
				return a.catalogue.Interventions(r.URL.Query().Get("programme"))
			}),
		a.receiptRoute(), a.statRoute())
}

func (a *API) listRoute(path, summary string, schema web.Schema, params []web.Param, h handler) web.Route {
	return web.Route{
		Method: http.MethodGet, Path: path, Summary: summary, Params: params, Handler: a.json(h),
		Answers: []web.Reply{{Status: http.StatusOK, Description: summary, Types: []string{"application/json"}, Schema: schema}},
	}
}

func (a *API) instrumentRoute() web.Route {
	return web.Route{
		Method: http.MethodGet, Path: "/v1/instruments/{id}", Summary: "One instrument: all that is needed to read its scores",
		Params: []web.Param{
			{Name: "id", In: "path", Description: "the instrument's id, such as odi", Schema: web.Schema{"type": "string"}},
			{Name: "version", In: "query", Description: "a version; the current one where it is left out", Schema: web.Schema{"type": "string"}},
			{Name: "language", In: "query", Schema: web.Schema{"type": "string"},
				Description: "adds the wording in this language (BCP 47), where the installation has loaded a pack and its licence lasts"},
		},
		Answers: []web.Reply{{Status: http.StatusOK, Description: "the definition", Types: []string{"application/json"}, Schema: instrumentSchema()}},
		Handler: a.json(func(r *http.Request) (any, error) {
			q := r.URL.Query()
			return a.catalogue.Instrument(mux.Vars(r)["id"], q.Get("version"), q.Get("language"))
		}),
	}
}

func (a *API) receiptRoute() web.Route {
	return web.Route{
		Method: http.MethodGet, Path: "/v1/receipts/{id}", Summary: "How one answer was made",
		Params:  []web.Param{{Name: "id", In: "path", Description: "the id that came with the answer", Schema: web.Schema{"type": "string"}}},
		Answers: []web.Reply{{Status: http.StatusOK, Description: "the receipt", Types: []string{"application/json"}, Schema: receiptSchema()}},
		Handler: a.json(func(r *http.Request) (any, error) { return a.desk.Receipt(r.Context(), mux.Vars(r)["id"]) }),
	}
}

// maxStatBody bounds the caller's own table: a million cells as JSON.
const maxStatBody = 64 << 20

func (a *API) statRoute() web.Route {
	return web.Route{
		Method: http.MethodPost, Path: "/v1/stats/{method}", Summary: "One statistic on the caller's own table; the store is not read",
		Params: []web.Param{{Name: "method", In: "path", Description: "a method of lumbar stat --list", Schema: web.Schema{"type": "string", "enum": methodNames()}}},
		Body:   &web.Body{Types: []string{"application/json"}, Description: "at most 1,000,000 cells", Schema: statSchema()},
		Answers: []web.Reply{{Status: http.StatusOK, Description: "the method's answer; lumbar stat --list has its schema",
			Types: []string{"application/json"}, Schema: web.Schema{"type": "object"}}},
		Handler: a.json(func(r *http.Request) (any, error) {
			name := mux.Vars(r)["method"]
			if _, ok := methods.Find(name); !ok {
				return nil, &queries.Error{Kind: queries.NotFound, Message: "no such method; lumbar stat --list names them all"}
			}
			req, err := methods.ParseRequest(http.MaxBytesReader(nil, r.Body, maxStatBody))
			if err != nil {
				return nil, &queries.Error{Kind: queries.InvalidArgument, Message: err.Error()}
			}
			answer, err := methods.Run(name, req)
			switch {
			case methods.IsInvalid(err):
				return nil, &queries.Error{Kind: queries.InvalidArgument, Message: err.Error()}
			case err != nil: // the table can not answer: too few rows, no variance, collinear
				return nil, &queries.Error{Kind: queries.InsufficientData, Message: err.Error()}
			}
			return answer, nil
		}),
	}
}

func methodNames() []string {
	var names []string
	for _, m := range methods.All() {
		names = append(names, m.Name)
	}
	return names
}
