package ingest

import (
	"errors"
	"math"
	"slices"
	"time"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/record"
)

// Prepare flags what the answers of a record say of safety, validates it and
// scores its responses. What is wrong goes into the record's reasons; a record
// with reasons is not stored.
func (s *Setting) Prepare(r *Record) {
	for i := range r.Responses {
		s.prepareResponse(r, &r.Responses[i])
	}
	for i := range r.Episodes {
		s.checkEpisode(r, &r.Episodes[i])
	}
	for i := range r.Events {
		checkMoment(r, "at", r.Events[i].HappenedAt)
	}
	for i := range r.Patients {
		if on := r.Patients[i].BirthMonth; on < earliest {
			r.Reject("birth_month", RuleOutOfRange)
		}
		if v := r.Patients[i].Ethnic; v != "" {
			if _, ok := record.EthnicGroup(v); !ok {
				r.Reject("ethnic", RuleUnknownKey)
			}
		}
	}
}

func (s *Setting) prepareResponse(r *Record, v *Response) {
	if v.Definition == nil || v.Definition.ID != v.Instrument {
		d, err := instruments.Lookup(v.Instrument, v.InstrumentVersion)
		if err != nil {
			r.Flag(instruments.SafetyFlags(v.Instrument, nil)...)
			r.RejectInstrument(err)
			return
		}
		v.Definition = d
	}
	if v.InstrumentVersion == "" && v.Definition.VersionRequired && v.Status != record.EnteredInError {
		r.Reject("instrument_version", RuleRequired)
	}
	v.InstrumentVersion = v.Definition.Version
	s.flag(r, v)
	p, ok := s.Programme(v.Programme)
	if !ok {
		r.Reject("programme", RuleUnknownProgramme)
	} else if v.Timepoint != "" {
		if _, ok := p.Timepoint(v.Timepoint); !ok {
			r.Reject("timepoint", RuleUnknownTimepoint)
		}
	}
	checkMoment(r, "answered_at", v.AnsweredAt)
	if v.AnsweredOn > s.latest() {
		r.Reject("answered_at", RuleInFuture)
	}
	checkFloat(r, "supplied_score", v.SuppliedScore)
	checkPredicted(r, v)
	s.score(r, v)
}

// RejectInstrument refuses a record for an error of instruments.Lookup.
func (r *Record) RejectInstrument(err error) {
	if errors.Is(err, instruments.ErrUnknownVersion) {
		r.Reject("instrument_version", RuleUnknownVersion)
		return
	}
	r.Reject("instrument", RuleUnknownInstrument)
}

// flag evaluates what the answers say of the person's safety, before anything
// else is looked at: whether they are in range, belong to anyone or count does
// not matter. A withdrawn response says nothing.
func (s *Setting) flag(r *Record, v *Response) {
	v.administration = instruments.Administration{
		Codes: v.Codes, Ticks: v.Ticks, Reasons: v.MissingReasons, AdminMode: v.AdminMode, Supplied: v.SuppliedScore,
	}
	if v.Status == record.EnteredInError || len(v.Definition.Safety) == 0 {
		return
	}
	v.flags = v.Definition.Flags(&v.administration)
	r.Flag(v.flags...)
}

// earliest is the first day that the store can hold.
var earliest = record.DateOf(time.Date(1900, 1, 1, 12, 0, 0, 0, time.UTC))

// checkMoment refuses what the store can not hold, by day or by moment.
func checkMoment(r *Record, field string, at time.Time) {
	if y := at.UTC().Year(); y < 1900 || y > 2200 || record.DateOf(at) < earliest {
		r.Reject(field, RuleOutOfRange)
	}
}

// checkPredicted refuses a prediction that no model gives: further beyond the ends
// of the scale than the scale is wide. One such number would spoil everybody's
// adjusted results.
func checkPredicted(r *Record, v *Response) {
	checkFloat(r, "predicted", v.Predicted)
	scale := v.Definition.Primary()
	width := scale.Max - scale.Min
	if p := v.Predicted; p != nil && (*p < scale.Min-width || *p > scale.Max+width) {
		r.Reject("predicted", RuleOutOfRange)
	}
}

