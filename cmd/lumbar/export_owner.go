package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/lumbar-health/lumbar/queries"
	"github.com/lumbar-health/lumbar/queries/export"
	"github.com/lumbar-health/lumbar/web"
)

// summaryTrailer holds the summary behind an extract, as JSON in ASCII: how many
// rows there are is known at the end.
const summaryTrailer = "Lumbar-Summary"

// serveExport writes an extract for an attached command.
func serveExport(h *house) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var req export.Request
		if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
			web.WriteProblem(w, r, http.StatusBadRequest, "not an extract")
			return
		}
		body := &begun{Writer: w}
		w.Header().Set("Trailer", summaryTrailer)
		w.Header().Set("Content-Type", "application/octet-stream")
		summary, err := h.export(r.Context(), req, body)
		switch {
		case err != nil && body.any:
			panic(http.ErrAbortHandler) // the command must see that it is not whole; the log says why
		case err != nil:
			w.Header().Del("Trailer")
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnprocessableEntity)
			send[any](w, nil, err)
		default:
			text, err := json.Marshal(summary)
			if err != nil {
				panic(http.ErrAbortHandler) // as above
			}
			w.Header().Set(summaryTrailer, strconv.QuoteToASCII(string(text)))
		}
	})
}

// begun remembers whether anything was written.
type begun struct {
	io.Writer
	any bool
}

func (b *begun) Write(p []byte) (int, error) {
	b.any = true
	return b.Writer.Write(p)
}

// export lets the owner of the data directory write an extract.
func (o ownerClient) export(ctx context.Context, r export.Request, w io.Writer) (summary export.Summary, err error) {
	text, err := json.Marshal(r)
	if err != nil {
		return summary, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, o.url+exportPath, bytes.NewReader(text))
	if err != nil {
		return summary, err
	}
	req.Header.Set("Authorization", "Bearer "+o.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return summary, fmt.Errorf("the process that owns the data directory does not answer: try again: %w", err)
	}
	defer res.Body.Close()
	switch res.StatusCode {
	case http.StatusOK:
	case http.StatusUnprocessableEntity:
		var out reply[any]
		if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
			return summary, fmt.Errorf("the process that owns the data directory ended meanwhile: try again: %w", err)
		}
		return summary, &queries.Error{Kind: out.Kind, Message: out.Error}
	default:
		return summary, fmt.Errorf("the process that owns the data directory is of another version (%s): run the same one", res.Status)
	}
	if _, err := io.Copy(w, res.Body); err != nil {
		return summary, fmt.Errorf("the extract was broken off, its rows are not whole; the log of the process that owns the data directory says why: %w", err)
	}
	end, err := strconv.Unquote(res.Trailer.Get(summaryTrailer))
	if err != nil {
		return summary, errors.New("the extract came without its end, its rows are not whole: try again")
	}
	return summary, json.Unmarshal([]byte(end), &summary)
}
