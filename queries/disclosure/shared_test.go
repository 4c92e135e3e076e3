//go:build shared

package disclosure

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// sharedDir is the folder of shared data: LUMBAR_SHARED, else beside the repository.
func sharedDir(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("LUMBAR_SHARED"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	for err == nil {
		if _, e := os.Stat(filepath.Join(dir, "go.mod")); e == nil {
			return filepath.Join(dir, "..", "shared")
		}
		if dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	t.Fatal("no go.mod above the test: set LUMBAR_SHARED")
	return ""
}

func TestCountAgreesWithTheSharedVectors(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(sharedDir(t), "spec", "instrument-vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var groups map[string]json.RawMessage
	if err := json.Unmarshal(text, &groups); err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Input  int64           `json:"input"`
		Expect json.RawMessage `json:"expect"`
	}
	if err := json.Unmarshal(groups["hes_count"], &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) < 12 {
		t.Fatalf("%d cases of hes_count, want at least 12", len(cases))
	}
	for _, c := range cases {
		got := `"*"`
		if n, ok := Count(c.Input); ok {
			text, _ := json.Marshal(n)
			got = string(text)
		}
		if got != string(c.Expect) {
			t.Errorf("Count(%d) = %s, want %s", c.Input, got, c.Expect)
		}
	}
}
