package write

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/store/schema"
)

// derivation holds the statements that turn facts into outcome. They are
// generated from the registered programmes: their windows, scores and current
// algorithms. The tables derive_episode and derive_score are the current facts
// of some patients and live as long as the connection.
type derivation struct {
	episodes string // takes the filter
	scores   string // takes the filter
	with     string // the stages from those tables to one row an episode
	selected string // the row, in the order of columns
	columns  []string
	// tombstones takes the filter
	tombstones string
	checksum   string
}

func newDerivation(c *schema.Catalogue) derivation {
	cells := listCells(c)
	d := derivation{
		episodes:   episodeSnapshot(c),
		scores:     scoreSnapshot(c),
		with:       withStages(c, cells),
		tombstones: tombstoneRows(c),
	}
	d.columns, d.selected = outcomeRow(c, cells)
	sum := sha256.Sum256([]byte(d.episodes + d.scores + d.with + d.selected + strings.Join(d.columns, ",")))
	d.checksum = hex.EncodeToString(sum[:])
	return d
}

func episodeSnapshot(c *schema.Catalogue) string {
	columns := []string{
		"patient_id", "episode_id", "version", "status", "programme", "referred_on", "first_contact_on", "treatment_start", "discharged_on",
		"intervention", "procedure", "practice", "site", "provider", "icb", "region",
		"sex", "age", "age_band", "imd_decile", "ethnic_group", "startback_risk",
	}
	for _, v := range c.Covariates() {
		columns = append(columns, schema.Quote(v.Name))
	}
	return "CREATE TEMPORARY TABLE derive_episode ENGINE = Memory AS SELECT " + strings.Join(columns, ", ") +
		" FROM episode PREWHERE %s ORDER BY patient_id, episode_id, version DESC LIMIT 1 BY patient_id, episode_id"
}

// scoreSnapshot takes the highest version of each score, whatever its algorithm:
// the patient's version sums them all, so that it never falls. Of them counts a
// row of the response's own highest version alone: an amendment or a retraction
// may name another instrument, and the scores of the former one are then no
// longer answers.
func scoreSnapshot(c *schema.Catalogue) string {
	var current []string
	seen := map[string]bool{}
	for _, p := range c.Programmes {
		for _, s := range p.Scores {
			row := "(" + schema.Literal(s.Name) + ", " + schema.Literal(s.Algorithm) + ", " + schema.Literal(s.ValueSet) + ")"
			if !seen[row] {
				seen[row] = true
				current = append(current, row)
			}
		}
	}
	which := "0"
	if len(current) > 0 {
		which = "(score, algorithm, value_set) IN (" + strings.Join(current, ", ") + ")"
	}
	return `CREATE TEMPORARY TABLE derive_score ENGINE = Memory AS
SELECT *, ` + which + ` AND version = max(version) OVER (PARTITION BY patient_id, response_id)
  AND reported_by = 'patient' AND (units IS NOT NULL OR value IS NOT NULL) AS counts
FROM (
  SELECT patient_id, response_id, score, algorithm, value_set, version, programme, episode_id, timepoint, answered_at, answered_on, reported_by, units, value, predicted
  FROM score PREWHERE %s
  ORDER BY patient_id, response_id, score, algorithm, value_set, version DESC
  LIMIT 1 BY patient_id, response_id, score, algorithm, value_set)`
}

// withStages are the steps of data-model section 4: attach each usable score to
// an episode, find its timepoint, keep the winner of each cell, pivot.
func withStages(c *schema.Catalogue, cells []cell) string {
	return `WITH
  referral AS (
    SELECT patient_id, programme, referred_on, max(episode_id) AS episode_id
    FROM derive_episode WHERE status != 'entered-in-error' GROUP BY patient_id, programme, referred_on),
  usable AS (
    SELECT * FROM derive_score WHERE counts),
  attached AS (
    SELECT patient_id, episode_id, score, algorithm, value_set, timepoint, answered_at, answered_on, response_id, units, value, predicted
    FROM usable WHERE episode_id != 0
    UNION ALL
    SELECT u.patient_id, r.episode_id, u.score, u.algorithm, u.value_set, u.timepoint, u.answered_at, u.answered_on, u.response_id, u.units, u.value, u.predicted
    FROM (SELECT * FROM usable WHERE episode_id = 0) AS u
    ASOF JOIN referral AS r ON u.patient_id = r.patient_id AND u.programme = r.programme AND u.answered_on >= r.referred_on),
` + slottedStages(c, cells) + `,
  winner AS (
    SELECT * FROM slotted WHERE cell != 0
    ORDER BY patient_id, episode_id, cell, distance, answered_at, response_id LIMIT 1 BY patient_id, episode_id, cell),
` + wideStage(cells) + `,
  seen AS (
    SELECT patient_id, sum(x) AS version
    FROM (SELECT patient_id, version AS x FROM derive_score UNION ALL SELECT patient_id, version FROM derive_episode) GROUP BY patient_id)
`
}

