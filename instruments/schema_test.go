package instruments

import (
	"bytes"
	"io/fs"
	"strings"
	"testing"

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
	for _, c := range []struct{ id, old, new string }{
		{"odi", "id: odi", "id: ODI"},
		{"odi", "algorithm: odi-1", "algorithm: odi"},
		{"odi", "label: walking", "label: a label of five words"},
		{"odi", "rule: percent_of_maximum", "rule: percent"},
		{"odi", "rule: percent_of_maximum", "rule: percent_of_maximum\n    parameters: {of: 5}"},
		{"odi", "unit: 18", "unit: 1.5"},
		{"odi", "unit: 18", "unit: 0"},
		{"odi", "licence:", "license:"},
		{"odi", "responder: pct30", "responder: none"},
		{"odi", "mic: 10", "mic: 0"},
		{"rmdq24", "blank_is: 0", "blank_is: none"},
		{"rmdq24", "  - {name: yesno}\n", ""},
		{"startback9", "then: partial", "then: prorated"},
		{"startback9", "nominal: true", "nominal: false"},
		{"startback9", "      low_up_to: 3 # total\n", ""},
		{"startback9", "startback9.9: [0, 0, 0, 1, 1]", "startback9.9: [0, 0, 0, half, 1]"},
		{"startmsk10", "band_key: risk", "band_key: Risk"},
		{"phq9", "rule: item_code, item", "rule: item, item"},
		{"phq9", "key: item9, from: 1", "key: item9"},
		{"phq9", "round: half_up", "round: half_even"},
		{"phq9", "case_from: 10", "case_from: 10\n    recovered_at_most: 4"},
		{"ces", "rule: cauda_equina}", "rule: cauda_equina, from: 1}"},
		{"ces", "name: P2", "name: 2P"},
		{"wpai_shp", "hundredths: true", "hundredths: 100"},
		{"wpai_shp", "part: overall", "part: all"},
		{"wpai_shp", "sum_at_most: 168", "sum_at_most: 168, sum_at_least: 0"},
		{"wpai_shp", "status_from: all_scores", "status_from: any"},
		{"promis29", "by: sum", "by: rank"},
		{"promis29", "key: t_scores.PF", "key: t_scores.PF.4"},
		{"promis29", "no_total: true", "no_total: perhaps"},
		{"eq5d5l", "file: DSU_5Lto3L_UK", "file: ../DSU_5Lto3L_UK"},
		{"eq5d5l", "unit: 0", "unit: 1"},
		{"pgic_b", "[no_worse_pole]", "[]"},
		{"work_status", "words: [ft_normal,", "words: [ft normal,"},
	} {
		text := fileOf(t, ID(c.id))
		broken := strings.Replace(text, c.old, c.new, 1)
		if broken == text {
			t.Errorf("%s has no %q to replace", c.id, c.old)
		} else if schema.Validate(yamlDocument(t, []byte(broken))) == nil {
			t.Errorf("the schema accepts %q in %s", c.new, c.id)
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
