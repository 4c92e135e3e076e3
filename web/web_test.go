package web

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func ok(body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(body + Who(r.Context()).Name))
	})
}

func serve(t *testing.T, who Authenticator, target string) *httptest.ResponseRecorder {
	t.Helper()
	routes := []Route{
		{Method: http.MethodGet, Path: "/open", Open: true, Handler: ok("open")},
		{Method: http.MethodGet, Path: "/closed/{id}", Params: []Param{{Name: "by", In: "query"}}, Handler: ok("hello ")},
	}
	r := Router(routes, Identify(who, "make the first key with: lumbar keys new"))
	w := httptest.NewRecorder()
	r.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil))
	return w
}

func nobody(*http.Request) (Identity, bool) { return Identity{}, false }

func somebody(*http.Request) (Identity, bool) { return Identity{Name: "ann"}, true }

func TestIdentifyRefusesWhomItDoesNotKnow(t *testing.T) {
	w := serve(t, nobody, "/closed/1")
	var p problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	if w.Code != http.StatusUnauthorized || p.Status != 401 || !strings.Contains(p.Detail, "keys new") || p.Instance != "/closed/1" {
		t.Errorf("closed route without identity: %d %+v", w.Code, p)
	}
	if ct := w.Header().Get("Content-Type"); ct != "application/problem+json" {
		t.Errorf("Content-Type = %q", ct)
	}
	if w := serve(t, nobody, "/open"); w.Code != http.StatusOK {
		t.Errorf("open route without identity: %d", w.Code)
	}
	if w := serve(t, somebody, "/closed/1?by=x"); w.Body.String() != "hello ann" {
		t.Errorf("closed route: %q", w.Body)
	}
}

func TestUnknownParametersAreRefused(t *testing.T) {
	for target, want := range map[string]string{"/closed/1?bye=x": "takes by", "/open?x=1": "no parameter"} {
		w := serve(t, somebody, target)
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), want) {
			t.Errorf("GET %s = %d %s, want 400 naming what is taken", target, w.Code, w.Body)
		}
	}
}
