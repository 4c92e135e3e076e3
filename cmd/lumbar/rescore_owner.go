package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/lumbar-health/lumbar/store/write"
	"github.com/lumbar-health/lumbar/web"
)

// rescoreLine is one line of the owner's answer: progress, then the end.
type rescoreLine struct {
	Progress *write.RescoreProgress `json:"progress,omitempty"`
	Answer   *rescoreAnswer         `json:"answer,omitempty"`
	Error    string                 `json:"error,omitempty"`
}

// tellEvery is how often the owner says how far it is.
const tellEvery = 200 * time.Millisecond

// serveRescore re-scores for an attached command and tells it how far it is. A
// command that goes away ends the re-score, which can be continued.
func serveRescore(h *house) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var req rescoreRequest
		if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
			web.WriteProblem(w, r, http.StatusBadRequest, "not a re-score")
			return
		}
		w.Header().Set("Content-Type", "application/x-ndjson")
		out, flush := json.NewEncoder(w), http.NewResponseController(w)
		var last time.Time
		phase := ""
		answer, err := h.rescore(r.Context(), req, func(p write.RescoreProgress) {
			if now := time.Now(); p.Phase != phase || now.Sub(last) >= tellEvery {
				last, phase = now, p.Phase
				// The command may have gone; the context then ends the re-score.
				_ = out.Encode(rescoreLine{Progress: &p})
				_ = flush.Flush()
			}
		})
		end := rescoreLine{Answer: &answer}
		if err != nil {
			end.Error = err.Error()
		}
		_ = out.Encode(end)
	})
}

// rescore lets the owner of the data directory do it.
func (o ownerClient) rescore(ctx context.Context, r rescoreRequest, progress func(write.RescoreProgress)) (rescoreAnswer, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return rescoreAnswer{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, o.url+rescorePath, bytes.NewReader(text))
	if err != nil {
		return rescoreAnswer{}, err
	}
	req.Header.Set("Authorization", "Bearer "+o.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return rescoreAnswer{}, fmt.Errorf("the process that owns the data directory does not answer: try again: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return rescoreAnswer{}, fmt.Errorf("the process that owns the data directory is of another version (%s): run the same one", res.Status)
	}
	lines := json.NewDecoder(res.Body)
	for {
		var line rescoreLine
		switch err := lines.Decode(&line); {
		case err != nil:
			return rescoreAnswer{}, errors.New("the process that owns the data directory ended before the re-score did: start the same one again, it goes on where it was")
		case line.Answer == nil && line.Progress != nil:
			progress(*line.Progress)
		case line.Error != "":
			return rescoreAnswer{}, errors.New(line.Error)
		case line.Answer != nil:
			return *line.Answer, nil
		}
	}
}
