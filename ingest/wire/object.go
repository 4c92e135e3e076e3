package wire

import (
	"encoding/json"
	"slices"
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
	var room [32]member
	members, ok := []member(nil), json.Valid(text)
	if ok {
		members, ok = readMembers(text, room[:0])
	}
	if !ok {
		rec.Reject("record", ingest.RuleMalformed)
		return
	}
	if len(members) > maxMembers {
		rec.Reject("record", ingest.RuleTooLong)
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
	for i := range members {
		m := &members[i]
		switch {
		case repeated(members[:i], m.name):
			rec.Reject(fieldName(m.name), ingest.RuleRepeated)
		case groups[m.name]:
			readGroup(m, row, rec)
		default:
			setMember(row, rec, m.name, m.name, m.raw)
		}
	}
}

// repeated reports whether one of the members has the name. A record has few.
func repeated(members []member, name string) bool {
	return slices.ContainsFunc(members, func(m member) bool { return m.name == name })
}

// maxMembers is more than any row has; comparing each with each stays cheap.
const maxMembers = 200

// member is a name and its value in an object.
type member struct {
	name string
	raw  json.RawMessage
}

// readMembers returns the members of an object in their order, repeated ones
// too. The text is valid JSON.
func readMembers(text []byte, list []member) ([]member, bool) {
	at := skipBlank(text, 0)
	if at >= len(text) || text[at] != '{' {
		return nil, false
	}
	for at = skipBlank(text, at+1); text[at] != '}'; {
		end := skipValue(text, at)
		name := string(text[at+1 : end-1])
		if strings.IndexByte(name, '\\') >= 0 && json.Unmarshal(text[at:end], &name) != nil {
			return nil, false
		}
		at = skipBlank(text, skipBlank(text, end)+1) // the colon
		end = skipValue(text, at)
		list = append(list, member{name, text[at:end]})
		if at = skipBlank(text, end); text[at] == ',' {
			at = skipBlank(text, at+1)
		}
	}
	return list, true
}

// skipValue returns the place after the value that begins at at. The text is
// valid JSON.
func skipValue(text []byte, at int) int {
	switch text[at] {
	case '"':
		for at++; text[at] != '"'; at++ {
			if text[at] == '\\' {
				at++
			}
		}
		return at + 1
	case '{', '[':
		for depth := 0; ; at++ {
			switch text[at] {
			case '"':
				at = skipValue(text, at) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return at + 1
				}
			}
		}
	}
	for at < len(text) && strings.IndexByte(",]} \t\r\n", text[at]) < 0 {
		at++
	}
	return at
}

// readGroup reads a nested object: id, patient, code.
func readGroup(group *member, row *Row, rec *ingest.Record) {
	if string(group.raw) == "null" {
		return
	}
	var room [4]member
	members, ok := readMembers(group.raw, room[:0])
	if !ok || len(members) > maxMembers {
		rec.Reject(group.name, ingest.RuleType)
		return
	}
	for i := range members {
		if repeated(members[:i], members[i].name) {
			rec.Reject(fieldName(group.name+"."+members[i].name), ingest.RuleRepeated)
			return
		}
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
		s := string(raw[1 : len(raw)-1])
		if strings.IndexByte(s, '\\') >= 0 && json.Unmarshal(raw, &s) != nil {
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
