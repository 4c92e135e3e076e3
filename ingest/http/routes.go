package http

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/lumbar-health/lumbar/ingest/wire"
	"github.com/lumbar-health/lumbar/web"
)

// Routes are the routes that take records, described for OpenAPI.
func (h *Records) Routes() []web.Route {
	var routes []web.Route
	for _, r := range []struct {
		path, what string
		kind       wire.Kind
	}{
		{"/v1/responses", "answered questionnaires", wire.KindResponse},
		{"/v1/episodes", "episodes: referral until discharge", wire.KindEpisode},
		{"/v1/events", "events of an episode", wire.KindEvent},
		{"/v1/patients", "patients", wire.KindPatient},
	} {
		row := rowSchema(r.kind)
		types := []string{mediaJSON, mediaNDJSON, mediaArrow}
		routes = append(routes, web.Route{
			Method: http.MethodPost, Path: r.path, Summary: "Take " + r.what, Handler: h.guarded(r.path, h.handler(r.kind)), Params: takingParams(true),
			Body: &web.Body{
				Types: types, Description: "one, many, one a line, or an Arrow stream with the same columns, at most " + strconv.Itoa(MaxRecords) + " rows; gzip and zstd are unpacked",
				Schema: web.Schema{"oneOf": []web.Schema{row, {"type": "array", "items": row}}},
			},
			Answers: []web.Reply{
				{Status: http.StatusOK, Description: "what became of each row; what was stored is durable", Types: []string{mediaJSON}, Schema: replySchema()},
				{Status: http.StatusUnprocessableEntity, Description: "every row was refused", Types: []string{mediaJSON}, Schema: replySchema()},
			},
		})
	}
	return append(routes, h.fhirRoutes()...)
}

// takingParams are the headers that routes understand that take records.
func takingParams(waits bool) []web.Param {
	text := web.Schema{"type": "string"}
	params := []web.Param{{
		Name: "Idempotency-Key", In: "header", Schema: web.Schema{"type": "string", "minLength": 1, "maxLength": maxKey},
		Description: "one word for this request: the same one with the same body is answered as the first time, for a day, with Idempotent-Replayed; with another body it is refused (422), and while the first is under way too (409)",
	}}
	if waits {
		params = append(params, web.Param{
			Name: "Prefer", In: "header", Schema: text,
			Description: "wait=SECONDS, at most 30: the reply waits until the records can be read; Preference-Applied says that they can",
		})
	}
	return params
}

// rowSchema lists the fields of one kind of row, nested as in JSON. What a
// programme declares beside them is allowed.
func rowSchema(kind wire.Kind) web.Schema {
	properties := web.Schema{}
	names := make([]string, 0, len(wire.Fields))
	for name := range wire.Fields {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		f := wire.Fields[name]
		if f.Kinds&kind == 0 {
			continue
		}
		outer, inner, nested := strings.Cut(f.Path, ".")
		if !nested {
			properties[outer] = web.Schema{}
			continue
		}
		group, ok := properties[outer].(web.Schema)
		if !ok {
			group = web.Schema{"type": "object", "properties": web.Schema{}}
			properties[outer] = group
		}
		group["properties"].(web.Schema)[inner] = web.Schema{}
	}
	return web.Schema{"type": "object", "properties": properties}
}

func replySchema() web.Schema {
	count, text := web.Schema{"type": "integer"}, web.Schema{"type": "string"}
	reason := web.Schema{"type": "object", "properties": web.Schema{"field": text, "rule": text}}
	row := web.Schema{"type": "object", "properties": web.Schema{
		"row": count, "id": text, "reasons": web.Schema{"type": "array", "items": reason},
		"flags":  web.Schema{"type": "array", "items": text, "description": "safety flags of the answers, also of a row that was refused, and supplied_score_differs"},
		"result": web.Schema{"type": "string", "enum": []string{"stored", "duplicate", "rejected"}},
	}}
	return web.Schema{"type": "object", "properties": web.Schema{
		"read": count, "stored": count, "duplicate": count, "rejected": count, "score_mismatch": count,
		"rows": web.Schema{"type": "array", "items": row},
	}}
}
