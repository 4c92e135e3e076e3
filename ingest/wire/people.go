package wire

import (
	"time"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/record"
)

var episodeStatus = map[string]record.EpisodeStatus{
	"active": record.EpisodeActive, "discharged": record.EpisodeDischarged, "entered-in-error": record.EpisodeEnteredInError,
}

var eventStatus = map[string]ingest.EventStatus{"final": ingest.EventFinal, "entered-in-error": ingest.EventEnteredInError}

var patientStatus = map[string]ingest.PatientStatus{
	"active": ingest.PatientActive, "deceased": ingest.PatientDeceased, "entered-in-error": ingest.PatientEnteredInError,
}

var sexes = map[string]record.Sex{
	"unknown": record.SexUnknown, "female": record.SexFemale, "male": record.SexMale, "other": record.SexOther,
}

var risks = map[string]record.Risk{
	"unknown": record.RiskUnknown, "low": record.RiskLow, "medium": record.RiskMedium, "high": record.RiskHigh,
}

func (c *Converter) episode(row *Row, rec *ingest.Record, subject record.PatientID, p *programme.Programme) {
	if !row.ReferredOn.Given() {
		rec.Reject("referred_on", ingest.RuleRequired)
	}
	checkPrecision(row, rec)
	e := rec.AddEpisode()
	e.Status = word(rec, "status", row.Status, episodeStatus, record.EpisodeActive)
	e.Sex = word(rec, "sex", row.Sex, sexes, record.SexUnknown)
	e.StarTBackRisk = word(rec, "startback_risk", row.StarTBackRisk, risks, record.RiskUnknown)
	e.PatientID, e.Programme = subject, row.Programme
	e.ReferredOn, e.FirstContactOn = row.ReferredOn.Day(), row.FirstContactOn.Day()
	e.TreatmentStart, e.DischargedOn = row.TreatmentStart.Day(), row.DischargedOn.Day()
	e.Intervention, e.Procedure = row.Intervention, row.Procedure
	e.Practice, e.Site, e.Provider, e.ICB, e.Region = row.Practice, row.Site, row.Provider, row.ICB, row.Region
	e.Age, e.IMDDecile, e.IMDVersion = uint8(row.Age), uint8(row.IMDDecile), row.IMDVersion
	e.EthnicGroup = row.EthnicGroup
	for range p.Covariates {
		e.Covariates = append(e.Covariates, record.Covariate{Absent: true})
	}
	for i := range row.Extra {
		setCovariate(rec, e, p, &row.Extra[i])
	}
	if len(rec.Reasons) > 0 {
		return
	}
	c.collectEpisode(row, e, p)
	id := c.identify(row)
	e.Source, e.SourceID = id.source, id.sourceID
	switch {
	case row.Episode != "":
		e.ID = episodeID(row, row.Episode)
	case row.Value != "":
		e.ID = episodeID(row, row.Value)
	default:
		e.ID = id.id
	}
	latest := max(e.ReferredOn, e.FirstContactOn, e.TreatmentStart, e.DischargedOn)
	e.Version = record.Version(changed(row, latest.Time()), record.Rank(e.Status == record.EpisodeEnteredInError), id.content)
}

// checkPrecision refuses a month or a year: the windows of the follow-ups begin
// on a day, and the first of January would be a guess. A withdrawal may repeat
// what it withdraws.
func checkPrecision(row *Row, rec *ingest.Record) {
	if row.Status == "entered-in-error" {
		return
	}
	for _, d := range []struct {
		field string
		at    Moment
	}{
		{"referred_on", row.ReferredOn}, {"first_contact_on", row.FirstContactOn},
		{"treatment_start", row.TreatmentStart}, {"discharged_on", row.DischargedOn},
	} {
		if d.at.Precision > record.PrecisionDay {
			rec.Reject(d.field, ingest.RulePrecision)
		}
	}
}

// setCovariate puts a field that only the programme knows into its place.
func setCovariate(rec *ingest.Record, e *ingest.Episode, p *programme.Programme, x *Extra) {
	for i, c := range p.Covariates {
		if c.Name != x.Name {
			continue
		}
		switch {
		case x.Value.Kind == Null:
		case c.Kind == programme.Category && x.Value.Kind == Text:
			if x.Value.Text != "" {
				e.Covariates[i] = record.Covariate{Text: x.Value.Text}
			}
		case c.Kind != programme.Category && (x.Value.Kind == Number && x.Value.Whole || x.Value.Kind == Bool):
			if x.Value.Int < int64(c.Min) || x.Value.Int > int64(c.Max) {
				rec.Reject(c.Name, ingest.RuleOutOfRange)
				return
			}
			e.Covariates[i] = record.Covariate{Int: int32(x.Value.Int)}
		default:
			rec.Reject(c.Name, ingest.RuleType)
		}
		return
	}
	rec.Reject(fieldName(x.Name), ingest.RuleUnknownField)
}

