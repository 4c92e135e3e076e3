package wire

import (
	"math"

	"github.com/lumbar-health/lumbar/ingest"
)

// Field is one field of the wire: the kinds of row that have it, and how a
// value gets into a row.
type Field struct {
	Name string
	// Path is the name in JSON: nested ones joined by a dot.
	Path  string
	Kinds Kind
	set   func(r *Row, v *Value) (rule string)
}

// Set puts a value into the row. An absent one (null) changes nothing. The rule
// is empty where all is well.
func (f *Field) Set(r *Row, v *Value) (rule string) {
	if v.Kind == Null {
		return ""
	}
	return f.set(r, v)
}

// Fields are all fields by their name in a table.
var Fields = func() map[string]*Field {
	const (
		response = KindResponse
		episode  = KindEpisode
		event    = KindEvent
		patient  = KindPatient
	)
	list := []*Field{
		{"kind", "kind", kindAll, setKind},
		{"id_system", "id.system", kindAll, text(func(r *Row) *string { return &r.System })},
		{"id_value", "id.value", kindAll, text(func(r *Row) *string { return &r.Value })},
		{"source_version", "source_version", kindAll, scalar(func(r *Row) *string { return &r.SourceVersion })},
		{"updated_at", "updated_at", kindAll, moment(func(r *Row) *Moment { return &r.UpdatedAt })},
		{"programme", "programme", response | episode | event, text(func(r *Row) *string { return &r.Programme })},
		{"patient_nhs_number", "patient.nhs_number", kindAll, scalar(func(r *Row) *string { return &r.NHSNumber })},
		{"patient_pseudonym", "patient.pseudonym", kindAll, text(func(r *Row) *string { return &r.Pseudonym })},
		{"episode", "episode", response | episode | event, scalar(func(r *Row) *string { return &r.Episode })},
		{"status", "status", kindAll, text(func(r *Row) *string { return &r.Status })},
		{"provider", "provider", response | episode | event, text(func(r *Row) *string { return &r.Provider })},
		{"intervention", "intervention", episode | event, text(func(r *Row) *string { return &r.Intervention })},
		{"imd_decile", "imd_decile", episode | patient, whole(func(r *Row) *int64 { return &r.IMDDecile }, 1, 10)},
		{"imd_version", "imd_version", episode | patient, scalar(func(r *Row) *string { return &r.IMDVersion })},
		{"sex", "sex", episode | patient, text(func(r *Row) *string { return &r.Sex })},
		{"age", "age", episode, whole(func(r *Row) *int64 { return &r.Age }, 0, 130)},

		{"instrument", "instrument", response, text(func(r *Row) *string { return &r.Instrument })},
		{"instrument_version", "instrument_version", response, scalar(func(r *Row) *string { return &r.InstrumentVersion })},
		{"admin_mode", "admin_mode", response, text(func(r *Row) *string { return &r.AdminMode })},
		{"mode", "mode", response, text(func(r *Row) *string { return &r.Mode })},
		{"language", "language", response, text(func(r *Row) *string { return &r.Language })},
		{"answered_at", "answered_at", response, moment(func(r *Row) *Moment { return &r.AnsweredAt })},
		{"reported_by", "reported_by", response, text(func(r *Row) *string { return &r.ReportedBy })},
		{"timepoint", "timepoint", response, text(func(r *Row) *string { return &r.Timepoint })},
		{"answers", "answers", response, setAnswers},
		{"missing", "missing", response, setMissing},
		{"supplied_score", "supplied_score", response, number(func(r *Row) **float64 { return &r.SuppliedScore })},
		{"predicted", "predicted", response, number(func(r *Row) **float64 { return &r.Predicted })},

		{"referred_on", "referred_on", episode, moment(func(r *Row) *Moment { return &r.ReferredOn })},
		{"first_contact_on", "first_contact_on", episode, moment(func(r *Row) *Moment { return &r.FirstContactOn })},
		{"treatment_start", "treatment_start", episode, moment(func(r *Row) *Moment { return &r.TreatmentStart })},
		{"discharged_on", "discharged_on", episode, moment(func(r *Row) *Moment { return &r.DischargedOn })},
		{"procedure", "procedure", episode, text(func(r *Row) *string { return &r.Procedure })},
		{"practice", "practice", episode, text(func(r *Row) *string { return &r.Practice })},
		{"site", "site", episode, text(func(r *Row) *string { return &r.Site })},
		{"icb", "icb", episode, text(func(r *Row) *string { return &r.ICB })},
		{"region", "region", episode, text(func(r *Row) *string { return &r.Region })},
		{"ethnic_group", "ethnic_group", episode, text(func(r *Row) *string { return &r.EthnicGroup })},
		{"startback_risk", "startback_risk", episode, text(func(r *Row) *string { return &r.StarTBackRisk })},

		{"type", "type", event, text(func(r *Row) *string { return &r.Type })},
		{"at", "at", event, moment(func(r *Row) *Moment { return &r.At })},
		{"code_system", "code.system", event, text(func(r *Row) *string { return &r.CodeSystem })},
		{"code_code", "code.code", event, scalar(func(r *Row) *string { return &r.Code })},
		{"cost_pence", "cost_pence", event, whole(func(r *Row) *int64 { return &r.CostPence }, 0, math.MaxInt32*1000)},

		{"birth_month", "birth_month", patient, moment(func(r *Row) *Moment { return &r.BirthMonth })},
		{"ethnic", "ethnic", patient, text(func(r *Row) *string { return &r.Ethnic })},
		{"lsoa", "lsoa", patient, text(func(r *Row) *string { return &r.LSOA })},
	}
	byName := make(map[string]*Field, len(list))
	for _, f := range list {
		byName[f.Name] = f
	}
	return byName
}()

