package instruments

import (
	"slices"
	"testing"
)

// parse reads an administration as a sender writes it.
func parse(t testing.TB, d *Definition, text string) *Administration {
	t.Helper()
	a, err := d.ParseAdministration([]byte(text))
	if err != nil {
		t.Fatalf("%s %s: %v", d.ID, text, err)
	}
	return a
}

// The item on self-harm is judged by itself: whatever becomes of the score, no
// rule fills it in, and what is no code is missing, never negative.
func TestItem9(t *testing.T) {
	d := mustLookup(t, "phq9")
	positive, missing := []string{FlagItem9Positive}, []string{FlagItem9Missing}
	for _, c := range []struct {
		answers string
		status  Status
		state   string
		flags   []string
	}{
		{`[0,0,0,0,0,0,0,0,0]`, Complete, itemNegative, nil},
		{`[2,2,1,1,0,0,0,0,1]`, Complete, itemPositive, positive},
		{`[0,0,0,0,0,0,0,0,3,0]`, Complete, itemPositive, positive},
		{`[1,1,1,1,1,1,1,1,null]`, Prorated, itemMissing, missing},
		{`[null,1,1,1,1,1,1,1,2]`, Prorated, itemPositive, positive},
		{`[null,null,null,1,1,1,1,1,2]`, Insufficient, itemPositive, positive},
		{`[null,null,null,null,null,null,null,null,1]`, Insufficient, itemPositive, positive},
		{`[null,null,null,null,null,null,null,null,0]`, Insufficient, itemNegative, nil},
		{`[1,null,null,null,null,null,null,null,null]`, Insufficient, itemMissing, missing},
		{`[null,null,null,null,null,null,null,null,null]`, Insufficient, itemMissing, nil}, // nothing was answered
		{`[null,null,null,null,null,null,null,null,null,2]`, Insufficient, itemMissing, missing},
		{`{"answers":{"phq9.1":2}}`, Insufficient, itemMissing, missing},
		{`{"answers":{"phq9.9":1}}`, Insufficient, itemPositive, positive},
		{`[0,0,0,0,0,0,0,0,4]`, Invalid, itemMissing, missing},
		{`[0,0,0,0,0,0,0,0,-1]`, Invalid, itemMissing, missing},
		{`[0,0,0,0,0,0,0,0,"no"]`, Invalid, itemMissing, missing},
		{`[0,0,0,0,0,0,0,0,0.5]`, Invalid, itemMissing, missing},
		{`[9,9,9,9,9,9,9,9,1]`, Invalid, itemPositive, positive},
		{`["x",0,0,0,0,0,0,0,0]`, Invalid, itemNegative, nil},
		{`[1,1,1,1,1,1,1,1]`, Invalid, itemMissing, missing},           // an item short
		{`[0,0,0,0,0,0,0,0,2,0,0,0]`, Invalid, itemPositive, positive}, // items too many
		{`[0,0,0,0,0,0,0,0,[0,2]]`, Complete, itemPositive, positive},  // one positive box is enough
		{`[0,0,0,0,0,0,0,0,[1,7]]`, Invalid, itemPositive, positive},
		{`[0,0,0,0,0,0,0,0,[0,7]]`, Invalid, itemMissing, missing}, // not told apart
		{`[0,0,0,0,0,0,0,0,[3,null]]`, Invalid, itemPositive, positive},
		{`[0,0,0,0,0,0,0,0,["x",1]]`, Invalid, itemPositive, positive},
		{`[0,0,0,0,0,0,0,0,[0,"x"]]`, Invalid, itemMissing, missing},
		{`{"answers":[3,3,3,3,3,3,3,3,null],"missing":{"phq9.9":"declined"}}`, Prorated, itemMissing, missing},
	} {
		a := parse(t, d, c.answers)
		r := d.Result(a)
		if r.Status != c.status || r.Part("item9") != c.state || !slices.Equal(d.Flags(a), c.flags) {
			t.Errorf("%s: %v, item 9 %v, flags %v, want %v, %s, %v", c.answers, r.Status, r.Part("item9"), d.Flags(a), c.status, c.state, c.flags)
		}
		for _, flag := range c.flags {
			if !slices.Contains(r.Flags, flag) {
				t.Errorf("%s: the result's flags %v lack %s", c.answers, r.Flags, flag)
			}
		}
	}
}

