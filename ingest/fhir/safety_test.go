package fhir_test

import (
	"strings"
	"testing"
)

// TestSafety: what the answers say of safety is flagged, whatever else is wrong
// with the response.
func TestSafety(t *testing.T) {
	phq := func(codes ...int) string {
		return answered("urn:lumbar:questionnaire:phq9|1", items(of("phq9"), integers(codes...)...), "")
	}
	positive, negative := phq(0, 0, 0, 0, 0, 0, 0, 0, 2), phq(0, 0, 0, 0, 0, 0, 0, 0, 0)
	ces := answered("urn:lumbar:questionnaire:ces", items(func(i int) string { return "ces" + string(rune('0'+i)) }, `"valueBoolean":true`, `"valueBoolean":false`), "")
	for name, c := range map[string]struct {
		text, flags string
		refused     bool
	}{
		"accepted":               {positive, "item9_positive", false},
		"negative":               {negative, "", false},
		"abandoned":              {change(positive, "completed", "stopped"), "item9_positive", false},
		"withdrawn":              {change(positive, "completed", "entered-in-error"), "", false},
		"withdrawn and wrong":    {change(change(positive, "completed", "entered-in-error"), subject, `{}`), "", true},
		"nobody's":               {change(positive, subject, `{"display":"x"}`), "item9_positive", true},
		"no status":              {change(positive, `"status":"completed",`, ""), "item9_positive", true},
		"unknown version":        {change(positive, "phq9|1", "phq9|2001"), "item9_positive", true},
		"unknown questionnaire":  {change(positive, "urn:lumbar:questionnaire:phq9|1", "https://a.example/Questionnaire/PHQ-9-german|3"), "item9_positive", true},
		"known by its linkIds":   {change(positive, "urn:lumbar:questionnaire:phq9|1", "https://a.example/Questionnaire/mood"), "item9_positive", true},
		"no questionnaire":       {change(positive, `"questionnaire":"urn:lumbar:questionnaire:phq9|1",`, ""), "item9_positive", true},
		"out of range":           {change(positive, `"valueInteger":0`, `"valueInteger":9`), "item9_positive", true},
		"item 9 out of range":    {change(positive, `"valueInteger":2`, `"valueInteger":9`), "item9_missing", true},
		"item 9 a text":          {change(positive, `"valueInteger":2`, `"valueString":"often"`), "item9_missing", true},
		"two ticks, one unknown": {change(positive, `{"valueInteger":2}`, `{"valueInteger":2},{"valueCoding":{"system":"x","code":"y"}}`), "item9_positive", true},
		"contradictory":          {change(positive, `{"valueInteger":2}`, `{"valueCoding":{"code":"0","extension":[{"url":"http://hl7.org/fhir/StructureDefinition/ordinalValue","valueDecimal":2}]}}`), "item9_positive", true},
		"two lists of items":     {change(negative, `"item":`, `"item":[],"item":`), "safety_unreadable", true},
		"no items":               {answered("urn:lumbar:questionnaire:phq9", "[]", ""), "safety_unreadable", true},
		"not JSON":               {positive[:len(positive)-1], "safety_unreadable", true},
		"too long":               {change(positive, "urn:forms", strings.Repeat("x", 2<<20)), "safety_unreadable", true},
		"not UTF-8":              {change(positive, "urn:forms", "\xff"), "safety_unreadable", true},
		"other questionnaire":    {change(odi(), subject, `{}`), "", true},
		"cauda equina":           {change(ces, subject, `{}`), "ces_p0", true},
		"an unread cauda equina": {change(ces, `"status"`, `"status" "`), "safety_unreadable", true},
		"an unread ODI":          {change(odi(), `"status"`, `"status" "`), "", true},
	} {
		r := one(t, c.text)
		if got := strings.Join(r.Flags, " "); got != c.flags && !(name == "two lists of items" && strings.Contains(got, c.flags)) || len(r.Reasons) > 0 != c.refused {
			t.Errorf("%s: flags %q, reasons %v; want %q, refused %v", name, got, r.Reasons, c.flags, c.refused)
		}
	}
}