// groups are the objects of the wire: their fields are joined by "_".
var groups = map[string]bool{"id": true, "patient": true, "code": true}

func setKind(r *Row, v *Value) string {
	k, ok := kindWords[v.Text]
	if v.Kind != Text || !ok {
		return ingest.RuleNotAllowed
	}
	r.Kind = k
	return ""
}

func text(at func(*Row) *string) func(*Row, *Value) string {
	return func(r *Row, v *Value) string {
		if v.Kind != Text {
			return ingest.RuleType
		}
		*at(r) = v.Text
		return ""
	}
}

// scalar takes identifiers that some senders write as numbers.
func scalar(at func(*Row) *string) func(*Row, *Value) string {
	return func(r *Row, v *Value) string {
		if v.Kind != Text && !(v.Kind == Number && v.Whole) {
			return ingest.RuleType
		}
		*at(r) = v.String()
		return ""
	}
}

func whole(at func(*Row) *int64, low, high int64) func(*Row, *Value) string {
	return func(r *Row, v *Value) string {
		switch {
		case v.Kind != Number || !v.Whole:
			return ingest.RuleType
		case v.Int < low || v.Int > high:
			return ingest.RuleOutOfRange
		}
		*at(r) = v.Int
		return ""
	}
}

func number(at func(*Row) **float64) func(*Row, *Value) string {
	return func(r *Row, v *Value) string {
		if v.Kind != Number {
			return ingest.RuleType
		}
		x := v.Number
		*at(r) = &x
		return ""
	}
}

func moment(at func(*Row) *Moment) func(*Row, *Value) string {
	return func(r *Row, v *Value) string {
		switch v.Kind {
		case Instant:
			if y := v.At.Time.UTC().Year(); y < firstYear || y > lastYear {
				return ingest.RuleOutOfRange
			}
			*at(r) = v.At
			return ""
		case Text:
			m, ok := ParseMoment(v.Text)
			if !ok {
				return ingest.RuleMalformed
			}
			*at(r) = m
			return ""
		}
		return ingest.RuleType
	}
}

func setAnswers(r *Row, v *Value) string {
	switch v.Kind {
	case Codes:
		r.Codes, r.Answers, r.FromTable = append(r.Codes[:0], v.List...), v.Raw, true
	case JSON:
		r.Answers = v.Raw
	case Text: // a profile
		r.Answers = []byte(`"` + v.Text + `"`)
		for _, c := range []byte(v.Text) {
			if c < '0' || c > '9' {
				return ingest.RuleMalformed
			}
		}
	default:
		return ingest.RuleType
	}
	return ""
}

func setMissing(r *Row, v *Value) string {
	switch v.Kind {
	case JSON:
		r.Missing = v.Raw
	case Text: // of a table
		r.Missing = []byte(v.Text)
	default:
		return ingest.RuleType
	}
	return ""
}
