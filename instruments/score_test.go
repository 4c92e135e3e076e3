package instruments

import (
	"encoding/json"
	"math"
	"slices"
	"testing"
)

func mustLookup(t testing.TB, id ID) *Definition {
	t.Helper()
	d, err := Lookup(id, "")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func mustJSON(t testing.TB, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func codesOf(n int, code int16) []int16 { return slices.Repeat([]int16{code}, n) }

func TestODI(t *testing.T) {
	const m = Missing
	d := mustLookup(t, "odi")
	out := make([]Scored, 1)
	for _, c := range []struct {
		codes []int16
		want  Scored
	}{
		{codesOf(10, 0), Scored{Status: Complete, Units: 0, Known: true, Answered: 10, Items: 10, Band: "minimal"}},
		{codesOf(10, 5), Scored{Status: Complete, Units: 1800, Known: true, Answered: 10, Items: 10, Band: "extreme"}},
		{codesOf(10, 1), Scored{Status: Complete, Units: 20 * 18, Known: true, Answered: 10, Items: 10, Band: "minimal"}},
		{[]int16{2, 1, 1, 1, 1, 1, 1, 1, 1, 1}, Scored{Status: Complete, Units: 22 * 18, Known: true, Answered: 10, Items: 10, Band: "moderate"}},
		{codesOf(10, 4), Scored{Status: Complete, Units: 80 * 18, Known: true, Answered: 10, Items: 10, Band: "very_severe"}},
		{[]int16{2, 1, 3, 2, 2, 3, 1, m, 2, 2}, Scored{Status: Prorated, Units: 40 * 18, Known: true, Answered: 9, Items: 10, Band: "moderate"}},
		{[]int16{2, 2, 2, 2, 2, 2, 2, m, 1, 1}, Scored{Status: Prorated, Units: 640, Known: true, Answered: 9, Items: 10, Band: "moderate"}},
		{[]int16{2, 2, 2, 2, 2, 2, m, m, 2, 2}, Scored{Status: Prorated, Units: 40 * 18, Known: true, Answered: 8, Items: 10, Band: "moderate"}},
		{[]int16{2, 2, 2, 2, 2, m, m, m, 2, 2}, Scored{Status: Insufficient, Answered: 7, Items: 10}},
		{codesOf(10, m), Scored{Status: Insufficient, Items: 10}},
		{codesOf(10, 6), Scored{Status: Invalid, Items: 10}}, // 1–6 coding is refused, never shifted
		{[]int16{1, 2, 3, 4, 5, 6, 1, 2, 3, 4}, Scored{Status: Invalid, Answered: 9, Items: 10}},
		{[]int16{1, -1, 3, 4, 5, 5, 1, 2, 3, 4}, Scored{Status: Invalid, Answered: 9, Items: 10}},
		{[]int16{1, Unreadable, 3, 4, 5, 5, 1, 2, 3, 4}, Scored{Status: Invalid, Answered: 9, Items: 10}},
		{codesOf(9, 1), Scored{Status: Invalid, Answered: 9, Items: 10}},
		{codesOf(11, 1), Scored{Status: Invalid, Answered: 10, Items: 10}},
		{nil, Scored{Status: Invalid, Items: 10}},
	} {
		if err := d.Score(&Administration{Codes: c.codes}, out); err != nil || out[0] != c.want {
			t.Errorf("Score(%v) = %+v, %v, want %+v", c.codes, out[0], err, c.want)
		}
	}
	if err := d.Score(&Administration{Codes: codesOf(10, 1)}, nil); err == nil {
		t.Error("Score without room for its scores gives no error")
	}
}

// No record of the NHS files has one or two Oxford items missing.
func TestOxfordMissingItems(t *testing.T) {
	for _, id := range []ID{"ohs", "oks"} {
		d := mustLookup(t, id)
		out := make([]Scored, 1)
		for missing, want := range map[int]struct {
			status Status
			points float64
		}{
			0: {Complete, 37}, 1: {Prorated, 12 * 34.0 / 11}, 2: {Prorated, 12 * 31.0 / 10}, 3: {Insufficient, 0},
		} {
			codes := []int16{3, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4, 0}
			for i := range missing {
				codes[i] = Missing
			}
			if err := d.Score(&Administration{Codes: codes}, out); err != nil {
				t.Fatal(err)
			}
			s := d.Primary()
			if out[0].Status != want.status || math.Abs(s.Points(out[0].Units)-want.points) > 1e-12 {
				t.Errorf("%s with %d missing: %+v, want %+v", id, missing, out[0], want)
			}
		}
		// The older coding runs to 5 and the other way round.
		if item, rule, ok := d.CheckCodes(&Administration{Codes: codesOf(12, 5)}); ok || item != 0 || rule != RuleCodeOutOfRange {
			t.Errorf("%s accepts a code of 5: %d %s", id, item, rule)
		}
	}
}

func TestCheckCodes(t *testing.T) {
	eq := mustLookup(t, "eq5d5l")
	for _, c := range []struct {
		a    Administration
		item int
		rule string
	}{
		{Administration{Codes: []int16{1, 2, 3, 4, 5}}, 0, ""},
		{Administration{Codes: []int16{1, Missing, 3, 4, 5, 100}}, 0, ""},
		{Administration{Codes: []int16{1, 2, 3, 4, 5, Missing}}, 0, ""},
		{Administration{Codes: []int16{1, 2, 0, 4, 6}}, 2, RuleCodeOutOfRange},
		{Administration{Codes: []int16{1, 2, 3, 4, 5, 101}}, 5, RuleCodeOutOfRange},
		{Administration{Codes: []int16{1, 2, 3, Unreadable, 9}}, 3, RuleCodeNotInteger},
		{Administration{Codes: []int16{1, 2, 3, 4}}, -1, RuleWrongItemCount},
		{Administration{Codes: codesOf(7, 1)}, -1, RuleWrongItemCount},
		{Administration{Codes: []int16{1, Missing, 1, 1, 1}, Ticks: [][]int16{nil, {1, 7}, nil, nil, nil}}, 1, RuleCodeOutOfRange},
	} {
		item, rule, ok := eq.CheckCodes(&c.a)
		if item != c.item || rule != c.rule || ok != (c.rule == "") {
			t.Errorf("CheckCodes(%v) = %d, %q, %v, want %d, %q", c.a, item, rule, ok, c.item, c.rule)
		}
	}
}

func TestSeveralTicks(t *testing.T) {
	for _, c := range []struct {
		id    ID
		ticks []int16
		want  int16
	}{
		{"odi", []int16{1, 3, 2}, 3}, {"ohs", []int16{3, 1}, 1}, {"eq5d5l", []int16{1, 2}, Missing}, {"eq5d5l", []int16{2, 2}, 2},
		{"odi", []int16{4}, 4}, {"odi", nil, Missing},
	} {
		if got := mustLookup(t, c.id).TickCode(c.ticks); got != c.want {
			t.Errorf("%s: TickCode(%v) = %d, want %d", c.id, c.ticks, got, c.want)
		}
	}
	// The flag is that of the response, whether or not the item counts.
	d := mustLookup(t, "eq5d5l")
	out, vas := make([]Scored, len(d.Scores)), scoreAt(t, d, "eqvas")
	a := Administration{Codes: []int16{1, 1, 1, 1, 1, Missing}, Ticks: [][]int16{5: {70, 80}}}
	if err := d.Score(&a, out); err != nil || out[0].Status != Complete || out[vas].Status != Insufficient || !slices.Contains(d.Result(&a).Flags, FlagMultiTick) {
		t.Errorf("two VAS marks: %+v, %v", out, err)
	}
}

// Topics lead to items whatever the order of a file's columns.
func TestItemsByKeyAndLabel(t *testing.T) {
	d := mustLookup(t, "ohs")
	byLabel, ok1 := d.ItemLabelled("sudden pain")
	byKey, ok2 := d.ItemIndex("ohs.10")
	if !ok1 || !ok2 || byLabel != byKey || byKey != 9 {
		t.Errorf("sudden pain is item %d, ohs.10 item %d, want both 9", byLabel, byKey)
	}
	if _, ok := d.ItemLabelled("kneeling"); ok {
		t.Error("the hip score has a kneeling item")
	}
	if _, ok := d.ItemIndex("oks.1"); ok {
		t.Error("the hip score has an item of the knee score")
	}
}

func TestStatusAndDirectionWords(t *testing.T) {
	for status, want := range map[Status]string{1: "complete", 2: "prorated", 3: "partial", 4: "insufficient", 5: "invalid"} {
		if got, err := json.Marshal(status); err != nil || string(got) != `"`+want+`"` {
			t.Errorf("status %d = %s, %v, want %s", status, got, err, want)
		}
		var back Status
		if err := back.UnmarshalText([]byte(want)); err != nil || back != status {
			t.Errorf("%s read back = %v, %v", want, back, err)
		}
	}
	if new(Status).UnmarshalText([]byte("done")) == nil {
		t.Error("status done is read")
	}
	if Status(0).String() == "" || Status(9).String() == "" {
		t.Error("a status out of range has no words")
	}
	for d, want := range map[Direction]string{LowerBetter: "lower_better", HigherBetter: "higher_better"} {
		var back Direction
		if err := back.UnmarshalText([]byte(want)); err != nil || back != d || d.String() != want || d.Sign() != float64(d) {
			t.Errorf("direction %d = %s, back %d, %v", d, d, back, err)
		}
	}
	if new(Direction).UnmarshalText([]byte("up")) == nil {
		t.Error("direction up is read")
	}
}

// benchAnswers are answers of every instrument that give scores, with an item
// missing where that is allowed and several ticks on the first.
func benchAnswers(d *Definition) *Administration {
	a := &Administration{Codes: make([]int16, len(d.Items)), Ticks: [][]int16{{d.Items[0].low, d.Items[0].high}}, Age: 54, Sex: "female"}
	for i, it := range d.Items {
		a.Codes[i] = it.low + int16(i+1)%(it.high-it.low+1)
		if it.Hundredths {
			a.Codes[i] = it.high / 8
		}
	}
	if m := d.Primary().Missing; m.AtMost > 0 && m.Then == "" {
		a.Codes[d.Primary().index[1]] = Missing
	}
	return a
}

func TestScoreAllocatesNothing(t *testing.T) {
	for _, d := range All() {
		out := make([]Scored, len(d.Scores))
		modes := []string{""}
		for _, m := range d.AdminModes {
			modes = append(modes, m.Name)
		}
		for _, mode := range modes {
			a := benchAnswers(d)
			a.AdminMode = mode
			if n := testing.AllocsPerRun(100, func() { _ = d.Score(a, out) }); n != 0 {
				t.Errorf("%s %s: %v allocations a score, want 0", d.ID, d.Version, n)
			}
			if !out[d.primary].Known {
				t.Errorf("%s %s: %+v is no score to measure", d.ID, d.Version, out[d.primary])
			}
			// Nor does what is refused.
			a.Codes[0] = d.Items[0].high + 1
			if n := testing.AllocsPerRun(100, func() { _ = d.Score(a, out) }); n != 0 || out[d.primary].Status != Invalid {
				t.Errorf("%s %s: %v allocations to refuse, %v", d.ID, d.Version, n, out[d.primary].Status)
			}
		}
	}
}

// BenchmarkScore scores one response of each instrument under all of its
// algorithms and value sets.
func BenchmarkScore(b *testing.B) {
	for _, d := range All() {
		if !d.Current {
			continue
		}
		out, a := make([]Scored, len(d.Scores)), benchAnswers(d)
		b.Run(string(d.ID), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := d.Score(a, out); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "responses/s")
		})
	}
}
