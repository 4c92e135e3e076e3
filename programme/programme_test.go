package programme

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/lumbar-health/lumbar/instruments"
)

func TestBuiltIn(t *testing.T) {
	all := All()
	if len(all) != 2 || Default() != all[0] || all[0].ID != "back-pain" || all[1].ID != "nhs-proms" {
		t.Fatalf("All() = %v, want back-pain (default) and nhs-proms", all)
	}
	if p, ok := Lookup("nhs-proms"); !ok || p != all[1] {
		t.Errorf("Lookup(nhs-proms) = %v, %v", p, ok)
	}
	if p, ok := Lookup("cataract"); ok {
		t.Errorf("Lookup(cataract) = %v, want none", p)
	}
	all[0] = nil
	if Default() == nil {
		t.Error("a caller's change of All's list changed the registry")
	}
}

func TestBackPain(t *testing.T) {
	p := Default()
	windows := map[string][4]any{
		"baseline":  {AnchorContact, 0, 14, 7},
		"discharge": {AnchorDischarge, 0, 14, 14},
		"6m":        {AnchorStart, 182, 42, 42},
		"12m":       {AnchorStart, 365, 60, 60},
	}
	for key, want := range windows {
		tp, ok := p.Timepoint(key)
		if got := [4]any{tp.Anchor, tp.Target, tp.Before, tp.After}; !ok || got != want {
			t.Errorf("Timepoint(%s) = %v, want %v (domain 2.1)", key, got, want)
		}
	}
	if p.MainFollowUp != "12m" || p.Expected != ExpectedFromModel || len(p.Interventions) != 5 || p.MinimumPerArm != 30 {
		t.Errorf("main follow-up %s, expected %s, %d interventions, %d an arm", p.MainFollowUp, p.Expected, len(p.Interventions), p.MinimumPerArm)
	}
	if n, ok := p.Intervention("cppp"); !ok || n.GuidelineStatus != "consider" {
		t.Errorf("Intervention(cppp) = %v, %v", n, ok)
	}
	if c, ok := p.Covariate("symptom_duration"); !ok || c.Kind != Category || len(c.Levels) != 4 {
		t.Errorf("Covariate(symptom_duration) = %v, %v", c, ok)
	}
	if !p.Asks("odi", "") || p.Asks("ohs", "") {
		t.Error("back pain is asked the ODI and no hip score")
	}
}

func TestAsksByProcedure(t *testing.T) {
	p, _ := Lookup("nhs-proms")
	for _, c := range []struct {
		instrument instruments.ID
		procedure  string
		want       bool
	}{
		{"ohs", "hip_primary", true}, {"ohs", "hip_revision", true}, {"ohs", "knee_primary", false},
		{"oks", "knee_revision", true}, {"oks", "hip_primary", false},
		{"eq5d3l", "knee_primary", true}, {"eqvas", "hip_revision", true},
		{"odi", "hip_primary", false}, {"ohs", "elbow_primary", false},
	} {
		if got := p.Asks(c.instrument, c.procedure); got != c.want {
			t.Errorf("Asks(%s, %s) = %v, want %v", c.instrument, c.procedure, got, c.want)
		}
	}
	if _, ok := p.Procedure("knee_revision"); !ok {
		t.Error("Procedure(knee_revision) is absent")
	}
}

func TestFilesMeetSchema(t *testing.T) {
	schema := compileSchema(t)
	names, err := fs.Glob(files, "files/*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatalf("Glob = %v, %v", names, err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(document(t, text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSchemaIsStrict shows that the schema refuses what the loader refuses, so
// that an editor that knows the schema warns before the product does.
func TestSchemaIsStrict(t *testing.T) {
	schema := compileSchema(t)
	text, _ := fs.ReadFile(files, "files/back-pain.yaml")
	for _, c := range []struct{ old, new string }{
		{"title:", "titel:"},
		{"anchor: discharge", "anchor: operation"},
		{"kind: category", "kind: free_text"},
		{"expected: case_mix", "expected: guess"},
		{"guideline_status: consider", "guideline_status: good"},
		{"minimum_per_arm: 30", "minimum_per_arm: 0"},
	} {
		broken := bytes.Replace(text, []byte(c.old), []byte(c.new), 1)
		if schema.Validate(document(t, broken)) == nil {
			t.Errorf("schema accepts %q in place of %q", c.new, c.old)
		}
		if _, err := Parse("broken.yaml", broken); err == nil {
			t.Errorf("Parse accepts %q in place of %q", c.new, c.old)
		}
	}
}

func TestLoad(t *testing.T) {
	text, _ := fs.ReadFile(files, "files/nhs-proms.yaml")
	further := strings.Replace(string(text), "programme: nhs-proms", "programme: elbow", 1)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "elbow.yaml"), []byte(further), 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := Load(os.DirFS(dir))
	if err != nil || len(list) != 1 || list[0].ID != "elbow" {
		t.Fatalf("Load = %v, %v", list, err)
	}
	for _, c := range []struct {
		name, text, want string
	}{
		{"taken.yaml", string(text), "nhs-proms is built in"},
		{"default.yaml", further + "default: true\n", "elbow: default:"},
		{"empty.yaml", "", "empty.yaml: the file is empty"},
		{"list.yaml", "- a\n", "list.yaml:"},
		{"two.yaml", further + "---\n" + further, "two.yaml: more than one document"},
	} {
		_, err := Load(fstest.MapFS{c.name: {Data: []byte(c.text)}})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Load(%s) error = %v, want %q in it", c.name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("Load(%s) error has several lines: %v", c.name, err)
		}
	}
	twice := fstest.MapFS{"a.yaml": {Data: []byte(further)}, "b.yaml": {Data: []byte(further)}}
	if _, err := Load(twice); err == nil || !strings.Contains(err.Error(), "b.yaml: programme: a.yaml has this id too") {
		t.Errorf("Load(same id twice) error = %v", err)
	}
}

