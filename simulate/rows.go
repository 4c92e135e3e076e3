package simulate

import (
	"encoding/json"
	"iter"
	"time"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/record"
)

// system names the source in every identifier.
const system = "urn:lumbar:simulated"

// Identifier is a row's identifier, as on the wire.
type Identifier struct {
	System string `json:"system"`
	Value  string `json:"value"`
}

// Patient names a person, as on the wire.
type Patient struct {
	Pseudonym string `json:"pseudonym"`
}

// Response is one answered questionnaire in the wire form of POST
// /v1/responses: marshal it to JSON to send it.
type Response struct {
	ID                Identifier     `json:"id"`
	SourceVersion     int64          `json:"source_version"`
	UpdatedAt         time.Time      `json:"updated_at,omitzero"`
	Programme         string         `json:"programme"`
	Patient           Patient        `json:"patient"`
	Episode           string         `json:"episode"`
	Instrument        instruments.ID `json:"instrument"`
	InstrumentVersion string         `json:"instrument_version"`
	Mode              string         `json:"mode"`
	Language          string         `json:"language"`
	Status            string         `json:"status"`
	AnsweredAt        time.Time      `json:"answered_at"`
	ReportedBy        string         `json:"reported_by"`
	Provider          string         `json:"provider"`
	Answers           Answers        `json:"answers"`
	SuppliedScore     *float64       `json:"supplied_score,omitempty"`
}

// Answers are item codes in order; instruments.Missing is null on the wire.
type Answers []int16

// MarshalJSON writes the codes as an array with null where one is missing.
func (a Answers) MarshalJSON() ([]byte, error) {
	list := make([]*int16, len(a))
	for i := range a {
		if a[i] != instruments.Missing {
			list[i] = &a[i]
		}
	}
	return json.Marshal(list)
}

// Episode is one referral until discharge, in the fields of the wire. A zero
// day and an empty text are absent.
type Episode struct {
	ID             Identifier
	UpdatedAt      time.Time
	Programme      string
	Patient        Patient
	Episode        string
	Status         string
	ReferredOn     record.Date
	FirstContactOn record.Date
	TreatmentStart record.Date
	DischargedOn   record.Date
	Intervention   string
	Practice       string
	Site           string
	Provider       string
	ICB            string
	Region         string
	Sex            string
	Age            uint8
	IMDDecile      uint8 // 0 is unknown
	IMDVersion     string
	EthnicGroup    string
	StarTBackRisk  string
	// Covariates stand in the order of the programme's.
	Covariates []record.Covariate
}

// Episodes yields every episode, in the order of Responses.
func (g *Generator) Episodes() iter.Seq[Episode] {
	return func(yield func(Episode) bool) {
		for i := range g.opts.Patients {
			p, _ := g.person(i)
			if !yield(g.episode(p)) {
				return
			}
		}
	}
}

// Responses yields every response but those held back for Trickle, a person
// after the other and each in the order of answering.
func (g *Generator) Responses() iter.Seq[Response] {
	return func(yield func(Response) bool) {
		for i := range g.opts.Patients {
			p, r := g.person(i)
			for _, row := range g.responses(p, r).rows {
				if !g.held(row) && !yield(row) {
					return
				}
			}
		}
	}
}

// held reports whether a response is left for Trickle.
func (g *Generator) held(row Response) bool {
	return g.until != 0 && record.DateOf(row.AnsweredAt) >= g.until
}

func (g *Generator) episode(p *person) Episode {
	t := g.world.trusts[p.trust]
	e := Episode{
		ID: Identifier{system, p.episodeID()}, Programme: g.programme.ID, Patient: Patient{p.pseudonym}, Episode: p.episodeID(),
		Status: "discharged", ReferredOn: p.referred, FirstContactOn: p.contact, TreatmentStart: p.start, DischargedOn: p.discharged,
		Intervention: arms[p.arm].key, Practice: p.practice, Site: p.site, Provider: t.Code, ICB: t.ICB, Region: t.Region,
		Sex: sexes[p.sex], Age: uint8(p.age), IMDVersion: "2019", EthnicGroup: ethnicGroups[p.ethnic], StarTBackRisk: riskClasses[p.risk],
	}
	if p.decileKnown {
		e.IMDDecile = uint8(p.decile)
	}
	if g.until != 0 && e.DischargedOn >= g.until {
		e.Status, e.DischargedOn = "active", 0
	}
	e.UpdatedAt = max(e.TreatmentStart, e.DischargedOn).Time().Add(17 * time.Hour)
	values := map[string]record.Covariate{
		"symptom_duration": {Text: durations[p.duration]}, "work_status": {Text: works[p.work]},
		"prior_surgery": yes(p.priorSurgery), "smoker": yes(p.smoker), "opioid_use": yes(p.opioid),
		"comorbidity_count": {Int: int32(p.comorbidities)}, "bmi": {Int: int32(p.bmi)},
	}
	e.Covariates = make([]record.Covariate, len(g.programme.Covariates))
	for i, c := range g.programme.Covariates {
		v, known := values[c.Name]
		v.Absent = !known
		e.Covariates[i] = v
	}
	return e
}

func yes(b bool) record.Covariate {
	if b {
		return record.Covariate{Int: 1}
	}
	return record.Covariate{}
}

func (p *person) episodeID() string { return p.pseudonym[:16] + ".1" }

// sentAt is when the row was sent: the source's last change.
func (r *Response) sentAt() time.Time {
	if r.UpdatedAt.IsZero() {
		return r.AnsweredAt
	}
	return r.UpdatedAt
}
