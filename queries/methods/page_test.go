package methods

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/methods from the register")

// TestPagesAreTheRegister holds that docs/methods has a page for every method,
// as the register says it, and none for another.
func TestPagesAreTheRegister(t *testing.T) {
	dir := filepath.Join("..", "..", "docs", "methods")
	if *update {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range All() {
		path := filepath.Join(dir, m.Name+".md")
		if *update {
			if err := os.WriteFile(path, []byte(m.Markdown()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Errorf("%s has no page: go test ./queries/methods -update writes it", m.Name)
			continue
		}
		if string(got) != m.Markdown() {
			t.Errorf("%s is not what the register says: go test ./queries/methods -update", path)
		}
	}
	pages, err := filepath.Glob(filepath.Join(dir, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		name := strings.TrimSuffix(filepath.Base(page), ".md")
		if _, ok := Find(name); !ok && name != "README" {
			t.Errorf("%s is a page of no method", page)
		}
	}
}

func TestEveryMethodSaysWhatItIs(t *testing.T) {
	for _, m := range All() {
		p := m.Page
		for name, s := range map[string]string{"title": p.Title, "when": p.When, "variant": p.Variant, "assumptions": p.Assumes, "formula": p.Formula, "reference": p.Reference, "checked against": p.Checked} {
			if s == "" {
				t.Errorf("%s has no %s", m.Name, name)
			}
		}
	}
}
