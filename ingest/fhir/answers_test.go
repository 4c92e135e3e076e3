package fhir_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestAnswers: what each form of an answer becomes.
func TestAnswers(t *testing.T) {
	const ordinal = `"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/ordinalValue","valueDecimal":%d}]`
	coding := func(system, code string) string {
		return fmt.Sprintf(`"valueCoding":{"system":%q,"code":%q}`, system, code)
	}
	for _, c := range []struct {
		instrument string
		answers    []string
		want       string
	}{
		{"odi", []string{`"valueInteger":2`, `"valueDecimal":1`, `"valueDecimal":3.0`, coding("urn:lumbar:code", "2"), `"valueCoding":{"code":"2"}`, `"valueInteger":3`, `"valueInteger":1`, "", `"valueInteger":2`, `"valueInteger":2`}, "[2 1 3 2 2 3 1 -32768 2 2]"},
		{"odi", []string{`"valueInteger":1},{"valueInteger":3`, `"valueInteger":1},{"valueInteger":1`, "", "", "", "", "", "", "", ""}, "[3 1 -32768 -32768 -32768 -32768 -32768 -32768 -32768 -32768]"},
		{"odi", []string{`"valueCoding":{"system":"urn:theirs","code":"x",` + fmt.Sprintf(ordinal, 4) + `}`, fmt.Sprintf(ordinal, 2) + `,"valueCoding":{"system":"urn:theirs","code":"x"}`, strings.Replace(`"valueCoding":{"code":"x",`+fmt.Sprintf(ordinal, 5)+`}`, "ordinalValue", "itemWeight", 1), "", "", "", "", "", "", ""}, "[4 2 5 -32768 -32768 -32768 -32768 -32768 -32768 -32768]"},
		{"rmdq24", append([]string{`"valueBoolean":true`, `"valueBoolean":false`, coding("http://snomed.info/sct", "373066001"), coding("http://snomed.info/sct", "373067005"), coding("http://terminology.hl7.org/CodeSystem/v2-0136", "Y"), coding("http://loinc.org", "LA32-8"), `"valueInteger":1`}, make([]string, 17)...), "[1 0 1 0 1 0 1" + strings.Repeat(" -32768", 17) + "]"},
		{"work_status", []string{`"valueString":"retired"`, `"valueInteger":3`, `"valueBoolean":true`}, "[9 3 1]"},
		{"work_status", []string{`"valueCoding":{"code":"carer"}`}, "[11 -32768 -32768]"},
		{"wpai_shp", []string{`"valueBoolean":true`, `"valueDecimal":7.5`, `"valueInteger":0`, `"valueDecimal":30.25`, `"valueInteger":5`, `"valueInteger":6`}, "[1 750 0 3025 5 6]"},
		{"eq5d5l", integers(2, 1, 2, 3, 2, 80), "[2 1 2 3 2 80]"},
		{"eq5d5l", integers(2, 1, 2, 3, 2), "[2 1 2 3 2 -32768]"},
	} {
		text := answered("urn:lumbar:questionnaire:"+c.instrument, items(of(c.instrument), c.answers...), "")
		if got := fmt.Sprint(kept(t, text).Responses[0].Codes); got != c.want {
			t.Errorf("%s %v: codes %s, want %s", c.instrument, c.answers, got, c.want)
		}
	}
}

// TestSeveralTicks keeps all boxes of an item, whether its answer repeats or
// the item does.
func TestSeveralTicks(t *testing.T) {
	answer := items(of("odi"), integers(2, 1, 3, 2, 2, 3, 1, 0, 2, 2)...)
	for name, list := range map[string]string{
		"answers": change(answer, `{"valueInteger":3}`, `{"valueInteger":3},{"valueInteger":5}`),
		"items":   change(answer, `{"linkId":"odi.3"`, `{"linkId":"odi.3","answer":[{"valueInteger":5}]},{"linkId":"odi.3"`),
	} {
		v := kept(t, answered("urn:lumbar:questionnaire:odi", list, "")).Responses[0]
		if v.Codes[2] != 5 || len(v.Ticks) != 10 || len(v.Ticks[2]) != 2 {
			t.Errorf("%s: code %d of ticks %v, want 5 of two", name, v.Codes[2], v.Ticks)
		}
	}
}

// TestNestedItems: items stand in groups, in groups of groups and in answers.
func TestNestedItems(t *testing.T) {
	list := `[{"linkId":"page1","text":"x","item":[{"linkId":"group","item":[{"linkId":"odi.1","answer":[{"valueInteger":4,"item":[{"linkId":"odi.2","answer":[{"valueInteger":3}]}]}]}]},{"linkId":"odi.4","answer":[{"valueInteger":1}]}]},{"answer":[{"item":[{"answer":[{"valueInteger":2}],"linkId":"odi.3"}]}],"linkId":"note"}]`
	if got := fmt.Sprint(kept(t, answered("urn:lumbar:questionnaire:odi", list, "")).Responses[0].Codes[:5]); got != "[4 3 2 1 -32768]" {
		t.Errorf("codes %s, want 4 3 2 1 and none", got)
	}
}

