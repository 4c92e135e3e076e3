package instruments

import (
	"strings"
	"testing"
)

func TestBrokenDefinitionsAreRefused(t *testing.T) {
	for _, c := range []struct {
		id       ID
		old, new string
		want     string
	}{
		{"odi", "title:", "titel:", "unknown field"},
		{"odi", "id: odi\n", "id: odi\nid: odi\n", "already defined"},
		{"odi", "current: true", "current: false", "0 current versions"},
		{"odi", `version: "2.1a"`, `version: ""`, "version"},
		{"odi", "licence:", "notes2:", "unknown field"},
		{"odi", "direction: lower_better", "direction: down", "direction"},
		{"odi", "several_ticks: highest", "several_ticks: any", "several_ticks"},
		{"odi", "key: odi.2", "key: odi.1", "item 2"},
		{"odi", "label: walking", "label: lifting", "item 4"},
		{"odi", "label: lifting, min: 0, max: 5", "label: lifting, min: 6, max: 5", "min ≤ max"},
		{"odi", "label: lifting, min: 0, max: 5", "label: lifting, min: 0, max: 4", "same highest code"},
		{"odi", "label: lifting, min: 0, max: 5", "label: lifting, min: 0, max: 5, optional: true", "trailing"},
		{"odi", "rule: percent_of_maximum", "rule: percentage", "not known"},
		{"odi", "rule: percent_of_maximum", "rule: sum", "needs every item"},
		{"odi", "rule: percent_of_maximum", "rule: percent_of_maximum\n    parameters: {of: 5}", "no parameters"},
		{"odi", "unit: 18", "unit: 9", "does not make the score"},
		{"odi", "unit: 18", "unit: 0", "unit"},
		{"odi", "at_most: 2", "at_most: 10", "at_most"},
		{"odi", "max: 100\n", "max: -1\n", "min below max"},
		{"odi", "up_to: 40", "up_to: 20", "bands must rise"},
		{"odi", ", up_to: 40", "", "needs up_to"},
		{"odi", "responder: pct30", "responder: half", "responder"},
		{"odi", "responder: pct30", "responder: none", "responder"},
		{"odi", "    mic: 10\n", "", ""},
		{"ohs", "    mic: 5\n", "", "responder"},
		{"ohs", "unit: 55", "unit: 5", "does not make the score"},
		{"ohs", "id: ohs\n", "id: oks\n", "oks"},
		{"eqvas", "    unit: 1\n", "    items: [eqvas.2]\n    unit: 1\n", "not in the instrument"},
		{"eqvas", "max: 100}", "max: 10}", "other codes"},
		{"eqvas", "- name: eqvas", "- name: vas", "no score of that name"},
		{"eq5d3l", "items: [eq5d3l.6]", "items: [eq5d3l.1]", "other codes"},
		{"eq5d3l", "items: [eq5d3l.6]", "items: [eq5d3l.5, eq5d3l.6]", "2 items"},
		{"eq5d3l", "items: [eq5d3l.6]", "items: [eq5d3l.6, eq5d3l.6]", "counts twice"},
		{"eq5d3l", "same_as: eqvas", "same_as: vas", "unknown instrument"},
		{"eq5d3l", "[0, 69, 314]", "[0, 69]", "2 numbers for 3 levels"},
		{"eq5d3l", "        - [0, 69, 314]\n", "", "4 rows for 5 items"},
		{"eq5d3l", "any_at_worst", "any_at_3", "unknown field"},
		{"eq5d3l", "profile: 5", "profile: 6", "profile"},
		{"eq5d3l", "default_value_set: uk3l_mvh_a1", "default_value_set: uk3l", "default_value_set"},
		{"eq5d3l", "rule: linear_index", "rule: lookup_table", "unknown field"},
		{"rmdq24", "blank_is: 0", "blank_is: 2", "no code of item"},
		{"rmdq24", "name: ticklist", "name: yesno", "name of its own"},
		{"rmdq24", "unit: 8855", "unit: 24", "does not make the score"},
		{"startback9", "startback9.9: [0, 0, 0, 1, 1]", "startback9.9: [0, 0, 0, 1]", "4 numbers for 5 codes"},
		{"startback9", "startback9.9: [0, 0, 0, 1, 1]", "startback9.10: [0, 0, 0, 1, 1]", "no such item"},
		{"startback9", "then: partial", "then: guess", "want partial"},
		{"startback9", "nominal: true", "nominal: false", "nominal"},
		{"startmsk10", "missing: {at_most: 0}", "missing: {at_most: 1}", "every item"},
		{"phq9", "round: half_up", "round: down", "half_up"},
		{"phq9", "item: phq9.9, key", "item: phq9.12, key", "safety"},
		{"phq9", "from: 1}", "from: 4}", "safety"},
		{"phq9", "rule: item_code", "rule: any_code", "not known"},
		{"phq9", "case_from: 10", "case_from: 10\n    recovered_at_most: 4", "want one of them"},
		{"wpai_shp", "part: overall", "part: all", "part"},
		{"wpai_shp", "parameters: {part: overall}", "parameters: {part: overall}\n    items: [wpai_shp.1, wpai_shp.2, wpai_shp.4, wpai_shp.5, wpai_shp.6, wpai_shp.6]", "counts twice"},
		{"wpai_shp", "items: [wpai_shp.2, wpai_shp.3, wpai_shp.4]", "items: [wpai_shp.2, wpai_shp.5]", "another unit"},
		{"wpai_shp", "items: [wpai_shp.2, wpai_shp.3, wpai_shp.4]", "items: [wpai_shp.7]", "not in the instrument"},
		{"wpai_shp", "status_from: all_scores", "status_from: some", "all_scores"},
		{"wpai_shp", "max: 168, hundredths: true", "max: 400, hundredths: true", "codes below"},
		{"ces", "nominal: true", "nominal: false", "nominal"},
		{"promis29", "values: [225, ", "values: [", "16 numbers"},
		{"eq5d5l", " 1000 879 848 ", " 1000 8,79 848 ", "whole number"},
		{"eq5d5l", " 1000 879 848 ", " 1000 848 ", "3124 numbers"},
		{"work_status", "words: [ft_normal, ", "words: [", "12 words for 13 codes"},
		{"eq5d5l", "file: DSU_5Lto3L_UK", "file: ../DSU_5Lto3L_UK", "file name"},
		{"eq5d5l", "rule: profile_number\n    unit: 1\n", "rule: profile_number\n    unit: 10\n", "unit 1"},
		{"gpe", "algorithm: gpe_11-1", "algorithm: gpe_11-1\nno_totals: true", "unknown field"},
		{"nrs_back_24h", "algorithm: nrs_back_24h-1", "algorithm: nrs_back-1", ""}, // scored alike
		{"nrs_back_24h", "version: 24h", "version: 1week", "defined twice"},
		{"nrs_back_24h", "current: false", "current: true", "2 current versions"},
		{"pgic_b", "algorithm: pgic_b-1", "algorithm: pgic_a-1", "name this one otherwise"},
	} {
		text := strings.Replace(fileOf(t, c.id), c.old, c.new, 1)
		if text == fileOf(t, c.id) {
			t.Errorf("%s has no %q to replace", c.id, c.old)
			continue
		}
		_, err := registryOf(t, map[string]string{string(c.id) + ".yaml": text})
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s with %q: %v", c.id, c.new, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s with %q: error %v, want one with %q", c.id, c.new, err, c.want)
		}
	}
}

