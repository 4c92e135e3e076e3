package fhir_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/ingest/fhir"
)

const table = `
questionnaires:
  - canonical: [https://trust.example/forms/back|3, https://trust.example/forms/back|4]
    instrument: odi
    version: 2.1a
    numbered: [q]
    items: {second-page-1: odi.10}
    score: [total]
    ignore: [comment]
    codes: {A: 0, B: 1, C: 2}
`

// use takes a site's table for the time of a test.
func use(t *testing.T, text string) error {
	t.Helper()
	path := filepath.Join(t.TempDir(), "questionnaires.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := fhir.UseQuestionnaires(""); err != nil {
			t.Error(err)
		}
	})
	return fhir.UseQuestionnaires(path)
}

// TestSiteTable: a trust's own questionnaire, its linkIds and its codes.
func TestSiteTable(t *testing.T) {
	if err := use(t, table); err != nil {
		t.Fatal(err)
	}
	list := `[{"linkId":"q1","answer":[{"valueCoding":{"system":"urn:trust","code":"B"}}]},{"linkId":"q2","answer":[{"valueInteger":5}]},{"linkId":"second-page-1","answer":[{"valueCoding":{"system":"urn:trust","code":"C"}}]},{"linkId":"total","answer":[{"valueInteger":53}]},{"linkId":"comment","answer":[{"valueString":"x"}]}]`
	v := kept(t, answered("https://trust.example/forms/back|4", list, "")).Responses[0]
	if got := fmt.Sprint(v.Codes); got != "[1 5"+strings.Repeat(" -32768", 7)+" 2]" || v.SuppliedScore == nil || v.InstrumentVersion != "2.1a" {
		t.Errorf("codes %s, supplied %v", got, v.SuppliedScore)
	}
	if r := one(t, answered("https://trust.example/forms/back|5", list, "")); len(r.Reasons) == 0 || r.Reasons[0].Rule != "unknown_instrument" {
		t.Errorf("another version: %v, want unknown_instrument", r.Reasons)
	}
	kept(t, odi()) // the built-in ones stay
}

func TestBadTables(t *testing.T) {
	for name, text := range map[string]string{
		"unknown key":        strings.Replace(table, "ignore", "ignores", 1),
		"unknown instrument": strings.Replace(table, "instrument: odi", "instrument: feet", 1),
		"unknown version":    strings.Replace(table, "2.1a", "9", 1),
		"unknown item":       strings.Replace(table, "odi.10", "odi.11", 1),
		"no address":         strings.Replace(table, "canonical: [https://trust.example/forms/back|3, https://trust.example/forms/back|4]", "canonical: []", 1),
		"a panel of nothing": "loinc: [{instrument: odi}]",
		"answers of nothing": "answers: [{codes: [a]}]",
		"not YAML":           "{",
	} {
		if err := use(t, text); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := fhir.UseQuestionnaires(filepath.Join(t.TempDir(), "none")); err == nil || strings.Contains(err.Error(), "none") {
		t.Errorf("error %v, want that the file can not be read", err)
	}
	kept(t, odi())
}
