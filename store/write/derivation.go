package write

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/store/schema"
)

// derivation is how facts become outcome, by the registered programmes: their
// windows, scores and current algorithms. It is there twice. The rules derive in
// Go what is written. The statements derive the same in SQL, and are the check:
// each programme's episodes by one of their own, with every column of outcome.
// Their tables derive_episode and derive_score are the current facts of some
// patients and live as long as the connection. A change of one goes with the same
// change of the other, and shows in the checksum.
type derivation struct {
	catalogue *schema.Catalogue
	episodes  string // takes the filter
	scores    string // takes the filter
	branches  []branch
	columns   []string // all of outcome, as the check compares them
	checksum  string
	// In Go: the rules of the branches, and how many cells there are.
	rules []rules
	stems int
}

// branch derives the episodes of one programme, or those of all programmes that
// are not registered.
type branch struct {
	schema.Programme
	rest   []string // the registered programmes, of the branch of all others
	tables map[string]mappedTable
}

func newDerivation(c *schema.Catalogue) derivation {
	d := derivation{catalogue: c, episodes: episodeSnapshot(c), scores: scoreSnapshot, columns: slices.Clone(keyColumns)}
	var registered []string
	tables := tablesOf(c)
	for _, p := range c.Programmes {
		d.branches = append(d.branches, branch{Programme: p, tables: tables})
		registered = append(registered, p.ID)
	}
	d.branches = append(d.branches, branch{rest: registered})
	for _, col := range c.Columns() {
		d.columns = append(d.columns, schema.Quote(col.Name))
	}
	text := d.episodes + d.scores
	for _, p := range d.branches {
		text += d.rows(p, p.cells(), d.catalogue.Columns())
	}
	d.inGo()
	sum := sha256.Sum256([]byte(text))
	d.checksum = hex.EncodeToString(sum[:])
	return d
}

// inGo prepares the derivation in Go. Programmes that share a column share its
// place among the cells.
func (d *derivation) inGo() {
	stems := map[string]int{}
	for _, p := range d.branches {
		r := newRules(p)
		for i := range r.cells {
			c := &r.cells[i]
			if _, known := stems[c.stem]; !known {
				stems[c.stem] = len(stems)
			}
			c.column = stems[c.stem]
		}
		d.rules = append(d.rules, r)
	}
	d.stems = len(stems)
}

// keyColumns are those of outcome that no question names.
var keyColumns = []string{"patient_id", "episode_id", "version", "live"}

// of is the condition that a column names a programme of the branch.
func (p branch) of(column string) string {
	if p.ID != "" {
		return column + " = " + schema.Literal(p.ID)
	}
	if len(p.rest) == 0 {
		return "1"
	}
	names := make([]string, len(p.rest))
	for i, name := range p.rest {
		names[i] = schema.Literal(name)
	}
	return column + " NOT IN (" + strings.Join(names, ", ") + ")"
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
const scoreSnapshot = `CREATE TEMPORARY TABLE derive_score ENGINE = Memory AS
SELECT *, version = max(version) OVER (PARTITION BY patient_id, response_id)
  AND reported_by = 'patient' AND (units IS NOT NULL OR value IS NOT NULL) AS counts
FROM (
  SELECT patient_id, response_id, score, algorithm, value_set, version, programme, episode_id, timepoint, answered_at, answered_on, reported_by, units, value, predicted
  FROM score PREWHERE %s
  ORDER BY patient_id, response_id, score, algorithm, value_set, version DESC
  LIMIT 1 BY patient_id, response_id, score, algorithm, value_set)`

func scoreKey(s schema.ScoreColumn) string {
	return strings.Join([]string{s.Name, s.Algorithm, s.ValueSet}, "|")
}

// within says whether some of the programmes are the branch's.
func (p branch) within(programmes []string) bool {
	return slices.ContainsFunc(programmes, func(id string) bool {
		return id == p.ID || p.ID == "" && !slices.Contains(p.rest, id)
	})
}

// selected returns the expressions that fill the columns; one that the branch
// does not have is missing.
func (d derivation) selected(p branch, cells []cell, columns []schema.Column) string {
	derived := map[string]string{
		"fy":        financialYear,
		"wait_days": "toInt32(dateDiff('day', e.referred_on, e.first_contact_on))",
		"age_band":  "if(e.age_band != '', toString(e.age_band), " + ageBand() + ")",
	}
	for _, c := range cells {
		for _, name := range c.columns() {
			derived[name] = "wide." + schema.Quote(name)
		}
	}
	expressions := []string{
		"e.patient_id AS patient_id", "e.episode_id AS episode_id", "assumeNotNull(seen.version) AS version",
		"toUInt8(e.status != 'entered-in-error') AS live",
	}
	for _, col := range columns {
		name := schema.Quote(col.Name)
		expression, ok := derived[col.Name]
		switch {
		case ok:
		case d.catalogue.Shared(col.Name) || slices.Contains(p.Covariates, col.Name):
			expression = "e." + name
		default:
			expression = missing(col)
		}
		expressions = append(expressions, expression+" AS "+name)
	}
	return strings.Join(expressions, ",\n  ")
}

// missing is a column's value where there is none.
func missing(c schema.Column) string { return "defaultValueOfTypeName(" + schema.Literal(c.Type) + ")" }

// ageBand derives the band of an age in years; an age outside all bands has none.
func ageBand() string {
	var b strings.Builder
	b.WriteString("multiIf(")
	for _, band := range programme.AgeBands() {
		fmt.Fprintf(&b, "e.age BETWEEN %d AND %d, %s, ", band.From, band.To, schema.Literal(band.Label))
	}
	return b.String() + "'')"
}

// rows is the statement that returns the derived rows of a branch.
func (d derivation) rows(p branch, cells []cell, columns []schema.Column) string {
	wide := ""
	if len(cells) > 0 {
		wide = "\nLEFT JOIN wide ON e.patient_id = wide.patient_id AND e.episode_id = wide.episode_id"
	}
	return withStages(p, cells) + "SELECT\n  " + d.selected(p, cells, columns) + `
FROM mine AS e` + wide + `
LEFT JOIN seen ON e.patient_id = seen.patient_id`
}

const financialYear = "toUInt16(toYear(e.referred_on) - (toMonth(e.referred_on) < 4))"
