package fhir

import (
	"slices"
	"strings"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/wire"
	"github.com/lumbar-health/lumbar/record"
)

// patient reads a Patient. Names, addresses and contacts are not looked at.
func (d *Decoder) patient(r *resource, rec *ingest.Record) {
	row := &d.row
	row.Kind = wire.KindPatient
	p, found := d.byNumber(r.get("identifier"))
	if !found {
		if r.id == "" {
			rec.Reject("patient", ingest.RuleRequired)
			return
		}
		p = person{id: record.PatientOf(r.base(), kindPatient+"/"+r.id)}
	}
	d.remember(r, p)
	d.take(p, rec)
	row.System, row.Value = "", ""
	if r.id != "" { // the business identifier is the person's own
		row.System, row.Value = r.base(), kindPatient+"/"+r.id
	}
	row.Sex = r.word("gender")
	// A year alone does not give a month.
	if born := moment(r.get("birthDate"), "birth_month", rec); born.Precision != record.PrecisionYear {
		row.BirthMonth = born
	}
	if dead := r.get("deceasedDateTime"); dead != nil || string(r.get("deceasedBoolean")) == "true" {
		row.Status = "deceased"
	}
	if list := codings(extension(r.get("extension"), extensionEthnic)); len(list) > 0 {
		row.Ethnic = list[0].code
	}
}

// maxPeople bounds the Patients of one source that references may point to.
const maxPeople = 250_000

// remember keeps who a Patient is for the references of this source.
func (d *Decoder) remember(r *resource, p person) {
	if len(d.people) >= maxPeople {
		d.lost = true // of whom else a reference speaks can not be told
		return
	}
	if r.id != "" {
		d.people[r.absolute(kindPatient+"/"+r.id)] = p
	}
	if r.fullURL != "" {
		d.people[r.fullURL] = p
	}
}

// rememberEpisode keeps the word for an episode for references that have a
// meaning in this Bundle alone.
func (d *Decoder) rememberEpisode(r *resource) {
	if transient(r.fullURL) && len(d.episodes) < maxPeople {
		d.episodes[r.fullURL] = r.episodeKey()
	}
}

// referral reads a ServiceRequest: the episode that it begins.
func (d *Decoder) referral(r *resource, rec *ingest.Record) (later bool) {
	d.rememberEpisode(r)
	if d.subject(r, r.get("subject"), rec) {
		return true
	}
	row := &d.row
	row.Kind = wire.KindEpisode
	r.identify(row, true)
	row.Episode = r.episodeKey()
	row.ReferredOn = moment(r.get("authoredOn"), "referred_on", rec)
	row.Provider = organisation(r.get("performer"))
	row.Practice = organisation(r.get("requester"))
	row.Intervention = codeOf(slices.Concat(codings(r.get("code")), codings(r.get("category"))), systemIntervention)
	row.Status = d.state(r, rec, map[string]string{
		"active": "active", "on-hold": "active", "completed": "active", "revoked": "discharged", "entered-in-error": "entered-in-error",
	})
	switch r.word("intent") {
	case "proposal", "plan", "option":
		rec.Reject("intent", ingest.RuleNotAllowed)
	}
	return false
}

// carePlan reads a CarePlan: an episode of its own, or where it is based on a
// referral an event of that episode.
func (d *Decoder) carePlan(r *resource, rec *ingest.Record) (later bool) {
	d.rememberEpisode(r)
	row := &d.row
	if d.subject(r, r.get("subject"), rec) || d.episode(r, rec, "basedOn") {
		return true
	}
	began := moment(member(r.get("period"), "start"), "referred_on", rec)
	if made := moment(r.get("created"), "referred_on", rec); made.Given() {
		began = made
	}
	ended := moment(member(r.get("period"), "end"), "discharged_on", rec)
	intervention := codeOf(codings(r.get("category")), systemIntervention)
	r.identify(row, true)
	if row.Episode != "" {
		row.Kind, row.Type, row.At, row.Intervention = wire.KindEvent, "care_plan", began, intervention
		row.Status = d.state(r, rec, map[string]string{
			"active": "final", "on-hold": "final", "completed": "final", "revoked": "entered-in-error", "entered-in-error": "entered-in-error",
		})
		return false
	}
	row.Kind, row.Episode, row.ReferredOn, row.Intervention = wire.KindEpisode, r.episodeKey(), began, intervention
	row.Status = d.state(r, rec, map[string]string{
		"active": "active", "on-hold": "active", "completed": "discharged", "revoked": "discharged", "entered-in-error": "entered-in-error",
	})
	if row.Status == "discharged" {
		row.DischargedOn = ended
	}
	row.Provider = organisation(r.get("author"))
	return false
}

// state is our word for a resource's status.
func (d *Decoder) state(r *resource, rec *ingest.Record, words map[string]string) string {
	status := strings.TrimSpace(r.word("status"))
	word, ok := words[status]
	switch {
	case status == "":
		rec.Reject("status", ingest.RuleRequired)
	case !ok:
		rec.Reject("status", ingest.RuleNotAllowed)
	}
	return word
}
