package wire

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/lumbar-health/lumbar/ingest"
)

// ReadObject reads one JSON object into row. What is wrong goes into the
// record's reasons: an unknown or repeated field, a value of the wrong type.
// kinds are those that are accepted here; a row that does not name its kind is
// a response, or where those are not accepted the one kind that is.
func ReadObject(text []byte, kinds Kind, row *Row, rec *ingest.Record) {
	if !utf8.Valid(text) {
		rec.Reject("record", ingest.RuleEncoding)
		return
	}
	members, ok := readMembers(text, nil)
	if !ok {
		rec.Reject("record", ingest.RuleMalformed)
		return
	}
	row.Kind = kinds.Otherwise()
	for i := range members {
		if m := &members[i]; m.name == "kind" {
			if rule := setKind(row, valueOf(m.raw)); rule != "" {
				rec.Reject("kind", rule)
				return
			}
		}
	}
	if row.Kind&kinds == 0 {
		rec.Reject("kind", ingest.RuleNotAcceptedHere)
		return
	}
	seen := make(map[string]bool, len(members))
	for i := range members {
		m := &members[i]
		switch {
		case seen[m.name]:
			rec.Reject(fieldName(m.name), ingest.RuleRepeated)
		case groups[m.name]:
			readGroup(m, row, rec)
		default:
			setMember(row, rec, m.name, m.name, m.raw)
		}
		seen[m.name] = true
	}
}

// member is a name and its value in an object.
type member struct {
	name string
	raw  json.RawMessage
}

// readMembers returns the members of an object in their order, repeated ones
// too.
func readMembers(text []byte, list []member) ([]member, bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, false
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, false
		}
		name, ok := t.(string)
		if !ok {
			return nil, false
		}
		var raw json.RawMessage
		if d.Decode(&raw) != nil {
			return nil, false
		}
		list = append(list, member{name, raw})
	}
	if _, err := d.Token(); err != nil {
		return nil, false
	}
	return list, len(bytes.TrimSpace(text[d.InputOffset():])) == 0
}

// readGroup reads a nested object: id, patient, code.
func readGroup(group *member, row *Row, rec *ingest.Record) {
	if string(group.raw) == "null" {
		return
	}
	members, ok := readMembers(group.raw, nil)
	if !ok {
		rec.Reject(group.name, ingest.RuleType)
		return
	}
	for i := range members {
		setMember(row, rec, group.name+"_"+members[i].name, group.name+"."+members[i].name, members[i].raw)
	}
}

// setMember puts a value into the row. name is the table's, path the JSON one.
func setMember(row *Row, rec *ingest.Record, name, path string, raw json.RawMessage) {
	f, known := Fields[name]
	if known && f.Path == path && f.Kinds&row.Kind != 0 {
		v := valueOf(raw)
		if v.Kind == Text && f.Name == "missing" {
			rec.Reject(path, ingest.RuleType) // text is for tables
			return
		}
		if rule := f.Set(row, v); rule != "" {
			rec.Reject(path, rule)
		}
		return
	}
	if row.Kind == KindEpisode && !known && !strings.Contains(path, ".") {
		row.Extra = append(row.Extra, Extra{Name: name, Value: *valueOf(raw)})
		return
	}
	rec.Reject(fieldName(path), ingest.RuleUnknownField)
}

// valueOf reads a JSON value.
func valueOf(raw json.RawMessage) *Value {
	switch {
	case len(raw) == 0 || raw[0] == 'n':
		return &Value{}
	case raw[0] == '"':
		var s string
		if json.Unmarshal(raw, &s) != nil {
			return &Value{Kind: JSON, Raw: raw}
		}
		return &Value{Kind: Text, Text: s}
	case raw[0] == 't':
		return &Value{Kind: Bool, Int: 1}
	case raw[0] == 'f':
		return &Value{Kind: Bool}
	case raw[0] == '{' || raw[0] == '[':
		return &Value{Kind: JSON, Raw: raw}
	}
	v := &Value{Kind: Number}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err == nil {
		v.Int, v.Whole, v.Number = n, true, float64(n)
		return v
	}
	x, err := strconv.ParseFloat(string(raw), 64)
	if err != nil {
		return &Value{Kind: JSON, Raw: raw} // too large for any field
	}
	v.SetNumber(x)
	return v
}

// SetNumber makes v a number; 2.0 is the whole number 2.
func (v *Value) SetNumber(x float64) {
	*v = Value{Kind: Number, Number: x}
	if n := int64(x); float64(n) == x && n > -1<<53 && n < 1<<53 {
		v.Int, v.Whole = n, true
	}
}

// fieldName makes a sender's word for a field safe to repeat: short, of
// letters, digits and a few signs, so that no value can pose as a name.
func fieldName(name string) string {
	if len(name) > 64 {
		return "field"
	}
	for _, c := range name {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '.' || c == '-') {
			return "field"
		}
	}
	return name
}
