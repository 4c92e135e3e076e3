package api

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/lumbar-health/lumbar/queries"
	"github.com/lumbar-health/lumbar/web"
)

// statusOf is the one place that maps an error's kind to a status.
func statusOf(kind queries.Kind) int {
	switch kind {
	case queries.InvalidArgument:
		return http.StatusBadRequest
	case queries.NotFound:
		return http.StatusNotFound
	case queries.Forbidden:
		return http.StatusForbidden
	case queries.InsufficientData:
		return http.StatusUnprocessableEntity
	case queries.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// writeError shows the message of a queries.Error and keeps everything else in
// the log.
func writeError(log *slog.Logger, w http.ResponseWriter, r *http.Request, err error) {
	var known *queries.Error
	if !errors.As(err, &known) {
		known = &queries.Error{Kind: queries.Internal, Err: err}
	}
	status := statusOf(known.Kind)
	detail := known.Message
	if status >= http.StatusInternalServerError {
		log.Error("request failed", "path", r.URL.Path, "error", err)
		if known.Kind == queries.Internal {
			detail = "the answer could not be made; the log of the server says why"
		} else {
			w.Header().Set("Retry-After", "5")
		}
	}
	web.WriteProblem(w, r, status, detail)
}

func writeJSON(w http.ResponseWriter, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, err = w.Write(append(b, '\n'))
	return err
}

// writeAnswer writes JSON, or CSV to whoever accepts only that. Suppressed
// values are * in CSV; notes and receipt travel in headers there.
func writeAnswer(w http.ResponseWriter, r *http.Request, a *queries.Answer) error {
	if !wantsCSV(r) {
		return writeJSON(w, a)
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Lumbar-Receipt", a.Receipt)
	for _, n := range a.Notes {
		w.Header().Add("Lumbar-Note", mime.QEncoding.Encode("utf-8", n))
	}
	out := csv.NewWriter(w)
	line := make([]string, len(a.Columns))
	for i, c := range a.Columns {
		line[i] = c.Name
	}
	if err := out.Write(line); err != nil {
		return err
	}
	for _, row := range a.Rows {
		for i, v := range row.Values {
			line[i] = cell(v)
		}
		for _, name := range row.Suppressed {
			line[a.Index(name)] = "*"
		}
		if err := out.Write(line); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func cell(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return fmt.Sprint(v)
}

func wantsCSV(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept"), ",") {
		kind, _, err := mime.ParseMediaType(strings.TrimSpace(part))
		switch {
		case err != nil:
		case kind == "text/csv":
			return true
		case kind == "application/json", kind == "*/*":
			return false
		}
	}
	return false
}
