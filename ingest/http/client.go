package http

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/lumbar-health/lumbar/ingest"
)

// Client imports files through the owner of a data directory.
type Client struct {
	// URL is the owner's address, http://127.0.0.1:8080.
	URL   string
	Token string
	HTTP  *http.Client // nil = the default one
}

// Import sends a file and waits until it is stored. progress may be nil.
func (c *Client) Import(ctx context.Context, path string, o ingest.ImportOptions, progress func(ingest.Progress)) (ingest.Report, error) {
	src, err := ingest.File(path)
	if err != nil {
		return ingest.Report{}, err
	}
	f, err := src.Open()
	if err != nil {
		return ingest.Report{}, &ingest.FileError{Source: src.Name, Wrong: "can not be opened", Advice: "check the path and its permissions", Err: err}
	}
	defer f.Close()
	q := url.Values{"name": {src.Name}, "dry_run": {fmt.Sprint(o.DryRun)}}
	if o.Format != "" {
		q.Set("format", o.Format)
	}
	if len(o.Mapping) > 0 {
		q.Set("mapping_bytes", strconv.Itoa(len(o.Mapping)))
	}
	body := io.MultiReader(bytes.NewReader(o.Mapping), f)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL+ImportPath+"?"+q.Encode(), body)
	if err != nil {
		return ingest.Report{}, err
	}
	req.ContentLength = int64(len(o.Mapping)) + src.Size
	req.Header.Set("Authorization", "Bearer "+c.Token)
	req.Header.Set("Content-Type", "application/octet-stream")
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	res, err := client.Do(req)
	if err != nil {
		return ingest.Report{}, fmt.Errorf("the process that owns the data directory does not answer: start the import again: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return ingest.Report{}, refusedBy(res)
	}
	return readReport(res.Body, progress)
}

// refusedBy is what the owner says against the file.
func refusedBy(res *http.Response) error {
	var problem struct {
		Detail string `json:"detail"`
	}
	if err := json.NewDecoder(res.Body).Decode(&problem); err != nil || problem.Detail == "" {
		return fmt.Errorf("the process that owns the data directory refused the file (%s): look into its log", res.Status)
	}
	return fmt.Errorf("the process that owns the data directory refused the file: %s", problem.Detail)
}

func readReport(body io.Reader, progress func(ingest.Progress)) (ingest.Report, error) {
	in := json.NewDecoder(body)
	for {
		var l line
		if err := in.Decode(&l); err != nil {
			return ingest.Report{}, errors.New("the process that owns the data directory ended before the import did: start the import again, what is stored will be recognised")
		}
		switch {
		case l.Report == nil:
			if l.Progress != nil && progress != nil {
				progress(*l.Progress)
			}
			continue
		case l.Error != "":
			return *l.Report, errors.New(l.Error)
		}
		return *l.Report, nil
	}
}
