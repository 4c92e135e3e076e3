package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/gorilla/mux"

	"github.com/lumbar-health/lumbar/web"
)

// faceOf serves a house as serve does, to nobody, or as demo does, to everybody.
func faceOf(t *testing.T, h *house, open bool) (*httptest.Server, *mux.Router) {
	t.Helper()
	advice := noKeys
	who := func(*http.Request) (web.Identity, bool) { return web.Identity{}, false }
	if open {
		advice, who = "", func(*http.Request) (web.Identity, bool) { return web.Identity{Name: "test", Role: "demo"}, true }
	}
	f, err := h.faces(who, advice)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(f.router)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return server, f.router
}

// httpReply is an answer over HTTP.
type httpReply struct {
	status int
	media  string
	body   []byte
}

// sent sends a request; a body that is no string is sent as JSON.
func sent(t *testing.T, method, url string, body any, media string) httpReply {
	t.Helper()
	text, ok := body.(string)
	if !ok && body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		text = string(b)
	}
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if media != "" {
		req.Header.Set("Content-Type", media)
		req.Header.Set("Prefer", "wait=30") // what is sent is asked for next
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		return httpReply{res.StatusCode, "text/event-stream", nil}
	}
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return httpReply{res.StatusCode, res.Header.Get("Content-Type"), b}
}

// isProblem holds that a reply is a problem document of the status, whose
// detail has the words.
func (r httpReply) isProblem(t *testing.T, what string, status int, words ...string) {
	t.Helper()
	var p struct {
		Type, Title, Detail, Instance string
		Status                        int
	}
	if err := json.Unmarshal(r.body, &p); err != nil || r.status != status || p.Status != status || r.media != "application/problem+json" || p.Title == "" || p.Detail == "" {
		t.Errorf("%s: %d %s %s, want a problem of status %d", what, r.status, r.media, r.body, status)
	}
	for _, w := range words {
		if !strings.Contains(p.Detail, w) {
			t.Errorf("%s: %q does not say %q", what, p.Detail, w)
		}
	}
}

// openRoutes are the only ones that stand outside the identity middleware.
var openRoutes = []string{"/healthz", "/metrics", "/openapi.json", "/readyz"}

// TestEveryRouteAsksWho holds that serve, which knows nobody yet, answers 401
// and says what to do on every route but four, and that demo is open: by a walk
// over the router, so that no route is forgotten.
func TestEveryRouteAsksWho(t *testing.T) {
	h := newInstallation(t).hold(t)
	closed, router := faceOf(t, h, false)
	demo, _ := faceOf(t, h, true)
	var walked []string
	err := router.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		path, err := route.GetPathTemplate()
		if err != nil || path == "" || route.GetHandler() == nil {
			return nil // a group of routes
		}
		methods, err := route.GetMethods()
		if err != nil {
			methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete}
		}
		walked = append(walked, path)
		url := strings.NewReplacer("{id}", "odi", "{method}", "describe", "{name:.+}", "lumbar.css", "{name}", "provider", "{job}", "1", "{table}", "outcome", "{pseudonym}", "000102030405060708090a0b0c0d0e0f").Replace(path)
		if strings.Contains(url, "{") {
			t.Errorf("%s: the test knows no value for its parameters", path)
		}
		for _, m := range methods {
			got := sent(t, m, closed.URL+url, nil, "")
			switch {
			case slices.Contains(openRoutes, path):
				if got.status != http.StatusOK {
					t.Errorf("%s %s of serve: %d %s", m, path, got.status, got.body)
				}
			case m == http.MethodHead:
				if got.status != http.StatusUnauthorized {
					t.Errorf("%s %s of serve: %d", m, path, got.status)
				}
			default:
				got.isProblem(t, m+" "+path+" of serve", http.StatusUnauthorized, noKeys)
			}
			if got := sent(t, m, demo.URL+url, nil, ""); got.status == http.StatusUnauthorized || got.status == http.StatusInternalServerError {
				t.Errorf("%s %s of demo: %d %s", m, path, got.status, got.body)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append([]string{"/", "/v1/responses", "/v1/outcomes", "/v1/cohorts/compare", "/v1/receipts/{id}", "/v1/stats/{method}", "/live"}, openRoutes...) {
		if !slices.Contains(walked, path) {
			t.Errorf("the walk did not come by %s", path)
		}
	}
	for _, c := range []struct {
		method, path string
		status       int
		words        string
	}{
		{"GET", "/nowhere", http.StatusNotFound, "/openapi.json"},
		{"GET", "/v1/nothing", http.StatusNotFound, "/openapi.json"},
		{"DELETE", "/v1/outcomes", http.StatusMethodNotAllowed, "/openapi.json"},
		{"GET", "/v1/responses", http.StatusMethodNotAllowed, "/openapi.json"},
		{"POST", "/healthz", http.StatusMethodNotAllowed, "/openapi.json"},
		{"POST", "/", http.StatusMethodNotAllowed, "/openapi.json"},
		{"GET", "/v1/outcomes?colour=red", http.StatusBadRequest, "unknown parameter"},
		{"GET", "/v1/outcomes?by=colour", http.StatusBadRequest, "colour"},
		{"GET", "/v1/instruments?x=1", http.StatusBadRequest, "parameter"},
		{"GET", "/healthz?x=1", http.StatusBadRequest, "parameter"},
		{"POST", "/v1/responses?dry_run=true", http.StatusBadRequest, "no parameter"},
		{"GET", "/v1/receipts/none", http.StatusNotFound, "receipt"},
		{"GET", "/v1/instruments/none", http.StatusNotFound, "/v1/instruments lists them"},
	} {
		for _, base := range []string{demo.URL, closed.URL} {
			if base == closed.URL && c.status == http.StatusBadRequest {
				continue // 401 comes first
			}
			if base == closed.URL && (strings.HasPrefix(c.path, "/v1/receipts") || strings.HasPrefix(c.path, "/v1/instruments")) {
				continue
			}
			sent(t, c.method, base+c.path, nil, "").isProblem(t, c.method+" "+c.path, c.status, c.words)
		}
	}
	if got := sent(t, "GET", demo.URL+"/openapi.json", nil, ""); !bytes.Contains(got.body, []byte(`"3.1`)) {
		t.Errorf("/openapi.json: %.100s", got.body)
	}
}
