package fhir

import (
	"slices"
	"strings"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/jsontext"
	"github.com/lumbar-health/lumbar/ingest/wire"
)

// inpatient are the classes of Encounter that are stays.
var inpatient = []string{"IMP", "ACUTE", "NONAC", "SS", "OBSENC"}

// encounter reads an Encounter: a contact, a visit to an emergency department,
// or an admission and its discharge. discharged is the end of a stay.
func (d *Decoder) encounter(r *resource, rec *ingest.Record) (discharged wire.Moment, later bool) {
	if d.subject(r, r.get("subject"), rec) || d.episode(r, rec, "basedOn") {
		return discharged, true
	}
	row := &d.row
	row.Kind = wire.KindEvent
	r.identify(row, true)
	row.Status = d.state(r, rec, map[string]string{
		"arrived": "final", "triaged": "final", "in-progress": "final", "onleave": "final", "finished": "final",
		"cancelled": "entered-in-error", "entered-in-error": "entered-in-error",
	})
	row.At = moment(member(r.get("period"), "start"), "at", rec)
	row.Provider = organisation(r.get("serviceProvider"))
	class, _ := codingOf(r.get("class"))
	switch {
	case slices.Contains(inpatient, class.code):
		row.Type = "admission"
		discharged = moment(member(r.get("period"), "end"), "at", rec)
	case class.code == "EMER":
		row.Type = "emergency_attendance"
	default:
		row.Type = "contact"
	}
	if list := codings(r.get("type")); len(list) > 0 {
		row.CodeSystem, row.Code = list[0].system, list[0].code
	}
	return discharged, false
}

// procedure reads a Procedure: a treatment on a day.
func (d *Decoder) procedure(r *resource, rec *ingest.Record) (later bool) {
	if d.subject(r, r.get("subject"), rec) || d.episode(r, rec, "basedOn") {
		return true
	}
	row := &d.row
	row.Kind, row.Type = wire.KindEvent, "treatment"
	r.identify(row, true)
	row.Status = d.state(r, rec, map[string]string{
		"completed": "final", "in-progress": "final", "stopped": "final", "not-done": "entered-in-error", "entered-in-error": "entered-in-error",
	})
	row.At = moment(r.get("performedDateTime"), "at", rec)
	if !row.At.Given() {
		row.At = moment(member(r.get("performedPeriod"), "start"), "at", rec)
	}
	list := codings(r.get("code"))
	row.Intervention = codeOf(slices.Concat(list, codings(r.get("category"))), systemIntervention)
	list = slices.DeleteFunc(list, func(k coding) bool { return k.system == systemIntervention })
	if i := slices.IndexFunc(list, func(k coding) bool { return strings.Contains(strings.ToUpper(k.system), "OPCS") }); i >= 0 {
		row.CodeSystem, row.Code = list[i].system, list[i].code
	} else if len(list) > 0 {
		row.CodeSystem, row.Code = list[0].system, list[0].code
	}
	for c := jsontext.Walk(r.get("performer")); row.Provider == "" && c.Kind() == '[' && c.Enter('['); {
		for c.More() {
			one := c.Raw()
			for _, name := range []string{"onBehalfOf", "actor"} {
				if code := organisation(member(one, name)); row.Provider == "" {
					row.Provider = code
				}
			}
		}
	}
	return false
}

// task reads a Task: a questionnaire that was asked for, answered or called
// off.
func (d *Decoder) task(r *resource, rec *ingest.Record) (later bool) {
	if d.subject(r, r.get("for"), rec) || d.episode(r, rec, "basedOn", "focus") {
		return true
	}
	row := &d.row
	row.Kind = wire.KindEvent
	r.identify(row, true)
	row.Type = d.state(r, rec, map[string]string{
		"draft": "questionnaire_requested", "requested": "questionnaire_requested", "received": "questionnaire_requested",
		"accepted": "questionnaire_requested", "ready": "questionnaire_requested", "in-progress": "questionnaire_requested",
		"on-hold": "questionnaire_requested", "completed": "questionnaire_completed", "rejected": "questionnaire_cancelled",
		"cancelled": "questionnaire_cancelled", "failed": "questionnaire_cancelled", "entered-in-error": "questionnaire_requested",
	})
	row.Status = "final"
	if r.word("status") == "entered-in-error" {
		row.Status = "entered-in-error"
	}
	for _, raw := range [][]byte{
		member(member(r.get("restriction"), "period"), "start"), member(r.get("executionPeriod"), "start"), r.get("authoredOn"),
	} {
		if !row.At.Given() {
			row.At = moment(raw, "at", rec)
		}
	}
	f := d.form(questionnaireOf(r))
	if f.definition == nil {
		rec.RejectInstrument(f.err)
		return false
	}
	row.CodeSystem, row.Code = systemInstrument, string(f.definition.ID)
	return false
}

// questionnaireOf is the questionnaire that a task asks for.
func questionnaireOf(r *resource) string {
	for c := jsontext.Walk(r.get("input")); c.Kind() == '[' && c.Enter('['); {
		for c.More() {
			one := c.Raw()
			if s := text(member(one, "valueCanonical")); s != "" {
				return s
			}
			if s := text(member(member(one, "valueReference"), "reference")); strings.Contains(s, pathCanonical) {
				return s
			}
		}
	}
	return text(member(r.get("focus"), "reference"))
}
