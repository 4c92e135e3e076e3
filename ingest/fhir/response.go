package fhir

import (
	"slices"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/wire"
	"github.com/lumbar-health/lumbar/instruments"
)

// Resource types that become rows.
const (
	kindResponse  = "QuestionnaireResponse"
	kindPatient   = "Patient"
	kindReferral  = "ServiceRequest"
	kindCarePlan  = "CarePlan"
	kindEncounter = "Encounter"
	kindProcedure = "Procedure"
	kindTask      = "Task"
	kindBundle    = "Bundle"
)

// response reads an answered questionnaire into the row.
func (d *Decoder) response(r *resource, rec *ingest.Record) (later bool) {
	row := &d.row
	row.Kind = wire.KindResponse
	later = d.subject(r, r.get("subject"), rec) || d.episode(r, rec, "basedOn", "partOf")
	if later {
		return true
	}
	r.identify(row, false)
	if row.Status = r.word("status"); row.Status == "" {
		rec.Reject("status", ingest.RuleRequired)
	}
	row.AnsweredAt = moment(r.get("authored"), "answered_at", rec)
	row.Language = r.word("language")
	row.ReportedBy = reporter(r, rec)
	row.Provider = organisation(r.get("author"))
	d.answered(r, rec)
	return false
}

// answered reads the questionnaire and its items.
func (d *Decoder) answered(r *resource, rec *ingest.Record) {
	row, items := &d.row, r.get("item")
	f := d.form(r.word("questionnaire"))
	d.answers.reset(f, rec)
	switch {
	case r.get("questionnaire") == nil:
		rec.Reject("instrument", ingest.RuleRequired)
		return
	case f.definition == nil:
		rec.RejectInstrument(f.err)
		return
	}
	row.Instrument, row.InstrumentVersion = string(f.definition.ID), f.version
	if v := extension(r.get("extension"), extensionScore); v != nil {
		d.answers.supply(v)
	}
	if items != nil {
		d.answers.read(items, nil, 0)
	}
	a := &d.answers
	if a.found == 0 {
		switch row.Status {
		case "entered-in-error": // it need not repeat what it withdraws
			row.SuppliedScore = a.supplied
			return
		case "in-progress":
		default:
			rec.Reject("answers", ingest.RuleRequired)
		}
	}
	a.settle()
	row.SuppliedScore = a.supplied
	row.Missing = a.missing()
	if a.ticks == nil && len(a.exact) == 0 {
		row.Codes, row.FromTable = append(row.Codes[:0], a.codes...), true
		return
	}
	row.Answers = a.wire()
}

// settle makes one code of several ticks, as the questionnaire has it.
func (a *answers) settle() {
	for i, ticks := range a.ticks {
		if len(ticks) < 2 {
			continue
		}
		readable := slices.DeleteFunc(slices.Clone(ticks), func(code int16) bool { return code == instruments.Unreadable })
		a.codes[i] = a.form.definition.TickCode(readable)
	}
}

// form returns what is known of a questionnaire. A source has few.
func (d *Decoder) form(canonical string) *form {
	if f := d.forms[canonical]; f != nil {
		return f
	}
	f := d.table.resolve(canonical)
	if len(d.forms) >= maxForms {
		clear(d.forms) // somebody makes them up
	}
	d.forms[canonical] = f
	return f
}

// maxForms bounds the questionnaires that are remembered.
const maxForms = 1000

// reporter is who gave the answers: the source, else the author.
func reporter(r *resource, rec *ingest.Record) string {
	for _, name := range []string{"source", "author"} {
		f := referenceOf(r.get(name))
		switch f.kind {
		case kindPatient:
			return "patient"
		case "RelatedPerson":
			return "proxy"
		case "Practitioner", "PractitionerRole":
			return "clinician"
		}
		if name == "source" && f.given && f.kind == "" {
			// Whether a patient or a proxy answered must not be guessed.
			rec.Reject("reported_by", RuleUnresolved)
		}
	}
	return ""
}

// organisation is the code of the first organisation among references.
func organisation(raw []byte) string {
	for _, f := range references(raw) {
		if f.system == systemODS {
			return f.value
		}
	}
	return ""
}
