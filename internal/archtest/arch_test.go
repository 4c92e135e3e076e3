// Package archtest holds the architecture: which room may import which, and
// where other people's code may stand (ARCHITECTURE.md, section 3).
package archtest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const module = "github.com/lumbar-health/lumbar/"

// rooms maps a room to the rooms of ours that it may import. The longest
// matching prefix decides; a room may always import itself and what is below it.
var rooms = map[string][]string{
	"cmd/lumbar":       {"*"},
	"instruments":      {}, // with instruments/wording and instruments/page, which know it and which it does not know
	"record":           {"instruments"},
	"programme":        {"instruments", "record"},
	"analytics":        {}, // families: see TestFamiliesKeepTheirOrder
	"simulate":         {"instruments", "record", "programme"},
	"ingest":           {"instruments", "record", "programme"},
	"ingest/http":      {"ingest", "instruments", "record", "programme", "web"},
	"care":             {"instruments", "record", "programme", "web"},
	"store":            {"instruments", "record", "programme", "analytics/moments"},
	"queries":          {"instruments", "record", "programme", "analytics", "store", "simulate"},
	"queries/api":      {"queries", "web"},
	"dashboards":       {"queries", "web"},
	"web":              {"access"},
	"access":           {"record"},
	"internal":         {"*"},
	"internal/bench":   {"*"},
	"internal/chtest":  {"store", "instruments", "record", "programme", "analytics/moments"},
	"internal/browser": {},
}

// places maps other people's modules to the rooms that may import them.
var places = map[string][]string{
	"github.com/ClickHouse/clickhouse-go": {"store", "internal"},
	"github.com/ebitengine/purego":        {"store"},
	"github.com/apache/arrow":             {"ingest", "store", "queries/export", "simulate", "internal", "cmd/lumbar"},
	"gonum.org/v1/gonum":                  {"analytics"},
	"github.com/gorilla/mux":              {"ingest/http", "queries/api", "dashboards", "care", "web", "cmd/lumbar"},
}

// plain are the rooms that use the standard library and a YAML parser only.
var plain = []string{"instruments", "record", "programme"}

type pkg struct {
	ImportPath   string
	Dir          string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func TestImportsStayInTheirRooms(t *testing.T) {
	for _, p := range packages(t) {
		here := strings.TrimPrefix(p.ImportPath, module)
		for _, imp := range p.Imports {
			if strings.HasPrefix(imp, module) {
				there := strings.TrimPrefix(imp, module)
				if !mayImport(here, there) {
					t.Errorf("%s imports %s: the room %s may use only %v", here, there, room(here), rooms[room(here)])
				}
				continue
			}
			for mod, where := range places {
				if strings.HasPrefix(imp, mod) && !within(here, where) {
					t.Errorf("%s imports %s: it belongs in %v", here, imp, where)
				}
			}
			if within(here, plain) && strings.Contains(strings.Split(imp, "/")[0], ".") && !strings.HasPrefix(imp, "github.com/goccy/go-yaml") {
				t.Errorf("%s imports %s: this room uses the standard library and a YAML parser only", here, imp)
			}
		}
	}
}

// families is the order that analytics/doc.go states: a family may import only
// those before it.
func TestFamiliesKeepTheirOrder(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join(root(t), "analytics", "doc.go"))
	if err != nil {
		t.Fatal(err)
	}
	place := map[string]int{}
	for i, m := range regexp.MustCompile(`(?m)^//\t(\w+)`).FindAllStringSubmatch(string(doc), -1) {
		place[m[1]] = i + 1
	}
	for _, p := range packages(t) {
		here, ok := strings.CutPrefix(p.ImportPath, module+"analytics/")
		if !ok {
			continue
		}
		if place[here] == 0 {
			t.Errorf("analytics/%s does not stand in the order of analytics/doc.go", here)
		}
		for _, imp := range p.Imports {
			there, ok := strings.CutPrefix(imp, module+"analytics/")
			if ok && place[there] >= place[here] {
				t.Errorf("analytics/%s imports analytics/%s, which stands after it", here, there)
			}
		}
	}
}

// TestNoCodeNamesAProgramme holds that a programme is data. The decoder of a
// programme's own file format and the simulator write its name.
func TestNoCodeNamesAProgramme(t *testing.T) {
	allowed := []string{"programme/", "simulate/", "ingest/nhsproms/", "internal/"}
	walk(t, func(path, text string) {
		if strings.HasSuffix(path, "_test.go") || hasPrefix(path, allowed) {
			return
		}
		for i, line := range strings.Split(text, "\n") {
			code, _, _ := strings.Cut(line, "//")
			for _, name := range []string{`"back-pain"`, `"nhs-proms"`} {
				if strings.Contains(code, name) {
					t.Errorf("%s:%d names the programme %s: read it from the programme's file", path, i+1, name)
				}
			}
		}
	})
}

func TestFilesStayReadable(t *testing.T) {
	walk(t, func(path, text string) {
		if n := strings.Count(text, "\n"); n > 800 {
			t.Errorf("%s has %d lines: split it by idea (800 at most)", path, n)
		}
	})
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	for _, p := range packages(t) {
		if strings.HasSuffix(p.ImportPath, "/archtest") {
			continue
		}
		if _, err := os.Stat(filepath.Join(p.Dir, "doc.go")); err != nil && !strings.HasPrefix(strings.TrimPrefix(p.ImportPath, module), "internal/") {
			t.Errorf("%s has no doc.go that says what it is and what it never does", p.ImportPath)
		}
	}
}

// TestScoringKnowsNoWording holds that the definitions and rules stand without
// the packages that show them.
func TestScoringKnowsNoWording(t *testing.T) {
	for _, p := range packages(t) {
		if p.ImportPath != module+"instruments" {
			continue
		}
		for _, imp := range append(p.Imports, p.TestImports...) {
			if strings.HasPrefix(imp, module) {
				t.Errorf("instruments imports %s: scoring needs no wording and no page", imp)
			}
		}
	}
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = root(t)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// room is the longest entry of rooms that here lies in.
func room(here string) string {
	best := ""
	for r := range rooms {
		if (here == r || strings.HasPrefix(here, r+"/")) && len(r) > len(best) {
			best = r
		}
	}
	return best
}

func mayImport(here, there string) bool {
	r := room(here)
	if r == "" {
		return false
	}
	if r == "analytics" && strings.HasPrefix(there, "analytics") {
		return true
	}
	for _, ok := range append([]string{r}, rooms[r]...) {
		if ok == "*" || there == ok || strings.HasPrefix(there, ok+"/") {
			return true
		}
	}
	return false
}

func within(here string, list []string) bool {
	for _, r := range list {
		if here == r || strings.HasPrefix(here, r+"/") {
			return true
		}
	}
	return false
}

func hasPrefix(path string, list []string) bool {
	for _, p := range list {
		if strings.HasPrefix(path, p) {
			return true
		}
	}
	return false
}

// walk calls f for every Go file of ours.
func walk(t *testing.T, f func(path, text string)) {
	t.Helper()
	top := root(t)
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".") && path != top) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(top, path)
		if err != nil {
			return err
		}
		f(filepath.ToSlash(rel), string(b))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// root is the folder of go.mod.
func root(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		t.Fatal(err)
	}
	s := bufio.NewScanner(bytes.NewReader(out))
	s.Scan()
	return s.Text()
}
