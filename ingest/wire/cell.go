package wire

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/lumbar-health/lumbar/ingest"
)

// SetCell puts the text of a table's cell into the row: what it is, a text, a
// number or a list of answers, is told by the field. An empty one changes
// nothing. v is the caller's, to save memory. The rule is empty where all is
// well.
func (f *Field) SetCell(r *Row, v *Value, text string) (rule string) {
	if text == "" {
		return ""
	}
	*v = Value{Kind: Text, Text: text, List: v.List[:0]}
	if f.Name == "answers" && (text[0] == '[' || text[0] == '{') {
		*v = Value{Kind: JSON, Raw: []byte(text)}
		if !json.Valid(v.Raw) {
			return ingest.RuleMalformed
		}
	}
	if rule = f.set(r, v); rule != ingest.RuleType {
		return rule
	}
	if !ParseCell(text, v) {
		return ingest.RuleType
	}
	return f.set(r, v)
}

// ParseCell reads a cell that is a number or a truth value. ok is false for any
// other text. A comma is no decimal point, and 2.0 is the whole number 2.
func ParseCell(text string, v *Value) (ok bool) {
	switch strings.ToLower(text) {
	case "true":
		*v = Value{Kind: Bool, Int: 1}
		return true
	case "false":
		*v = Value{Kind: Bool}
		return true
	}
	for _, c := range []byte(text) { // no hexadecimals, no words for what is no number
		if (c < '0' || c > '9') && c != '.' && c != '-' && c != '+' && c != 'e' && c != 'E' {
			return false
		}
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		*v = Value{Kind: Number, Int: n, Whole: true, Number: float64(n)}
		return true
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return false
	}
	v.SetNumber(x)
	return true
}

// MissingReason reports whether the word is one of the reasons why an item has
// no answer.
func MissingReason(word string) bool { return missingReasons[word] }
