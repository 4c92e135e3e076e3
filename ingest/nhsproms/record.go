package nhsproms

import (
	"fmt"
	"time"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/record"
)

// wave is one of the two times at which a person was asked.
type wave struct {
	timepoint string
	month     time.Month // in which a financial year's answers are dated
	asked     []questionnaire
}

// questionnaire says where a wave's answers to one instrument stand.
type questionnaire struct {
	definition *instruments.Definition
	part       string // of the identifier: ohs/6m
	items      []int  // cells, in the order of the definition
	missing    int
	score      int // cell with the file's own score, −1 = none
	predicted  int
}

// covariate says where one of the programme's covariates stands and how its
// code is read.
type covariate struct {
	at   int
	kind codeKind
}

// codeKind is a way of coding in the file.
type codeKind int

const (
	yesNo  codeKind = iota // 1 yes, 2 no, 9 missing
	ticked                 // 1 ticked, 9 not ticked or missing
	code                   // as it stands, 9 missing
)

// contexts are the programme's covariates in the file.
var contexts = map[string]struct {
	column string
	kind   codeKind
}{
	"assisted":         {"preopqassisted", yesNo},
	"symptom_period":   {"preopqsymptomperiod", code},
	"previous_surgery": {"preopqprevioussurgery", yesNo},
	"living":           {"preopqlivingarrangements", code},
	"disability":       {"preopqdisability", yesNo},
	"heart_disease":    {"heartdisease", ticked},
	"high_bp":          {"highbp", ticked},
	"stroke":           {"stroke", ticked},
	"circulation":      {"circulation", ticked},
	"lung_disease":     {"lungdisease", ticked},
	"diabetes":         {"diabetes", ticked},
	"kidney_disease":   {"kidneydisease", ticked},
	"nervous_system":   {"nervoussystem", ticked},
	"liver_disease":    {"liverdisease", ticked},
	"cancer":           {"cancer", ticked},
	"depression":       {"depression", ticked},
	"arthritis":        {"arthritis", ticked},
}

// plan finds the cells of every questionnaire and covariate once.
func (d *decoder) plan() error {
	eq5d, err := lookup("eq5d3l")
	if err != nil {
		return err
	}
	vas, err := lookup("eqvas")
	if err != nil {
		return err
	}
	oxford, err := lookup(d.header.joint.instrument)
	if err != nil {
		return err
	}
	for i, when := range []struct {
		timepoint, prefix string
		month             time.Month
	}{{programme.Baseline, "preopq", time.April}, {followUp, "postopq", time.October}} {
		w := &d.waves[i]
		w.timepoint, w.month = when.timepoint, when.month
		at := func(name string) int { return d.header.at[when.prefix+name] }
		e := questionnaire{definition: eq5d, missing: missing, score: at("eq5dindex"), predicted: -1}
		for _, name := range dimensions {
			e.items = append(e.items, at(name))
		}
		v := questionnaire{definition: vas, missing: missingVAS, items: []int{at("eqvas")}, score: -1, predicted: -1}
		o := questionnaire{definition: oxford, missing: missing, score: at("score"), predicted: -1}
		for _, item := range oxford.Items {
			o.items = append(o.items, at(canonical(item.Label)))
		}
		if when.timepoint == followUp {
			e.predicted = d.header.at["eq5dindexpostopqpredicted"]
			v.predicted = d.header.at["eqvaspostopqpredicted"]
			o.predicted = d.header.at[d.header.joint.predicted]
		}
		w.asked = []questionnaire{e, v, o}
		for j := range w.asked {
			w.asked[j].part = string(w.asked[j].definition.ID) + "/" + w.timepoint
		}
	}
	return d.planContext()
}

func (d *decoder) planContext() error {
	for _, c := range d.programme.Covariates {
		where, ok := contexts[c.Name]
		if !ok {
			return fmt.Errorf("the programme %s declares the covariate %s, which its record files do not have: remove it from the programme's file", d.programme.ID, c.Name)
		}
		d.context = append(d.context, covariate{at: d.header.at[where.column], kind: where.kind})
	}
	return nil
}

