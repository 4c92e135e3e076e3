package main

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/lumbar-health/lumbar/care/timeline"
	"github.com/lumbar-health/lumbar/dashboards"
	"github.com/lumbar-health/lumbar/dashboards/console"
	"github.com/lumbar-health/lumbar/dashboards/grafana"
	ihttp "github.com/lumbar-health/lumbar/ingest/http"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/queries"
	"github.com/lumbar-health/lumbar/queries/api"
	"github.com/lumbar-health/lumbar/queries/catalogue"
	"github.com/lumbar-health/lumbar/web"
)

// faces are all that is served over HTTP.
type faces struct {
	router  *mux.Router
	page    *console.Console
	records *ihttp.Records
}

// Close ends open streams and writes what was received.
func (f *faces) Close() error {
	f.page.Close()
	return f.records.Close()
}

// faces puts every face on one router behind one identity middleware.
func (h *house) faces(who web.Authenticator, advice string) (*faces, error) {
	programmes := describe(h.programmes)
	page, err := console.New(h.desk, programmes, h.log)
	if err != nil {
		return nil, err
	}
	f := &faces{page: page}
	if f.records, err = h.newTaking(); err != nil {
		page.Close()
		return nil, err
	}
	routes := slices.Concat(
		api.New(h.desk, catalogue.New(h.programmes, h.wordings, time.Now), h.log).WithStore(catalogue.NewOrganisations(h.store.Reader(), time.Now), h.exporter).Routes(), f.records.Routes(), page.Routes(),
		timeline.New(h.store.Reader(), h.store.Writer(), h.programmes, time.Now, h.log).Routes(), grafana.Routes(h.desk, programmes, h.log), h.operations(),
	)
	routes = append(routes, web.Route{
		Method: http.MethodGet, Path: "/openapi.json", Summary: "This description", Open: true,
		Answers: []web.Reply{{Status: http.StatusOK, Description: "OpenAPI 3.1", Types: []string{"application/json"}}},
	})
	routes[len(routes)-1].Handler = web.ServeDocument(func() web.Schema { return web.OpenAPI("Lumbar", codeVersion(), routes) })
	f.router = web.Router(routes, web.Identify(who, advice))
	return f, nil
}

// operations are the routes for those who run the product; they stand open and
// tell nothing about people.
func (h *house) operations() []web.Route {
	text := []string{"text/plain"}
	return []web.Route{
		{
			Method: http.MethodGet, Path: "/healthz", Summary: "The process runs", Open: true,
			Answers: []web.Reply{{Status: http.StatusOK, Description: "ok", Types: text}},
			Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok") }),
		},
		{
			Method: http.MethodGet, Path: "/readyz", Summary: "The engine answers", Open: true,
			Answers: []web.Reply{{Status: http.StatusOK, Description: "ready", Types: text}, {Status: http.StatusServiceUnavailable, Description: "not ready", Types: text}},
			Handler: http.HandlerFunc(h.ready),
		},
		{
			Method: http.MethodGet, Path: "/metrics", Summary: "Metrics for Prometheus", Open: true,
			Answers: []web.Reply{{Status: http.StatusOK, Description: "metrics", Types: text}},
			Handler: promhttp.HandlerFor(h.registry, promhttp.HandlerOpts{Registry: h.registry}),
		},
	}
}

func (h *house) ready(w http.ResponseWriter, r *http.Request) {
	ctx, stop := context.WithTimeout(r.Context(), 2*time.Second)
	defer stop()
	if err := h.store.Ping(ctx); err != nil {
		w.Header().Set("Retry-After", "2")
		plain(w, http.StatusServiceUnavailable, "the engine does not answer; it is restarted when it has died")
		return
	}
	plain(w, http.StatusOK, "ready")
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	// A reader that has gone away is no error of ours.
	_, _ = w.Write([]byte(text + "\n"))
}

// describe tells pages and boards of the programmes.
func describe(all []*programme.Programme) []dashboards.Programme {
	var out []dashboards.Programme
	for _, p := range all {
		f := dashboards.Programme{ID: p.ID, Title: p.Title, Default: p.Default, MainFollowUp: p.MainFollowUp, Dimensions: p.Dimensions, AskedOf: map[string][]string{}}
		for _, m := range queries.Measurable(p) {
			f.Instruments = append(f.Instruments, dashboards.Choice{Key: m.Key, Label: m.Label})
			for _, n := range p.Procedures {
				if p.Asks(m.Instrument, n.Key) {
					f.AskedOf[m.Key] = append(f.AskedOf[m.Key], n.Key)
				}
			}
		}
		for _, t := range p.Timepoints {
			if t.Key != programme.Baseline {
				f.Timepoints = append(f.Timepoints, dashboards.Choice{Key: t.Key, Label: t.Label})
			}
		}
		for _, n := range p.Procedures {
			f.Procedures = append(f.Procedures, dashboards.Choice{Key: n.Key, Label: n.Label})
		}
		for _, n := range p.Interventions {
			f.Interventions = append(f.Interventions, dashboards.Choice{Key: n.Key, Label: n.Label})
		}
		out = append(out, f)
	}
	return out
}
