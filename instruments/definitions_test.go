package instruments

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

func TestDefinitionsFollowTheSchema(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("definitions/definition.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	names, err := fs.Glob(definitionFiles, "definitions/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(names) != len(All()) {
		t.Errorf("%d files, %d definitions", len(names), len(All()))
	}
	for _, name := range names {
		text, err := fs.ReadFile(definitionFiles, name)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(yamlDocument(t, text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The schema must be able to refuse: each of these breaks one rule of it.
	odi, err := fs.ReadFile(definitionFiles, "definitions/odi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, edit := range [][2]string{
		{"id: odi", "id: ODI"},
		{"algorithm: odi-1", "algorithm: odi"},
		{"label: walking", "label: a label of five words"},
		{"rule: percent_of_maximum", "rule: percent"},
		{"unit: 18", "unit: 1.5"},
		{"licence:", "license:"},
		{"responder: pct30", "responder: none"},
		{"mic: 10", "mic: 0"},
	} {
		broken := bytes.Replace(odi, []byte(edit[0]), []byte(edit[1]), 1)
		if schema.Validate(yamlDocument(t, broken)) == nil {
			t.Errorf("the schema accepts %q", edit[1])
		}
	}
}

// yamlDocument reads YAML as the schema validator wants a document.
func yamlDocument(t *testing.T, text []byte) any {
	t.Helper()
	asJSON, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestLabelsAreOurOwn(t *testing.T) {
	text, err := os.ReadFile("testdata/labels.txt")
	if err != nil {
		t.Fatal(err)
	}
	ours := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "#") {
			ours[line] = false
		}
	}
	check := func(where, label string) {
		if n := len(strings.Fields(label)); n < 1 || n > 4 {
			t.Errorf("%s: label %q has %d words, want 1 to 4", where, label, n)
		}
		if _, ok := ours[label]; !ok {
			t.Errorf("%s: label %q is not in testdata/labels.txt", where, label)
		}
		ours[label] = true
	}
	for _, d := range All() {
		for _, it := range d.Items {
			check(it.Key, it.Label)
		}
		for _, s := range d.Scores {
			check(s.Column(), s.Label)
		}
	}
	for label, used := range ours {
		if !used {
			t.Errorf("label %q of testdata/labels.txt is used nowhere", label)
		}
	}
}

func TestRegistry(t *testing.T) {
	var ids []string
	for _, d := range All() {
		ids = append(ids, string(d.ID)+" "+d.Version)
	}
	for _, want := range []string{"eq5d3l 1", "eq5d5l 1", "eqvas 1", "nrs_back 1week", "nrs_leg 1week", "odi 2.1a", "ohs 2007", "oks 2007"} {
		if !slices.Contains(ids, want) {
			t.Errorf("no definition %s", want)
		}
	}
	if !slices.IsSorted(ids) {
		t.Errorf("All is not sorted: %v", ids)
	}
	for _, version := range []string{"", "2.1a"} {
		if d, err := Lookup("odi", version); err != nil || d.ID != "odi" {
			t.Errorf("Lookup(odi, %q) = %v, %v", version, d, err)
		}
	}
	if _, err := Lookup("odi", "1.0"); !errors.Is(err, ErrUnknownVersion) {
		t.Errorf("Lookup(odi, 1.0): %v, want ErrUnknownVersion", err)
	}
	if _, err := Lookup("odj", ""); !errors.Is(err, ErrUnknownInstrument) || strings.Contains(err.Error(), "odj") {
		t.Errorf("Lookup(odj): %v, want ErrUnknownInstrument without the name", err)
	}
	if v := RegistryVersion(); len(v) != 16 {
		t.Errorf("RegistryVersion() = %q, want 16 hex digits", v)
	}
}

func TestColumns(t *testing.T) {
	want := map[string]ID{
		"eq5d3l_uk3l_mvh_a1": "eq5d3l", "eq5d5l_uk5l_rowen2026": "eq5d5l", "eqvas": "eqvas", "nrs_back": "nrs_back",
		"nrs_leg": "nrs_leg", "odi": "odi", "ohs": "ohs", "oks": "oks",
	}
	var last string
	for _, s := range ScoreColumns() {
		if s.Column() <= last {
			t.Errorf("column %s after %s", s.Column(), last)
		}
		last = s.Column()
		if found, ok := ScoreByColumn(s.Column()); !ok || found != s {
			t.Errorf("ScoreByColumn(%s) finds another score", s.Column())
		}
	}
	for column, id := range want {
		s, ok := ScoreByColumn(column)
		if !ok || s.Instrument != id {
			t.Errorf("ScoreByColumn(%s): %v, want one of %s", column, ok, id)
			continue
		}
		if of := ScoresOf(id); len(of) != 1 || of[0] != s {
			t.Errorf("ScoresOf(%s) = %d scores, want %s alone", id, len(of), column)
		}
	}
	if _, ok := ScoreByColumn("eq5d5l"); ok {
		t.Error("an index without its value set has a column")
	}
}

// The VAS of EQ-5D is the score eqvas in everything but where it is read from.
func TestSharedScoreIsTheOwners(t *testing.T) {
	own, _ := ScoreByColumn("eqvas")
	for _, id := range []ID{"eq5d3l", "eq5d5l"} {
		d, err := Lookup(id, "")
		if err != nil {
			t.Fatal(err)
		}
		s := d.Scores[1]
		if s.Column() != "eqvas" || s.Instrument != "eqvas" || s.Algorithm != own.Algorithm || s.Unit != own.Unit {
			t.Errorf("%s: VAS is %s of %s, algorithm %s", id, s.Column(), s.Instrument, s.Algorithm)
		}
		out := make([]Scored, 2)
		for _, codes := range [][]int16{{Missing, 1, 1, 1, 1, 85}, {1, 1, 1, 1, 1, Missing}, {1, 1, 1, 1, 1}} {
			if err := d.Score(&Administration{Codes: codes}, out); err != nil {
				t.Fatal(err)
			}
			if answered := len(codes) == 6 && codes[5] == 85; out[1].HasUnits != answered || answered && out[1].Units != 85 || out[0].HasUnits == answered {
				t.Errorf("%s %v: index %+v, VAS %+v", id, codes, out[0], out[1])
			}
		}
	}
}

func TestDefinitionAsJSON(t *testing.T) {
	d, err := Lookup("eq5d5l", "")
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Direction string
		Scores    []struct {
			Column, Algorithm, Direction string
			Parameters                   struct{ Decrements [][]int }
			Items                        []string
		}
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	index := got.Scores[0]
	if got.Direction != "higher_better" || index.Column != "eq5d5l_uk5l_rowen2026" || index.Algorithm != "eq5d5l-1" ||
		index.Direction != "higher_better" || len(index.Items) != 5 || index.Parameters.Decrements[3][4] != 479 {
		t.Errorf("JSON of eq5d5l lacks what a reader of the score needs: %s", text)
	}
}

// registryOf builds a registry of the built-in files with further ones.
func registryOf(t *testing.T, further map[string]string) (*registry, error) {
	t.Helper()
	files := fstest.MapFS{}
	names, err := fs.Glob(definitionFiles, "definitions/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(definitionFiles, name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: text}
	}
	for name, text := range further {
		files["definitions/"+name] = &fstest.MapFile{Data: []byte(text)}
	}
	return newRegistry(files)
}

// definitionOf builds one definition beside the built-in ones.
func definitionOf(t *testing.T, id ID, text string) *Definition {
	t.Helper()
	r, err := registryOf(t, map[string]string{string(id) + ".yaml": text})
	if err != nil {
		t.Fatal(err)
	}
	d, err := r.lookup(id, "")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// fileOf returns the text of a built-in definition.
func fileOf(t *testing.T, id ID) string {
	t.Helper()
	text, err := fs.ReadFile(definitionFiles, "definitions/"+string(id)+".yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