// A further version of an instrument stands beside the current one and takes
// no column from it.
func TestFurtherVersion(t *testing.T) {
	text := strings.NewReplacer(`version: "2.1a"`, `version: "3.0"`, "current: true", "current: false").Replace(fileOf(t, "odi"))
	r, err := registryOf(t, map[string]string{"odi_3.yaml": text})
	if err != nil {
		t.Fatal(err)
	}
	for version, want := range map[string]string{"": "2.1a", "2.1a": "2.1a", "3.0": "3.0"} {
		if d, err := r.lookup("odi", version); err != nil || d.Version != want {
			t.Errorf("lookup(odi, %q) = %v, %v, want version %s", version, d, err, want)
		}
	}
	if len(r.columns) != len(ScoreColumns()) {
		t.Errorf("%d columns with a further version, want %d", len(r.columns), len(ScoreColumns()))
	}
	if r.version == RegistryVersion() {
		t.Error("the registry's version does not see a further file")
	}
}

// A further algorithm is a further score of the file: both are computed, the one
// that is not superseded is the response's score and holds the column.
func TestFurtherAlgorithm(t *testing.T) {
	text := fileOf(t, "odi")
	start, end := strings.Index(text, "  - name: odi"), strings.Index(text, "licence:")
	old := strings.Replace(text[start:end], "name: odi", "name: odi\n    algorithm: odi-1\n    superseded: true", 1)
	stricter := strings.NewReplacer("at_most: 2", "at_most: 0", "unit: 18", "unit: 1").Replace(text[start:end])
	text = strings.Replace(text[:start]+old+stricter+text[end:], "algorithm: odi-1", "algorithm: odi-2", 1)
	r, err := registryOf(t, map[string]string{"odi.yaml": text})
	if err != nil {
		t.Fatal(err)
	}
	d, err := r.lookup("odi", "")
	if err != nil {
		t.Fatal(err)
	}
	codes := codesOf(10, 2)
	codes[7] = Missing
	out := make([]Scored, 2)
	if err := d.Score(&Administration{Codes: codes}, out); err != nil {
		t.Fatal(err)
	}
	if d.Scores[0].Algorithm != "odi-1" || out[0].Status != Prorated || d.Scores[1].Algorithm != "odi-2" || out[1].Status != Insufficient {
		t.Errorf("%s %+v, %s %+v", d.Scores[0].Algorithm, out[0], d.Scores[1].Algorithm, out[1])
	}
	if d.Primary() != d.Scores[1] || r.byColumn["odi"] != d.Scores[1] || len(r.columns) != len(ScoreColumns()) {
		t.Error("the definition's own algorithm does not hold the column")
	}
}

