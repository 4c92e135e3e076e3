package definitiontest

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/instruments"
)

// SecondODI returns a folder with an ODI of algorithm odi-2: one item may be
// missing instead of two, and the unit is 9 instead of 18. With the former kept,
// odi-1 stands beside it as superseded.
func SecondODI(t testing.TB, keepFormer bool) string {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	text, err := os.ReadFile(filepath.Join(filepath.Dir(here), "../../instruments/definitions/odi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	head, rest, _ := strings.Cut(string(text), "scores:\n")
	former, tail, cut := strings.Cut(rest, "licence:")
	next := strings.NewReplacer("unit: 18", "unit: 9", "at_most: 2", "at_most: 1").Replace(former)
	if !cut || next == former || !strings.Contains(head, "algorithm: odi-1") {
		t.Fatal("the definition of the ODI has another form than this test expects")
	}
	if keepFormer {
		next = strings.Replace(former, "name: odi\n", "name: odi\n    algorithm: odi-1\n    superseded: true\n", 1) + next
	}
	dir := t.TempDir()
	whole := strings.Replace(head, "algorithm: odi-1", "algorithm: odi-2", 1) + "scores:\n" + next + "licence:" + tail
	if err := os.WriteFile(filepath.Join(dir, "odi.yaml"), []byte(whole), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Use reads the definitions of a folder, none where it is empty. When the test
// ends there are the built-in ones again.
func Use(t testing.TB, dir string) {
	t.Helper()
	if err := instruments.UseDefinitions(dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := instruments.UseDefinitions(""); err != nil {
			t.Error(err)
		}
	})
}
