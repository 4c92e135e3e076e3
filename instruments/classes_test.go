package instruments

import (
	"math"
	"slices"
	"testing"
)

// startBackPoint is what an answer to item i of STarT Back counts.
func startBackPoint(i int, code int16) int32 {
	if i == 8 && code >= 3 || i < 8 && code == 1 {
		return 1
	}
	return 0
}

// startBackSums are the points of the answered items and of the distress items
// among them, and how many of each are missing.
func startBackSums(codes []int16) (total, distress int32, missing, missingDistress int) {
	for i, code := range codes {
		of, wants := startBackPoint(i, code), 0
		if code == Missing {
			wants = 1
		}
		total, missing = total+of, missing+wants
		if i >= 4 {
			distress, missingDistress = distress+of, missingDistress+wants
		}
	}
	return total, distress, missing, missingDistress
}

// startBackClasses adds the class of every completion of the answers from item
// i on.
func startBackClasses(codes []int16, i int, classes map[string]bool) {
	switch {
	case i == len(codes):
		total, distress, _, _ := startBackSums(codes)
		switch {
		case total <= 3:
			classes["low"] = true
		case distress >= 4:
			classes["high"] = true
		default:
			classes["medium"] = true
		}
	case codes[i] != Missing:
		startBackClasses(codes, i+1, classes)
	default:
		highest := int16(1)
		if i == 8 {
			highest = 4
		}
		for codes[i] = 0; codes[i] <= highest; codes[i]++ {
			startBackClasses(codes, i+1, classes)
		}
		codes[i] = Missing
	}
}

// startBackStatus is that of so many missing of all items.
func startBackStatus(missing, all int) Status {
	switch missing {
	case 0:
		return Complete
	case all:
		return Insufficient
	}
	return Partial
}

// STarT Back's class is the one of every completion of the missing items, and
// indeterminate where completions differ: all 39,366 ways of answering it.
func TestStartBackOfEveryAnswer(t *testing.T) {
	d := mustLookup(t, "startback9")
	total, subscale, risk := scoreAt(t, d, "startback9"), scoreAt(t, d, "startback9_subscale"), scoreAt(t, d, "startback9_risk")
	known := map[string]string{} // the class by the answers' points, for speed
	want := func(codes []int16) string {
		key := make([]byte, len(codes))
		for i, code := range codes {
			if key[i] = '0' + byte(startBackPoint(i, code)); code == Missing {
				key[i] = '-'
			}
		}
		if known[string(key)] == "" {
			classes := map[string]bool{}
			startBackClasses(slices.Clone(codes), 0, classes)
			known[string(key)] = "indeterminate"
			for class := range classes {
				if len(classes) == 1 {
					known[string(key)] = class
				}
			}
		}
		return known[string(key)]
	}
	out, n := make([]Scored, len(d.Scores)), 0
	everyState(d, d.Scores[risk].index, true, func(codes []int16) {
		n++
		if err := d.Score(&Administration{Codes: codes}, out); err != nil {
			t.Fatal(err)
		}
		sum, distress, missing, missingDistress := startBackSums(codes)
		status := startBackStatus(missing, 9)
		if out[total].Status != status || out[total].Known != (missing == 0) || missing == 0 && out[total].Units != sum {
			t.Fatalf("%v: total %+v, want %d, %v", codes, out[total], sum, status)
		}
		if of := out[subscale]; of.Status != startBackStatus(missingDistress, 5) || of.Known != (missingDistress == 0) || of.Known && of.Units != distress {
			t.Fatalf("%v: subscale %+v, want %d", codes, of, distress)
		}
		if out[risk].Status != status || out[risk].Known != (missing < 9) || missing < 9 && out[risk].Band != want(codes) {
			t.Fatalf("%v: class %+v, want %s, %v", codes, out[risk], want(codes), status)
		}
	})
	if n != 39366 {
		t.Errorf("%d answers, want 39366", n)
	}
}

