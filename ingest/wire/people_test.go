package wire_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/wire"
	"github.com/lumbar-health/lumbar/record"
)

const (
	episode = `{"kind":"episode","id":{"system":"urn:pas","value":"m-7"},"programme":"back-pain","patient":{"pseudonym":"000102030405060708090a0b0c0d0e0f"},"episode":"e-1","status":"discharged","referred_on":"2025-04-02","first_contact_on":"2025-04-09","treatment_start":null,"discharged_on":"2025-11-30","intervention":"cppp","practice":"A81001","site":"RTRAT","provider":"RTR","icb":"QHM","region":"Y63","sex":"female","age":47,"imd_decile":3,"imd_version":2025,"ethnic_group":"White","startback_risk":"high","symptom_duration":"3m_12m","prior_surgery":0,"bmi":null}`
	event   = `{"kind":"event","id":{"system":"urn:pas","value":"v-1"},"patient":{"pseudonym":"000102030405060708090a0b0c0d0e0f"},"episode":"e-1","type":"admission","at":"2025-06-01T08:00:00Z","provider":"RTR","code":{"system":"opcs","code":"V25"},"cost_pence":123456,"status":"final"}`
	person  = `{"kind":"patient","patient":{"pseudonym":"000102030405060708090a0b0c0d0e0f"},"updated_at":"2026-01-01T00:00:00Z","status":"active","sex":"male","birth_month":"1961-07","ethnic":"A","lsoa":"E01000001","imd_decile":10}`
)

func TestEpisode(t *testing.T) {
	list := decode(t, episode, all)
	if len(list) != 1 || len(list[0].Reasons) > 0 || len(list[0].Episodes) != 1 {
		t.Fatalf("decoded %+v, want one episode", list)
	}
	e := &list[0].Episodes[0]
	for _, c := range []struct {
		name      string
		got, want any
	}{
		{"id", e.ID, record.RowID("back-pain", "e-1")}, {"source", e.Source, "urn:pas"}, {"source id", e.SourceID, "m-7"},
		{"status", e.Status, record.EpisodeDischarged}, {"referred", e.ReferredOn.String(), "2025-04-02"},
		{"contact", e.FirstContactOn.String(), "2025-04-09"}, {"start", e.TreatmentStart, record.Date(0)},
		{"discharged", e.DischargedOn.String(), "2025-11-30"}, {"intervention", e.Intervention, "cppp"},
		{"sex", e.Sex, record.SexFemale}, {"age", e.Age, uint8(47)}, {"decile", e.IMDDecile, uint8(3)},
		{"imd version", e.IMDVersion, "2025"}, {"risk", e.StarTBackRisk, record.RiskHigh},
	} {
		if c.got != c.want {
			t.Errorf("%s = %v, want %v", c.name, c.got, c.want)
		}
	}
	got := map[string]record.Covariate{}
	for i, d := range e.Declared {
		got[d.Name] = e.Covariates[i]
	}
	for name, want := range map[string]record.Covariate{
		"symptom_duration": {Text: "3m_12m"}, "prior_surgery": {}, "bmi": {Absent: true}, "smoker": {Absent: true},
	} {
		if got[name] != want {
			t.Errorf("%s = %+v, want %+v", name, got[name], want)
		}
	}
}

// TestLaterKnowledgeWins: of two messages without a moment of change the one
// that knows a later date is the newer.
func TestLaterKnowledgeWins(t *testing.T) {
	early := strings.Replace(strings.Replace(episode, `"discharged_on":"2025-11-30",`, "", 1), "discharged", "active", 1)
	list := decode(t, early+"\n"+episode, all)
	if a, b := list[0].Episodes[0], list[1].Episodes[0]; a.ID != b.ID || a.Version >= b.Version {
		t.Errorf("versions %d and %d of ids %d and %d: want one id, the second newer", a.Version, b.Version, a.ID, b.ID)
	}
}

