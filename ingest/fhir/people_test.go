package fhir_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/record"
)

const (
	patient   = `{"resourceType":"Patient","id":"p1","extension":[{"url":"https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-EthnicCategory","valueCodeableConcept":{"coding":[{"system":"x","code":"C"}]}}],"identifier":[{"system":"urn:hospital","value":"7"},{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}],"name":[{"family":"Chalmers"}],"gender":"female","birthDate":"1980-05-17"}`
	referral  = `{"resourceType":"ServiceRequest","id":"s1","identifier":[{"system":"urn:ers","value":"UB1"}],"status":"active","intent":"order","subject":` + subject + `,"authoredOn":"2026-04-01","performer":[{"identifier":{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"RTR"}}],"requester":{"identifier":{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"A81001"}},"category":[{"coding":[{"system":"urn:lumbar:intervention","code":"core_therapy"}]}]}`
	plan      = `{"resourceType":"CarePlan","id":"c1","status":"completed","intent":"plan","subject":` + subject + `,"created":"2026-02-01","period":{"start":"2026-02-03","end":"2026-04-01"}}`
	encounter = `{"resourceType":"Encounter","id":"e1","status":"finished","class":{"code":"IMP"},"type":[{"coding":[{"system":"http://snomed.info/sct","code":"1"}]}],"subject":` + subject + `,"basedOn":[{"reference":"ServiceRequest/s1"}],"period":{"start":"2026-04-02T08:00:00Z","end":"2026-04-05"},"serviceProvider":{"identifier":{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"RTR"}}}`
	procedure = `{"resourceType":"Procedure","id":"x1","status":"completed","code":{"coding":[{"system":"http://snomed.info/sct","code":"2"},{"system":"https://fhir.hl7.org.uk/CodeSystem/OPCS-4","code":"V25.4"},{"system":"urn:lumbar:intervention","code":"surgery"}]},"subject":` + subject + `,"performedDateTime":"2026-04-03","performer":[{"actor":{"reference":"Practitioner/1"},"onBehalfOf":{"identifier":{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"RTR"}}}]}`
	task      = `{"resourceType":"Task","id":"t1","status":"requested","intent":"order","for":` + subject + `,"basedOn":[{"identifier":{"value":"UB1"}}],"restriction":{"period":{"start":"2026-04-01","end":"2026-04-14"}},"input":[{"type":{"text":"x"},"valueCanonical":"urn:lumbar:questionnaire:odi|2.1a"}]}`
)

func TestPatient(t *testing.T) {
	r := kept(t, patient)
	p := r.Patients[0]
	if p.PatientID != record.Pseudonym([]byte(key), "9990000018") || p.Sex != record.SexFemale || p.BirthMonth.String() != "1980-05-01" || p.Ethnic != "C" || p.Status != ingest.PatientActive || r.ID != "Patient/p1" {
		t.Errorf("%+v of %q", p, r.ID)
	}
	if p := kept(t, change(patient, "1980-05-17", "1980")).Patients[0]; p.BirthMonth != 0 {
		t.Errorf("a year gives the month %s", p.BirthMonth)
	}
	for _, dead := range []string{`"deceasedBoolean":true`, `"deceasedDateTime":"2026-01-01"`} {
		if p := kept(t, change(patient, `"gender"`, dead+`,"gender"`)).Patients[0]; p.Status != ingest.PatientDeceased {
			t.Errorf("%s: status %d", dead, p.Status)
		}
	}
	if p := kept(t, change(patient, `"deceasedBoolean"`[:0]+`"gender"`, `"deceasedBoolean":false,"gender"`)).Patients[0]; p.Status != ingest.PatientActive {
		t.Error("not deceased is deceased")
	}
	if p := kept(t, `{"resourceType":"Patient","id":"p1"}`).Patients[0]; p.PatientID != record.PatientOf("urn:lumbar:fhir", "Patient/p1") {
		t.Error("a person without a number is not the server's own")
	}
}

func TestEpisodes(t *testing.T) {
	e := kept(t, referral).Episodes[0]
	if e.ID != record.RowID("back-pain", "ServiceRequest/s1") || e.SourceID != "ServiceRequest/UB1" || e.Source != "urn:ers" || e.ReferredOn.String() != "2026-04-01" || e.Provider != "RTR" || e.Practice != "A81001" || e.Intervention != "core_therapy" || e.Status != record.EpisodeActive {
		t.Errorf("%+v", e)
	}
	if e := kept(t, change(referral, `"id":"s1",`, "")).Episodes[0]; e.ID != record.RowID("back-pain", "UB1") {
		t.Error("a referral without an id is not named by its identifier")
	}
	for status, want := range map[string]record.EpisodeStatus{"revoked": record.EpisodeDischarged, "completed": record.EpisodeActive, "entered-in-error": record.EpisodeEnteredInError} {
		if e := kept(t, change(referral, `"active"`, `"`+status+`"`)).Episodes[0]; e.Status != want {
			t.Errorf("%s: status %d, want %d", status, e.Status, want)
		}
	}
	e = kept(t, plan).Episodes[0]
	if e.ID != record.RowID("back-pain", "CarePlan/c1") || e.ReferredOn.String() != "2026-02-01" || e.DischargedOn.String() != "2026-04-01" || e.Status != record.EpisodeDischarged {
		t.Errorf("%+v", e)
	}
	r := kept(t, change(plan, `"intent"`, `"basedOn":[{"reference":"ServiceRequest/s1"}],"intent"`))
	if len(r.Episodes) != 0 || len(r.Events) != 1 || r.Events[0].Type != "care_plan" || r.Events[0].EpisodeID != record.RowID("back-pain", "ServiceRequest/s1") {
		t.Errorf("a plan for a referral is a second episode: %+v", r)
	}
}