// wideStage turns the winners into one row an episode.
func wideStage(cells []cell) string {
	var columns []string
	for _, group := range byStem(cells) {
		is := "cell = " + strconv.Itoa(group.id)
		value := "units"
		if group.float {
			value = "value"
		}
		columns = append(columns, "anyIf("+value+", "+is+") AS "+schema.Quote(group.stem),
			"anyIf(toNullable(answered_on), "+is+") AS "+schema.Quote(group.stem+"_at"))
		if group.predicted {
			columns = append(columns, "anyIf(predicted, "+is+") AS "+schema.Quote(group.stem+"_predicted"))
		}
	}
	return "  wide AS (\n    SELECT " + strings.Join(append([]string{"patient_id", "episode_id"}, columns...), ",\n      ") +
		"\n    FROM winner GROUP BY patient_id, episode_id)"
}

// outcomeRow returns the columns of outcome and the expressions that fill them.
func outcomeRow(c *schema.Catalogue, cells []cell) (columns []string, selected string) {
	derived := map[string]string{
		"fy":        financialYear,
		"wait_days": "toInt32(dateDiff('day', e.referred_on, e.first_contact_on))",
		"age_band":  "if(e.age_band != '', toString(e.age_band), " + ageBand() + ")",
	}
	ofScores := map[string]bool{}
	for _, group := range byStem(cells) {
		ofScores[group.stem], ofScores[group.stem+"_at"], ofScores[group.stem+"_predicted"] = true, true, group.predicted
	}
	columns = []string{"patient_id", "episode_id", "version", "live"}
	expressions := []string{
		"e.patient_id AS patient_id", "e.episode_id AS episode_id", "assumeNotNull(seen.version) AS version",
		"toUInt8(e.status != 'entered-in-error') AS live",
	}
	for _, col := range c.Columns() {
		name := schema.Quote(col.Name)
		expression, ok := derived[col.Name]
		switch {
		case ok:
		case ofScores[col.Name]:
			expression = "wide." + name
		default:
			expression = "e." + name
		}
		columns = append(columns, name)
		expressions = append(expressions, expression+" AS "+name)
	}
	return columns, strings.Join(expressions, ",\n  ")
}

// ageBand derives the band of an age in years; an age outside all bands has none.
func ageBand() string {
	var b strings.Builder
	b.WriteString("multiIf(")
	for _, band := range programme.AgeBands() {
		fmt.Fprintf(&b, "e.age BETWEEN %d AND %d, %s, ", band.From, band.To, schema.Literal(band.Label))
	}
	return b.String() + "'')"
}

// rows is the statement that returns the derived rows.
func (d derivation) rows() string {
	return d.with + "SELECT\n  " + d.selected + `
FROM derive_episode AS e
LEFT JOIN wide ON e.patient_id = wide.patient_id AND e.episode_id = wide.episode_id
LEFT JOIN seen ON e.patient_id = seen.patient_id`
}

// insert is the statement that fills outcome. With moved, an episode whose year
// of referral changed also leaves a tombstone in its old year, which is another
// partition and would keep the old row for ever. The filter is that of the
// snapshots.
func (d derivation) insert(table string, moved bool, filter string) string {
	statement := "INSERT INTO " + table + " (" + strings.Join(d.columns, ", ") + ")\n" + d.rows()
	if moved {
		statement += "\nUNION ALL\n" + fmt.Sprintf(d.tombstones, filter)
	}
	return statement
}

const financialYear = "toUInt16(toYear(e.referred_on) - (toMonth(e.referred_on) < 4))"

// tombstoneRows selects the live rows of outcome whose episode is now in
// another year.
func tombstoneRows(c *schema.Catalogue) string {
	row := []string{"o.patient_id", "o.episode_id", "assumeNotNull(seen.version)", "toUInt8(0)"}
	for _, col := range c.Columns() {
		switch col.Name {
		case "programme", "fy", "referred_on":
			row = append(row, "o."+col.Name)
		default:
			row = append(row, "defaultValueOfTypeName("+schema.Literal(col.Type)+")")
		}
	}
	return "SELECT " + strings.Join(row, ", ") + `
FROM (SELECT patient_id, episode_id, programme, fy, referred_on FROM outcome FINAL PREWHERE %s WHERE live = 1) AS o
JOIN derive_episode AS e ON o.patient_id = e.patient_id AND o.episode_id = e.episode_id
JOIN seen ON o.patient_id = seen.patient_id
WHERE o.fy != ` + financialYear
}
