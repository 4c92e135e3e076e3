package main

import (
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lumbar-health/lumbar/queries/export"
	"github.com/lumbar-health/lumbar/record"
	"github.com/lumbar-health/lumbar/simulate"
	"github.com/lumbar-health/lumbar/store/write"
	"github.com/lumbar-health/lumbar/web"
)

// patientsOf are the people of an extract as CSV, with their number of rows.
func patientsOf(t *testing.T, text string) map[string]int {
	t.Helper()
	lines, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(lines) < 2 || lines[0][0] != "patient_id" {
		t.Fatalf("%v: %.300s", err, text)
	}
	people := map[string]int{}
	for _, line := range lines[1:] {
		people[line[0]]++
	}
	return people
}

// optOutSome loads a list of the first people, and returns how many rows of the
// extract they have.
func optOutSome(t *testing.T, h *house, people map[string]int, n int) (rows int) {
	t.Helper()
	var list []record.PatientID
	for name, theirs := range people {
		b, err := hex.DecodeString(name)
		if err != nil || len(b) != 16 {
			t.Fatalf("%q is no pseudonym", name)
		}
		list = append(list, record.PatientID(b))
		if rows += theirs; len(list) == n {
			break
		}
	}
	if _, err := h.store.References().OptOuts(t.Context(), list, write.Load{}); err != nil {
		t.Fatal(err)
	}
	return rows
}

// faceFor serves a house to somebody of a role.
func faceFor(t *testing.T, h *house, role string) string {
	t.Helper()
	f, err := h.faces(func(*http.Request) (web.Identity, bool) { return web.Identity{Name: "ann", Role: role}, true }, "")
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
	return server.URL
}

