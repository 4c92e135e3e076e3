package write

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/store/schema"
)

// far is more days than any window reaches: the distance of an answer from a
// timepoint whose window it is not in.
const far = "1000000"

// cell is one score of one programme at one of its timepoints.
type cell struct {
	id        int    // that of the stem: from 1, in the order of first use
	key       string // programme, score, algorithm, value set and place of the timepoint
	stem      string // of the outcome columns
	predicted bool
	float     bool
}

func listCells(c *schema.Catalogue) []cell {
	var cells []cell
	ids := map[string]int{}
	for _, p := range c.Programmes {
		for _, s := range p.Scores {
			for place, t := range p.Timepoints {
				stem := s.Column + "_" + t.Key
				if ids[stem] == 0 {
					ids[stem] = len(ids) + 1
				}
				cells = append(cells, cell{
					id:        ids[stem],
					key:       strings.Join([]string{p.ID, s.Name, s.Algorithm, s.ValueSet, strconv.Itoa(place + 1)}, "|"),
					stem:      stem,
					predicted: p.Predicted && t.Key != programme.Baseline,
					float:     s.Float,
				})
			}
		}
	}
	return cells
}

// stem is one score at one timepoint, of all programmes that have it.
type stem struct {
	id               int
	stem             string
	predicted, float bool
}

func byStem(cells []cell) []stem {
	var out []stem
	for _, c := range cells {
		if c.id > len(out) {
			out = append(out, stem{id: c.id, stem: c.stem, float: c.float})
		}
		out[c.id-1].predicted = out[c.id-1].predicted || c.predicted
	}
	return out
}

// slottedStages find the cell of each answer. A timepoint that the sender
// stated wins; otherwise the answer belongs to the timepoint whose window it is
// in, of several to the one whose target is nearest, then to the earlier one.
// Each stage names what the next one uses more than once: the engine would
// plan a repeated alias again at every use.
func slottedStages(c *schema.Catalogue, cells []cell) string {
	offset := map[programme.Anchor]string{
		programme.AnchorContact: "from_contact", programme.AnchorStart: "from_start", programme.AnchorDischarge: "from_discharge",
	}
	var keys, days, before, after []string
	for _, p := range c.Programmes {
		var k, d, b, f []string
		for _, t := range p.Timepoints {
			k = append(k, schema.Literal(t.Key))
			d = append(d, fmt.Sprintf("toInt32(%s - %d)", offset[t.Anchor], t.Target))
			b = append(b, strconv.Itoa(-t.Before))
			f = append(f, strconv.Itoa(t.After))
		}
		is := "programme = " + schema.Literal(p.ID) + ", "
		keys = append(keys, is+"["+strings.Join(k, ", ")+"]")
		days = append(days, is+"["+strings.Join(d, ", ")+"]")
		before = append(before, is+"CAST(["+strings.Join(b, ", ")+"], 'Array(Int32)')")
		after = append(after, is+"CAST(["+strings.Join(f, ", ")+"], 'Array(Int32)')")
	}
	pick := func(of []string, kind string) string {
		none := "CAST([], 'Array(" + kind + ")')"
		if len(of) == 0 {
			return none
		}
		return "multiIf(" + strings.Join(of, ", ") + ", " + none + ")"
	}
	return `  contacts AS (
    SELECT patient_id, episode_id, programme, coalesce(first_contact_on, referred_on) AS contact, treatment_start, discharged_on FROM derive_episode),
  anchors AS (
    SELECT patient_id, episode_id, programme, contact, if(dateDiff('day', contact, treatment_start) <= 90, treatment_start, NULL) AS start, discharged_on FROM contacts),
  dated AS (
    SELECT a.*, e.programme AS programme, dateDiff('day', e.contact, a.answered_on) AS from_contact,
      dateDiff('day', coalesce(e.start, e.contact), a.answered_on) AS from_start,
      ifNull(dateDiff('day', e.discharged_on, a.answered_on), ` + far + `) AS from_discharge
    FROM attached AS a JOIN anchors AS e ON a.patient_id = e.patient_id AND a.episode_id = e.episode_id),
  measured AS (SELECT *, ` + pick(days, "Int32") + ` AS days FROM dated),
  windowed AS (
    SELECT *, arrayMap((d, b, f) -> if(d BETWEEN b AND f, abs(d), ` + far + `), days, ` + pick(before, "Int32") + `, ` + pick(after, "Int32") + `) AS inside
    FROM measured),
  nearest AS (SELECT *, arrayMin(inside) AS least FROM windowed),
  placed AS (
    SELECT *, multiIf(timepoint != '', indexOf(` + pick(keys, "String") + `, timepoint), least < ` + far + `, indexOf(inside, least), 0) AS place
    FROM nearest),
  slotted AS (
    SELECT patient_id, episode_id, answered_at, answered_on, response_id, units, value, ` + predictedValue(c) + ` AS predicted,
      if(place = 0 OR days[place] >= ` + far + ` / 2, 0, abs(days[place])) AS distance,
      ` + cellNumber(cells) + ` AS cell
    FROM placed)`
}

// predictedValue is the prediction that came with an answer, in a programme
// that expects what the record says. Another programme may share the score and
// thereby its column, and has no use for it.
func predictedValue(c *schema.Catalogue) string {
	var of []string
	for _, p := range c.Programmes {
		if p.Predicted {
			of = append(of, schema.Literal(p.ID))
		}
	}
	if len(of) == 0 {
		return "NULL"
	}
	return "if(programme IN (" + strings.Join(of, ", ") + "), predicted, NULL)"
}

// cellNumber looks the cell up by its key.
func cellNumber(cells []cell) string {
	if len(cells) == 0 {
		return "0"
	}
	var keys, ids []string
	for _, c := range cells {
		keys = append(keys, schema.Literal(c.key))
		ids = append(ids, strconv.Itoa(c.id))
	}
	return "transform(concat(programme, '|', score, '|', algorithm, '|', value_set, '|', toString(place)), [" +
		strings.Join(keys, ", ") + "], CAST([" + strings.Join(ids, ", ") + "], 'Array(UInt16)'), toUInt16(0))"
}
