package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gorilla/mux"
)

// Route is one route: how it is called, what it takes, what it gives, and who
// handles it. The router and /openapi.json are both made from the same list.
type Route struct {
	Method  string
	Path    string // with {name} or {name:pattern} for path parameters
	Summary string
	Open    bool // outside the identity middleware: operational routes only
	Params  []Param
	Body    *Body
	Answers []Reply
	// Loose routes take query parameters that are not described here: those of
	// somebody else's protocol.
	Loose   bool
	Handler http.Handler
}

// Param is a query or path parameter.
type Param struct {
	Name, In    string // In: query | path
	Description string
	Required    bool
	List        bool // comma separated
	Schema      Schema
}

// Body is what a route takes, in any of its media types.
type Body struct {
	Types       []string
	Description string
	Schema      Schema
}

// Reply is one answer of a route.
type Reply struct {
	Status      int
	Description string
	Types       []string
	Schema      Schema
}

// Schema is a JSON Schema.
type Schema = map[string]any

// Router serves the routes; those that are not open pass identify. A query
// parameter that a route does not describe, a path and a method that no route
// has are answered with a problem.
func Router(routes []Route, identify func(http.Handler) http.Handler) *mux.Router {
	r := mux.NewRouter().SkipClean(true) // a redirect would make a GET of a POST
	r.NotFoundHandler = patient(refusal(http.StatusNotFound, "there is no such route; /openapi.json lists them all"), bodyPatience)
	r.MethodNotAllowedHandler = patient(refusal(http.StatusMethodNotAllowed, "the route does not take this method; /openapi.json lists them all"), bodyPatience)
	for _, route := range routes {
		h := route.Handler
		if !route.Loose {
			h = refuseUnknown(route)
		}
		if !route.Open {
			h = identify(h)
		}
		methods := []string{route.Method}
		if route.Method == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
		r.Handle(route.Path, patient(h, bodyPatience)).Methods(methods...)
	}
	return r
}

func refusal(status int, detail string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { WriteProblem(w, r, status, detail) })
}

// refuseUnknown answers 400 to a query parameter that the route does not know.
func refuseUnknown(route Route) http.Handler {
	var known []string
	for _, p := range route.Params {
		if p.In == "query" {
			known = append(known, p.Name)
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name := range r.URL.Query() {
			if !slices.Contains(known, name) {
				detail := "this route takes no parameter of that name"
				if len(known) > 0 {
					detail = "unknown parameter; this route takes " + strings.Join(known, ", ")
				}
				WriteProblem(w, r, http.StatusBadRequest, detail)
				return
			}
		}
		route.Handler.ServeHTTP(w, r)
	})
}
