//go:build shared

package fhir_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// shared is the folder of the data that is not committed.
func shared(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("LUMBAR_SHARED"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "..", "shared")
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
}

// TestPublishedExample: the example of a PHQ-9 in German, whose codes have no
// system, totals 27 as it says itself.
func TestPublishedExample(t *testing.T) {
	names, err := filepath.Glob(filepath.Join(shared(t), "data", "fhir", "*.json"))
	if err != nil || len(names) != 4 {
		t.Fatalf("%v, %v: want four files", names, err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		r := one(t, string(text))
		if !strings.HasPrefix(filepath.Base(name), "QuestionnaireResponse") {
			if len(r.Reasons) != 1 || r.Reasons[0].Field != "resourceType" || r.Reasons[0].Rule != "not_accepted_here" {
				t.Errorf("%s: %v, want that its type is not taken", filepath.Base(name), r.Reasons)
			}
			continue
		}
		if len(r.Reasons) > 0 || len(r.Responses) != 1 {
			t.Fatalf("%v, want one response", r.Reasons)
		}
		v := &r.Responses[0]
		if v.SuppliedScore == nil || *v.SuppliedScore != 27 || r.Mismatches() != 0 {
			t.Errorf("supplied %v with %d mismatches, want 27 as ours", v.SuppliedScore, r.Mismatches())
		}
		if got := strings.Join(r.Flags, " "); got != "item9_positive" {
			t.Errorf("flags %q, want item9_positive", got)
		}
		if v.Instrument != "phq9" || len(v.Codes) != 10 || v.Codes[8] != 3 || v.Codes[9] != 3 {
			t.Errorf("%s %v, want phq9 with ten codes of 3", v.Instrument, v.Codes)
		}
	}
}
