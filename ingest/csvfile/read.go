package csvfile

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/wire"
	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/programme"
)

// tooLarge is a code that no item allows.
const tooLarge = 32000

// lineReader reads the rows of a line. The cells are those of the line at hand.
type lineReader struct {
	plan    plan
	setting ingest.Setting
	cells   [][]byte
	texts   map[string]string // words that repeat
	page    strings.Builder   // holds texts that do not
	value   wire.Value
	reasons []missingItem
	why     []string
	named   [2]string // instrument and version whose items are in keys
	keys    []instruments.Item
}

type missingItem struct {
	item int
	why  string
}

// text returns a cell as a string: the same one for words that repeat.
func (l *lineReader) text(cell []byte, unique bool) string {
	if unique || len(cell) > 32 {
		return l.paged(cell)
	}
	if s, ok := l.texts[string(cell)]; ok {
		return s
	}
	if len(l.texts) > 10_000 {
		clear(l.texts)
	}
	s := string(cell)
	l.texts[s] = s
	return s
}

// pageSize is how much text shares a piece of memory: each text of its own would
// cost more to make than to read.
const pageSize = 16 << 10

// paged returns a cell as a string.
func (l *lineReader) paged(cell []byte) string {
	if len(cell) > pageSize/8 {
		return string(cell)
	}
	if l.page.Len()+len(cell) > l.page.Cap() {
		l.page = strings.Builder{}
		l.page.Grow(pageSize)
	}
	from := l.page.Len()
	l.page.Write(cell)
	return l.page.String()[from:]
}

// absent reports whether a cell says nothing.
func (l *lineReader) absent(cell []byte) bool {
	return len(cell) == 0 || l.plan.blank[string(cell)]
}

// exists reports whether the line has the row.
func (l *lineReader) exists(p *rowPlan) bool {
	for _, at := range p.onlyIf {
		if !l.absent(l.cells[at]) {
			return true
		}
	}
	return len(p.onlyIf) == 0
}

// read fills row. What is wrong goes into rec; where it is nil the row is read
// for its answers, whatever else it holds.
func (l *lineReader) read(p *rowPlan, row *wire.Row, rec *ingest.Record) {
	row.Reset()
	if row.Kind = p.kind; row.Kind == 0 {
		l.kind(p, row, rec)
	}
	for i := range p.fields {
		b := &p.fields[i]
		text, rule := l.fieldText(b)
		switch {
		case rule != "":
		case text == "" || b.name == "kind":
			continue
		case b.field == nil && row.Kind == wire.KindEpisode:
			row.Extra = append(row.Extra, wire.Extra{Name: b.name, Value: wire.Value{Kind: wire.Text, Text: text}})
		case b.field == nil || b.field.Kinds&row.Kind == 0:
			rule = ingest.RuleUnknownField
		default:
			rule = l.set(b, row, text)
		}
		if rule != "" && rec != nil {
			rec.Reject(p.prefix+b.name, rule)
		}
	}
	l.readCovariates(row)
	l.readItems(p, row, rec == nil)
}

// kind finds the kind of the row, which decides what its fields mean.
func (l *lineReader) kind(p *rowPlan, row *wire.Row, rec *ingest.Record) {
	for i := range p.fields {
		if b := &p.fields[i]; b.name == "kind" && rec != nil {
			if rule := b.field.SetCell(row, &l.value, l.text(l.cells[b.column], false)); rule != "" {
				rec.Reject(b.name, rule)
			}
		}
	}
	if row.Kind == 0 {
		row.Kind = wire.KindResponse
	}
}

// fieldText is the field's text after the mapping's tables.
func (l *lineReader) fieldText(b *binding) (text, rule string) {
	if b.column < 0 {
		return b.value, ""
	}
	cell := l.cells[b.column]
	if l.absent(cell) || len(b.missing) > 0 && b.missing[string(cell)] {
		return "", ""
	}
	if b.codes != nil {
		text, ok := b.codes[string(cell)]
		if !ok {
			text, ok = b.codes[plainNumber(cell)]
		}
		if !ok {
			return "", ingest.RuleNotAllowed
		}
		return b.before + text + b.after, ""
	}
	text = l.text(cell, b.unique)
	if b.before != "" || b.after != "" {
		text = b.before + text + b.after
	}
	return text, ""
}

// plainNumber writes 1.0 as 1: some writers of tables have no whole numbers
// where one is missing. Other texts are no code.
func plainNumber(cell []byte) string {
	var v wire.Value
	if !wire.ParseCell(string(cell), &v) || v.Kind != wire.Number || !v.Whole {
		return ""
	}
	return strconv.FormatInt(v.Int, 10)
}

// set puts a text into the row.
func (l *lineReader) set(b *binding, row *wire.Row, text string) (rule string) {
	if len(b.dates) == 0 {
		return b.field.SetCell(row, &l.value, text)
	}
	for i := range b.dates {
		if at, ok := b.dates[i].parse(text); ok {
			return b.field.Set(row, &wire.Value{Kind: wire.Instant, At: at})
		}
	}
	return ingest.RuleMalformed
}