// Answers whose version is not known, or that can not be scored, still raise
// what they say; what can not be read at all says so.
func TestSafetyFlagsOfRawAnswers(t *testing.T) {
	for _, c := range []struct {
		id      ID
		answers string
		want    []string
	}{
		{"phq9", `[0,0,0,0,0,0,0,0,1]`, []string{FlagItem9Positive}},
		{"phq9", `[0,0,0,0,0,0,0,0,0]`, nil},
		{"phq9", `[0,0,0,0,0,0,0,0,1,2,3,4,5,6]`, []string{FlagItem9Positive}},
		{"phq9", `{"phq9.9":3}`, []string{FlagItem9Positive}},
		{"phq9", `{"phq9.1":3}`, []string{FlagItem9Missing}},
		{"phq9", `{"item nine":3}`, []string{FlagSafetyUnreadable}},
		{"phq9", `{"phq9.9":3,"item ten":0}`, []string{FlagItem9Positive, FlagSafetyUnreadable}},
		{"ces", `{"ces1":1,"ces_onset":2,"ces9":0}`, []string{"ces_p0", FlagSafetyUnreadable}},
		{"phq9", `"000000001"`, []string{FlagSafetyUnreadable}},
		{"phq9", `[]`, []string{FlagSafetyUnreadable}},
		{"phq9", `null`, []string{FlagSafetyUnreadable}},
		{"phq9", ``, []string{FlagSafetyUnreadable}},
		{"phq9", `[0,0,`, []string{FlagSafetyUnreadable}},
		{"phq9", `[0,0,0,0,0,0,0,0,0],"more":1`, []string{FlagSafetyUnreadable}},
		{"ces", `[1,0,0,0,0,0,0]`, []string{"ces_p0"}},
		{"ces", `[0,0,0,0,0,0,0]`, nil},
		{"ces", `[0,0,0]`, []string{"ces_p2"}},
		{"ces", `{"ces4":true,"ces4_onset":30}`, []string{"ces_p1"}},
		{"ces", `7`, []string{FlagSafetyUnreadable}},
		{"odi", `[9,9]`, nil},
		{"odi", `nonsense`, nil},
		{"gad7", `[3,3,3,3,3,3,3]`, nil},
		{"no_such", `[1]`, nil},
	} {
		if got := SafetyFlags(c.id, []byte(c.answers)); !slices.Equal(got, c.want) {
			t.Errorf("SafetyFlags(%s, %s) = %v, want %v", c.id, c.answers, got, c.want)
		}
	}
}