func TestEpisodeRejections(t *testing.T) {
	change := func(old, new string) string { return strings.Replace(episode, old, new, 1) }
	for _, c := range []struct{ text, field, rule string }{
		{change(`"2025-04-02"`, `null`), "referred_on", "required"},
		{change(`"2025-04-02"`, `"2027-01-01"`), "referred_on", "in_future"},
		{change(`"2025-04-02"`, `"2025-04"`), "referred_on", "precision"},
		{change(`"2025-04-09"`, `"2025"`), "first_contact_on", "precision"},
		{change(`"treatment_start":null`, `"treatment_start":"2025-06"`), "treatment_start", "precision"},
		{change(`"2025-11-30"`, `"2026"`), "discharged_on", "precision"},
		{change(`"2025-04-09"`, `"2025-04-01"`), "first_contact_on", "date_order"},
		{change(`"treatment_start":null`, `"treatment_start":"2025-04-01T10:00:00Z"`), "treatment_start", "date_order"},
		{change(`"2025-11-30"`, `"2025-04-01"`), "discharged_on", "date_order"},
		{change(`"2025-11-30"`, `"2026-05-04"`), "discharged_on", "in_future"},
		{strings.Replace(strings.Replace(change(`discharged"`, `entered-in-error"`), `"id":{"system":"urn:pas","value":"m-7"},`, ``, 1), `"episode":"e-1",`, ``, 1), "id", "required"},
		{strings.Replace(strings.Replace(event, `"id":{"system":"urn:pas","value":"v-1"},`, ``, 1), `final`, `entered-in-error`, 1), "id", "required"},
		{change(`cppp`, `magic`), "intervention", "unknown_key"},
		{change(`"female"`, `"f"`), "sex", "not_allowed"},
		{change(`47`, `147`), "age", "out_of_range"},
		{change(`47`, `"47"`), "age", "type"},
		{change(`:3,`, `:11,`), "imd_decile", "out_of_range"},
		{change(`"high"`, `"huge"`), "startback_risk", "not_allowed"},
		{change(`3m_12m`, `years`), "symptom_duration", "out_of_range"},
		{change(`"prior_surgery":0`, `"prior_surgery":2`), "prior_surgery", "out_of_range"},
		{change(`"prior_surgery":0`, `"prior_surgery":"no"`), "prior_surgery", "type"},
		{change(`"bmi"`, `"shoe_size"`), "shoe_size", "unknown_field"},
		{change(`"bmi"`, `"answers"`), "answers", "unknown_field"},
	} {
		list := decode(t, c.text, all)
		if !slices.Contains(list[0].Reasons, ingest.Reason{Field: c.field, Rule: c.rule}) {
			t.Errorf("reasons %v, want %s %s", list[0].Reasons, c.field, c.rule)
		}
	}
}

// TestWithdrawnEpisode: its word names it, and its dates may be what was wrong.
func TestWithdrawnEpisode(t *testing.T) {
	text := strings.NewReplacer(`"id":{"system":"urn:pas","value":"m-7"},`, ``, `"discharged"`, `"entered-in-error"`, `2025-11-30`, `2024-11-30`).Replace(episode)
	if r := decode(t, text, all)[0]; len(r.Reasons) > 0 || r.Episodes[0].Status != record.EpisodeEnteredInError {
		t.Errorf("%+v: want a withdrawal", r)
	}
}

func TestEventAndPatient(t *testing.T) {
	list := decode(t, event+"\n"+person, all)
	if len(list) != 2 || len(list[0].Reasons)+len(list[1].Reasons) > 0 {
		t.Fatalf("decoded %+v, want two records without reasons", list)
	}
	e, p := list[0].Events[0], list[1].Patients[0]
	if e.Type != "admission" || e.Organisation != "RTR" || e.CodeSystem != "opcs" || e.Code != "V25" || e.CostPence != 123456 ||
		e.EpisodeID != record.RowID("back-pain", "e-1") || e.HappenedOn.String() != "2025-06-01" {
		t.Errorf("event = %+v", e)
	}
	if p.BirthMonth.String() != "1961-07-01" || p.Sex != record.SexMale || p.IMDDecile != 10 || p.Status != ingest.PatientActive {
		t.Errorf("patient = %+v", p)
	}
}

// TestKindOfRoute: a route takes its own kind, and only that.
func TestKindOfRoute(t *testing.T) {
	plain := strings.Replace(episode, `"kind":"episode",`, "", 1)
	if r := decode(t, plain, wire.KindEpisode)[0]; len(r.Reasons) > 0 || len(r.Episodes) != 1 {
		t.Errorf("%+v: want an episode", r)
	}
	if r := decode(t, episode, wire.KindResponse)[0]; len(r.Reasons) != 1 || r.Reasons[0].Rule != "not_accepted_here" {
		t.Errorf("reasons %v, want not_accepted_here", r.Reasons)
	}
}