// A further value set is a further entry of the file: its own column, beside
// the default, from the same answers.
func TestFurtherValueSet(t *testing.T) {
	const another = `  - name: eq5d5l
    value_set: another
    label: health index
    rule: linear_index
    parameters:
      full_health: 1000
      decrements:
        - [0, 58, 76, 207, 274]
        - [0, 50, 80, 164, 203]
        - [0, 50, 63, 162, 184]
        - [0, 63, 84, 276, 335]
        - [0, 78, 104, 285, 289]
    unit: 1000
    min: -0.285
    max: 1
    missing: {at_most: 0}
    responder: none
    responder_reason: mic_not_established
licence:`
	d := definitionOf(t, "eq5d5l", strings.Replace(fileOf(t, "eq5d5l"), "licence:", another, 1))
	r := d.Result(&Administration{Codes: []int16{2, 1, 2, 3, 2}})
	if *r.Score != 0.812 || *r.Indices["uk5l_rowen2026"] != 0.812 || *r.Indices["another"] != 0.73 {
		t.Errorf("21232 = %v %v, want 0.812 and 0.730", *r.Score, r.Indices)
	}
	below, least := 0, 0.0
	everyState(d, d.Primary().index, false, func(codes []int16) {
		x := *d.Result(&Administration{Codes: codes}).Indices["another"]
		least = min(least, x)
		if x < 0 {
			below++
		}
	})
	if below != 159 || least != -0.285 {
		t.Errorf("%d states below 0, least %v, want 159 and -0.285", below, least)
	}
}