func TestEvents(t *testing.T) {
	r := kept(t, encounter)
	if len(r.Events) != 2 || r.ID != "Encounter/e1" {
		t.Fatalf("%+v, want admission and discharge", r)
	}
	in, out := r.Events[0], r.Events[1]
	if in.Type != "admission" || in.Organisation != "RTR" || in.Code != "1" || in.EpisodeID != record.RowID("back-pain", "ServiceRequest/s1") || out.Type != "discharge" || out.HappenedOn.String() != "2026-04-05" || in.ID == out.ID {
		t.Errorf("%+v\n%+v", in, out)
	}
	for class, want := range map[string]string{"AMB": "contact", "EMER": "emergency_attendance", "VR": "contact", "ACUTE": "admission"} {
		if got := kept(t, change(encounter, "IMP", class)).Events[0].Type; got != want {
			t.Errorf("%s: %s, want %s", class, got, want)
		}
	}
	if got := kept(t, change(encounter, "finished", "cancelled")).Events[0].Status; got != ingest.EventEnteredInError {
		t.Error("a cancelled contact counts")
	}
	p := kept(t, procedure).Events[0]
	if p.Type != "treatment" || p.Code != "V25.4" || !strings.Contains(p.CodeSystem, "OPCS") || p.Intervention != "surgery" || p.Organisation != "RTR" || p.HappenedOn.String() != "2026-04-03" {
		t.Errorf("%+v", p)
	}
	if p := kept(t, change(procedure, `"performedDateTime":"2026-04-03"`, `"performedPeriod":{"start":"2026-04-04"}`)).Events[0]; p.HappenedOn.String() != "2026-04-04" {
		t.Errorf("on %s", p.HappenedOn)
	}
	for status, want := range map[string]string{"requested": "questionnaire_requested", "completed": "questionnaire_completed", "cancelled": "questionnaire_cancelled"} {
		q := kept(t, change(task, "requested", status)).Events[0]
		if q.Type != want || q.CodeSystem != "urn:lumbar:instrument" || q.Code != "odi" || q.EpisodeID != record.RowID("back-pain", "UB1") || q.HappenedOn.String() != "2026-04-01" {
			t.Errorf("%s: %+v", status, q)
		}
	}
	byFocus := change(task, `"input":[{"type":{"text":"x"},"valueCanonical":"urn:lumbar:questionnaire:odi|2.1a"}]`, `"focus":{"reference":"Questionnaire/phq9"}`)
	if q := kept(t, byFocus).Events[0]; q.Code != "phq9" {
		t.Errorf("asked for %q, want phq9", q.Code)
	}
}

func TestRefusedPeople(t *testing.T) {
	for _, c := range []struct{ text, field, rule string }{
		{`{"resourceType":"Patient"}`, "patient", "required"},
		{change(patient, "9990000018", "9990000017"), "patient.nhs_number", "nhs_number"},
		{change(patient, "female", "f"), "sex", "not_allowed"},
		{change(patient, "1980-05-17", "17.5.1980"), "birth_month", "malformed"},
		{change(referral, `"authoredOn":"2026-04-01",`, ""), "referred_on", "required"},
		{change(referral, "2026-04-01", "2026-04"), "referred_on", "precision"},
		{change(referral, "2026-04-01", "2028-04-01"), "referred_on", "in_future"},
		{change(referral, "order", "proposal"), "intent", "not_allowed"},
		{change(referral, `"active"`, `"draft"`), "status", "not_allowed"},
		{change(referral, `"status":"active",`, ""), "status", "required"},
		{change(referral, "core_therapy", "prayer"), "intervention", "unknown_key"},
		{change(referral, `"subject":`+subject+`,`, ""), "patient", "required"},
		{change(plan, "2026-04-01", "2026-01-01"), "discharged_on", "date_order"},
		{change(plan, `"created":"2026-02-01","period":{"start":"2026-02-03","end":"2026-04-01"}`, `"title":"x"`), "referred_on", "required"},
		{change(encounter, "finished", "planned"), "status", "not_allowed"},
		{change(encounter, `"period":{"start":"2026-04-02T08:00:00Z","end":"2026-04-05"}`, `"text":{}`), "at", "required"},
		{change(procedure, "completed", "preparation"), "status", "not_allowed"},
		{change(procedure, `"performedDateTime":"2026-04-03",`, ""), "at", "required"},
		{change(task, "questionnaire:odi", "questionnaire:feet"), "instrument", "unknown_instrument"},
		{change(task, `"for":`+subject+`,`, ""), "patient", "required"},
		{change(task, `"restriction":{"period":{"start":"2026-04-01","end":"2026-04-14"}},`, ""), "at", "required"},
	} {
		r := one(t, c.text)
		if len(r.Reasons) == 0 || r.Reasons[0] != (ingest.Reason{Field: c.field, Rule: c.rule}) {
			t.Errorf("%.300s: %v, want %s %s", c.text, r.Reasons, c.field, c.rule)
		}
	}
}

// TestNoNames: what identifies a person is in no row.
func TestNoNames(t *testing.T) {
	r := kept(t, patient)
	if said := fmt.Sprintf("%+v", *r); strings.Contains(said, "Chalmers") || strings.Contains(said, "9990000018") {
		t.Error("the row names the person")
	}
}
