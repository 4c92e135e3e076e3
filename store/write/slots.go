package write

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/store/schema"
)

// far is more days than any window reaches: the distance of an answer from a
// timepoint whose window it is not in.
const far = "1000000"

// cell is one score of a programme at one of its timepoints.
type cell struct {
	id        int    // from 1
	column    int    // among those of all programmes
	key       string // score, algorithm, value set and place of the timepoint
	stem      string // of the outcome columns
	predicted bool
	float     bool
	// profile is the cell whose profile a mapped index is read from, and table
	// where; 0 for a score of its own.
	profile      int
	profileScore string
	table        mappedTable
	mapping      *instruments.Mapping // the same in memory
}

// columns are those of outcome that the cell fills.
func (c cell) columns() []string {
	names := []string{c.stem, c.stem + "_at"}
	if c.predicted {
		names = append(names, c.stem+"_predicted")
	}
	return names
}

// cells lists those of all scores, by score and timepoint; the mapped ones last.
func (p branch) cells() []cell {
	var cells []cell
	profiles := map[string]int{} // the first cell of each nominal score, by name
	for _, s := range p.Scores {
		if s.Mapped() {
			continue
		}
		profiles[s.Name] = len(cells) + 1
		for place, t := range p.Timepoints {
			cells = append(cells, cell{
				id:        len(cells) + 1,
				key:       scoreKey(s) + "|" + strconv.Itoa(place+1),
				stem:      s.Column + "_" + t.Key,
				predicted: p.Predicted && t.Key != programme.Baseline,
				float:     s.Float,
			})
		}
	}
	for _, s := range p.Scores {
		if !s.Mapped() || profiles[s.Score.ProfileScore] == 0 {
			continue
		}
		for place, t := range p.Timepoints {
			cells = append(cells, cell{
				id: len(cells) + 1, stem: s.Column + "_" + t.Key, float: true, predicted: p.Predicted && t.Key != programme.Baseline,
				profile: profiles[s.Score.ProfileScore] + place, profileScore: s.Score.ProfileScore, table: p.tables[s.Column], mapping: s.Score.Mapping(),
			})
		}
	}
	return cells
}

// slottedStages find the cell of each answer. A timepoint that the sender
// stated wins; otherwise the answer belongs to the timepoint whose window it is
// in, of several to the one whose target is nearest, then to the earlier one.
// Each stage names what the next one uses more than once: the engine would
// plan a repeated alias again at every use.
func slottedStages(p branch, cells []cell) string {
	offset := map[programme.Anchor]string{
		programme.AnchorContact: "from_contact", programme.AnchorStart: "from_start", programme.AnchorDischarge: "from_discharge",
	}
	var keys, days, before, after []string
	for _, t := range p.Timepoints {
		keys = append(keys, schema.Literal(t.Key))
		days = append(days, fmt.Sprintf("toInt32(%s - %d)", offset[t.Anchor], t.Target))
		before = append(before, strconv.Itoa(-t.Before))
		after = append(after, strconv.Itoa(t.After))
	}
	list := func(of []string, kind string) string {
		return "CAST([" + strings.Join(of, ", ") + "], 'Array(" + kind + ")')"
	}
	predicted := "predicted"
	if !p.Predicted {
		// Another programme may share the score and expect what the record says.
		predicted = "NULL AS predicted"
	}
	person, years := personColumns(cells)
	also := ""
	if years != "" {
		also = ", sex, years"
	}
	return `  contacts AS (
    SELECT patient_id, episode_id, coalesce(first_contact_on, referred_on) AS contact, treatment_start, discharged_on` + person + ` FROM mine),
  anchors AS (
    SELECT patient_id, episode_id, contact, if(dateDiff('day', contact, treatment_start) <= 90, treatment_start, NULL) AS start, discharged_on` + person + ` FROM contacts),
  dated AS (
    SELECT a.*, dateDiff('day', e.contact, a.answered_on) AS from_contact,
      dateDiff('day', coalesce(e.start, e.contact), a.answered_on) AS from_start,
      ifNull(dateDiff('day', e.discharged_on, a.answered_on), ` + far + `) AS from_discharge` + years + `
    FROM attached AS a JOIN anchors AS e ON a.patient_id = e.patient_id AND a.episode_id = e.episode_id),
  measured AS (SELECT *, ` + list(days, "Int32") + ` AS days FROM dated),
  windowed AS (
    SELECT *, arrayMap((d, b, f) -> if(d BETWEEN b AND f, abs(d), ` + far + `), days, ` + list(before, "Int32") + `, ` + list(after, "Int32") + `) AS inside
    FROM measured),
  nearest AS (SELECT *, arrayMin(inside) AS least FROM windowed),
  placed AS (
    SELECT *, multiIf(timepoint != '', indexOf(` + list(keys, "String") + `, timepoint), least < ` + far + `, indexOf(inside, least), 0) AS place
    FROM nearest),
  slotted AS (
    SELECT patient_id, episode_id, answered_at, answered_on, response_id, units, value, ` + predicted + also + `,
      if(place = 0 OR days[place] >= ` + far + ` / 2, 0, abs(days[place])) AS distance,
      ` + cellNumber(cells) + ` AS cell
    FROM placed)`
}

// cellNumber looks the cell of an answer up by its key.
func cellNumber(cells []cell) string {
	var keys, ids []string
	for _, c := range cells {
		if c.profile != 0 {
			continue
		}
		keys = append(keys, schema.Literal(c.key))
		ids = append(ids, strconv.Itoa(c.id))
	}
	return "transform(concat(score, '|', algorithm, '|', value_set, '|', toString(place)), [" +
		strings.Join(keys, ", ") + "], CAST([" + strings.Join(ids, ", ") + "], 'Array(UInt16)'), toUInt16(0))"
}