func TestParseNamesFileAndField(t *testing.T) {
	text, _ := fs.ReadFile(files, "files/back-pain.yaml")
	for _, c := range []struct{ old, new, want string }{
		{"programme: back-pain", "programme: Back Pain", "x.yaml: programme: must be"},
		{"title: Back", "colour: Back", `unknown field "colour"`},
		{"- odi\n  - startback9", "- oddi\n  - startback9", "instruments[0]: oddi is not an instrument"},
		{"name: prior_surgery", "name: odi_12m_at", "covariates[1].name: odi_12m_at is a column"},
		{"- bmi", "- nrs_leg_6m", "case_mix[9]: nrs_leg_6m is not a number known at baseline"},
		{"main_follow_up: 12m", "main_follow_up: 24m", "x.yaml: main_follow_up:"},
		{"key: 6m,", "key: 12m,", "timepoints[3].key: 12m stands twice"},
		{"target: 182", "target: 300", "timepoints[3]: its window overlaps that of timepoints[2]"},
		{"key: cppp", "key: core_therapy", "interventions[1].key: core_therapy stands twice"},
		{"from: 2016-11-30", "from: 30/11/2016", "interventions[0].from: must be a day"},
		{"- icb", "- trust", "dimensions[3]: trust is not a dimension"},
		{"name: prior_surgery", "name: age", "covariates[1].name: age is a column of every episode"},
		{"name: prior_surgery", "name: source_id", "covariates[1].name: source_id is a column of every episode"},
		{"name: prior_surgery", "name: odi_12m", "covariates[1].name: odi_12m is a column"},
		{"levels: [lt_6w, 6w_12w, 3m_12m, gt_12m]", "levels: [any]", "covariates[0].levels: a category needs two"},
		{"min: 10, max: 80", "min: 80, max: 10", "covariates[3]: min must be below max"},
		{"- factor(startback_risk)", "- factor(intervention)", "case_mix[5]: intervention is neither"},
		{"- bmi", "- odi_12m", "case_mix[9]: odi_12m is not a number known at baseline"},
		{"- smoker", "- log(smoker)", "case_mix[10]: must be written as"},
		{"expected: case_mix", "expected: record", "case_mix: is not used where expected is record"},
		{"minimum_to_rank: 100", "minimum_to_rank: 10", "minimum_to_rank: must not be below"},
		{"target_days: 84", "target_days: -1", "states[4].target_days: must not be negative"},
		{"to: first_contact_on", "to: referred_on", "waits[0]: from and to"},
		{"amber: 14", "amber: 40", "waits[0]: amber must be"},
	} {
		if !bytes.Contains(text, []byte(c.old)) {
			t.Fatalf("%q is not in the file", c.old)
		}
		_, err := Parse("dir/x.yaml", bytes.Replace(text, []byte(c.old), []byte(c.new), 1))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "x.yaml") {
			t.Errorf("Parse(%q → %q) error = %v, want %q in it", c.old, c.new, err, c.want)
		}
	}
}

func TestDimensions(t *testing.T) {
	want := "provider site practice icb region intervention procedure sex age_band imd_quintile ethnic_group startback_risk year month"
	var names []string
	for _, d := range Dimensions() {
		names = append(names, d.Name)
		if got, ok := LookupDimension(d.Name); !ok || got != d || d.Label == "" || d.Column == "" {
			t.Errorf("LookupDimension(%s) = %v, %v", d.Name, got, ok)
		}
	}
	if got := strings.Join(names, " "); got != want {
		t.Errorf("dimensions = %s, want %s", got, want)
	}
	if d, _ := LookupDimension("year"); d.Column != "fy" {
		t.Errorf("year is column %s, want fy", d.Column)
	}
	if _, ok := LookupDimension("postcode"); ok {
		t.Error("postcode is a dimension")
	}
}

func TestAgeBandOf(t *testing.T) {
	for age, want := range map[uint8]string{0: "", 15: "", 16: "16-24", 24: "16-24", 25: "25-34", 54: "45-54", 84: "75-84", 85: "85+", 120: "85+"} {
		if got := AgeBandOf(age); got != want {
			t.Errorf("AgeBandOf(%d) = %q, want %q", age, got, want)
		}
	}
	for i, b := range AgeBands()[1:] {
		if before := AgeBands()[i]; b.From != before.To+1 {
			t.Errorf("band %s does not follow %s", b.Label, before.Label)
		}
	}
}

func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile(filepath.Join("files", "programme.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func document(t *testing.T, text []byte) any {
	t.Helper()
	raw, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}