// The parts of the WPAI as the specification has them, and why one is null.
func TestWorkWeeks(t *testing.T) {
	d := mustLookup(t, "wpai_shp")
	for _, c := range []struct {
		answers string
		status  Status
		reason  string
		// absenteeism, presenteeism, overall, activity
		want [4]any
	}{
		{`[true,8,0,32,5,6]`, Complete, "", [4]any{0.2, 0.5, 0.6, 0.6}},
		{`[1,7.5,0,30,2,0]`, Complete, "", [4]any{0.2, 0.2, 0.36, 0.0}}, // half hours
		{`[1,0.25,0,0.75,4,1]`, Complete, "", [4]any{0.25, 0.4, 0.55, 0.1}},
		// not employed: activity alone applies, whatever else was answered
		{`[false,null,null,null,null,7]`, Complete, ReasonNotApplicable, [4]any{nil, nil, nil, 0.7}},
		{`[0,8,0,32,5,7]`, Complete, ReasonNotApplicable, [4]any{nil, nil, nil, 0.7}},
		{`[0,null,null,null,null,null]`, Insufficient, ReasonNotApplicable, [4]any{nil, nil, nil, nil}},
		// on leave: neither missed nor worked
		{`[1,0,40,0,null,3]`, Complete, ReasonNotApplicable, [4]any{nil, nil, nil, 0.3}},
		{`[1,0,40,0,null,null]`, Insufficient, ReasonNotApplicable, [4]any{nil, nil, nil, nil}},
		// only missed: no presenteeism, even if it was answered
		{`[1,40,0,0,null,8]`, Complete, "", [4]any{1.0, nil, 1.0, 0.8}},
		{`[1,40,0,0,5,8]`, Complete, "", [4]any{1.0, nil, 1.0, 0.8}},
		// for want of an answer
		{`[null,8,0,32,5,6]`, Partial, ReasonTooFewAnswers, [4]any{nil, nil, nil, 0.6}},
		{`[1,4,0,16,null,2]`, Partial, ReasonTooFewAnswers, [4]any{0.2, nil, nil, 0.2}},
		{`[1,null,0,32,5,6]`, Partial, ReasonTooFewAnswers, [4]any{nil, 0.5, nil, 0.6}},
		{`[1,8,0,null,5,6]`, Partial, ReasonTooFewAnswers, [4]any{nil, 0.5, nil, 0.6}},
		{`[1,8,null,32,5,6]`, Complete, "", [4]any{0.2, 0.5, 0.6, 0.6}}, // the third is in no formula
		{`[1,8,0,32,5,null]`, Partial, "", [4]any{0.2, 0.5, 0.6, nil}},
		{`[null,null,null,null,null,null]`, Insufficient, ReasonTooFewAnswers, [4]any{nil, nil, nil, nil}},
		// no week has these
		{`[1,100,0,68,5,6]`, Complete, "", [4]any{100.0 / 168, 0.5, (10*100.0 + 68*5) / 1680, 0.6}},
		{`[1,100,0,68.01,5,6]`, Invalid, RuleSumOutOfRange, [4]any{nil, nil, nil, nil}},
		{`[1,60,60,60,5,6]`, Invalid, RuleSumOutOfRange, [4]any{nil, nil, nil, nil}},
		{`[0,60,60,60,5,6]`, Invalid, RuleSumOutOfRange, [4]any{nil, nil, nil, nil}},
		{`[1,169,0,0,5,6]`, Invalid, RuleCodeOutOfRange, [4]any{nil, nil, nil, nil}},
		{`[1,-1,0,40,5,6]`, Invalid, RuleCodeOutOfRange, [4]any{nil, nil, nil, nil}},
		{`[1,-0.001,0,40,5,6]`, Invalid, RuleCodeOutOfRange, [4]any{nil, nil, nil, nil}},
		{`[1,8,0,32,11,6]`, Invalid, RuleCodeOutOfRange, [4]any{nil, nil, nil, nil}},
		{`[1,8,0,32,5.5,6]`, Invalid, RuleCodeNotInteger, [4]any{nil, nil, nil, nil}},
		{`[1,"8",0,32,5,6]`, Invalid, RuleCodeNotInteger, [4]any{nil, nil, nil, nil}},
	} {
		r := d.Result(parse(t, d, c.answers))
		got := [4]any{r.Part("absenteeism"), r.Part("presenteeism"), r.Part("overall"), r.Part("activity")}
		if r.Status != c.status || r.Reason != c.reason || got != c.want {
			t.Errorf("%s = %v %q %v, want %v %q %v", c.answers, r.Status, r.Reason, got, c.status, c.reason, c.want)
		}
		if overall, known := c.want[2].(float64); known != (r.Score != nil) || known && *r.Score != overall {
			t.Errorf("%s: score %v, want overall %v", c.answers, r.Score, c.want[2])
		}
	}
}

