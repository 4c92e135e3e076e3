package api

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/instruments/wording"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/queries/catalogue"
	"github.com/lumbar-health/lumbar/web"
)

// artificial is a wording pack of nrs_back that says what it is.
const artificial = `
instrument: nrs_back
version: 1week
language: LANGUAGE
title: artificial title
licence: {holder: artificial holder, statement: artificial statement, valid_until: 2030-06-30}
items:
  nrs_back.1: {text: artificial text of item one, anchors: {0: artificial low end, 10: artificial high end}}
`

// router serves the API over no data, on the given day, with two packs loaded.
func router(t *testing.T, day string) http.Handler {
	t.Helper()
	dir := t.TempDir()
	for _, language := range []string{"en-GB", "cy"} {
		pack := strings.Replace(artificial, "LANGUAGE", language, 1)
		if err := os.WriteFile(filepath.Join(dir, language+".yaml"), []byte(pack), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	packs, err := wording.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	now, err := time.Parse(time.DateTime, day)
	if err != nil {
		t.Fatal(err)
	}
	c := catalogue.New(programme.All(), packs, func() time.Time { return now })
	everybody := func(*http.Request) (web.Identity, bool) { return web.Identity{Name: "test"}, true }
	return web.Router(New(nil, c, slog.New(slog.DiscardHandler)).Routes(), web.Identify(everybody, ""))
}

func ask(t *testing.T, h http.Handler, target string) (int, map[string]any, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil))
	var fields map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &fields); err != nil {
		t.Fatalf("GET %s: %v", target, err)
	}
	return w.Code, fields, w.Body.String()
}

// What the definition has is answered, every part of it, and described.
func TestInstrumentsAnswerTheirDefinitions(t *testing.T) {
	h := router(t, "2026-01-01 12:00:00")
	described := instrumentSchema()["properties"].(web.Schema)
	for _, d := range instruments.All() {
		target := "/v1/instruments/" + string(d.ID) + "?version=" + d.Version
		status, got, _ := ask(t, h, target)
		if status != http.StatusOK {
			t.Fatalf("GET %s = %d", target, status)
		}
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		var want map[string]any
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatal(err)
		}
		for key, value := range want {
			if key == "scores" {
				checkScores(t, target, got[key].([]any), value.([]any))
				continue
			}
			if !same(got[key], value) {
				t.Errorf("GET %s: %s is %v, the definition has %v", target, key, got[key], value)
			}
		}
		for key := range got {
			if described[key] == nil {
				t.Errorf("GET %s: %s is not described", target, key)
			}
		}
		if versions := got["versions"].([]any); len(versions) == 0 {
			t.Errorf("GET %s: no versions", target)
		}
	}
}

// checkScores holds each score against the definition's, and that a threshold
// without a number has a reason.
func checkScores(t *testing.T, target string, got, want []any) {
	t.Helper()
	described := instrumentSchema()["properties"].(web.Schema)["scores"].(web.Schema)["items"].(web.Schema)["properties"].(web.Schema)
	if len(got) != len(want) {
		t.Fatalf("GET %s: %d scores, the definition has %d", target, len(got), len(want))
	}
	for i := range got {
		g, w := got[i].(map[string]any), want[i].(map[string]any)
		for key, value := range w {
			if !same(g[key], value) {
				t.Errorf("GET %s: score %s: %s is %v, the definition has %v", target, g["column"], key, g[key], value)
			}
		}
		for key := range g {
			if described[key] == nil {
				t.Errorf("GET %s: %s of a score is not described", target, key)
			}
		}
		if loaded, there := g["table_loaded"]; there != (g["needs_person"] == true) || there && loaded != false {
			t.Errorf("GET %s: score %s: table_loaded is %v", target, g["column"], loaded)
		}
		reasons := g["reasons"].(map[string]any)
		for _, threshold := range []string{"mic", "mdc", "det_abs", "responder"} {
			if _, there := reasons[threshold]; there != (g[threshold] == nil) || reasons[threshold] == "" {
				t.Errorf("GET %s: score %s: %s is %v, its reason %v", target, g["column"], threshold, g[threshold], reasons[threshold])
			}
		}
	}
}

