//go:build shared

package instruments

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// sharedPath finds a file of the shared folder: LUMBAR_SHARED, else ../shared
// beside the checkout.
func sharedPath(t *testing.T, parts ...string) string {
	t.Helper()
	folder := os.Getenv("LUMBAR_SHARED")
	if folder == "" {
		root, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for {
			if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
				break
			}
			if root == filepath.Dir(root) {
				t.Fatal("no go.mod above the test: set LUMBAR_SHARED")
			}
			root = filepath.Dir(root)
		}
		folder = filepath.Join(root, "..", "shared")
	}
	return filepath.Join(append([]string{folder}, parts...)...)
}

// vectors reads one group of the specification's vectors.
func vectors[In, Out any](t *testing.T, group string) []struct {
	Input  In
	Expect Out
} {
	t.Helper()
	text, err := os.ReadFile(sharedPath(t, "spec", "instrument-vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var groups map[string]json.RawMessage
	if err := json.Unmarshal(text, &groups); err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Input  In
		Expect Out
	}
	if err := json.Unmarshal(groups[group], &cases); err != nil || len(cases) == 0 {
		t.Fatalf("group %s: %d cases, %v", group, len(cases), err)
	}
	return cases
}
