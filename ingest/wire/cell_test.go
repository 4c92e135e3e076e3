package wire_test

import (
	"testing"

	"github.com/lumbar-health/lumbar/ingest/wire"
)

// TestSetCell: a cell's text becomes what its field is.
func TestSetCell(t *testing.T) {
	for _, c := range []struct{ field, text, rule string }{
		{"age", "47", ""}, {"age", "47.0", ""}, {"age", "131", "out_of_range"}, {"age", "47.5", "type"}, {"age", "forty", "type"}, {"age", "0x2f", "type"}, {"age", "1_0", "type"},
		{"predicted", "2.5", ""}, {"predicted", "2,5", "type"}, {"predicted", "NaN", "type"}, {"predicted", "1e400", "type"}, {"predicted", "-1e3", ""},
		{"source_version", "3", ""}, {"id_value", "0012", ""}, {"provider", "true", ""},
		{"answered_at", "2026-04-01", ""}, {"answered_at", "01/04/2026", "malformed"}, {"answered_at", "20260401", "malformed"},
		{"answers", "[1,null,[0,2]]", ""}, {"answers", "21232", ""}, {"answers", "[1,", "malformed"}, {"answers", "a lot", "malformed"},
		{"kind", "event", ""}, {"kind", "events", "not_allowed"}, {"missing", `{"odi.1":"na"}`, ""}, {"age", "", ""},
	} {
		var row wire.Row
		if rule := wire.Fields[c.field].SetCell(&row, new(wire.Value), c.text); rule != c.rule {
			t.Errorf("%s = %q: rule %q, want %q", c.field, c.text, rule, c.rule)
		}
	}
	var row wire.Row
	for field, text := range map[string]string{"id_value": "0012", "age": "47.0", "answers": "21232"} {
		wire.Fields[field].SetCell(&row, new(wire.Value), text)
	}
	if row.Value != "0012" || row.Age != 47 || string(row.Answers) != `"21232"` {
		t.Errorf("the row holds %q, %d, %s", row.Value, row.Age, row.Answers)
	}
	for text, want := range map[string]wire.ValueKind{"true": wire.Bool, "FALSE": wire.Bool, "+3": wire.Number, "-0.5": wire.Number} {
		var v wire.Value
		if !wire.ParseCell(text, &v) || v.Kind != want {
			t.Errorf("ParseCell(%q) = %v, want %v", text, v.Kind, want)
		}
	}
	if !wire.MissingReason("declined") || wire.MissingReason("forgot") {
		t.Error("the reasons for a missing answer are others")
	}
}