// Every week that the rules tell apart, against the formulas.
func TestEveryWorkWeek(t *testing.T) {
	d := mustLookup(t, "wpai_shp")
	at := map[string]int{}
	for _, part := range []string{absenteeism, presenteeism, overall, activity} {
		at[part] = scoreAt(t, d, "wpai_shp_"+part)
	}
	out := make([]Scored, len(d.Scores))
	everyWorkWeek(func(codes []int16) {
		if err := d.Score(&Administration{Codes: codes}, out); err != nil {
			t.Fatal(err)
		}
		employed, missed, worked := codes[0], float64(codes[1]), float64(codes[3])
		hours := employed == 1 && codes[1] != Missing && codes[3] != Missing && missed+worked > 0
		effect, atWork := float64(codes[4])/10, codes[4] != Missing
		want := map[string]*float64{absenteeism: nil, presenteeism: nil, overall: nil, activity: nil}
		if codes[5] != Missing {
			want[activity] = new(float64(codes[5]) / 10)
		}
		onlyMissed := codes[3] == 0 && codes[1] > 0
		if employed == 1 && atWork && !onlyMissed {
			want[presenteeism] = &effect
		}
		if hours {
			share := missed / (missed + worked)
			want[absenteeism] = &share
			if worked == 0 {
				want[overall] = new(1.0)
			} else if atWork {
				want[overall] = new(share + (1-share)*effect)
			}
		}
		for part, x := range want {
			s, got := d.Scores[at[part]], out[at[part]]
			if got.Known != (x != nil) || x != nil && math.Abs(s.points(got)-*x) > 1e-12 {
				t.Fatalf("%v: %s = %+v, want %v", codes, part, got, x)
			}
		}
	})
}

// What a blank of RMDQ means depends on how it was put; what was never asked is
// no answer in either way.
func TestRMDQByAdministration(t *testing.T) {
	d := mustLookup(t, "rmdq24")
	const five = `1,1,1,1,1,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null`
	const blank = `null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null`
	notAsked := ""
	for _, it := range d.Items {
		notAsked += `,"` + it.Key + `":"not_asked"`
	}
	for _, c := range []struct {
		text     string
		status   Status
		score    any
		answered int
		reason   string
	}{
		{`[` + five + `]`, Insufficient, nil, 5, ReasonTooFewAnswers},
		{`{"answers":[` + five + `]}`, Insufficient, nil, 5, ReasonTooFewAnswers},
		{`{"answers":[` + five + `],"admin_mode":"yesno"}`, Insufficient, nil, 5, ReasonTooFewAnswers},
		{`{"answers":[` + five + `],"admin_mode":"ticklist"}`, Complete, 5.0, 24, ""},
		{`{"answers":{"rmdq24.1":true,"rmdq24.24":true},"admin_mode":"ticklist"}`, Complete, 2.0, 24, ""},
		{`{"answers":[` + blank + `],"admin_mode":"ticklist"}`, Complete, 0.0, 24, ""},
		{`{"answers":[` + five + `],"admin_mode":"ticklist","missing":{"rmdq24.6":"na","rmdq24.7":"declined"}}`, Complete, 5.0, 24, ""},
		{`{"answers":[` + five + `],"admin_mode":"ticklist","missing":{"rmdq24.6":"not_asked"}}`, Prorated, 24 * 5.0 / 23, 23, ""},
		{`{"answers":[` + blank + `],"admin_mode":"ticklist","missing":{` + notAsked[1:] + `}}`, Insufficient, nil, 0, ReasonTooFewAnswers},
		{`{"answers":[` + five + `],"admin_mode":"telephone"}`, Invalid, nil, 5, RuleUnknownAdminMode},
		{`{"answers":[2,` + five[2:] + `],"admin_mode":"ticklist"}`, Invalid, nil, 23, RuleCodeOutOfRange},
		{`{"answers":[1],"admin_mode":"ticklist"}`, Invalid, nil, 24, RuleWrongItemCount},
	} {
		r := d.Result(parse(t, d, c.text))
		if r.Status != c.status || numberOrNull(r.Score) != c.score || r.Reason != c.reason || r.Answered != c.answered {
			t.Errorf("%s = %+v, want %v %v %q, %d answered", c.text, r, c.status, c.score, c.reason, c.answered)
		}
	}
	// The way of putting it matters to no other instrument, and is no error.
	if r := mustLookup(t, "odi").Result(&Administration{Codes: codesOf(10, 1), AdminMode: "telephone"}); r.Status != Complete {
		t.Errorf("ODI by telephone = %v", r.Status)
	}
}
