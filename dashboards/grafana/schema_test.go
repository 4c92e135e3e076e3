package grafana

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestBoardsFitGrafanasTypes compiles every board as a value of the types that
// Grafana publishes on npm, and sees that a wrong board does not compile.
func TestBoardsFitGrafanasTypes(t *testing.T) {
	const folder = "schemacheck"
	if _, err := os.Stat(filepath.Join(folder, "node_modules", "typescript")); err != nil {
		install := exec.Command("npm", "ci", "--no-audit", "--no-fund", "--loglevel=error")
		install.Dir = folder
		if out, err := install.CombinedOutput(); err != nil {
			t.Fatalf("npm ci in %s: %v\n%s", folder, err, out)
		}
	}
	boards, err := filepath.Glob("boards/*.json")
	if err != nil || len(boards) == 0 {
		t.Fatalf("no boards: %v", err)
	}
	check := func(paths ...string) (string, error) {
		out, err := exec.Command("node", append([]string{filepath.Join(folder, "check.mjs")}, paths...)...).CombinedOutput()
		return string(out), err
	}
	if out, err := check(boards...); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(boards[0])
	if err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(t.TempDir(), "broken.json")
	wrong := strings.Replace(string(text), `"mapping": "auto"`, `"mapping": "automatic"`, 1)
	if err := os.WriteFile(broken, []byte(wrong), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := check(broken); err == nil || !strings.Contains(out, "automatic") {
		t.Errorf("a board with an unknown mapping passes: %v\n%s", err, out)
	}
}
