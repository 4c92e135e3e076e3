package fhir_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/fhir"
	"github.com/lumbar-health/lumbar/record"
)

func TestResponse(t *testing.T) {
	r := kept(t, change(odi(), `"id":"1"`, `"id":"1","meta":{"versionId":"4","lastUpdated":"2026-04-01T10:00:00.123Z","tag":[{"system":"urn:lumbar:programme","code":"back-pain"},{"system":"urn:lumbar:timepoint","code":"6m"}]},"language":"cy","source":{"reference":"RelatedPerson/3"},"author":{"identifier":{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"RTR"}},"basedOn":[{"reference":"CarePlan/8"},{"reference":"https://pas.example/fhir/ServiceRequest/7/_history/2"}],"encounter":{"reference":"Encounter/1"},"text":{"div":"<div>x</div>"}`))
	v := &r.Responses[0]
	for _, c := range []struct {
		name      string
		got, want any
	}{
		{"reply id", r.ID, "r-1"}, {"id", v.ID, record.RowID("urn:forms", "r-1")}, {"patient", pseudonym(v.PatientID), ann},
		{"source version", v.SourceVersion, "4"}, {"status", v.Status, record.Completed}, {"by", v.ReportedBy, record.ByProxy},
		{"instrument", string(v.Instrument), "odi"}, {"version", v.InstrumentVersion, "2.1a"}, {"language", v.Language, "cy"},
		{"provider", v.Provider, "RTR"}, {"timepoint", v.Timepoint, "6m"}, {"programme", v.Programme, "back-pain"},
		{"episode", v.EpisodeID, record.RowID("back-pain", "ServiceRequest/7")},
		{"on", v.AnsweredOn.String(), "2026-04-01"}, {"codes", fmt.Sprint(v.Codes), "[2 1 3 2 2 3 1 0 2 2]"},
		{"moment of the version", v.Version >> 12, uint64(828_352_800_123)}, // 2026-04-01T10:00:00.123Z since 2000
	} {
		if c.got != c.want {
			t.Errorf("%s = %v, want %v", c.name, c.got, c.want)
		}
	}
}

// TestStatus: completed and amended count, the others are kept with their rank.
func TestStatus(t *testing.T) {
	for status, want := range map[string]record.Status{
		"in-progress": record.InProgress, "completed": record.Completed, "amended": record.Amended,
		"entered-in-error": record.EnteredInError, "stopped": record.Stopped,
	} {
		v := kept(t, change(odi(), "completed", status)).Responses[0]
		if v.Status != want || record.VersionRank(v.Version) != record.ResponseRank(want) {
			t.Errorf("%s: status %d of rank %d", status, v.Status, v.Version>>9&7)
		}
	}
	withdrawn := `{"resourceType":"QuestionnaireResponse","identifier":{"system":"s","value":"1"},"status":"entered-in-error","questionnaire":"urn:lumbar:questionnaire:odi","subject":` + subject + `,"authored":"2026-04-01"}`
	if v := kept(t, withdrawn).Responses[0]; v.Status != record.EnteredInError {
		t.Error("a withdrawal without answers is not one")
	}
	kept(t, change(withdrawn, "entered-in-error", "in-progress"))
}

func TestAuthored(t *testing.T) {
	for text, want := range map[string]record.Precision{
		"2026": record.PrecisionYear, "2026-03": record.PrecisionMonth, "2026-03-29": record.PrecisionDay,
		"2026-03-29T10:00:00Z": record.PrecisionInstant, "2026-03-29T10:00:00.5+01:00": record.PrecisionInstant,
	} {
		if v := kept(t, change(odi(), "2026-04-01T09:30:00+01:00", text)).Responses[0]; v.Precision != want {
			t.Errorf("%s: precision %d, want %d", text, v.Precision, want)
		}
	}
}

