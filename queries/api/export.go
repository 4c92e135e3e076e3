package api

import (
	"errors"
	"mime"
	"net/http"
	"strings"

	"github.com/gorilla/mux"

	"github.com/lumbar-health/lumbar/queries"
	"github.com/lumbar-health/lumbar/queries/export"
	"github.com/lumbar-health/lumbar/web"
)

// roleAdministrator is the one role that may have rows of people. The open
// demonstration has another.
const roleAdministrator = "administrator"

// exportRoute hands out research extracts.
func (a *API) exportRoute() web.Route {
	text := web.Schema{"type": "string"}
	var types []string
	for _, f := range export.Formats() {
		kind, _, _ := strings.Cut(export.Format(f).MediaType(), ";")
		types = append(types, kind)
	}
	cells := web.Schema{"type": "object", "description": "a column's name to its value, null where it is missing; patient_id and the other identifiers are made for this extract alone"}
	return web.Route{
		Method: http.MethodGet, Path: "/v1/export/{table}", Handler: http.HandlerFunc(a.export),
		Summary: "A research extract: rows of people without those who opted out, for administrators",
		Params: []web.Param{
			{Name: "table", In: "path", Description: "what is extracted", Schema: web.Schema{"type": "string", "enum": anySlice(export.Tables())}},
			{Name: "purpose", In: "query", Required: true, Description: "what the extract is for; it is recorded", Schema: text},
			{Name: "programme", In: "query", Description: "only of this programme, and of outcome only its columns", Schema: text},
		},
		Answers: []web.Reply{{
			Status: http.StatusOK, Types: types, Schema: web.Schema{"type": "object", "properties": web.Schema{
				"rows": web.Schema{"type": "array", "items": cells}, "notes": web.Schema{"type": "array", "items": text}, "receipt": text,
			}},
			Description: "the extract in the format that Accept names, JSON where it names none; receipt and notes stand in the headers Lumbar-Receipt and Lumbar-Note. An extract that can not be ended is broken off",
		}},
	}
}

func (a *API) export(w http.ResponseWriter, r *http.Request) {
	who := web.Who(r.Context())
	if who.Role != roleAdministrator {
		writeError(a.log, w, r, &queries.Error{Kind: queries.Forbidden, Message: "extracts are for administrators; on the machine of the data directory there is lumbar export"})
		return
	}
	q := r.URL.Query()
	format, ok := wantedFormat(r.Header.Get("Accept"))
	if !ok {
		web.WriteProblem(w, r, http.StatusNotAcceptable, "an extract is one of application/json, text/csv, "+export.Arrow.MediaType()+" and "+export.Parquet.MediaType())
		return
	}
	request := export.Request{
		Table: mux.Vars(r)["table"], Programme: q.Get("programme"), Purpose: q.Get("purpose"), Format: format, Actor: who.Name, Role: who.Role,
	}
	if r.Method == http.MethodHead { // nothing leaves, so there is nothing to record
		if err := request.Check(); err != nil {
			writeError(a.log, w, r, err)
			return
		}
		w.Header().Set("Content-Type", format.MediaType())
		return
	}
	x, err := a.exporter.Begin(r.Context(), request)
	if err != nil {
		writeError(a.log, w, r, err)
		return
	}
	defer x.Close()
	out := &extractBody{w: w, extract: x}
	switch err := x.Write(r.Context(), out); {
	case err == nil:
	case !out.begun:
		writeError(a.log, w, r, err)
	default:
		if r.Context().Err() == nil {
			a.log.Error("extract broken off", "path", r.URL.Path, "receipt", x.Summary.Receipt, "error", err)
		}
		panic(http.ErrAbortHandler) // the reader must see that it is not whole
	}
}

// extractBody sets the headers with the first byte, when the engine is ready.
type extractBody struct {
	w       http.ResponseWriter
	extract *export.Extract
	begun   bool
}

func (b *extractBody) Write(p []byte) (int, error) {
	if !b.begun {
		b.begun = true
		s := &b.extract.Summary
		h := b.w.Header()
		h.Set("Content-Type", s.Format.MediaType())
		h.Set("Cache-Control", "no-store")
		h.Set("Lumbar-Receipt", s.Receipt)
		for _, n := range s.Notes {
			h.Add("Lumbar-Note", mime.QEncoding.Encode("utf-8", n))
		}
	}
	return b.w.Write(p)
}

// wantedFormat is the first format that Accept names; JSON where it takes
// anything.
func wantedFormat(accept string) (export.Format, bool) {
	if strings.TrimSpace(accept) == "" {
		return export.JSON, true
	}
	for part := range strings.SplitSeq(accept, ",") {
		kind, _, err := mime.ParseMediaType(strings.TrimSpace(part))
		if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
			continue
		}
		for _, f := range export.Formats() {
			if own, _, _ := strings.Cut(export.Format(f).MediaType(), ";"); own == kind {
				return export.Format(f), true
			}
		}
		if kind == "*/*" || kind == "application/*" {
			return export.JSON, true
		}
	}
	return "", false
}