func same(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

func TestInstrumentList(t *testing.T) {
	_, got, _ := ask(t, router(t, "2026-01-01 12:00:00"), "/v1/instruments")
	rows := got["rows"].([]any)
	if len(rows) != len(instruments.All()) {
		t.Errorf("%d rows for %d definitions", len(rows), len(instruments.All()))
	}
	for _, r := range rows {
		row := r.(map[string]any)
		worded := row["id"] == "nrs_back" && row["version"] == "1week"
		if languages := row["languages"].([]any); worded != (len(languages) == 2) {
			t.Errorf("%v %v has the languages %v", row["id"], row["version"], languages)
		}
	}
}

func TestWordingOnlyWhereAsked(t *testing.T) {
	h := router(t, "2030-06-30 12:00:00")
	status, got, body := ask(t, h, "/v1/instruments/nrs_back")
	if status != http.StatusOK || got["wording"] != nil || strings.Contains(body, "artificial text") {
		t.Errorf("without a language: %d %s", status, body)
	}
	if packs := got["wordings"].([]any); len(packs) != 2 || !strings.Contains(body, "artificial statement") {
		t.Errorf("wordings = %v", packs)
	}
	status, got, body = ask(t, h, "/v1/instruments/nrs_back?language=en-gb")
	shown, ok := got["wording"].(map[string]any)
	if status != http.StatusOK || !ok || shown["language"] != "en-GB" {
		t.Fatalf("in en-gb: %d %s", status, body)
	}
	for _, want := range []string{"artificial text of item one", "artificial low end", "artificial statement"} {
		if !strings.Contains(body, want) {
			t.Errorf("in en-gb: no %q in %s", want, body)
		}
	}
}

func TestInstrumentsThatAreNotThere(t *testing.T) {
	for _, c := range []struct {
		day, target string
		status      int
		want        string
	}{
		{"2026-01-01 12:00:00", "/v1/instruments/zebra", http.StatusNotFound, "/v1/instruments lists them"},
		{"2026-01-01 12:00:00", "/v1/instruments/odi?version=0", http.StatusNotFound, "/v1/instruments lists them"},
		{"2026-01-01 12:00:00", "/v1/instruments/odi?language=en-GB", http.StatusNotFound, "none is shipped"},
		{"2026-01-01 12:00:00", "/v1/instruments/nrs_back?language=fr", http.StatusNotFound, "cy, en-GB"},
		{"2026-01-01 12:00:00", "/v1/instruments/nrs_back?version=24h&language=cy", http.StatusNotFound, "none is shipped"},
		{"2030-07-01 12:00:00", "/v1/instruments/nrs_back?language=cy", http.StatusForbidden, "2030-06-30"},
		// Half past midnight in England, where summer time is.
		{"2030-06-30 23:30:00", "/v1/instruments/nrs_back?language=cy", http.StatusForbidden, "2030-06-30"},
		{"2026-01-01 12:00:00", "/v1/instruments/odi?lang=en", http.StatusBadRequest, "language"},
	} {
		status, got, body := ask(t, router(t, c.day), c.target)
		if detail, _ := got["detail"].(string); status != c.status || !strings.Contains(detail, c.want) {
			t.Errorf("GET %s on %s = %d %s, want %d with %q", c.target, c.day, status, body, c.status, c.want)
		}
		if strings.Contains(body, "artificial text") {
			t.Errorf("GET %s: wording in a refusal", c.target)
		}
	}
}

// After its end a wording is still listed, so that who looks sees why.
func TestEndedLicencesAreListed(t *testing.T) {
	_, got, _ := ask(t, router(t, "2031-01-01 12:00:00"), "/v1/instruments/nrs_back")
	ended := slices.IndexFunc(got["wordings"].([]any), func(p any) bool { return p.(map[string]any)["licence_ended"] != true })
	if ended >= 0 {
		t.Errorf("wordings = %v, want all with an ended licence", got["wordings"])
	}
}
