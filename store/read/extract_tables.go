package read

import (
	"strconv"
	"strings"

	"github.com/lumbar-health/lumbar/store/schema"
)

// extracted is a column of an extract: its name, and its value over a row of the
// table. Arrow has no type for some of the engine's: those are converted.
type extracted struct{ name, value string }

// Ways to write a column's value.
func plainValue(q string) string   { return q }
func textValue(q string) string    { return "nullIf(toString(" + q + "), '')" }
func knownValue(q string) string   { return "nullIf(toString(" + q + "), 'unknown')" }
func positive(q string) string     { return "nullIf(toInt64(" + q + "), 0)" }
func wholeValue(q string) string   { return "CAST(" + q + ", 'Nullable(Int64)')" }
func textsValue(q string) string   { return "CAST(" + q + ", 'Array(String)')" }
func idValue(q string) string      { return "nullIf(" + q + ", 0)" }
func patientValue(q string) string { return "reinterpret(" + q + ", 'FixedString(16)')" }

// source is a column of a table of facts, how an extract writes it, and whether
// only a full one has it.
type source struct {
	name  string
	write func(string) string
	full  bool
}

var responseSource = []source{
	{"episode_id", idValue, false}, {"programme", textValue, false}, {"instrument", textValue, false}, {"instrument_version", textValue, false},
	{"status", textValue, false}, {"provider", textValue, false}, {"timepoint", textValue, false},
	{"answered_on", plainValue, false}, {"answered_precision", textValue, false}, {"reported_by", textValue, false},
	{"admin_mode", textValue, false}, {"mode", textValue, false}, {"language", textValue, false},
	{"codes", plainValue, false}, {"ticks", plainValue, false}, {"missing_reasons", textsValue, false},
	{"supplied_score", plainValue, false}, {"predicted", plainValue, false},
	{"answered_at", plainValue, true}, {"source", textValue, true}, {"source_id", textValue, true}, {"source_version", textValue, true},
}

var scoreSource = []source{
	{"episode_id", idValue, false}, {"programme", textValue, false}, {"score", textValue, false}, {"algorithm", textValue, false}, {"value_set", textValue, false},
	{"status", textValue, false}, {"timepoint", textValue, false}, {"answered_on", plainValue, false}, {"reported_by", textValue, false},
	{"points", plainValue, false}, {"predicted", plainValue, false}, {"n_answered", wholeValue, false}, {"n_items", wholeValue, false},
	{"band", textValue, false}, {"flags", textsValue, false},
	{"answered_at", plainValue, true},
}

var episodeSource = []source{
	{"programme", textValue, false}, {"status", textValue, false}, {"referred_on", plainValue, false}, {"first_contact_on", plainValue, false},
	{"treatment_start", plainValue, false}, {"discharged_on", plainValue, false}, {"prior_episode_id", idValue, false},
	{"intervention", textValue, false}, {"procedure", textValue, false}, {"practice", textValue, false}, {"site", textValue, false},
	{"provider", textValue, false}, {"icb", textValue, false}, {"region", textValue, false}, {"sex", knownValue, false}, {"age", positive, false},
	{"age_band", textValue, false}, {"imd_decile", positive, false}, {"imd_version", textValue, false}, {"ethnic_group", textValue, false},
	{"startback_risk", knownValue, false},
	{"source", textValue, true}, {"source_id", textValue, true},
}

var eventSource = []source{
	{"episode_id", idValue, false}, {"programme", textValue, false}, {"type", textValue, false}, {"happened_on", plainValue, false},
	{"organisation", textValue, false}, {"intervention", textValue, false}, {"code_system", textValue, false}, {"code", textValue, false}, {"cost_pence", wholeValue, false},
	{"happened_at", plainValue, true}, {"source", textValue, true}, {"source_id", textValue, true},
}

// extractTable returns the id that tells a person's rows apart, the columns, and
// the FROM and WHERE of a table, in which people is a condition on patient_id.
func (s *statement) extractTable(e Extract, p *schema.Programme, people string) (id string, list []extracted, from string, err error) {
	patient := extracted{"patient_id", patientValue("patient_id")}
	switch e.Table {
	case "outcome":
		list = append([]extracted{patient, {"episode_id", "episode_id"}}, s.outcomeColumns(p)...)
		return "episode_id", list, "FROM outcome FINAL WHERE live = 1 AND " + people, nil
	case "response":
		list, from = currentVersions(e, "response", "response_id", responseSource, people)
		from += " AND status != 'entered-in-error'"
	case "score":
		list, from = currentScoreRows(e, people)
		from += " AND status != 'retracted'"
	case "episode":
		columns := episodeSource
		for _, c := range s.catalogue.Covariates() {
			if p != nil && !has(p.Covariates, c.Name) {
				continue
			}
			write := wholeValue
			if c.Kind == schema.Text {
				write = textValue
			}
			columns = append(columns[:len(columns):len(columns)], source{c.Name, write, false})
		}
		list, from = currentVersions(e, "episode", "episode_id", columns, people)
		from += " AND status != 'entered-in-error'"
	case "event":
		list, from = currentVersions(e, "event", "event_id", append([]source{{"status", textValue, true}}, eventSource...), people)
		from += " AND status != 'entered-in-error'"
	default:
		return "", nil, "", ErrNoColumns
	}
	id = map[string]string{"response": "response_id", "score": "tuple(response_id, score, algorithm, value_set)", "episode": "episode_id", "event": "event_id"}[e.Table]
	return id, append([]extracted{patient}, list...), from, nil
}