// TestIdentity: the business identifier, else the server's id, else the
// content.
func TestIdentity(t *testing.T) {
	const business = `"identifier":{"system":"urn:forms","value":"r-1"},`
	without := change(odi(), business, "")
	in := func(full, resource string) string {
		return `{"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"` + full + `","resource":` + resource + `}]}`
	}
	for name, c := range map[string]struct{ text, source, id string }{
		"identifier":           {odi(), "urn:forms", "r-1"},
		"identifier, no place": {change(odi(), `"system":"urn:forms",`, ""), "urn:lumbar:fhir", "r-1"},
		"id":                   {without, "urn:lumbar:fhir", "QuestionnaireResponse/1"},
		"id and server":        {in("https://forms.example/r4/QuestionnaireResponse/1", without), "https://forms.example/r4", "QuestionnaireResponse/1"},
		"id, no server":        {in("urn:uuid:7", without), "urn:lumbar:fhir", "QuestionnaireResponse/1"},
		"nothing":              {change(without, `"id":"1",`, ""), "wire", ""},
	} {
		v := kept(t, c.text).Responses[0]
		if v.Source != c.source || v.SourceID != c.id || v.Final != (c.id == "") {
			t.Errorf("%s: %q of %q, final %v; want %q of %q", name, v.SourceID, v.Source, v.Final, c.id, c.source)
		}
	}
}

func TestReporter(t *testing.T) {
	for text, want := range map[string]record.Reporter{
		`"source":{"reference":"Patient/1"}`: record.ByPatient, `"source":{"type":"RelatedPerson","display":"x"},"author":{"reference":"RelatedPerson/1"}`: record.ByProxy,
		`"author":{"reference":"Practitioner/1"}`: record.ByClinician, `"source":{"reference":"Patient/1"},"author":{"reference":"Practitioner/1"}`: record.ByPatient,
		`"author":{"reference":"Device/1"}`: record.ByPatient, `"source":{"type":"PractitionerRole","identifier":{"value":"x"}}`: record.ByClinician,
	} {
		if v := kept(t, change(odi(), `"status"`, text+`,"status"`)).Responses[0]; v.ReportedBy != want {
			t.Errorf("%s: by %d, want %d", text, v.ReportedBy, want)
		}
	}
}

func TestSubject(t *testing.T) {
	nhs := pseudonym(record.Pseudonym([]byte(key), "9990000018"))
	byReference := pseudonym(record.PatientOf("urn:lumbar:fhir", "Patient/9"))
	contained := `"contained":[{"resourceType":"Patient","id":"p","identifier":[{"use":"old","system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000026"},{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"999 000 0018"}]}],`
	for name, c := range map[string]struct{ subject, before, want string }{
		"number":           {numbered("9990000018"), "", nhs},
		"verified":         {`{"identifier":{"extension":[{"url":"https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus","valueCodeableConcept":{"coding":[{"system":"x","code":"01"}]}}],"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}}`, "", nhs},
		"contained":        {`{"reference":"#p"}`, contained, nhs},
		"reference":        {`{"reference":"Patient/9"}`, "", byReference},
		"of a version":     {`{"reference":"Patient/9/_history/3"}`, "", byReference},
		"another server":   {`{"reference":"https://a.example/fhir/Patient/9"}`, "", pseudonym(record.PatientOf("https://a.example/fhir", "Patient/9"))},
		"number comes 1st": {change(numbered("9990000018"), `{`, `{"reference":"Patient/9",`), "", nhs},
	} {
		text := change(odi(), subject, c.subject)
		if v := kept(t, change(text, `"status"`, c.before+`"status"`)).Responses[0]; pseudonym(v.PatientID) != c.want {
			t.Errorf("%s: another person", name)
		}
	}
}