func (c *Converter) collectEpisode(row *Row, e *ingest.Episode, p *programme.Programme) {
	f := c.collect(row, "episode", row.Status, e.PatientID)
	addMoment(f, "referred_on", row.ReferredOn)
	addMoment(f, "first_contact_on", row.FirstContactOn)
	addMoment(f, "treatment_start", row.TreatmentStart)
	addMoment(f, "discharged_on", row.DischargedOn)
	f.Add("intervention", e.Intervention)
	f.Add("procedure", e.Procedure)
	f.Add("practice", e.Practice)
	f.Add("site", e.Site)
	f.Add("icb", e.ICB)
	f.Add("region", e.Region)
	f.Add("sex", row.Sex)
	f.AddInt("age", row.Age)
	f.AddInt("imd_decile", row.IMDDecile)
	f.Add("imd_version", e.IMDVersion)
	f.Add("ethnic_group", e.EthnicGroup)
	f.Add("startback_risk", row.StarTBackRisk)
	for i, v := range e.Covariates {
		switch {
		case v.Absent:
		case p.Covariates[i].Kind == programme.Category:
			f.Add(p.Covariates[i].Name, v.Text)
		default:
			f.AddInt(p.Covariates[i].Name, int64(v.Int))
		}
	}
}

func (c *Converter) event(row *Row, rec *ingest.Record, subject record.PatientID) {
	if !row.At.Given() {
		rec.Reject("at", ingest.RuleRequired)
	}
	if row.Type == "" {
		rec.Reject("type", ingest.RuleRequired)
	}
	status := word(rec, "status", row.Status, eventStatus, ingest.EventFinal)
	if len(rec.Reasons) > 0 {
		return
	}
	f := c.collect(row, "event", row.Status, subject)
	f.Add("type", row.Type)
	addMoment(f, "at", row.At)
	f.Add("intervention", row.Intervention)
	f.Add("code_system", row.CodeSystem)
	f.Add("code_code", row.Code)
	f.AddInt("cost_pence", row.CostPence)
	id := c.identify(row)
	rec.Events = append(rec.Events, ingest.Event{
		PatientID: subject, ID: id.id, Source: id.source, SourceID: id.sourceID, Status: status,
		Version:   record.Version(changed(row, row.At.Time), record.Rank(status == ingest.EventEnteredInError), id.content),
		Programme: row.Programme, EpisodeID: episodeID(row, row.Episode), Type: row.Type,
		HappenedAt: row.At.Time, HappenedOn: row.At.Day(), Organisation: row.Provider, Intervention: row.Intervention,
		CodeSystem: row.CodeSystem, Code: row.Code, CostPence: row.CostPence,
	})
}

// patientOrigin is the day that versions count from where a patient's row says
// no more than its source's version.
var patientOrigin = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func (c *Converter) patient(row *Row, rec *ingest.Record, subject record.PatientID) {
	status := word(rec, "status", row.Status, patientStatus, ingest.PatientActive)
	sex := word(rec, "sex", row.Sex, sexes, record.SexUnknown)
	if len(rec.Reasons) > 0 {
		return
	}
	f := c.collect(row, "patient", row.Status, subject)
	f.Add("sex", row.Sex)
	addMoment(f, "birth_month", row.BirthMonth)
	f.Add("ethnic", row.Ethnic)
	f.Add("lsoa", row.LSOA)
	f.AddInt("imd_decile", row.IMDDecile)
	f.Add("imd_version", row.IMDVersion)
	var month record.Date
	if row.BirthMonth.Given() {
		y, m, _ := row.BirthMonth.Day().Time().Date()
		month = record.NewDate(y, m, 1)
	}
	rec.Patients = append(rec.Patients, ingest.Patient{
		PatientID: subject,
		Version:   record.Version(changed(row, patientOrigin), record.Rank(status == ingest.PatientEnteredInError), f.Bytes()),
		Status:    status, Sex: sex, BirthMonth: month, Ethnic: row.Ethnic, LSOA: row.LSOA,
		IMDDecile: uint8(row.IMDDecile), IMDVersion: row.IMDVersion,
	})
}
