package grafana

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/common/model"
)

var update = flag.Bool("update", false, "rewrite the committed boards and provisioning files")

//go:generate go test . -run TestBoardsAreAsCommitted -update

// committed are where the committed files say that they are found.
const (
	committedURL    = "http://127.0.0.1:8080" + BasePath
	committedBoards = "/var/lib/grafana/dashboards/lumbar"
)

func TestBoardsAreAsCommitted(t *testing.T) {
	want, err := provisioning(committedURL, committedBoards)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range want {
		path := filepath.FromSlash(name)
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(content) {
			t.Errorf("%s differs from its Go source: run go generate ./dashboards/grafana", name)
		}
	}
	for _, pattern := range []string{"boards/*", "provisioning/*/*"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			if want[filepath.ToSlash(path)] == nil {
				t.Errorf("%s is no board of ours any more: remove it", path)
			}
		}
	}
}

func TestWriteProvisioning(t *testing.T) {
	dir := t.TempDir()
	if err := WriteProvisioning(dir, "http://lumbar.example:9000"+BasePath); err != nil {
		t.Fatal(err)
	}
	var b Board
	text, err := os.ReadFile(filepath.Join(dir, "boards", Boards()[0].UID+".json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &b); err != nil || b.UID != Boards()[0].UID {
		t.Errorf("board %q, %v", b.UID, err)
	}
	for _, bad := range []string{"", "127.0.0.1:8080", "ftp://x/y", "::"} {
		if err := WriteProvisioning(dir, bad); err == nil {
			t.Errorf("address %q is accepted", bad)
		}
	}
}

// choices are what the board's variables hold in each test run.
func choices() []map[string]string {
	return []map[string]string{
		{"programme": "alpha", "instrument": "odi", "procedure": "", "intervention": "cppp"},
		{"programme": "beta", "instrument": "ohs", "procedure": "hip", "intervention": ""},
	}
}

func TestBoardsPassTheLinter(t *testing.T) {
	for _, b := range Boards() {
		for _, problem := range lint(b) {
			t.Errorf("board %s: %s", b.UID, problem)
		}
	}
}

func TestLinterFindsFaults(t *testing.T) {
	for name, spoil := range map[string]func(*Board){
		"same id":             func(b *Board) { b.Panels[1].ID = b.Panels[0].ID },
		"overlap":             func(b *Board) { b.Panels[1].GridPos = b.Panels[0].GridPos },
		"off the grid":        func(b *Board) { b.Panels[1].GridPos.X = 20 },
		"no title":            func(b *Board) { b.Panels[0].Title = "" },
		"no description":      func(b *Board) { b.Panels[0].Description = "" },
		"no plugin version":   func(b *Board) { b.Panels[0].PluginVersion = "" },
		"no unit":             func(b *Board) { b.Panels[0].FieldConfig.Defaults.Unit = "" },
		"unknown type":        func(b *Board) { b.Panels[0].Type = "graph" },
		"other source":        func(b *Board) { b.Panels[0].Targets[0].Datasource.UID = "x" },
		"no query":            func(b *Board) { b.Panels[0].Targets = nil },
		"undeclared variable": func(b *Board) { b.Panels[0].Targets[0].Expr = `lumbar_patients{programme="$prog"}` },
		"a function":          func(b *Board) { b.Panels[0].Targets[0].Expr = `sum(lumbar_patients)` },
		"unknown metric":      func(b *Board) { b.Panels[0].Targets[0].Expr = `lumbar_nothing` },
		"same query id":       func(b *Board) { b.Panels[4].Targets[1].RefID = "A" },
		"not instant":         func(b *Board) { b.Panels[0].Targets[0].Instant = false },
		"a null list":         func(b *Board) { b.Panels[0].FieldConfig.Overrides = nil },
		"same variable":       func(b *Board) { b.Templating.List[1].Name = "programme" },
	} {
		b := Boards()[0]
		spoil(&b)
		if len(lint(b)) == 0 {
			t.Errorf("%s is not found", name)
		}
	}
}

// TestBoardFieldsAreInTheAnswers runs each panel's queries, walks its
// transformations the way Grafana does, and finds every field that a step, an
// override or an option names.
func TestBoardFieldsAreInTheAnswers(t *testing.T) {
	_, c, _ := serve(t)
	for _, b := range Boards() {
		for _, p := range b.Panels {
			if len(p.Transformations) == 0 {
				continue
			}
			values := choices()[0]
			tables := map[string][]string{}
			for _, target := range p.Targets {
				expr, err := substitute(b, target.Expr, values)
				if err != nil {
					t.Fatal(err)
				}
				v, _, _ := ask(t, c, expr)
				tables[target.RefID] = tableFields(v, target.RefID, len(p.Targets))
			}
			final, problems := walk(p, tables)
			for _, problem := range problems {
				t.Errorf("panel %q: %s", p.Title, problem)
			}
			for _, o := range p.FieldConfig.Overrides {
				if !slices.Contains(final, o.Matcher.Options) {
					t.Errorf("panel %q: the override of %q finds no such field in %q", p.Title, o.Matcher.Options, final)
				}
			}
			if x, ok := p.Options.(XYOptions); ok && !slices.Contains(final, x.Series[0].X.Matcher.Options) {
				t.Errorf("panel %q: no field %q for the x axis in %q", p.Title, x.Series[0].X.Matcher.Options, final)
			}
		}
	}
}

// tableFields are the fields that Grafana makes of a vector in table format.
func tableFields(v model.Vector, ref string, queries int) []string {
	fields := []string{"Time"}
	for _, s := range v {
		for name := range s.Metric {
			fields = append(fields, string(name))
		}
	}
	fields = uniqueSorted(fields)
	if queries == 1 {
		return append(fields, "Value")
	}
	return append(fields, "Value #"+ref)
}

func TestEveryTargetIsAnswered(t *testing.T) {
	_, c, _ := serve(t)
	for i, values := range choices() {
		for _, b := range Boards() {
			targets, err := Targets(b, values)
			if err != nil {
				t.Fatal(err)
			}
			if len(targets) < 20 {
				t.Errorf("%d queries, want the board's 20 and more", len(targets))
			}
			for _, q := range targets {
				v, _, _ := ask(t, c, q.Expr)
				if len(v) == 0 && i == 0 {
					t.Errorf("panel %q, query %s: no series for %s", q.Panel, q.RefID, q.Expr)
				}
			}
			lookups, err := Lookups(b, values)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range lookups {
				found, _, _, err := c.LabelValues(context.Background(), l.Label, []string{l.Match}, time.Unix(1, 0), time.Unix(2, 0))
				if err != nil || (len(found) == 0) != (values[l.Variable] == "") {
					t.Errorf("variable %s: values %v, %v", l.Variable, found, err)
				}
			}
		}
	}
	if _, err := Targets(Boards()[0], map[string]string{"programme": "alpha"}); err == nil {
		t.Error("a variable without a value is let through")
	}
}
