package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/reference"
	"github.com/lumbar-health/lumbar/queries"
	"github.com/lumbar-health/lumbar/store/write"
	"github.com/lumbar-health/lumbar/web"
)

// referenceRequest is which list a command loads, and how. The list itself is
// the body of a request to the owner: only that has the pseudonym key.
type referenceRequest struct {
	List       string    `json:"list"`
	Source     string    `json:"source"` // the file's name, for messages
	Replace    bool      `json:"replace"`
	DryRun     bool      `json:"dry_run"`
	ReceivedAt time.Time `json:"received_at"` // zero = now
}

// referenceAnswer is what became of a list: loaded, or refused for its lines.
type referenceAnswer struct {
	*write.Loaded
	Kinds    map[string]int    `json:"kinds,omitempty"` // of organisations: how many of the file are of each
	Refused  int               `json:"refused"`         // lines that can not be right
	Problems []ingest.RowError `json:"problems"`        // the first of them
}

// reference loads a list.
func (h *house) reference(ctx context.Context, r referenceRequest, file io.Reader) (referenceAnswer, error) {
	a := referenceAnswer{Problems: []ingest.RowError{}}
	text, err := ingest.Decompress(file)
	if err != nil {
		return a, &ingest.FileError{Source: r.Source, Wrong: "can not be unpacked", Advice: "fetch or write it again; nothing of it was stored", Err: err}
	}
	defer text.Close()
	loaded, err := h.loadList(ctx, r, text, &a)
	var problems *reference.Problems
	switch {
	case errors.As(err, &problems):
		a.Refused, a.Problems = problems.Count, problems.Lines
		return a, nil
	case err != nil:
		return a, err
	}
	a.Loaded = &loaded
	h.log.Info("reference data loaded", "list", loaded.List, "edition", loaded.Edition, "rows", loaded.Rows, "added", loaded.Added,
		"changed", loaded.Changed, "removed", loaded.Removed, "dry_run", loaded.DryRun)
	return a, nil
}

func (h *house) loadList(ctx context.Context, r referenceRequest, text io.Reader, a *referenceAnswer) (write.Loaded, error) {
	lists, load := h.store.References(), write.Load{ReceivedAt: r.ReceivedAt, DryRun: r.DryRun}
	switch r.List {
	case listOrganisations:
		list, err := reference.Organisations(r.Source, text)
		if err != nil {
			return write.Loaded{}, err
		}
		a.Kinds = map[string]int{}
		for _, o := range list {
			a.Kinds[o.Kind.String()]++
		}
		return lists.Organisations(ctx, list, r.Replace, load)
	case listIMD:
		edition, list, err := reference.IMD(r.Source, text)
		if err != nil {
			return write.Loaded{}, err
		}
		return lists.Deprivation(ctx, edition.Name, list, load)
	case listOptOut:
		people, err := reference.OptOuts(r.Source, text, &h.pipeline.Setting)
		if err != nil {
			return write.Loaded{}, err
		}
		return lists.OptOuts(ctx, people, load)
	}
	return write.Loaded{}, fmt.Errorf("there is no list %q", r.List)
}

// serveReference loads a list for an attached command.
func serveReference(h *house) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var req referenceRequest
		if err := json.Unmarshal([]byte(r.URL.Query().Get("request")), &req); err != nil {
			web.WriteProblem(w, r, http.StatusBadRequest, "not a list of reference data")
			return
		}
		answer, err := h.reference(r.Context(), req, r.Body)
		send(w, answer, err)
	})
}

// reference lets the owner of the data directory load a list.
func (o ownerClient) reference(ctx context.Context, r referenceRequest, file io.Reader) (a referenceAnswer, err error) {
	text, err := json.Marshal(r)
	if err != nil {
		return a, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, o.url+referencePath+"?"+url.Values{"request": {string(text)}}.Encode(), file)
	if err != nil {
		return a, err
	}
	req.Header.Set("Authorization", "Bearer "+o.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return a, fmt.Errorf("the process that owns the data directory does not answer: try again: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return a, fmt.Errorf("the process that owns the data directory is of another version (%s): run the same one", res.Status)
	}
	var out reply[referenceAnswer]
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		return a, fmt.Errorf("the process that owns the data directory ended meanwhile: try again: %w", err)
	}
	if out.Error != "" {
		return a, &queries.Error{Kind: out.Kind, Message: out.Error}
	}
	return out.Result, nil
}
