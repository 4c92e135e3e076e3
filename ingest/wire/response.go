package wire

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/jsontext"
	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/record"
)

var responseStatus = map[string]record.Status{
	"completed": record.Completed, "amended": record.Amended, "in-progress": record.InProgress,
	"stopped": record.Stopped, "entered-in-error": record.EnteredInError,
}

var reporters = map[string]record.Reporter{
	"patient": record.ByPatient, "proxy": record.ByProxy, "clinician": record.ByClinician,
}

// missingReasons are the words of the domain for why there is no answer.
var missingReasons = map[string]bool{"blank": true, "na": true, "declined": true, "not_asked": true, "invalid": true}

func (c *Converter) response(row *Row, rec *ingest.Record, subject record.PatientID) {
	if !row.AnsweredAt.Given() {
		rec.Reject("answered_at", ingest.RuleRequired)
	}
	if row.Instrument == "" {
		rec.Reject("instrument", ingest.RuleRequired)
	}
	if len(rec.Reasons) > 0 {
		return
	}
	d, err := instruments.Lookup(instruments.ID(row.Instrument), row.InstrumentVersion)
	if err != nil {
		rec.RejectInstrument(err)
		return
	}
	v := rec.AddResponse()
	v.Definition, v.Instrument = d, d.ID
	v.InstrumentVersion = row.InstrumentVersion
	v.Status = word(rec, "status", row.Status, responseStatus, record.Completed)
	v.ReportedBy = word(rec, "reported_by", row.ReportedBy, reporters, record.ByPatient)
	v.AdminMode, v.Mode, v.Language = row.AdminMode, row.Mode, row.Language
	c.readAnswers(row, rec, v)
	readMissing(row, rec, v)
	v.PatientID = subject
	v.Programme, v.Provider, v.Timepoint = row.Programme, row.Provider, row.Timepoint
	v.EpisodeID = episodeID(row, row.Episode)
	v.SourceVersion = row.SourceVersion
	v.AnsweredAt, v.AnsweredOn, v.Precision = row.AnsweredAt.Time, row.AnsweredAt.Day(), row.AnsweredAt.Precision
	v.SuppliedScore, v.Predicted = row.SuppliedScore, row.Predicted
	if len(rec.Reasons) > 0 {
		return
	}
	c.collectResponse(row, v)
	id := c.identify(row)
	v.ID, v.Source, v.SourceID, v.Final = id.id, id.source, id.sourceID, id.final
	v.Version = record.Version(changed(row, v.AnsweredAt), record.ResponseRank(v.Status), id.content)
}

func (c *Converter) collectResponse(row *Row, v *ingest.Response) {
	f := c.collect(row, "response", row.Status, v.PatientID)
	f.Add("instrument", string(v.Instrument))
	f.Add("instrument_version", row.InstrumentVersion)
	f.Add("admin_mode", v.AdminMode)
	f.Add("mode", v.Mode)
	f.Add("language", v.Language)
	addMoment(f, "answered_at", row.AnsweredAt)
	f.Add("reported_by", row.ReportedBy)
	f.Add("timepoint", v.Timepoint)
	var codes []byte
	for _, code := range v.Codes {
		codes = binary.BigEndian.AppendUint16(codes, uint16(code))
	}
	f.AddBytes("answers", codes)
	for i, ticks := range v.Ticks {
		for _, t := range ticks {
			f.AddInt("tick", int64(i)<<32|int64(uint16(t)))
		}
	}
	for i, why := range v.MissingReasons {
		if why != "" {
			f.AddInt("missing", int64(i))
			f.Add("reason", why)
		}
	}
	addFloat(f, "supplied_score", v.SuppliedScore)
	addFloat(f, "predicted", v.Predicted)
}