// readCovariates makes numbers of the covariates that are numbers in the row's
// programme.
func (l *lineReader) readCovariates(row *wire.Row) {
	if len(row.Extra) == 0 {
		return
	}
	p, ok := l.setting.Programme(row.Programme)
	if !ok {
		return
	}
	for i := range row.Extra {
		x := &row.Extra[i]
		for j := range p.Covariates {
			if c := &p.Covariates[j]; c.Name == x.Name && c.Kind != programme.Category {
				wire.ParseCell(x.Value.Text, &x.Value) // a text that is no number stays one
			}
		}
	}
}

// readItems reads the item columns of a response. Those that no row of the
// table's narrower questionnaires has are empty. A row that is only flagged
// needs its reasons as JSON.
func (l *lineReader) readItems(p *rowPlan, row *wire.Row, flagged bool) {
	if len(p.items) == 0 || row.Kind != wire.KindResponse {
		return
	}
	row.FromTable = true
	l.reasons = l.reasons[:0]
	plain := true
	for i := range p.items {
		code, isCode := l.code(&p.items[i], i)
		row.Codes = append(row.Codes, code)
		plain = plain && isCode
	}
	if !plain {
		row.Answers = l.answers(p)
	}
	switch {
	case len(l.reasons) > 0 && flagged:
		row.Missing = l.missing(row)
	case len(l.reasons) > 0:
		row.ItemMissing = l.byItem(len(p.items))
	}
}

// code reads an item's answer: instruments.Missing where there is none. isCode
// is false where it is no whole number.
func (l *lineReader) code(b *itemBinding, i int) (code int16, isCode bool) {
	if b.column < 0 {
		return instruments.Missing, true
	}
	cell := l.cells[b.column]
	if len(cell) == 1 && cell[0] >= '0' && cell[0] <= '9' && b.codes == nil && b.missing == nil && l.plan.blank == nil {
		return int16(cell[0] - '0'), true
	}
	if l.absent(cell) {
		return instruments.Missing, true
	}
	if b.missing != nil {
		why, ok := b.missing[string(cell)]
		if !ok {
			why, ok = b.missing[plainNumber(cell)]
		}
		if ok {
			l.reasons = append(l.reasons, missingItem{i, why})
			return instruments.Missing, true
		}
	}
	if b.codes != nil {
		if code, ok := b.codes[string(cell)]; ok {
			return code, true
		}
		if code, ok := b.codes[plainNumber(cell)]; ok {
			return code, true
		}
		return instruments.Unreadable, true
	}
	if !wire.ParseCell(string(cell), &l.value) || l.value.Kind != wire.Number {
		return 0, false
	}
	switch x := l.value.Number; {
	case x != math.Trunc(x):
		return 0, false
	case math.Abs(x) < tooLarge:
		return int16(x), true
	}
	return tooLarge, true
}

// answers writes the items as JSON: fractions, names of codes and truth values
// are for the instrument to read, and a list is several boxes ticked.
func (l *lineReader) answers(p *rowPlan) []byte {
	text := []byte{'['}
	for i := range p.items {
		if i > 0 {
			text = append(text, ',')
		}
		b := &p.items[i]
		code, isCode := l.code(b, i)
		v := wire.Value{Kind: wire.Codes, List: []int16{code}}
		if isCode {
			one := v.AppendJSON(nil)
			text = append(text, one[1:len(one)-1]...)
			continue
		}
		cell := string(l.cells[b.column])
		if cell[0] == '[' && json.Valid([]byte(cell)) {
			text = append(text, cell...)
			continue
		}
		if !wire.ParseCell(cell, &v) {
			v = wire.Value{Kind: wire.Text, Text: cell}
		}
		text = v.AppendJSON(text)
	}
	return append(text, ']')
}

// byItem is why items have no answer, by their place.
func (l *lineReader) byItem(n int) []string {
	l.why = append(l.why[:0], make([]string, n)...)
	for _, m := range l.reasons {
		l.why[m.item] = m.why
	}
	return l.why
}

// missing writes why items have no answer, by their keys.
func (l *lineReader) missing(row *wire.Row) []byte {
	if named := [2]string{row.Instrument, row.InstrumentVersion}; named != l.named {
		l.named, l.keys = named, nil
		if d, err := instruments.Lookup(instruments.ID(row.Instrument), row.InstrumentVersion); err == nil {
			l.keys = d.Items // else the row is refused for it
		}
	}
	why := map[string]string{}
	for _, m := range l.reasons {
		if m.item < len(l.keys) {
			why[l.keys[m.item].Key] = m.why
		}
	}
	text, err := json.Marshal(why)
	if err != nil {
		return nil // impossible: texts can be written
	}
	return text
}