// TestRefused: every reason why a response is not taken.
func TestRefused(t *testing.T) {
	with := func(old, new string) string { return change(odi(), old, new) }
	answer := func(value string) string { return with(`{"valueInteger":3}`, value) }
	nested := strings.Repeat(`{"linkId":"g","item":[`, 40) + strings.Repeat(`]}`, 40)
	for _, c := range []struct{ text, field, rule string }{
		{`{"resourceType":`, "record", "malformed"},
		{`[1]`, "record", "malformed"},
		{strings.Repeat("[", 20000), "", ""},
		{with("urn:forms", "\xff"), "record", "encoding"},
		{with("urn:forms", `\ud800`), "id.system", "encoding"},
		{with("urn:forms", strings.Repeat("x", 600)), "id.system", "too_long"},
		{with("urn:forms", strings.Repeat("x", 10<<20)), "record", "too_long"},
		{with(`"resourceType":"QuestionnaireResponse",`, ""), "resourceType", "required"},
		{with(`"QuestionnaireResponse"`, `"Observation"`), "resourceType", "not_accepted_here"},
		{with(`"QuestionnaireResponse"`, `7`), "resourceType", "required"},
		{with(`"id":"1"`, `"id":"1","implicitRules":"x"`), "implicitRules", "not_allowed"},
		{with(`"id":"1"`, `"id":"1","modifierExtension":[]`), "modifierExtension", "not_allowed"},
		{with(`"id":"1"`, `"id":"1","authored":"2026"`), "authored", "repeated"},
		{with(`"status":"completed",`, ""), "status", "required"},
		{with("completed", "final"), "status", "not_allowed"},
		{with(`"authored":"2026-04-01T09:30:00+01:00",`, ""), "answered_at", "required"},
		{with("2026-04-01T09:30:00+01:00", "2026-04-01T09:30:00"), "answered_at", "malformed"},
		{with("2026-04-01T09:30:00+01:00", "2026-02-30"), "answered_at", "malformed"},
		{with("2026-04-01T09:30:00+01:00", "2027-01-01"), "answered_at", "in_future"},
		{with(`"2026-04-01T09:30:00+01:00"`, "2026"), "answered_at", "malformed"},
		{with(`"id":"1"`, `"id":"1","meta":{"lastUpdated":"yesterday"}`), "updated_at", "malformed"},
		{with(`"id":"1"`, `"id":"1","meta":{"tag":[{"system":"urn:lumbar:programme","code":"feet"}]}`), "programme", "unknown_programme"},
		{with(`"id":"1"`, `"id":"1","meta":{"tag":[{"system":"urn:lumbar:timepoint","code":"noon"}]}`), "timepoint", "unknown_timepoint"},
		{with("questionnaire:odi", "questionnaire:oddi"), "instrument", "unknown_instrument"},
		{with("odi|2.1a", "odi|1.0"), "instrument_version", "unknown_version"},
		{answered("urn:lumbar:questionnaire:pgic", items(of("pgic"), `"valueInteger":2`), ""), "instrument_version", "required"},
		{with(`"questionnaire":"urn:lumbar:questionnaire:odi|2.1a",`, ""), "instrument", "required"},
		{with(`"subject":`+subject+`,`, ""), "patient", "required"},
		{with(subject, `"Patient/1"`), "patient", "required"},
		{with(subject, `{"display":"x"}`), "patient", "required"},
		{with(subject, `{"reference":"Group/1"}`), "patient", fhir.RuleUnresolved},
		{with(subject, `{"reference":"#p"}`), "patient", fhir.RuleUnresolved},
		{with(subject, `{"reference":"urn:uuid:1"}`), "patient", fhir.RuleUnresolved},
		{with(subject, `{"identifier":{"system":"urn:hospital","value":"1"}}`), "patient", fhir.RuleUnresolved},
		{with(ann, "0001"), "patient.pseudonym", "malformed"},
		{with(subject, numbered("9990000019")), "patient.nhs_number", "nhs_number"},
		{with(subject, numbered("1111111111")), "patient.nhs_number", "nhs_number"},
		{with(subject, numbered("9434765919")), "patient.nhs_number", "nhs_number_test"},
		{with(subject, change(numbered("9990000018"), `"system"`, `"extension":[{"url":"https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus","valueCodeableConcept":{"coding":[{"code":"02"}]}}],"system"`)), "patient.nhs_number", fhir.RuleUnverified},
		{with(`"id":"1"`, `"id":"1","basedOn":[{"reference":"urn:uuid:2"}]`), "episode", fhir.RuleUnresolved},
		{with(`"id":"1"`, `"id":"1","source":{"reference":"urn:uuid:2"}`), "reported_by", fhir.RuleUnresolved},
		{change(change(with(`"id":"1",`, ""), `"identifier":{"system":"urn:forms","value":"r-1"},`, ""), "completed", "amended"), "id", "required"},
		{with(`[{"linkId":"odi.1"`, `[{"linkId":"comment","answer":[{"valueString":"x"}]},{"linkId":"odi.1"`), "item[0].linkId", "unknown_field"},
		{with(`{"linkId":"odi.2",`, `{`), "item[1].linkId", "required"},
		{with(`{"linkId":"odi.2",`, `{"linkId":"odi.3","linkId":"odi.2",`), "item[1].linkId", "repeated"},
		{with(`{"linkId":"odi.2",`, `{"answer":[],"linkId":"odi.2",`), "item[1].answer", "repeated"},
		{with(`{"linkId":"odi.2",`, `7,{"linkId":"odi.2",`), "item[1]", "type"},
		{with(`{"linkId":"odi.2",`, `{"modifierExtension":[],"linkId":"odi.2",`), "item[1].modifierExtension", "not_allowed"},
		{with(`"item":[`, `"item":[`+nested+`,`), "item", "too_long"},
		{with(`"item":[`, `"item":{"a":[`), "record", "malformed"},
		{answered("urn:lumbar:questionnaire:odi", `{}`, ""), "item", "type"},
		{answered("urn:lumbar:questionnaire:odi", `[]`, ""), "answers", "required"},
		{with(`[{"valueInteger":3}]`, `{"valueInteger":3}`), "odi.3", "type"},
		{answer(`3`), "odi.3", "type"},
		{answer(`{"valueString":"3"}`), "odi.3", "type"},
		{answer(`{"valueInteger":"3"}`), "odi.3", "type"},
		{answer(`{"valueBoolean":true}`), "odi.3", "type"},
		{answer(`{"valueQuantity":{"value":3}}`), "odi.3", "type"},
		{answer(`{"valueInteger":3,"valueDecimal":3}`), "odi.3", "repeated"},
		{answer(`{"valueInteger":6}`), "odi.3", "code_out_of_range"},
		{answer(`{"valueInteger":-1}`), "odi.3", "code_out_of_range"},
		{answer(`{"valueInteger":1e300}`), "odi.3", "code_out_of_range"},
		{answer(`{"valueDecimal":2.5}`), "odi.3", "code_not_integer"},
		{answer(`{"valueCoding":3}`), "odi.3", "type"},
		{answer(`{"valueCoding":{"code":"moderate"}}`), "odi.3", "not_allowed"},
		{answer(`{"valueCoding":{"system":"urn:theirs","code":"3"}}`), "odi.3", "not_allowed"},
		{answer(`{"valueCoding":{"code":"3","extension":[{"url":"http://hl7.org/fhir/StructureDefinition/ordinalValue","valueDecimal":2}]}}`), "odi.3", "contradiction"},
		{answer(`{"modifierExtension":[],"valueInteger":3}`), "odi.3", "not_allowed"},
		{answer(`{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"lost"}]}`), "odi.3", "not_allowed"},
		{answer(`{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"asked-declined"}],"valueInteger":3}`), "missing.odi.3", "contradiction"},
		{with(`[{"linkId":"odi.1"`, `[{"linkId":"odi.score","answer":[{"valueDecimal":1},{"valueDecimal":2}]},{"linkId":"odi.1"`), "supplied_score", "contradiction"},
	} {
		list, err := decodeAll(t, c.text, fhir.AcceptAll)
		if c.field == "" {
			if err == nil {
				t.Errorf("%.40s: no error", c.text)
			}
			continue
		}
		if err != nil || len(list) != 1 || len(list[0].Reasons) == 0 || list[0].Reasons[0] != (ingest.Reason{Field: c.field, Rule: c.rule}) {
			var got []ingest.Reason
			for _, r := range list {
				got = append(got, r.Reasons...)
			}
			t.Errorf("%.600s: %v, %v; want %s %s", c.text, got, err, c.field, c.rule)
		}
	}
}