// episode reads what the record says of the person and the operation.
func (d *decoder) episode(r *ingest.Record, e *ingest.Episode, year int) {
	e.Status = record.EpisodeActive
	e.Source = Name
	e.Programme = d.programme.ID
	e.ReferredOn = record.NewDate(year, time.April, 1)
	e.Provider = d.provider(r)
	e.Procedure = d.procedure(r)
	e.Sex = d.sex(r)
	if band := d.cells[d.header.at["ageband"]]; string(band) != "*" {
		e.AgeBand = d.text(band)
		r.CheckText(d.header.names[d.header.at["ageband"]], e.AgeBand)
	}
	for i, c := range d.context {
		v, ok := c.read(d.cells[c.at], &d.programme.Covariates[i])
		if !ok {
			r.Reject(d.header.names[c.at], ingest.RuleOutOfRange)
		}
		e.Covariates = append(e.Covariates, v)
	}
}

// read turns a code of the file into the programme's.
func (c *covariate) read(cell []byte, declared *programme.Covariate) (record.Covariate, bool) {
	n, ok := number(cell)
	switch {
	case !ok:
		return record.Covariate{Absent: true}, false
	case c.kind == ticked:
		return record.Covariate{Int: int32(n % missing)}, n == 1 || n == missing
	case n == missing:
		return record.Covariate{Absent: true}, true
	case c.kind == yesNo:
		return record.Covariate{Int: int32(2 - n)}, n == 1 || n == 2
	}
	return record.Covariate{Int: int32(n)}, int32(n) >= declared.Min && int32(n) <= declared.Max
}

func (d *decoder) provider(r *ingest.Record) string {
	at := d.header.at["providercode"]
	cell := d.cells[at]
	ok := len(cell) >= 3 && len(cell) <= 5
	for _, c := range cell {
		ok = ok && (c >= '0' && c <= '9' || c >= 'A' && c <= 'Z')
	}
	if !ok {
		r.Reject(d.header.names[at], ingest.RuleNotAllowed)
		return ""
	}
	return d.text(cell)
}

func (d *decoder) procedure(r *ingest.Record) string {
	at := d.header.at["procedure"]
	if text := d.text(d.cells[at]); text != d.procedureText && canonical(text) == d.header.joint.procedure {
		d.procedureText = text
	} else if text != d.procedureText {
		r.Reject(d.header.names[at], ingest.RuleNotAllowed)
		return ""
	}
	flag := d.header.at["revisionflag"]
	switch string(d.cells[flag]) {
	case "0":
		return d.header.joint.primary
	case "1":
		return d.header.joint.revision
	}
	r.Reject(d.header.names[flag], ingest.RuleOutOfRange)
	return ""
}

func (d *decoder) sex(r *ingest.Record) record.Sex {
	at := d.header.at["gender"]
	switch string(d.cells[at]) {
	case "1":
		return record.SexMale
	case "2":
		return record.SexFemale
	case "*", "9":
		return record.SexUnknown
	}
	r.Reject(d.header.names[at], ingest.RuleOutOfRange)
	return record.SexUnknown
}

// response reads one questionnaire of one wave. One without a single answer
// was not given: it makes no response. (No published record has a prediction
// without an answer.)
func (d *decoder) response(r *ingest.Record, q *questionnaire, w *wave, e *ingest.Episode, year int, key string, content []byte) {
	v := r.AddResponse()
	answered := 0
	for i, at := range q.items {
		n, ok := number(d.cells[at])
		item := &q.definition.Items[i]
		switch {
		case ok && n == q.missing:
			v.Codes = append(v.Codes, instruments.Missing)
			continue
		case !ok || n < int(item.Min) || n > int(item.Max):
			r.Reject(d.header.names[at], ingest.RuleOutOfRange)
			n = int(item.Min)
		}
		v.Codes = append(v.Codes, int16(n))
		answered++
	}
	supplied, predicted := d.float(r, q.score), d.float(r, q.predicted)
	if answered == 0 {
		v.Codes = v.Codes[:0]
		r.Responses = r.Responses[:len(r.Responses)-1]
		return
	}
	v.PatientID, v.EpisodeID = e.PatientID, e.ID
	v.ID = record.RowID(Name, key+"/"+q.part)
	v.Final = true
	v.Status = record.Completed
	v.Source = Name
	v.Programme = d.programme.ID
	v.Provider = e.Provider
	v.Definition, v.Instrument = q.definition, q.definition.ID
	v.Timepoint = w.timepoint
	v.AnsweredOn = record.NewDate(year, w.month, 1)
	v.AnsweredAt = v.AnsweredOn.Time()
	v.Precision = record.PrecisionYear
	v.ReportedBy = record.ByPatient
	v.SuppliedScore, v.Predicted = supplied, predicted
	v.Version = record.Version(v.AnsweredAt, record.ResponseRank(v.Status), content)
}
