package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestAnotherPseudonymKeyIsRefused: with another key everybody known would come
// as a stranger. The key may come from a file or from the environment.
func TestAnotherPseudonymKeyIsRefused(t *testing.T) {
	in := newInstallation(t)
	file, key := filepath.Join(t.TempDir(), "one.ndjson"), filepath.Join(t.TempDir(), "key")
	save(t, file, []byte(`{"patient":{"nhs_number":"9434765919"},"instrument":"nrs_back","answered_at":"2026-04-01","answers":[7]}`+"\n"))
	save(t, key, []byte(strings.Repeat("k", 40)+"\n"))
	t.Setenv("LUMBAR_PSEUDONYM_KEY_FILE", key)
	if r := in.imported(t, 0, file); r.Stored != 1 {
		t.Fatalf("%+v", r.Report)
	}
	t.Setenv("LUMBAR_PSEUDONYM_KEY", strings.Repeat("k", 40))
	refused(t, in.run(t, "import", file), 1, "pseudonym.key_file", "leave one out")
	t.Setenv("LUMBAR_PSEUDONYM_KEY_FILE", "")
	if r := in.imported(t, 0, file); r.Duplicate != 1 {
		t.Fatalf("the same key from the environment: %+v", r.Report)
	}
	t.Setenv("LUMBAR_PSEUDONYM_KEY", strings.Repeat("x", 40))
	r := in.run(t, "import", file)
	refused(t, r, 1, "stranger", "keys.md")
	if strings.Contains(r.err+r.out, "xxxx") {
		t.Error("the refusal tells the key")
	}
	t.Setenv("LUMBAR_PSEUDONYM_KEY", "short")
	refused(t, in.run(t, "import", file), 1, "fewer than 32 bytes")
}
