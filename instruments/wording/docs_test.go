package wording

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"testing/fstest"
)

// The packs that docs/instruments/wording.md shows load.
func TestDocumentedPacksLoad(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "instruments", "wording.md"))
	if err != nil {
		t.Fatal(err)
	}
	validate := schema(t)
	shown := regexp.MustCompile("(?ms)^```yaml\n(instrument: .+?)^```$").FindAllSubmatch(text, -1)
	if len(shown) != 2 {
		t.Fatalf("the document shows %d packs, want 2", len(shown))
	}
	for _, m := range shown {
		if _, err := read(fstest.MapFS{"shown.yaml": {Data: m[1]}}); err != nil {
			t.Errorf("%v\n%s", err, m[1])
		}
		if err := validate(string(m[1])); err != nil {
			t.Errorf("the schema refuses it: %v\n%s", err, m[1])
		}
	}
}
