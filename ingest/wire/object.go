package wire

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/jsontext"
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
	var room [32]jsontext.Member
	members, ok := []jsontext.Member(nil), json.Valid(text)
	if ok {
		members, ok = jsontext.Members(text, room[:0])
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
		if m := &members[i]; m.Name == "kind" {
			if rule := setKind(row, valueOf(m.Raw)); rule != "" {
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
		case repeated(members[:i], m.Name):
			rec.Reject(fieldName(m.Name), ingest.RuleRepeated)
		case groups[m.Name]:
			readGroup(m, row, rec)
		default:
			setMember(row, rec, m.Name, m.Name, m.Raw)
		}
	}
}

// repeated reports whether one of the members has the name. A record has few.
func repeated(members []jsontext.Member, name string) bool {
	return slices.ContainsFunc(members, func(m jsontext.Member) bool { return m.Name == name })
}

// maxMembers is more than any row has; comparing each with each stays cheap.
const maxMembers = 200

// readGroup reads a nested object: id, patient, code.
func readGroup(group *jsontext.Member, row *Row, rec *ingest.Record) {
	if string(group.Raw) == "null" {
		return
	}
	var room [4]jsontext.Member
	members, ok := jsontext.Members(group.Raw, room[:0])
	if !ok || len(members) > maxMembers {
		rec.Reject(group.Name, ingest.RuleType)
		return
	}
	for i := range members {
		if repeated(members[:i], members[i].Name) {
			rec.Reject(fieldName(group.Name+"."+members[i].Name), ingest.RuleRepeated)
			return
		}
		setMember(row, rec, group.Name+"_"+members[i].Name, group.Name+"."+members[i].Name, members[i].Raw)
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