// audited counts the lines of the audit about an action.
func audited(t *testing.T, h *house, action string) (n uint64) {
	t.Helper()
	conn, err := h.engine.Connect(h.engine.Database())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.QueryRow(t.Context(), "SELECT count() FROM audit WHERE action = ?", action).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestExportRoute: administrators alone, with a purpose and a list of opt-outs;
// every format as described; who opted out is in none; each is in the audit.
func TestExportRoute(t *testing.T) {
	in := newInstallation(t)
	h := in.hold(t)
	if err := h.fill(t.Context(), simulate.Options{Patients: 60, Seed: 3}, io.Discard); err != nil {
		t.Fatal(err)
	}
	admin := faceFor(t, h, "administrator")
	const route = "/v1/export/outcome?purpose=a+test&programme=back-pain"
	sent(t, http.MethodGet, faceFor(t, h, "demo")+route, nil, "").isProblem(t, "demo", http.StatusForbidden, "administrators")
	for target, c := range map[string]struct {
		status int
		word   string
	}{
		"/v1/export/outcome":                         {http.StatusBadRequest, "purpose"},
		"/v1/export/patient?purpose=x":               {http.StatusNotFound, "outcome, response"},
		"/v1/export/outcome?purpose=x&undisclosed=1": {http.StatusBadRequest, "parameter"},
		"/v1/export/outcome?purpose=x&basis=consent": {http.StatusBadRequest, "parameter"},
		"/v1/export/outcome?purpose=a+test":          {http.StatusUnprocessableEntity, "reference import opt-out"},
	} {
		sent(t, http.MethodGet, admin+target, nil, "").isProblem(t, target, c.status, c.word)
	}
	if n := audited(t, h, export.ActionBegun); n != 0 {
		t.Errorf("%d extracts were begun that were refused", n)
	}
	all := patientsOf(t, in.mustRun(t, "export", "outcome", "--purpose", "all", "--programme", "back-pain", "--undisclosed", "--opt-out-basis", "consent").out)
	gone := optOutSome(t, h, all, 10)
	described := document(t, admin)
	checkAnswer(t, described, admin, http.MethodGet, route, "")
	for _, f := range export.Formats() {
		media := export.Format(f).MediaType()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, admin+route, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", "image/png, "+media)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != media || res.Header.Get("Lumbar-Receipt") == "" || len(res.Header.Values("Lumbar-Note")) < 3 || len(body) == 0 {
			t.Errorf("%s: %s, %v, %d bytes, %v", f, res.Status, res.Header, len(body), err)
		}
		if f != string(export.CSV) {
			continue
		}
		left := patientsOf(t, string(body))
		rows := 0
		for name, n := range left {
			if rows += n; all[name] > 0 {
				t.Errorf("%s is a pseudonym of the store", name)
			}
		}
		if len(left) != len(all)-10 || rows != 60-gone {
			t.Errorf("%d people with %d rows are left of %d, of whom 10 with %d rows opted out", len(left), rows, len(all), gone)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodHead, admin+route, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	begun, done := audited(t, h, export.ActionBegun), audited(t, h, export.ActionDone)
	if res.StatusCode != http.StatusOK || begun != 6 || done != begun {
		t.Errorf("HEAD: %s; %d extracts begun, %d done, want 6: one by a command, five over HTTP", res.Status, begun, done)
	}
	req.Method = http.MethodGet
	req.Header.Set("Accept", "image/png")
	if res, err = http.DefaultClient.Do(req); err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusNotAcceptable {
		t.Errorf("a picture: %s", res.Status)
	}
}

// TestExportCommand: the same beside the owner of a data directory and alone; a
// file is written whole or not at all, and is its owner's alone.
func TestExportCommand(t *testing.T) {
	in, dir := newInstallation(t), t.TempDir()
	h := in.hold(t)
	if err := h.fill(t.Context(), simulate.Options{Patients: 40, Seed: 5}, io.Discard); err != nil {
		t.Fatal(err)
	}
	base := []string{"export", "score", "--purpose", "a test"}
	run := func(args ...string) result { return in.run(t, append(append([]string{}, base...), args...)...) }
	path := filepath.Join(dir, "score.parquet")
	refused(t, run("--out", path), 1, "no list of national data opt-outs")
	if _, err := os.Stat(path); err == nil {
		t.Error("a refused extract has left a file")
	}
	optOutSome(t, h, patientsOf(t, run("--undisclosed", "--opt-out-basis", "legal_duty").out), 5)
	count := func(r result) (s export.Summary) {
		t.Helper()
		if err := json.Unmarshal([]byte(r.out), &s); err != nil || r.code != 0 {
			t.Fatalf("exit %d, %v: %.300s%s", r.code, err, r.out, r.err)
		}
		return s
	}
	attached := count(run("--out", path, "--json"))
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 || attached.Format != export.Parquet || attached.Rows == 0 || attached.OptOuts == nil || attached.OptOuts.People != 5 {
		t.Errorf("%v, %v: %+v", info, err, attached)
	}
	var doc struct {
		Rows []map[string]any
	}
	if r := run("--json"); json.Unmarshal([]byte(r.out), &doc) != nil || len(doc.Rows) != attached.Rows {
		t.Errorf("--json: %d rows, want %d; %.200s%s", len(doc.Rows), attached.Rows, r.out, r.err)
	}
	if r := run(); r.code != 0 || !strings.Contains(r.err, "receipt ") || strings.Count(r.out, "\n") != attached.Rows+1 {
		t.Errorf("on standard output: exit %d, %d lines, %s", r.code, strings.Count(r.out, "\n"), r.err)
	}
	for _, args := range [][]string{{"--format", "xlsx"}, {"--opt-out-basis", "because"}, {"--json", "--format", "csv"}, {"more"}} {
		if r := run(args...); r.code != 2 {
			t.Errorf("%v: exit %d, %s", args, r.code, r.err)
		}
	}
	if r := in.run(t, "export", "score"); r.code != 2 || !strings.Contains(r.err, "what the extract is for") {
		t.Errorf("no purpose: exit %d, %s", r.code, r.err)
	}
	refused(t, run("--out", filepath.Join(dir, "none", "x.csv")), 1, "can not be written")
	refused(t, run("--out", dir), 1, "is a folder")
	refused(t, run("--programme", "none"), 1, "no programme of that name")
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if alone := count(run("--out", path, "--json")); alone.Rows != attached.Rows || alone.Receipt == attached.Receipt {
		t.Errorf("alone: %+v, attached: %+v", alone, attached)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("%v, %v: want the one extract", entries, err)
	}
}

// TestBrokenExtractIsSeen: an attached command and a reader over HTTP see that an
// extract was broken off.
func TestBrokenExtractIsSeen(t *testing.T) {
	half := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", summaryTrailer)
		_, _ = io.WriteString(w, strings.Repeat("patient_id\n", 10_000))
		panic(http.ErrAbortHandler)
	}))
	defer half.Close()
	none := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "patient_id\n") }))
	defer none.Close()
	for what, server := range map[string]*httptest.Server{"broken off": half, "without its end": none} {
		path := filepath.Join(t.TempDir(), "x.csv")
		err := writeWhole(path, func(w io.Writer) error {
			_, err := ownerClient{url: server.URL}.export(t.Context(), export.Request{}, w)
			return err
		})
		if _, stat := os.Stat(path); err == nil || !strings.Contains(err.Error(), what) || stat == nil {
			t.Errorf("%v, want: %s; the file is there: %t", err, what, stat == nil)
		}
	}
}

func TestReceivedAt(t *testing.T) {
	now := time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)
	for day, want := range map[string]string{
		"": "0001-01-01T00:00:00Z", "2026-03-31": "2026-03-31T23:59:59Z", "2026-04-01": "2026-04-01T09:00:00Z", "2026-04-02": "2026-04-02T23:59:59Z",
	} {
		if got, err := receivedAt(day, now); err != nil || got.UTC().Format(time.RFC3339) != want {
			t.Errorf("%q: %s, %v, want %s", day, got.UTC().Format(time.RFC3339), err, want)
		}
	}
	if _, err := receivedAt(url.QueryEscape("1 April"), now); err == nil {
		t.Error("a day that is none is taken")
	}
}
