package instruments

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

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
	for _, want := range []string{
		"ces 1", "eq5d3l 1", "eq5d5l 1", "eqvas 1", "fft v1", "fft v2", "gad2 1", "gad7 1", "gpe gpe-11", "mskhq 1", "nrs_back 1week", "nrs_back 24h",
		"nrs_back now", "nrs_leg 1week", "nrs_leg 24h", "nrs_leg now", "odi 2.1a", "ohs 2007", "oks 2007", "pgic pgic-a", "pgic pgic-b", "phq2 1", "phq9 1",
		"promis29 2.1", "pseq 10", "rmdq24 24", "startback9 2008", "startmsk10 2017", "tsk11 11", "work_status 1", "wpai_shp 2.0",
	} {
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
	want := map[ID][]string{ // measured, then nominal; the mapped indices need their tables
		"ces": {"", "ces"}, "eq5d3l": {"eq5d3l_uk3l_mvh_a1", ""}, "eqvas": {"eqvas", ""},
		"eq5d5l": {"eq5d5l_eng5l_devlin2018 eq5d5l_uk5l_rowen2026 eq5d5l_xw_vanhout2012_uk3l", "eq5d5l_profile"},
		"fft":    {"fft fft_negative", ""}, "gad2": {"gad2", ""}, "gad7": {"gad7", ""}, "gpe": {"gpe", ""}, "mskhq": {"mskhq", ""},
		"nrs_back": {"nrs_back", ""}, "nrs_leg": {"nrs_leg", ""}, "odi": {"odi", ""}, "ohs": {"ohs", ""}, "oks": {"oks", ""},
		"pgic": {"pgic pgic_global_change", ""}, "phq2": {"phq2", ""}, "phq9": {"phq9", ""}, "pseq": {"pseq", ""},
		"promis29": {"promis29_anx promis29_dep promis29_fat promis29_pain promis29_pf promis29_pi promis29_sleep promis29_soc", ""},
		"rmdq24":   {"rmdq24", ""}, "startback9": {"startback9 startback9_subscale", "startback9_risk"}, "startmsk10": {"startmsk10", ""},
		"tsk11": {"tsk11", ""}, "work_status": {"work_status_days_off", "work_status"},
		"wpai_shp": {"wpai_shp_absenteeism wpai_shp_activity wpai_shp_overall wpai_shp_presenteeism", ""},
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
	for _, d := range All() {
		if _, ok := want[d.ID]; !ok {
			t.Errorf("say here which columns %s has", d.ID)
		}
	}
	for id, columns := range want {
		var measured, nominal []string
		for _, s := range ColumnsOf(id) {
			if s.Instrument != id {
				t.Errorf("ColumnsOf(%s) has %s of %s", id, s.Column(), s.Instrument)
			}
			if found, ok := ScoreByColumn(s.Column()); ok != s.Measured() || ok && found != s {
				t.Errorf("ScoreByColumn(%s): %v", s.Column(), ok)
			}
			if s.Measured() {
				measured = append(measured, s.Column())
			} else {
				nominal = append(nominal, s.Column())
			}
		}
		if got := strings.Join(measured, " "); got != columns[0] || len(ScoresOf(id)) != len(measured) {
			t.Errorf("%s: measured %s, want %s", id, got, columns[0])
		}
		if got := strings.Join(nominal, " "); got != columns[1] {
			t.Errorf("%s: nominal %s, want %s", id, got, columns[1])
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
		at := scoreAt(t, d, "eqvas")
		s := d.Scores[at]
		if s.Column() != "eqvas" || s.Instrument != "eqvas" || s.Algorithm != own.Algorithm || s.Unit != own.Unit {
			t.Errorf("%s: VAS is %s of %s, algorithm %s", id, s.Column(), s.Instrument, s.Algorithm)
		}
		out := make([]Scored, len(d.Scores))
		for _, codes := range [][]int16{{Missing, 1, 1, 1, 1, 85}, {1, 1, 1, 1, 1, Missing}, {1, 1, 1, 1, 1}} {
			if err := d.Score(&Administration{Codes: codes}, out); err != nil {
				t.Fatal(err)
			}
			if answered := len(codes) == 6 && codes[5] == 85; out[at].Known != answered || answered && out[at].Units != 85 || out[0].Known == answered {
				t.Errorf("%s %v: index %+v, VAS %+v", id, codes, out[0], out[at])
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
	return newRegistry("", files)
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
