//go:build shared

package instruments

import (
	"bytes"
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

// vectorGroups reads the specification's vectors, the cases of each group.
func vectorGroups(t *testing.T) map[string][]json.RawMessage {
	t.Helper()
	text, err := os.ReadFile(sharedPath(t, "spec", "instrument-vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var groups map[string][]json.RawMessage
	if err := json.Unmarshal(text, &groups); err != nil {
		t.Fatal(err)
	}
	return groups
}

// vector is one case of a group.
type vector[In, Out any] struct {
	Input  In
	Expect Out
}

// vectors reads one group of the specification's vectors. Numbers that are read
// into an any stay as they are written.
func vectors[In, Out any](t *testing.T, group string) []vector[In, Out] {
	t.Helper()
	var cases []vector[In, Out]
	for _, text := range vectorGroups(t)[group] {
		var c vector[In, Out]
		if err := decodeNumbers(text, &c); err != nil {
			t.Fatalf("group %s: %v", group, err)
		}
		cases = append(cases, c)
	}
	if len(cases) == 0 {
		t.Fatalf("group %s has no cases", group)
	}
	return cases
}

// decodeNumbers reads JSON, numbers in an any as they are written.
func decodeNumbers(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return decoder.Decode(into)
}