func has(list []string, name string) bool {
	for _, one := range list {
		if one == name {
			return true
		}
	}
	return false
}

// shownOf are the columns of an extract of a table of facts.
func shownOf(e Extract, id string, columns []source) []extracted {
	list := []extracted{{id, schema.Quote(id)}}
	for _, c := range columns {
		if !c.full || e.Full {
			list = append(list, extracted{c.name, c.write(schema.Quote(c.name))})
		}
	}
	return list
}

// unpacked are the columns of a tuple that was made of them.
func unpacked(columns []source, tuple string) string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = "tupleElement(" + tuple + ", " + strconv.Itoa(i+1) + ") AS " + schema.Quote(c.name)
	}
	return strings.Join(out, ", ")
}

func packed(columns []source) string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = schema.Quote(c.name)
	}
	return "tuple(" + strings.Join(out, ", ") + ")"
}

// currentVersions are the rows of a table of facts in their highest versions.
// They are grouped in the order in which they are stored, so that the engine
// holds one row at a time.
func currentVersions(e Extract, table, id string, columns []source, people string) ([]extracted, string) {
	return shownOf(e, id, columns), "FROM (SELECT patient_id, " + id + ", " + unpacked(columns, "latest") + " FROM (SELECT patient_id, " + id +
		", argMax(" + packed(columns) + ", version) AS latest FROM " + table + " WHERE " + people + " GROUP BY patient_id, " + id + ")) WHERE 1"
}

// currentScoreRows are the scores of the highest version of each response: those
// of a former version are no longer its answers.
func currentScoreRows(e Extract, people string) ([]extracted, string) {
	columns := scoreSource
	row := strings.Replace(packed(columns), schema.Quote("points"), "if(units IS NULL, value, toFloat64(units) / nullIf(unit, 0))", 1)
	return shownOf(e, "response_id", columns), "FROM (SELECT patient_id, response_id, " + unpacked(columns, "one") +
		" FROM (SELECT patient_id, response_id, max(version) AS newest, groupArray((version, " + row + ")) AS every FROM score WHERE " + people +
		" GROUP BY patient_id, response_id) ARRAY JOIN arrayDistinct(arrayMap(x -> x.2, arrayFilter(x -> x.1 = newest, every))) AS one) WHERE 1"
}

// outcomeColumns are the columns of outcome with numbers in points: all of them,
// or those in which a programme's episodes can have a value.
func (s *statement) outcomeColumns(p *schema.Programme) []extracted {
	var ofProgramme map[string]bool
	if p != nil {
		ofProgramme = map[string]bool{}
		for _, name := range p.Covariates {
			ofProgramme[name] = true
		}
		for _, c := range p.Scores {
			for _, t := range p.Timepoints {
				stem := c.Column + "_" + t.Key
				ofProgramme[stem], ofProgramme[stem+"_at"], ofProgramme[stem+"_predicted"] = true, true, true
			}
		}
	}
	var list []extracted
	for _, c := range s.catalogue.Columns() {
		if p == nil || s.catalogue.Shared(c.Name) || ofProgramme[c.Name] {
			list = append(list, extracted{c.Name, outcomeValue(c)})
		}
	}
	return list
}

// outcomeValue writes a column of outcome as it is extracted.
func outcomeValue(c schema.Column) string {
	f := columnField(c.Name, c)
	switch {
	case c.Kind == schema.Date:
		return schema.Quote(c.Name)
	case c.Kind == schema.Text:
		return textValue(schema.Quote(c.Name))
	case c.Kind == schema.Enum:
		return f.value
	case c.Score != nil && c.Kind == schema.Integer:
		return "toFloat64(" + f.value + ") / " + strconv.FormatInt(max(c.Unit, 1), 10)
	case c.Kind == schema.Float:
		return f.value
	}
	return wholeValue(f.value)
}
