package write

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/store/schema"
)

// mappedTable is the table of an index that depends on age and sex too.
type mappedTable struct {
	column   string
	checksum string // of its content: a derivation by another table is another one
	rows     uint64
	bands    []instruments.AgeBand
}

// tablesOf returns the table of each mapped score of the catalogue, by column.
func tablesOf(c *schema.Catalogue) map[string]mappedTable {
	tables := map[string]mappedTable{}
	for _, p := range c.Programmes {
		for _, s := range p.Scores {
			if _, known := tables[s.Column]; known || !s.Mapped() {
				continue
			}
			t := mappedTable{column: s.Column}
			sum := sha256.New()
			s.Score.Mapping().Rows(func(profile int32, ages instruments.AgeBand, sex string, value float64) {
				t.rows++
				if !slices.Contains(t.bands, ages) {
					t.bands = append(t.bands, ages)
				}
				fmt.Fprintln(sum, profile, ages.From, ages.To, sex, strconv.FormatFloat(value, 'g', -1, 64))
			})
			t.checksum = hex.EncodeToString(sum.Sum(nil))
			tables[s.Column] = t
		}
	}
	return tables
}

// fillMappings stores the tables of the catalogue's mapped scores. A table goes
// in with one insert, so that it is there whole or not at all.
func (w *Writer) fillMappings(ctx context.Context, c *schema.Catalogue) error {
	tables := tablesOf(c)
	for _, p := range c.Programmes {
		for _, s := range p.Scores {
			t, ok := tables[s.Column]
			if !ok {
				continue
			}
			delete(tables, s.Column)
			if err := w.fillMapping(ctx, t, s.Score.Mapping()); err != nil {
				return fmt.Errorf("store: fill table mapping of %s: %w", s.Column, err)
			}
		}
	}
	return nil
}

func (w *Writer) fillMapping(ctx context.Context, t mappedTable, m *instruments.Mapping) error {
	var stored uint64
	if err := w.conn.QueryRow(ctx, "SELECT count() FROM mapping WHERE score = ? AND checksum = ?", t.column, t.checksum).Scan(&stored); err != nil {
		return err
	}
	if stored == t.rows {
		return nil
	}
	batch, err := w.conn.PrepareBatch(ctx, "INSERT INTO mapping (score, checksum, profile, sex, age_from, age_to, value)")
	if err != nil {
		return err
	}
	defer func() { _ = batch.Close() }()
	m.Rows(func(profile int32, ages instruments.AgeBand, sex string, value float64) {
		if err == nil {
			err = batch.Append(t.column, t.checksum, profile, sex, uint8(ages.From), uint8(min(ages.To, 255)), value)
		}
	})
	if err != nil {
		return err
	}
	return batch.Send()
}

// mappedStage adds to the winners the indices that are a function of a profile
// that won a cell, the person's sex, and the age at answering: that at referral
// and the whole years since. Without an age or a sex that a table has there is
// none. The tables are joined to the winners themselves: a stage that is named
// twice is computed twice.
func mappedStage(cells []cell) string {
	byTable := map[string][]cell{}
	var tables []mappedTable
	for _, c := range cells {
		if c.profile == 0 {
			continue
		}
		if byTable[c.table.column] == nil {
			tables = append(tables, c.table)
		}
		byTable[c.table.column] = append(byTable[c.table.column], c)
	}
	const stage = "  filled AS (\n    SELECT "
	if len(tables) == 0 {
		return stage + "* FROM winner)"
	}
	var found, joins, more []string
	for i, t := range tables {
		var from, to []string
		for _, c := range byTable[t.column] {
			from, to = append(from, strconv.Itoa(c.profile)), append(to, strconv.Itoa(c.id))
		}
		m := "m" + strconv.Itoa(i)
		found = append(found, m+".value AS value_"+m)
		joins = append(joins, `LEFT ANY JOIN (SELECT profile, toString(sex) AS sex, age_from, value FROM mapping
      WHERE score = `+schema.Literal(t.column)+` AND checksum = `+schema.Literal(t.checksum)+`
        AND profile IN (SELECT units FROM derive_score WHERE score = `+schema.Literal(byTable[t.column][0].profileScore)+`)) AS `+m+`
      ON if(w.cell IN (`+strings.Join(from, ", ")+`), w.units, NULL) = `+m+`.profile AND toString(w.sex) = `+m+`.sex AND `+t.band("w.years")+` = `+m+`.age_from`)
		more = append(more, "if(value_"+m+" IS NULL, [], [(transform(cell, ["+strings.Join(from, ", ")+"], CAST(["+strings.Join(to, ", ")+"], 'Array(UInt16)'), toUInt16(0)), value_"+m+")])")
	}
	return stage + `patient_id, episode_id, answered_on, units, predicted, tupleElement(pair, 1) AS cell, tupleElement(pair, 2) AS value
    FROM (SELECT patient_id, episode_id, answered_on, units, predicted, arrayConcat([(cell, value)], ` + strings.Join(more, ", ") + `) AS pairs
      FROM (SELECT w.*, ` + strings.Join(found, ", ") + "\n    FROM winner AS w\n    " + strings.Join(joins, "\n    ") + `))
    ARRAY JOIN pairs AS pair)`
}

// band is the first age of the table's band that an age is in, 0 of none.
func (t mappedTable) band(age string) string {
	text := "toUInt8(multiIf("
	for _, b := range t.bands {
		text += fmt.Sprintf("%s BETWEEN %d AND %d, %d, ", age, b.From, b.To, b.From)
	}
	return text + "0))"
}

// personColumns are what a mapped index needs to know of the person, and years
// the age at answering of a row that has them; nothing where none is mapped.
func personColumns(cells []cell) (columns, years string) {
	if !slices.ContainsFunc(cells, func(c cell) bool { return c.profile != 0 }) {
		return "", ""
	}
	return ", sex, age, referred_on", ", e.sex AS sex, if(e.age = 0, 0, e.age + age('year', e.referred_on, a.answered_on)) AS years"
}