func TestMissingReasons(t *testing.T) {
	const url = `"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason"`
	stated := func(code string) string { return `"extension":[{` + url + `,"valueCode":"` + code + `"}]` }
	values := []string{
		"", stated("asked-declined"), stated("not-applicable"), stated("not-asked"), stated("unknown"), stated("error"),
		`"valueCoding":{"system":"http://terminology.hl7.org/CodeSystem/v3-NullFlavor","code":"ASKU"}`,
		`"valueCoding":{"system":"http://terminology.hl7.org/CodeSystem/data-absent-reason","code":"asked-declined"}`,
		`"_valueInteger":{` + stated("not-applicable") + `}`, `"valueInteger":2`,
	}
	list := items(of("odi"), values...)
	v := kept(t, answered("urn:lumbar:questionnaire:odi", list, "")).Responses[0]
	if got := strings.Join(v.MissingReasons, " "); got != "blank declined na not_asked blank invalid blank declined na " {
		t.Errorf("reasons %q", got)
	}
	// On the item itself; and an item that is not there has no reason.
	v = kept(t, answered("urn:lumbar:questionnaire:odi", `[{"linkId":"odi.1",`+stated("asked-declined")+`},{"linkId":"odi.2","answer":[{"valueInteger":1}]}]`, "")).Responses[0]
	if got := strings.Join(v.MissingReasons, ","); got != "declined"+strings.Repeat(",", 9) {
		t.Errorf("reasons %q, want the first declined alone", got)
	}
}

// TestCodesAndLinkIDs: the LOINC codes of panels, items and answers.
func TestCodesAndLinkIDs(t *testing.T) {
	phq9 := []string{"44250-9", "44255-8", "44259-0", "44254-1", "44251-7", "44258-2", "44252-5", "44253-3", "44260-8"}
	gad7 := []string{"69725-0", "68509-9", "69733-4", "69734-2", "69735-9", "69689-8", "69736-7"}
	answers := []string{"LA6568-5", "LA6569-3", "LA6570-1", "LA6571-9"}
	for _, c := range []struct {
		questionnaire, prefix string
		codes                 []string
		want                  string
	}{
		{"http://loinc.org/q/44249-1", "/", phq9, "[0 1 2 3 0 1 2 3 0 -32768]"},
		{"https://loinc.org/44249-1|2.77", "", phq9, "[0 1 2 3 0 1 2 3 0 -32768]"},
		{"https://forms.example/fhir/Questionnaire/phq9|1", "", phq9, "[0 1 2 3 0 1 2 3 0 -32768]"},
		{"http://loinc.org/q/69737-5", "/", gad7, "[0 1 2 3 0 1 2]"},
		{"http://loinc.org/q/55757-9", "", phq9[:2], "[0 1]"},
	} {
		var values []string
		for i := range c.codes {
			values = append(values, `"valueCoding":{"system":"http://loinc.org","code":"`+answers[i%4]+`"}`)
		}
		list := items(func(i int) string { return c.prefix + c.codes[i-1] }, values...)
		if got := fmt.Sprint(kept(t, answered(c.questionnaire, list, "")).Responses[0].Codes); got != c.want {
			t.Errorf("%s: codes %s, want %s", c.questionnaire, got, c.want)
		}
	}
	byNumber := kept(t, answered("odi", items(func(i int) string { return fmt.Sprint(i) }, integers(0, 1, 2, 3, 4, 5, 0, 1, 2, 3)...), "")).Responses[0]
	if got := fmt.Sprint(byNumber.Codes); got != "[0 1 2 3 4 5 0 1 2 3]" {
		t.Errorf("by number: %s", got)
	}
}

// TestSuppliedScore: a total is compared with ours, which stands.
func TestSuppliedScore(t *testing.T) {
	total := func(linkID, value string) string {
		return change(odi(), `"item":[`, `"item":[{"linkId":"`+linkID+`","answer":[{`+value+`}]},`)
	}
	for name, c := range map[string]struct {
		text       string
		score      float64
		mismatches int
	}{
		"decimal":   {total("odi.score", `"valueDecimal":36`), 36, 0},
		"integer":   {total("97909-6", `"valueInteger":36`), 36, 0},
		"quantity":  {total("/97909-6", `"valueQuantity":{"value":18,"unit":"x"}`), 18, 1},
		"extension": {change(odi(), `"id":"1"`, `"id":"1","extension":[{"url":"urn:lumbar:supplied-score","valueDecimal":40}]`), 40, 1},
	} {
		r := kept(t, c.text)
		if v := r.Responses[0].SuppliedScore; v == nil || *v != c.score || r.Mismatches() != c.mismatches {
			t.Errorf("%s: supplied %v with %d mismatches, want %g with %d", name, v, r.Mismatches(), c.score, c.mismatches)
		}
	}
}

func TestAdminMode(t *testing.T) {
	list := items(of("rmdq24"), append([]string{`"valueBoolean":true`}, make([]string, 23)...)...)
	text := answered("urn:lumbar:questionnaire:rmdq24", list, "")
	v := kept(t, change(text, `"id":"1"`, `"id":"1","meta":{"tag":[{"system":"urn:lumbar:admin-mode","code":"ticklist"}]}`)).Responses[0]
	if v.AdminMode != "ticklist" {
		t.Errorf("mode %q, want ticklist", v.AdminMode)
	}
}
