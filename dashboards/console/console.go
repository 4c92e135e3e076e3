package console

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"github.com/lumbar-health/lumbar/dashboards"
	"github.com/lumbar-health/lumbar/queries"
	"github.com/lumbar-health/lumbar/web"
)

// Console serves the built-in page.
type Console struct {
	asker      dashboards.Asker
	programmes []dashboards.Programme
	log        *slog.Logger
	now        func() time.Time
	zone       *time.Location
	templates  *template.Template
	assets     map[string]asset
	feed       *feed
}

// New returns the pages over what asker answers. At least one programme is
// needed; the default one is shown first. Close ends the open streams.
func New(asker dashboards.Asker, programmes []dashboards.Programme, log *slog.Logger) (*Console, error) {
	if len(programmes) == 0 {
		return nil, errors.New("console: no programme to show: add a programme file")
	}
	for _, p := range programmes {
		if len(p.Instruments) == 0 {
			return nil, fmt.Errorf("console: programme %s has no instrument to show", p.ID)
		}
	}
	c := &Console{
		asker: asker, programmes: programmes, log: log, now: time.Now, zone: london(),
		feed: newFeed(asker, time.Second, 15*time.Second, log),
	}
	var err error
	if c.assets, err = readAssets(embedded); err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	pages, err := fs.Sub(embeddedPages, "pages")
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	c.templates, err = template.New("").Funcs(template.FuncMap{"asset": c.assetURL}).ParseFS(pages, "*.html")
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	return c, nil
}

// london is where the programme's days are counted; UTC where the machine does
// not know it.
func london() *time.Location {
	zone, err := time.LoadLocation("Europe/London")
	if err != nil {
		return time.UTC
	}
	return zone
}

// Routes are the page, the part of it that is fetched anew, its stream and its
// static files.
func (c *Console) Routes() []web.Route {
	html := []string{"text/html"}
	var params []web.Param
	for _, name := range []string{"programme", "procedure", "instrument", "timepoint"} {
		params = append(params, web.Param{Name: name, In: "query", Description: "what the page shows", Schema: web.Schema{"type": "string"}})
	}
	return []web.Route{
		{
			Method: http.MethodGet, Path: "/", Summary: "The built-in page", Params: params, Loose: true, Handler: c.secured(c.page("page")),
			Answers: []web.Reply{{Status: http.StatusOK, Description: "the page", Types: html}},
		},
		{
			Method: http.MethodGet, Path: "/answers", Summary: "The answers of the page, without its frame", Params: params, Loose: true, Handler: c.secured(c.page("answers")),
			Answers: []web.Reply{{Status: http.StatusOK, Description: "part of a page", Types: html}},
		},
		{
			Method: http.MethodGet, Path: "/live", Summary: "A stream that names the data version whenever it changes", Handler: c.secured(http.HandlerFunc(c.live)),
			Answers: []web.Reply{{Status: http.StatusOK, Description: "server-sent events", Types: []string{"text/event-stream"}}},
		},
		{
			Method: http.MethodGet, Path: "/static/{name:.+}", Summary: "Style sheet, script and icon of the page", Handler: c.secured(http.HandlerFunc(c.static)),
			Params:  []web.Param{{Name: "name", In: "path", Description: "the file", Schema: web.Schema{"type": "string"}}, {Name: "v", In: "query", Description: "its version", Schema: web.Schema{"type": "string"}}},
			Answers: []web.Reply{{Status: http.StatusOK, Description: "the file"}},
		},
	}
}

// Close ends every open stream, so that a server can shut down without waiting
// for readers to leave.
func (c *Console) Close() { c.feed.close() }

// secured sets what holds for every answer of this face.
func (c *Console) secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

// page answers with the whole page, or with the part of it that holds answers.
func (c *Console) page(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		chosen, err := c.choose(r.URL.Query())
		if err != nil {
			c.fail(w, r, name, err)
			return
		}
		view, err := c.view(r.Context(), chosen)
		if err != nil {
			c.fail(w, r, name, err)
			return
		}
		c.render(w, r, http.StatusOK, name, view)
	})
}

// problem is what an error page says.
type problem struct {
	Heading string
	Words   string
	Advice  string
	Status  int
}

// fail shows an error in plain words; what is ours stays in the log.
func (c *Console) fail(w http.ResponseWriter, r *http.Request, name string, err error) {
	if r.Context().Err() != nil && errors.Is(err, context.Canceled) {
		return // nobody is there to read it
	}
	var known *queries.Error
	if !errors.As(err, &known) {
		known = &queries.Error{Kind: queries.Internal, Err: err}
	}
	p := problem{Words: known.Message, Advice: "Start again from the first page.", Status: http.StatusInternalServerError}
	switch known.Kind {
	case queries.InvalidArgument:
		p.Heading, p.Status = "This can not be shown", http.StatusBadRequest
	case queries.NotFound:
		p.Heading, p.Status = "Not found", http.StatusNotFound
	case queries.Unavailable:
		p.Heading, p.Status = "The data can not be reached just now", http.StatusServiceUnavailable
		p.Advice = "Wait a moment and load the page again. Answers that are being sent are kept."
		w.Header().Set("Retry-After", "5")
	default:
		p.Heading = "Something went wrong on our side"
		p.Words, p.Advice = "The page could not be made; the log of the server says why.", "Load the page again. If it stays so, tell whoever runs this server."
	}
	if p.Status >= http.StatusInternalServerError {
		c.log.Error("page not made", "path", r.URL.Path, "error", err)
	}
	if name == "answers" {
		http.Error(w, p.Heading, p.Status)
		return
	}
	c.render(w, r, p.Status, "error", p)
}

func (c *Console) render(w http.ResponseWriter, r *http.Request, status int, name string, data any) {
	body, err := c.execute(name, data)
	if err != nil {
		c.log.Error("page not made", "path", r.URL.Path, "error", err)
		http.Error(w, "The page could not be made; the log of the server says why.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a reader that has gone away is no error of ours
}
