package ingest

import (
	"math"
	"strconv"
	"strings"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/record"
)

// Prepare validates a record and scores its responses. What is wrong goes into
// the record's reasons; a record with reasons is not stored.
func (s *Setting) Prepare(r *Record) {
	for i := range r.Responses {
		s.prepareResponse(r, &r.Responses[i])
	}
	for i := range r.Episodes {
		s.checkEpisode(r, &r.Episodes[i])
	}
}

func (s *Setting) prepareResponse(r *Record, v *Response) {
	p, ok := s.Programme(v.Programme)
	if !ok {
		r.Reject("programme", RuleUnknownProgramme)
	} else if v.Timepoint != "" {
		if _, ok := p.Timepoint(v.Timepoint); !ok {
			r.Reject("timepoint", RuleUnknownTimepoint)
		}
	}
	if v.AnsweredOn > s.latest() {
		r.Reject("answered_at", RuleInFuture)
	}
	checkFloat(r, "supplied_score", v.SuppliedScore)
	checkFloat(r, "predicted", v.Predicted)
	if v.Definition == nil || v.Definition.ID != v.Instrument {
		d, err := instruments.Lookup(v.Instrument, v.InstrumentVersion)
		if err != nil {
			r.Reject("instrument", RuleUnknownInstrument)
			return
		}
		v.Definition = d
	}
	v.InstrumentVersion = v.Definition.Version
	s.score(r, v)
}

func checkFloat(r *Record, field string, v *float64) {
	if v != nil && (math.IsNaN(*v) || math.IsInf(*v, 0)) {
		r.Reject(field, RuleOutOfRange)
	}
}

// score scores the response and compares with the score that its sender
// supplied. Out-of-range codes are refused, never clamped.
func (s *Setting) score(r *Record, v *Response) {
	a := instruments.Administration{Codes: v.Codes, Ticks: v.Ticks, AdminMode: v.AdminMode}
	if item, rule, ok := v.Definition.CheckCodes(&a); !ok {
		field := "answers"
		if item >= 0 {
			field = v.Definition.Items[item].Key
		}
		r.Reject(field, rule)
		return
	}
	n := len(v.Definition.Scores)
	if cap(v.scored) < n {
		v.scored = make([]instruments.Scored, n)
	}
	v.scored = v.scored[:n]
	if err := v.Definition.Score(&a, v.scored); err != nil {
		r.Reject("answers", RuleMalformed)
		return
	}
	if v.SuppliedScore != nil && (v.Status == record.Completed || v.Status == record.Amended) && !v.agrees() {
		r.mismatches++
	}
}

// agrees reports whether the supplied score is ours, rounded to as many
// decimals as it has, but by no more than a hundredth of the score's range.
func (v *Response) agrees() bool {
	for i, s := range v.Definition.Scores {
		if s != v.Definition.Primary() {
			continue
		}
		if !v.scored[i].HasUnits {
			return false
		}
		room := min(halfLastDigit(*v.SuppliedScore), (s.Max-s.Min)/100)
		return math.Abs(s.Points(v.scored[i].Units)-*v.SuppliedScore) <= room+1e-9
	}
	return true
}

func halfLastDigit(x float64) float64 {
	if x == math.Trunc(x) {
		return 0.5
	}
	text := strconv.FormatFloat(x, 'f', -1, 64)
	_, decimals, _ := strings.Cut(text, ".")
	return 0.5 * math.Pow10(-len(decimals))
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
