package wire

import (
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/jsontext"
	"github.com/lumbar-health/lumbar/instruments"
)

// Flat reads one row of a table that stands as a JSON object under the names of
// its columns, as the decoders of tables quote a refused one.
type Flat struct {
	text      []byte
	converter *Converter
	read      bool
}

// NewFlat reads the object.
func NewFlat(in ingest.Input) (*Flat, error) {
	text, err := io.ReadAll(in.Reader)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(text) || !json.Valid(text) {
		return nil, &ingest.FileError{Source: in.Name, Wrong: "is no row of a table", Advice: "let the sender send it again"}
	}
	return &Flat{text: text, converter: NewConverter(in.Setting)}, nil
}

// Next fills rec with the row, once.
func (d *Flat) Next(rec *ingest.Record) error {
	if d.read {
		return io.EOF
	}
	d.read, rec.Line = true, 1
	members, ok := jsontext.Members(d.text, nil)
	if !ok {
		rec.Reject("record", ingest.RuleMalformed)
		return nil
	}
	row := Row{Kind: KindResponse}
	for _, m := range members {
		if m.Name == "kind" {
			if rule := setKind(&row, valueOf(m.Raw)); rule != "" {
				rec.Reject("kind", rule)
			}
		}
	}
	for _, m := range members {
		setColumn(&row, rec, m)
	}
	setItems(&row, members)
	if rec.ID = row.Value; len(rec.Reasons) == 0 {
		d.converter.Convert(&row, rec)
	}
	if len(rec.Reasons) > 0 {
		flagMembers(members, rec)
	}
	return nil
}

// Quote returns the object as it came.
func (d *Flat) Quote() (body []byte, whole bool) { return d.text, true }

// setColumn puts a cell into the row.
func setColumn(row *Row, rec *ingest.Record, m jsontext.Member) {
	field, known := Fields[m.Name]
	v := valueOf(m.Raw)
	switch {
	case itemNumber(m.Name) > 0 || v.Kind == Null:
	case known && field.Kinds&row.Kind != 0:
		if m.Name == "answers" && v.Kind == JSON {
			*v = answersOf(m.Raw)
		}
		if rule := field.Set(row, v); rule != "" {
			rec.Reject(strings.ReplaceAll(field.Path, ".", "_"), rule)
		}
	case known || row.Kind != KindEpisode:
		rec.Reject(fieldName(m.Name), ingest.RuleUnknownField)
	default:
		row.Extra = append(row.Extra, Extra{Name: m.Name, Value: *v})
	}
}

// maxItems is more than any questionnaire has.
const maxItems = 200

// itemNumber is the number of an item's column, item_1 …; 0 for other names.
func itemNumber(name string) int {
	digits, ok := strings.CutPrefix(name, "item_")
	n, err := strconv.Atoi(digits)
	if !ok || err != nil || n < 1 || n > maxItems {
		return 0
	}
	return n
}

// setItems puts the item columns of a response into the row.
func setItems(row *Row, members []jsontext.Member) {
	if row.Kind != KindResponse {
		return
	}
	var items []json.RawMessage
	for _, m := range members {
		n := itemNumber(m.Name)
		for len(items) < n {
			items = append(items, json.RawMessage("null"))
		}
		if n > 0 {
			items[n-1] = m.Raw
		}
	}
	if len(items) > 0 {
		v := codesOf(items)
		_ = setAnswers(row, &v) // a list is always taken
	}
}

// answersOf is a list of answers, as tables have them; anything else stays JSON.
func answersOf(raw []byte) Value {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return Value{Kind: JSON, Raw: raw}
	}
	return codesOf(list)
}

// codesOf makes a list of answers; what is no whole number keeps its JSON.
func codesOf(list []json.RawMessage) Value {
	v := Value{Kind: Codes}
	for _, raw := range list {
		one := valueOf(raw)
		switch {
		case one.Kind == Null:
			v.List = append(v.List, instruments.Missing)
		case one.Kind == Number && one.Whole && one.Int > -1<<15 && one.Int < 1<<15 && int16(one.Int) != instruments.Missing && int16(one.Int) != instruments.Unreadable:
			v.List = append(v.List, int16(one.Int))
		default:
			text, err := json.Marshal(list)
			if err != nil {
				text = []byte("[]") // impossible: each was valid
			}
			return Value{Kind: Codes, Raw: text}
		}
	}
	return v
}

// flagMembers looks at the answers of a refused row, whatever kind it says it is.
func flagMembers(members []jsontext.Member, rec *ingest.Record) {
	row := Row{Kind: KindResponse}
	var unheard ingest.Record // what is wrong with it was said
	for _, m := range members {
		if f := Fields[m.Name]; f != nil && f.Kinds&KindResponse != 0 && m.Name != "kind" {
			setColumn(&row, &unheard, m)
		}
	}
	row.Kind = KindResponse
	setItems(&row, members)
	FlagRow(&row, rec)
}
