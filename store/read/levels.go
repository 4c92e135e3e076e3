package read

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// levels are the values that a category takes anywhere in a programme: more than
// a selection needs, and read without looking at each row.
type levels struct {
	texts    []string // bytewise sorted
	keys     []int64  // of a key that is a number …
	keyTexts []string // … or the text itself
	codes    []uint32 // of each key: its text's place, from 1
}

// levelsOf returns the levels of the fields that are categories or grouped by.
func (r *Reader) levelsOf(ctx context.Context, programme string, fields []field) ([]levels, error) {
	if len(fields) == 0 {
		return nil, nil
	}
	s := newStatement(r.catalogue())
	source, err := s.everyRow(programme)
	if err != nil {
		return nil, err
	}
	parts := make([]string, len(fields))
	for i, f := range fields {
		number := "toInt64(0)"
		if !f.plain() {
			number = "ifNull(toInt64(_k), 0)"
		}
		parts[i] = fmt.Sprintf("SELECT toUInt32(%d) AS _i, %s AS _n, toString(%s) AS _t FROM (SELECT DISTINCT %s AS _k %s)", i, number, fmt.Sprintf(f.keyText, "_k"), f.key, source)
	}
	type level struct {
		key  int64
		text string
	}
	found := make([][]level, len(fields))
	err = r.direct(ctx, "levels of "+r.catalogue().Table(), s, strings.Join(parts, " UNION ALL "), func(rows driver.Rows) error {
		var i uint32
		var l level
		if err := rows.Scan(&i, &l.key, &l.text); err != nil {
			return err
		}
		if l.text != "" || fields[i].present == "1" {
			found[i] = append(found[i], l)
		}
		return nil
	})
	all := make([]levels, len(fields))
	for i, of := range found {
		var out levels
		for _, l := range of {
			out.texts = append(out.texts, l.text)
		}
		slices.Sort(out.texts)
		out.texts = slices.Compact(out.texts)
		for _, l := range of {
			place, _ := slices.BinarySearch(out.texts, l.text)
			out.keys, out.keyTexts, out.codes = append(out.keys, l.key), append(out.keyTexts, l.text), append(out.codes, uint32(place+1))
		}
		all[i] = out
	}
	return all, err
}

// everyRow is the rows of a programme in all their versions, or those of a frame.
func (s *statement) everyRow(programme string) (string, error) {
	if s.catalogue.IsFrame() {
		return s.source(Selection{})
	}
	if _, err := s.source(Selection{Programme: programme}); err != nil {
		return "", err
	}
	return "FROM outcome WHERE programme = " + s.text(programme), nil
}
