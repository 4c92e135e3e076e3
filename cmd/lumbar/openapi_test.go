package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/gorilla/mux"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/instruments/wording"
	"github.com/lumbar-health/lumbar/simulate"
	"github.com/lumbar-health/lumbar/web"
)

// TestOpenAPIIsTrue walks the router and the description: each route stands in
// both, what a question answers is what the description says, and a parameter
// that is not described is refused.
func TestOpenAPIIsTrue(t *testing.T) {
	h := openTestHouse(t)
	if err := h.fill(t.Context(), simulate.Options{Patients: 400, Seed: 3}, io.Discard); err != nil {
		t.Fatal(err)
	}
	packs := t.TempDir()
	save(t, filepath.Join(packs, "odi.yaml"), []byte(artificialPack(t, "odi", "2030-06-30")))
	var err error
	if h.wordings, err = wording.Open(packs); err != nil {
		t.Fatal(err)
	}
	f, err := h.faces(func(*http.Request) (web.Identity, bool) { return web.Identity{Name: "test"}, true }, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	server := serveOpen(t, h)
	described := document(t, server.URL)
	routed := map[string]bool{}
	err = f.router.Walk(func(r *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		path, err := r.GetPathTemplate()
		if err != nil {
			return err
		}
		path = regexp.MustCompile(`:[^}]*\}`).ReplaceAllString(path, "}")
		methods, err := r.GetMethods()
		if err != nil {
			return err
		}
		for _, m := range methods {
			if m == http.MethodHead {
				continue // as GET, without a body
			}
			routed[m+" "+path] = true
			if described.Paths.Value(path) == nil || described.Paths.Value(path).GetOperation(m) == nil {
				t.Errorf("%s %s is routed and not described", m, path)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, item := range described.Paths.Map() {
		for method := range item.Operations() {
			if !routed[method+" "+path] {
				t.Errorf("%s %s is described and not routed", method, path)
			}
		}
	}
	for _, path := range []string{"/v1/outcomes?by=provider,year", "/v1/funnel",
		"/v1/trend?by=region&period=quarter", "/v1/spc?measure=response_ratio&target=0.5&fix_after=2&period=quarter", "/v1/instruments", "/v1/instruments/odi", "/v1/programmes", "/v1/interventions"} {
		checkAnswer(t, described, server.URL, http.MethodGet, path, "")
	}
	for _, d := range instruments.All() {
		checkAnswer(t, described, server.URL, http.MethodGet, "/v1/instruments/"+string(d.ID)+"?version="+d.Version, "")
	}
	checkAnswer(t, described, server.URL, http.MethodGet, "/v1/instruments/odi?language=en-GB", "")
	checkAnswer(t, described, server.URL, http.MethodPost, "/v1/cohorts/compare", `{"by":["region"],"method":"welch"}`)
	receipt := get(t, server.URL+"/v1/outcomes?by=provider,year").Receipt
	checkAnswer(t, described, server.URL, http.MethodGet, "/v1/receipts/"+receipt, "")
}

// document reads the description and holds that it is valid OpenAPI.
func document(t *testing.T, address string) *openapi3.T {
	t.Helper()
	res, err := http.Get(address + "/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatalf("not a valid OpenAPI document: %v", err)
	}
	return doc
}

// checkAnswer holds an answer against its described schema: every field of it is
// described, and has a described type.
func checkAnswer(t *testing.T, doc *openapi3.T, address, method, target, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %s", method, target, res.Status)
	}
	var value any
	if err := json.NewDecoder(res.Body).Decode(&value); err != nil {
		t.Fatal(err)
	}
	path, _, _ := strings.Cut(target, "?")
	item := described(doc, path)
	if item == nil {
		t.Fatalf("%s is not described", path)
	}
	schema := item.GetOperation(method).Responses.Status(http.StatusOK).Value.Content.Get("application/json").Schema.Value
	for _, problem := range mismatches(schema, value, path) {
		t.Error(problem)
	}
}

// mismatches lists where a value is not as its schema says.
func mismatches(s *openapi3.Schema, value any, at string) []string {
	if s.Type == nil || len(*s.Type) == 0 {
		return nil // anything
	}
	kind := kindOf(value)
	if !slices.Contains(s.Type.Slice(), kind) && !(kind == "integer" && s.Type.Includes("number")) {
		return []string{fmt.Sprintf("%s is %s, described as %v", at, kind, s.Type.Slice())}
	}
	var out []string
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			if s.Items != nil {
				out = append(out, mismatches(s.Items.Value, item, at+"[]")...)
			}
		}
	case map[string]any:
		for name, field := range v {
			if p := s.Properties[name]; p != nil {
				out = append(out, mismatches(p.Value, field, at+"."+name)...)
			} else if s.Properties != nil {
				out = append(out, fmt.Sprintf("%s.%s is not described", at, name))
			}
		}
	}
	return slices.Compact(out)
}

func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case float64:
		if v == float64(int64(v)) {
			return "integer"
		}
		return "number"
	case []any:
		return "array"
	}
	return "object"
}

// described finds the description of a path, whose parameters it fills in.
func described(doc *openapi3.T, path string) *openapi3.PathItem {
	for template, item := range doc.Paths.Map() {
		pattern := regexp.MustCompile(`\\\{\w+\\\}`).ReplaceAllString(regexp.QuoteMeta(template), `[^/]+`)
		if regexp.MustCompile("^" + pattern + "$").MatchString(path) {
			return item
		}
	}
	return nil
}
