package http_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorilla/mux"

	"github.com/lumbar-health/lumbar/ingest"
	ihttp "github.com/lumbar-health/lumbar/ingest/http"
)

// own mounts the owner's route and returns a client and the spool folder.
func (in *installation) own() (*ihttp.Client, string) {
	spool := in.t.TempDir()
	r := mux.NewRouter()
	ihttp.NewOwner(in.pipeline, "a token", spool, quiet).Register(r)
	s := httptest.NewServer(r)
	in.t.Cleanup(s.Close)
	return &ihttp.Client{URL: s.URL, Token: "a token"}, spool
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestAttachedImport: a command's file is stored by the owner, with the same
// report, and leaves nothing in the spool.
func TestAttachedImport(t *testing.T) {
	in := install(t)
	client, spool := in.own()
	path := writeFile(t, "answers.ndjson", response("r1", ann, "completed", "7")+"\n"+response("r2", ann, "completed", "77")+"\n")
	seen := 0
	progress := func(p ingest.Progress) { seen = p.Records }
	dry, err := client.Import(context.Background(), path, ingest.ImportOptions{DryRun: true}, progress)
	if err != nil || dry.Stored != 1 || !dry.DryRun || in.count("SELECT count() FROM response") != 0 {
		t.Errorf("dry run: %+v, %v; want one to be stored and none in the table", dry, err)
	}
	report, err := client.Import(context.Background(), path, ingest.ImportOptions{}, progress)
	if err != nil || report.Stored != 1 || report.Rejected != 1 || report.Source != "answers.ndjson" || report.Format != "ndjson" || seen != 2 {
		t.Errorf("report = %+v, %v, progress to %d; want one stored, one rejected, of 2", report, err, seen)
	}
	if got := report.Rejections[0]; got.Line != 2 || got.Rule != "code_out_of_range" || got.Source != "answers.ndjson" {
		t.Errorf("rejection %+v", got)
	}
	if again, err := client.Import(context.Background(), path, ingest.ImportOptions{Format: "ndjson"}, nil); err != nil || again.Duplicate != 1 {
		t.Errorf("again: %+v, %v; want a duplicate", again, err)
	}
	if left, err := os.ReadDir(spool); err != nil || len(left) > 0 {
		t.Errorf("%d files are left in the spool, %v", len(left), err)
	}
}

func TestAttachedImportRefuses(t *testing.T) {
	in := install(t)
	client, _ := in.own()
	path := writeFile(t, "letter.txt", "to whom it may concern")
	if _, err := client.Import(context.Background(), path, ingest.ImportOptions{}, nil); err == nil || !strings.Contains(err.Error(), "letter.txt has none of the known formats") {
		t.Errorf("error %v, want that the format is not known", err)
	}
	if _, err := client.Import(context.Background(), filepath.Join(t.TempDir(), "none"), ingest.ImportOptions{}, nil); err == nil || !strings.Contains(err.Error(), "can not be opened") {
		t.Errorf("error %v, want that there is no file", err)
	}
	stranger := &ihttp.Client{URL: client.URL, Token: "another"}
	if _, err := stranger.Import(context.Background(), path, ingest.ImportOptions{}, nil); err == nil || !strings.Contains(err.Error(), "same data directory") {
		t.Errorf("error %v, want a refusal", err)
	}
	res, err := http.Post(client.URL+ihttp.ImportPath, "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a token: %s, want 401", res.Status)
	}
}