func checkFloat(r *Record, field string, v *float64) {
	if v != nil && (math.IsNaN(*v) || math.IsInf(*v, 0)) {
		r.Reject(field, RuleOutOfRange)
	}
}

// score scores the response and compares with the score that its sender
// supplied. Out-of-range codes are refused, never clamped.
func (s *Setting) score(r *Record, v *Response) {
	d, a := v.Definition, &v.administration
	if _, _, ok := d.CheckCodes(a); !ok && v.Status == record.EnteredInError {
		// A withdrawal needs no answers, and none of its own may keep the
		// withdrawn ones alive.
		v.Blank()
		a.Codes, a.Ticks, a.AdminMode = v.Codes, nil, ""
	}
	if item, rule, ok := d.CheckCodes(a); !ok {
		field := "answers"
		switch {
		case item >= 0:
			field = d.Items[item].Key
		case rule == RuleUnknownAdminMode:
			field = "admin_mode"
		}
		r.Reject(field, rule)
		return
	}
	n := len(d.Scores)
	if cap(v.scored) < n {
		v.scored = make([]instruments.Scored, n)
	}
	v.scored = v.scored[:n]
	if err := d.Score(a, v.scored); err != nil {
		r.Reject("answers", RuleMalformed)
		return
	}
	if v.SuppliedScore != nil && v.counts() && !v.Definition.Agrees(v.scored, *v.SuppliedScore) {
		r.mismatches++
		v.flags = append(slices.Clip(v.flags), instruments.FlagSuppliedDiffers)
		r.Flag(instruments.FlagSuppliedDiffers)
	}
}

func (s *Setting) checkEpisode(r *Record, v *Episode) {
	p, ok := s.Programme(v.Programme)
	if !ok {
		r.Reject("programme", RuleUnknownProgramme)
		return
	}
	v.Declared = p.Covariates
	if _, ok := p.Intervention(v.Intervention); !ok && v.Intervention != "" && len(p.Interventions) > 0 {
		r.Reject("intervention", RuleUnknownKey)
	}
	if _, ok := p.Procedure(v.Procedure); !ok && v.Procedure != "" && len(p.Procedures) > 0 {
		r.Reject("procedure", RuleUnknownKey)
	}
	if group, ok := record.EthnicGroupNamed(v.EthnicGroup); ok {
		v.EthnicGroup = group
	} else if v.EthnicGroup != "" {
		r.Reject("ethnic_group", RuleUnknownKey)
	}
	s.checkDates(r, v)
	if v.Age > 130 {
		r.Reject("age", RuleOutOfRange)
	}
	if v.IMDDecile > 10 {
		r.Reject("imd_decile", RuleOutOfRange)
	}
	for i := range v.Covariates {
		if !allowed(&p.Covariates[i], &v.Covariates[i]) {
			r.Reject(p.Covariates[i].Name, RuleOutOfRange)
		}
	}
}

// checkDates refuses days that can not be. A withdrawal need not be in order:
// the order may be what was wrong.
func (s *Setting) checkDates(r *Record, v *Episode) {
	for _, d := range []struct {
		field string
		on    record.Date
	}{
		{"referred_on", v.ReferredOn}, {"first_contact_on", v.FirstContactOn},
		{"treatment_start", v.TreatmentStart}, {"discharged_on", v.DischargedOn},
	} {
		switch {
		case d.on < earliest:
			r.Reject(d.field, RuleOutOfRange)
		case d.on > s.latest():
			r.Reject(d.field, RuleInFuture)
		case d.on != 0 && d.on < v.ReferredOn && v.Status != record.EpisodeEnteredInError:
			r.Reject(d.field, RuleDateOrder)
		}
	}
}

func allowed(c *programme.Covariate, v *record.Covariate) bool {
	if v.Absent {
		return true
	}
	if c.Kind != programme.Category {
		return v.Int >= c.Min && v.Int <= c.Max
	}
	for _, level := range c.Levels {
		if level == v.Text {
			return true
		}
	}
	return false
}
