package http

import (
	"mime"
	"net/http"
	"slices"
	"strconv"

	"github.com/lumbar-health/lumbar/ingest/fhir"
	"github.com/lumbar-health/lumbar/web"
)

// Media types of the FHIR routes.
const (
	mediaFHIR       = "application/fhir+json"
	mediaFHIRNDJSON = "application/fhir+ndjson"
)

var (
	fhirTypes = []string{mediaFHIR, mediaJSON}
	bulkTypes = []string{mediaFHIRNDJSON, mediaNDJSON, "application/ndjson"}
)

// fhirRoutes are the routes that take FHIR R4, described for OpenAPI.
func (h *Records) fhirRoutes() []web.Route {
	object := web.Schema{"type": "object", "required": []string{"resourceType"}, "properties": web.Schema{"resourceType": web.Schema{"type": "string"}}}
	job := []web.Param{{Name: "job", In: "path", Description: "the job, as Content-Location named it", Schema: web.Schema{"type": "string"}}}
	fhirReply := func(status int, description string, schema web.Schema) web.Reply {
		return web.Reply{Status: status, Description: description, Types: []string{mediaFHIR}, Schema: schema}
	}
	return []web.Route{
		{
			Method: http.MethodPost, Path: "/fhir/QuestionnaireResponse", Summary: "Take one FHIR R4 QuestionnaireResponse", Handler: h.guarded("/fhir/QuestionnaireResponse", h.resources(fhir.AcceptResponse)), Params: takingParams(true),
			Body: &web.Body{Types: fhirTypes, Description: "a QuestionnaireResponse; gzip and zstd are unpacked", Schema: object},
			Answers: []web.Reply{
				fhirReply(http.StatusCreated, "it is stored and durable", outcomeSchema()),
				fhirReply(http.StatusOK, "it was stored before", outcomeSchema()),
				fhirReply(http.StatusUnprocessableEntity, "it is refused; the issues say why", outcomeSchema()),
			},
		},
		{
			Method: http.MethodPost, Path: "/fhir", Summary: "Take a FHIR R4 Bundle, each entry for itself", Handler: h.guarded("/fhir", h.resources(fhir.AcceptBundle)), Params: takingParams(true),
			Body: &web.Body{Types: fhirTypes, Description: "a Bundle of type transaction, batch, collection or searchset, at most " + strconv.Itoa(MaxRecords) + " entries; gzip and zstd are unpacked", Schema: object},
			Answers: []web.Reply{
				fhirReply(http.StatusOK, "a Bundle with what became of each entry, in the order of the entries; what was stored is durable", bundleSchema()),
			},
		},
		{
			Method: http.MethodPost, Path: "/fhir/$import", Summary: "Take many FHIR R4 resources as a job", Handler: h.guarded("/fhir/$import", h.startImport), Params: takingParams(false),
			Body: &web.Body{
				Types:       append(bulkTypes[:len(bulkTypes):len(bulkTypes)], fhirTypes...),
				Description: "resources, one a line; or a SMART bulk import manifest or Parameters with the addresses of such files, as JSON; gzip and zstd are unpacked",
			},
			Answers: []web.Reply{
				{Status: http.StatusAccepted, Description: "the job is durable and will be done; Content-Location is its address"},
			},
		},
		{
			Method: http.MethodGet, Path: "/fhir/$import/{job}", Summary: "How far an import is", Handler: http.HandlerFunc(h.showImport), Params: job,
			Answers: []web.Reply{
				{Status: http.StatusAccepted, Description: "under way; X-Progress says how far"},
				{
					Status: http.StatusOK, Description: "done: the counts, and an outcome with the first thousand refused lines; or as " + mediaFHIRNDJSON + ", where that is accepted, an OperationOutcome for each refused line",
					Types: []string{mediaFHIR, mediaFHIRNDJSON}, Schema: parametersSchema(),
				},
			},
		},
	}
}

// hasType says whether a request's body has one of the media types.
func hasType(r *http.Request, types []string) bool {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && slices.Contains(types, media)
}

// resources takes a resource or a Bundle.
func (h *Records) resources(accepted fhir.Accepted) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !hasType(r, fhirTypes) {
			h.refuse(w, r, &refusal{status: http.StatusUnsupportedMediaType, detail: "send " + mediaFHIR + " or " + mediaJSON})
			return
		}
		in, done, refused := h.input(w, r)
		if refused != nil {
			h.refuse(w, r, refused)
			return
		}
		defer done()
		var reply Reply
		decoder, err := fhir.NewDecoder(in, accepted)
		if err != nil {
			refused = problemOf(err, nil)
		} else {
			refused = h.take(w, r, h.pipeline.Reader(decoder, fhir.Name), &reply)
		}
		switch {
		case refused != nil:
			h.refuse(w, r, refused)
		case reply.Read == 0:
			h.refuse(w, r, &refusal{status: http.StatusBadRequest, detail: "the body has no resource: send a QuestionnaireResponse, or a Bundle with entries"})
		case accepted == fhir.AcceptResponse:
			row := &reply.Rows[0]
			writeFHIR(w, statusOf(row), outcomeOf(row, "QuestionnaireResponse"))
		default:
			// Entries that waited for their Patient were taken last.
			slices.SortStableFunc(reply.Rows, func(a, b RowReply) int { return a.line - b.line })
			writeFHIR(w, http.StatusOK, replyTo(reply.Rows))
		}
	}
}

// outcomeSchema describes an OperationOutcome as it is answered.
func outcomeSchema() web.Schema {
	text := web.Schema{"type": "string"}
	code := web.Schema{"type": "object", "properties": web.Schema{"system": text, "code": text}}
	details := web.Schema{"type": "object", "properties": web.Schema{"coding": web.Schema{"type": "array", "items": code}, "text": text}}
	one := web.Schema{"type": "object", "properties": web.Schema{
		"severity": text, "code": text, "details": details, "diagnostics": text, "expression": web.Schema{"type": "array", "items": text},
	}}
	return web.Schema{"type": "object", "properties": web.Schema{"resourceType": text, "issue": web.Schema{"type": "array", "items": one}}}
}

func bundleSchema() web.Schema {
	text := web.Schema{"type": "string"}
	response := web.Schema{"type": "object", "properties": web.Schema{"status": text, "outcome": outcomeSchema()}}
	entry := web.Schema{"type": "object", "properties": web.Schema{"response": response}}
	return web.Schema{"type": "object", "properties": web.Schema{
		"resourceType": text, "type": text, "entry": web.Schema{"type": "array", "items": entry},
	}}
}

func parametersSchema() web.Schema {
	text := web.Schema{"type": "string"}
	one := web.Schema{"type": "object", "properties": web.Schema{"name": text, "valueInteger": web.Schema{"type": "integer"}, "valueString": text, "resource": outcomeSchema()}}
	return web.Schema{"type": "object", "properties": web.Schema{"resourceType": text, "parameter": web.Schema{"type": "array", "items": one}}}
}
