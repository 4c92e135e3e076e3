package fhir

import "strings"

// elements are the FHIR elements of our fields. What is not here has the name
// of its element, or one that differs between types of resource.
var elements = map[string]string{
	"record": "", "answered_at": "authored", "instrument": "questionnaire", "instrument_version": "questionnaire",
	"patient": "subject", "patient.nhs_number": "subject.identifier", "patient.pseudonym": "subject.identifier",
	"id": "identifier", "id.system": "identifier.system", "id.value": "identifier.value",
	"updated_at": "meta.lastUpdated", "source_version": "meta.versionId",
	"programme": "meta.tag", "timepoint": "meta.tag", "admin_mode": "meta.tag",
	"reported_by": "source", "supplied_score": "item", "answers": "item", "episode": "basedOn", "provider": "author",
	"referred_on": "authoredOn", "discharged_on": "period.end", "birth_month": "birthDate", "sex": "gender", "at": "period.start",
	"code.system": "code", "code.code": "code", "practice": "requester", "intervention": "code", "ethnic": "extension",
	"request.method": "request.method",
}

// Element is the FHIR element, below its resource, that a field of a reason
// is; empty for the resource itself. A key of an item is item: linkIds are the
// sender's.
func Element(field string) string {
	if e, ok := elements[field]; ok {
		return e
	}
	if strings.HasPrefix(field, "item[") || !strings.ContainsAny(field, ".0123456789") {
		return field
	}
	return "item"
}
