package ingest

import (
	"slices"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/record"
)

// Result is the fate of a record.
type Result string

// Fates of a record. An amendment counts as stored.
const (
	ResultStored    Result = "stored"
	ResultDuplicate Result = "duplicate"
	ResultRejected  Result = "rejected"
)

// Record is what a source holds as one: a line of a table, an object of a
// stream. It becomes one row or several, which are stored or refused together.
type Record struct {
	Line int
	// ID is the record's own identifier as the sender wrote it, for the reply;
	// empty where it has none.
	ID        string
	Responses []Response
	Episodes  []Episode
	Events    []Event
	Patients  []Patient
	Reasons   []Reason
	// Flags are those of its responses, whether or not they are accepted:
	// answers that someone must look at, a supplied score that is not ours.
	Flags  []string
	Result Result

	mismatches int
	refused    *record.Refused // set where it has reasons
}

// Response is a response on its way to the store, with its instrument.
type Response struct {
	record.Response
	// Definition is set by Pipeline.Prepare.
	Definition *instruments.Definition
	// Final says that the id was made of the content, so that no later version
	// of this response can exist.
	Final bool

	administration instruments.Administration
	scored         []instruments.Scored
	flags          []string
}

// counts reports whether its scores are scores of the person.
func (v *Response) counts() bool {
	return v.Status == record.Completed || v.Status == record.Amended
}

// Episode is an episode on its way to the store. Its covariates stand in the
// order of its programme.
type Episode struct {
	record.Episode
	// Declared is the programme's list of covariates.
	Declared []programme.Covariate
}

// Event is something that happened to a person.
type Event = record.Event

// EventStatus is the state of an event.
type EventStatus = record.EventStatus

// Event states.
const (
	EventFinal          = record.EventFinal
	EventEnteredInError = record.EventEnteredInError
)

// Patient is one pseudonymised person.
type Patient = record.Person

// PatientStatus is the state of a patient.
type PatientStatus = record.PersonStatus

// Patient states.
const (
	PatientActive         = record.PersonActive
	PatientDeceased       = record.PersonDeceased
	PatientEnteredInError = record.PersonEnteredInError
)

// Blank makes the response one without an answer.
func (v *Response) Blank() {
	v.Codes, v.Ticks = v.Codes[:0], nil
	for range v.Definition.Items {
		v.Codes = append(v.Codes, instruments.Missing)
	}
}

// Reset empties the record and keeps its memory.
func (r *Record) Reset() {
	for i := range r.Responses {
		v := &r.Responses[i]
		*v = Response{Response: record.Response{Codes: v.Codes[:0]}, scored: v.scored[:0]}
	}
	for i := range r.Episodes {
		v := &r.Episodes[i]
		*v = Episode{Episode: record.Episode{Covariates: v.Covariates[:0]}}
	}
	*r = Record{
		Responses: r.Responses[:0], Episodes: r.Episodes[:0], Events: r.Events[:0], Patients: r.Patients[:0],
		Reasons: r.Reasons[:0], Flags: r.Flags[:0],
	}
}

// AddResponse returns a further, empty response of the record. It is valid
// until the next call.
func (r *Record) AddResponse() *Response {
	if len(r.Responses) < cap(r.Responses) {
		r.Responses = r.Responses[:len(r.Responses)+1]
	} else {
		if len(r.Responses) == 1 {
			r.Responses = slices.Grow(r.Responses, 5) // before and after, three instruments each
		}
		r.Responses = append(r.Responses, Response{})
	}
	return &r.Responses[len(r.Responses)-1]
}

// AddEpisode returns a further, empty episode of the record. It is valid until
// the next call.
func (r *Record) AddEpisode() *Episode {
	if len(r.Episodes) < cap(r.Episodes) {
		r.Episodes = r.Episodes[:len(r.Episodes)+1]
	} else {
		r.Episodes = append(r.Episodes, Episode{})
	}
	return &r.Episodes[len(r.Episodes)-1]
}

// maxReasons is how many reasons of one record are told: a sender can break a rule
// half a million times in a mebibyte.
const maxReasons = 1000

// Reject adds a reason why the record is refused.
func (r *Record) Reject(field, rule string) {
	if len(r.Reasons) == maxReasons {
		return
	}
	r.Reasons = append(r.Reasons, Reason{Field: field, Rule: rule})
}

// Flag adds flags, each once.
func (r *Record) Flag(flags ...string) {
	for _, f := range flags {
		if !slices.Contains(r.Flags, f) {
			r.Flags = append(r.Flags, f)
		}
	}
}

// Mismatches is the number of its responses whose sender supplied another
// score than ours.
func (r *Record) Mismatches() int { return r.mismatches }

// Held is the bytes that the quarantine is to keep of the record.
func (r *Record) Held() int {
	if r.refused == nil {
		return 0
	}
	return len(r.refused.Sealed)
}

// rows is the number of rows that the record becomes.
func (r *Record) rows() int {
	return len(r.Responses) + len(r.Episodes) + len(r.Events) + len(r.Patients)
}

// final reports whether the record's identifier was made of its content and its
// place among equal records, so that it is one of its kind in its source.
func (r *Record) final() bool { return len(r.Responses) > 0 && r.Responses[0].Final }

// keys appends the identity of each of the record's rows to list. The first
// one stands for the record where one is enough to know it is new.
func (r *Record) keys(list []Key) []Key {
	for i := range r.Episodes {
		e := &r.Episodes[i]
		list = append(list, Key{Episodes, e.PatientID, e.ID, e.Version})
	}
	for i := range r.Responses {
		v := &r.Responses[i]
		list = append(list, Key{Responses, v.PatientID, v.ID, v.Version})
	}
	for i := range r.Events {
		e := &r.Events[i]
		list = append(list, Key{Events, e.PatientID, e.ID, e.Version})
	}
	for i := range r.Patients {
		p := &r.Patients[i]
		list = append(list, Key{Patients, p.PatientID, 0, p.Version})
	}
	return list
}
