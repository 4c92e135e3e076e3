package read

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// outOfRange is what the engine says of a value that has no code: a category newer
// than the list of its levels, or a number beyond its column's bound. It would
// run into its neighbours.
const outOfRange = "lumbar: value without a code"

// errOutOfRange says so of a stream.
var errOutOfRange = errors.New("a number is beyond what its column can hold, or new categories keep coming: rebuild outcome, then ask again")

// patterns asks for one row for each distinct pattern of codings: first those of
// the groups, then those of the columns.
type patterns struct {
	s          *statement
	source     string
	by         int
	codings    []coding
	missing    bool     // a missing value of a column is a value
	conditions []string // of a complete row
	response   *term
	answered   string // where not empty: whether a row has its response
	most       int
	words      []word
}

// code says which fields a pattern is made of.
func (r *Reader) code(ctx context.Context, s *statement, sel Selection, columns []string) ([]coding, error) {
	fields := make([]field, 0, len(sel.By)+len(columns))
	var named []field // those of which the levels are needed
	place := map[int]int{}
	for i, name := range append(append([]string{}, sel.By...), columns...) {
		f, err := s.field(name)
		if err != nil {
			return nil, err
		}
		if i < len(sel.By) && f.key == "" {
			return nil, fmt.Errorf("store: cannot group by %s, which is a measurement: group by a dimension or a category", name)
		}
		if i < len(sel.By) || f.isCategory() {
			place[i] = len(named)
			named = append(named, f)
		}
		fields = append(fields, f)
	}
	known, err := r.levelsOf(ctx, sel.Programme, named)
	if err != nil {
		return nil, err
	}
	codings := make([]coding, len(fields))
	for i, f := range fields {
		if at, ok := place[i]; ok {
			codings[i] = s.categoryCoding(f, known[at])
		} else {
			codings[i] = numberCoding(f)
		}
	}
	return codings, nil
}

// text writes the statement.
func (p *patterns) text() string {
	p.words = pack(p.codings)
	var words, names []string
	codes, guards := p.codes()
	for i, w := range p.words {
		text := "CAST(" + w.text() + ", 'UInt64')"
		if i == 0 && len(guards) > 0 {
			text += " + throwIf(" + strings.Join(guards, " OR ") + ", '" + outOfRange + "')"
		}
		names = append(names, "_w"+strconv.Itoa(i))
		words = append(words, text+" AS _w"+strconv.Itoa(i))
	}
	codes, words = append(codes, p.rowValues()...), append(words, p.rowNames()...)
	if len(codes) == 0 {
		codes, words = []string{"1 AS _one"}, []string{"_one"}
	}
	inner := "SELECT " + strings.Join(codes, ", ") + " " + p.rows()
	text := "SELECT " + strings.Join(append(append([]string{}, names...), p.aggregates()...), ", ") +
		" FROM (SELECT " + strings.Join(words, ", ") + " FROM (" + inner + "))"
	if len(names) > 0 {
		list := strings.Join(names, ", ")
		text += " GROUP BY " + list + " ORDER BY " + list
	}
	return text + settings + fmt.Sprintf(", max_rows_to_group_by = %d, group_by_overflow_mode = 'throw', max_result_rows = %d, result_overflow_mode = 'throw'", p.most, p.most)
}

// codes writes each coding of a row as _c0, _c1, …, and when one of them is out
// of range.
func (p *patterns) codes() (codes, guards []string) {
	for i, c := range p.codings {
		code, least := c.nullable()
		if i >= p.by && !p.missing {
			code, least = c.code, 1
		}
		codes = append(codes, fmt.Sprintf("%s AS _c%d", code, i))
		if c.form != float && !c.text {
			guards = append(guards, fmt.Sprintf("_c%d < %d OR _c%d > %d", i, least, i, c.most))
		}
	}
	return codes, guards
}

// distinctText writes the statement that counts the values of each column.
func (p *patterns) distinctText() string {
	counts := make([]string, len(p.codings))
	for i, c := range p.codings {
		code, _ := c.nullable()
		counts[i] = "uniq(" + code + ")"
	}
	return "SELECT " + strings.Join(counts, ", ") + " " + p.rows() + settings
}

// rows are the complete rows of the selection.
func (p *patterns) rows() string {
	text := p.source
	for _, condition := range p.conditions {
		text += " AND " + condition
	}
	return text
}

// rowValues are the response's values of a row.
func (p *patterns) rowValues() []string {
	if p.response == nil {
		return nil
	}
	value, zero := p.response.float, "toFloat64(0)"
	if p.response.unit > 0 {
		value, zero = p.response.units, "toInt64(0)"
	}
	if p.answered == "" {
		return []string{value + " AS _y"}
	}
	return []string{"if(" + p.answered + ", " + value + ", " + zero + ") AS _y", "(" + p.answered + ") AS _a"}
}

func (p *patterns) rowNames() []string {
	switch {
	case p.response == nil:
		return nil
	case p.answered == "":
		return []string{"_y"}
	}
	return []string{"_y", "_a"}
}

// split says whether squares of the response are summed in two halves: see planSums.
func (p *patterns) split() bool {
	return p.response != nil && p.response.unit > 0 && p.response.bound*p.response.bound > sumLimit/maxRows
}

func (p *patterns) aggregates() []string {
	out := []string{"toInt64(count())"}
	if p.response == nil {
		return out
	}
	if p.answered != "" {
		out = append(out, "toInt64(sum(_a))")
	} else {
		out = append(out, "toInt64(count())")
	}
	out = append(out, "sum(_y)")
	if p.split() {
		return append(out, fmt.Sprintf("sum(bitShiftRight(_y * _y, %d))", halfBits), fmt.Sprintf("sum(bitAnd(_y * _y, %d))", 1<<halfBits-1))
	}
	return append(out, "sum(_y * _y)")
}