// readAnswers reads the codes, in whichever form they came. A withdrawn
// response needs none.
func (c *Converter) readAnswers(row *Row, rec *ingest.Record, v *ingest.Response) {
	d := v.Definition
	switch plain := c.plain(d); {
	case row.FromTable && row.Answers == nil && plain:
		v.Codes = append(v.Codes, row.Codes...)
	case row.FromTable && row.Answers == nil:
		parseAnswers(appendCodes(nil, row.Codes), rec, v)
	case row.Answers == nil && v.Status == record.EnteredInError:
		v.Blank()
	case row.Answers == nil:
		rec.Reject("answers", ingest.RuleRequired)
	default:
		ok := false
		if plain {
			v.Codes, ok = plainCodes(row.Answers, v.Codes)
		}
		if !ok {
			parseAnswers(row.Answers, rec, v)
		}
	}
	// A table has as many item columns as its widest instrument.
	for row.FromTable && len(v.Codes) > len(d.Items) && v.Codes[len(v.Codes)-1] == instruments.Missing {
		v.Codes = v.Codes[:len(v.Codes)-1]
	}
}

// plain reports whether a whole number is its own code on every item.
func (c *Converter) plain(d *instruments.Definition) bool {
	if d != c.looked {
		c.looked = d
		c.isPlain = !slices.ContainsFunc(d.Items, func(it instruments.Item) bool { return it.Hundredths })
	}
	return c.isPlain
}

func parseAnswers(raw []byte, rec *ingest.Record, v *ingest.Response) {
	// In an object of its own, answers may be keyed by item.
	text := append(append([]byte(`{"answers":`), raw...), '}')
	a, err := v.Definition.ParseAdministration(text)
	if err != nil && v.Status == record.EnteredInError {
		v.Blank()
		return
	}
	if err != nil {
		rule := ingest.RuleMalformed
		if errors.Is(err, instruments.ErrNotAnswers) {
			rule = ingest.RuleNotAllowed
		}
		rec.Reject("answers", rule)
		return
	}
	v.Codes, v.Ticks, v.MissingReasons = a.Codes, a.Ticks, a.Reasons
}

// plainCodes reads the form that nearly all answers have, [1,0,null,2], without
// building a document. ok is false for every other form.
func plainCodes(raw []byte, codes []int16) (_ []int16, ok bool) {
	codes = codes[:0]
	at := jsontext.SkipBlank(raw, 0)
	if at >= len(raw) || raw[at] != '[' {
		return codes, false
	}
	for at = jsontext.SkipBlank(raw, at+1); at < len(raw); {
		switch {
		case len(raw)-at > 4 && string(raw[at:at+4]) == "null":
			codes = append(codes, instruments.Missing)
			at += 4
		case raw[at] >= '0' && raw[at] <= '9':
			start, n := at, 0
			for ; at < len(raw) && raw[at] >= '0' && raw[at] <= '9' && at-start < 4; at++ {
				n = n*10 + int(raw[at]-'0')
			}
			if raw[start] == '0' && at-start > 1 {
				return codes, false
			}
			codes = append(codes, int16(n))
		default:
			return codes, false
		}
		at = jsontext.SkipBlank(raw, at)
		switch {
		case at >= len(raw):
			return codes, false
		case raw[at] == ']':
			return codes, jsontext.SkipBlank(raw, at+1) == len(raw)
		case raw[at] != ',':
			return codes, false
		}
		at = jsontext.SkipBlank(raw, at+1)
	}
	return codes, false
}

// readMissing reads why items have no answer.
func readMissing(row *Row, rec *ingest.Record, v *ingest.Response) {
	for i, why := range row.ItemMissing[:min(len(row.ItemMissing), len(v.Definition.Items))] {
		if why == "" {
			continue
		}
		if v.MissingReasons == nil {
			v.MissingReasons = make([]string, len(v.Definition.Items))
		}
		v.MissingReasons[i] = why
	}
	if len(row.Missing) == 0 {
		return
	}
	var reasons map[string]string
	if err := json.Unmarshal(row.Missing, &reasons); err != nil {
		rec.Reject("missing", ingest.RuleMalformed)
		return
	}
	for key, why := range reasons {
		at, ok := v.Definition.ItemIndex(key)
		switch {
		case !ok:
			rec.Reject("missing", ingest.RuleUnknownField)
			return
		case !missingReasons[why]:
			rec.Reject("missing."+key, ingest.RuleNotAllowed)
			return
		case at < len(v.Codes) && v.Codes[at] != instruments.Missing:
			rec.Reject("missing."+key, ingest.RuleContradiction)
			return
		}
		if v.MissingReasons == nil {
			v.MissingReasons = make([]string, len(v.Definition.Items))
		}
		v.MissingReasons[at] = why
	}
}