func TestCaudaEquina(t *testing.T) {
	d := mustLookup(t, "ces")
	notAsked := `"missing":{"ces1":"not_asked","ces2":"not_asked","ces3":"not_asked","ces4":"not_asked","ces5":"not_asked","ces6":"not_asked","ces7":"not_asked"}`
	for _, c := range []struct {
		text   string
		status Status
		level  string
	}{
		{`[0,0,0,0,0,0,0]`, Complete, "none"},
		{`[false,false,false,false,false,false,false]`, Complete, "none"},
		{`[1,0,0,0,0,0,0,2]`, Complete, "P0"},
		{`[0,1,0,0,0,0,0]`, Complete, "P0"}, // no onset is an unknown one
		{`[1,0,0,0,0,0,0,0]`, Complete, "P0"},
		{`[1,0,0,0,0,0,0,14]`, Complete, "P0"},
		{`[1,0,0,0,0,0,0,15]`, Complete, "P1"},
		{`[0,0,0,1,0,0,0,30]`, Complete, "P1"},
		{`[0,0,0,1,0,0,0,90]`, Complete, "P1"},
		{`[0,0,0,1,0,0,0,91]`, Complete, "P2"},
		{`[0,0,0,0,1,0,0,200]`, Complete, "P2"},
		{`[1,0,0,0,0,0,0,-1]`, Complete, "P0"}, // in the future
		{`[1,0,0,0,0,0,0,-31999]`, Complete, "P0"},
		{`[1,0,0,0,0,0,0,20260101]`, Invalid, "P0"}, // a date is no number of days
		{`[1,0,0,0,0,0,0,"yesterday"]`, Invalid, "P0"},
		{`[1,0,0,0,0,0,0,1.5]`, Invalid, "P0"},
		// the sixth, and the seventh with another, whatever the onset
		{`[0,0,0,0,0,1,0,30]`, Complete, "P0"},
		{`[0,0,0,0,0,1,0,3000]`, Complete, "P0"},
		{`[0,0,0,1,0,0,1,3000]`, Complete, "P0"},
		{`[0,0,0,0,0,0,1,30]`, Complete, "P1"},
		{`[0,0,0,0,0,0,1,200]`, Complete, "P2"},
		{`[0,0,0,0,0,0,1]`, Complete, "P0"},
		// onsets of each: the newest of those that are there
		{`{"answers":{"ces1":0,"ces2":1,"ces3":0,"ces4":1,"ces5":0,"ces6":0,"ces7":0,"ces4_onset":200,"ces2_onset":1}}`, Complete, "P0"},
		{`{"answers":{"ces1":1,"ces2":0,"ces3":0,"ces4":0,"ces5":1,"ces6":0,"ces7":0,"ces1_onset":200,"ces5_onset":30}}`, Complete, "P1"},
		{`{"answers":{"ces1":1,"ces2":0,"ces3":0,"ces4":0,"ces5":1,"ces6":0,"ces7":0,"ces1_onset":200}}`, Complete, "P0"},
		{`{"answers":{"ces1":1,"ces2":0,"ces3":0,"ces4":0,"ces5":1,"ces6":0,"ces7":0,"ces1_onset":200,"ces_onset":100}}`, Complete, "P2"},
		{`{"answers":{"ces1":1,"ces2":0,"ces3":0,"ces4":0,"ces5":0,"ces6":0,"ces7":0,"ces1_onset":200,"ces2_onset":1}}`, Complete, "P2"},
		// no answer
		{`[null,0,0,0,0,0,0]`, Partial, "P2"},
		{`{"answers":[0,0,0,0,0,0,null],"missing":{"ces7":"declined"}}`, Partial, "P2"},
		{`{"answers":[0,0,0,0,null,0,0],"missing":{"ces5":"not_asked"}}`, Partial, "none"},
		{`{"answers":[0,0,0,0,null,0,null],"missing":{"ces5":"not_asked"}}`, Partial, "P2"},
		{`[1,null,0,0,0,0,0,200]`, Partial, "P2"},
		{`[1,null,null,null,null,null,null,30]`, Partial, "P1"},
		// nothing answered
		{`[null,null,null,null,null,null,null]`, Insufficient, "P2"},
		{`{"answers":[null,null,null,null,null,null,null],` + notAsked + `}`, Insufficient, "none"},
		// codes that are none
		{`[1,5,0,0,0,0,0,2]`, Invalid, "P0"},
		{`[0,5,0,0,0,0,0]`, Invalid, "P2"},
		{`[0,"yes",0,0,0,0,0]`, Invalid, "P2"},
		{`[0,0,0,0,0,0]`, Invalid, "P2"}, // a question short
		{`[[0,1],0,0,0,0,0,0,1]`, Complete, "P0"},
		{`[[1,2],0,0,0,0,0,0,2]`, Invalid, "P0"}, // one box that says yes is enough
		{`[[1,null],0,0,0,0,0,0,2]`, Invalid, "P0"},
		{`[[0,2],0,0,0,0,0,0,2]`, Invalid, "P2"},
		{`[1,0,0,0,0,0,0,[2,200]]`, Complete, "P0"}, // the newest of several days
	} {
		a := parse(t, d, c.text)
		r, level := d.Result(a), c.level
		var flags []string
		var part any = c.level
		if c.status == Invalid {
			part = nil
		}
		if level != "none" {
			flags = []string{FlagCES + map[string]string{"P0": "p0", "P1": "p1", "P2": "p2"}[level]}
		}
		if r.Status != c.status || r.Part("level") != part || !slices.Equal(d.Flags(a), flags) || len(flags) > 0 && !slices.Contains(r.Flags, flags[0]) {
			t.Errorf("%s: %v, level %v, flags %v, want %v, %v, %v", c.text, r.Status, r.Part("level"), d.Flags(a), c.status, part, flags)
		}
	}
}

// The rule as the specification writes it, line by line, over every answer.
func TestCaudaEquinaOfEveryAnswer(t *testing.T) {
	d := mustLookup(t, "ces")
	out, n := make([]Scored, 1), 0
	everyAnswer(t, d, d.Primary(), func(codes []int16) {
		n++
		yes, early, unanswered := 0, 0, false
		for i, code := range codes[:caudaItems] {
			yes += int(max(code, 0))
			if i < 5 {
				early += int(max(code, 0))
			}
			unanswered = unanswered || code == Missing
		}
		onset := codes[caudaOnset]
		unknown := onset < 0 // Missing, too
		want := "none"
		switch {
		case codes[5] == 1, codes[6] == 1 && yes > 1:
			want = "P0"
		case early > 0 && (unknown || onset <= 14):
			want = "P0"
		case yes > 0 && !unknown && onset > 14 && onset <= 90:
			want = "P1"
		case yes > 0 && !unknown && onset > 90:
			want = "P2"
		case yes > 0: // the seventh alone, begun lately or at an unknown day
			want = "P0"
		case unanswered:
			want = "P2"
		}
		if err := d.Score(&Administration{Codes: codes}, out); err != nil || out[0].Known && out[0].Band != want {
			t.Fatalf("%v = %+v, %v, want %s", codes, out[0], err, want)
		}
	})
	if n != 9*2187 {
		t.Errorf("%d answers", n)
	}
}
