package instruments

import (
	"encoding/json"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// ofEveryDefinition checks a property of each built-in definition.
func ofEveryDefinition(t *testing.T, property func(t *rapid.T, d *Definition)) {
	t.Helper()
	for _, d := range All() {
		t.Run(string(d.ID)+" "+d.Version, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { property(t, d) })
		})
	}
}

// drawCodes draws allowed codes for every item, some of them missing.
func drawCodes(t *rapid.T, d *Definition) []int16 {
	codes := make([]int16, len(d.Items))
	for i, it := range d.Items {
		high := it.high
		if len(d.Limits) > 0 && it.Hundredths {
			high /= int16(len(d.Limits[0].Items)) // together within the limit
		}
		codes[i] = rapid.Int16Range(it.low, high).Draw(t, it.Key)
		if rapid.IntRange(0, 9).Draw(t, "answered") == 0 {
			codes[i] = Missing
		}
	}
	return codes
}

func scoresOf(t *rapid.T, d *Definition, codes []int16) []Scored {
	out := make([]Scored, len(d.Scores))
	if err := d.Score(&Administration{Codes: codes}, out); err != nil {
		t.Fatal(err)
	}
	return out
}

// A score is in its range, also the prorated ones, and is there exactly where
// its status says so.
func TestScoresStayInRange(t *testing.T) {
	ofEveryDefinition(t, func(t *rapid.T, d *Definition) {
		codes := drawCodes(t, d)
		for i, out := range scoresOf(t, d, codes) {
			s := d.Scores[i]
			if points := s.points(out); out.Known && (points < s.Min || points > s.Max || math.IsNaN(points)) {
				t.Fatalf("%s %v = %v, outside %v to %v", s.Column(), codes, points, s.Min, s.Max)
			}
			certain := out.Status == Complete || out.Status == Prorated
			if certain && !out.Known || out.Known && !certain && out.Status != Partial || out.Known && len(s.Bands) > 0 && out.Band == "" {
				t.Fatalf("%s %v = %+v", s.Column(), codes, out)
			}
			if out.Status == Prorated && s.Missing.AtMost == 0 || out.Status == Partial && s.Missing.Then != thenPartial {
				t.Fatalf("%s %v = %+v with at most %d missing", s.Column(), codes, out, s.Missing.AtMost)
			}
		}
	})
}

// A missing answer is never the same as the lowest code: the status says so. A
// tick list is the one exception, and there the two are exactly the same.
func TestMissingIsNotZero(t *testing.T) {
	ofEveryDefinition(t, func(t *rapid.T, d *Definition) {
		codes := drawCodes(t, d)
		at := rapid.IntRange(0, len(codes)-1).Draw(t, "item")
		codes[at] = d.Items[at].low
		lowest := scoresOf(t, d, codes)
		codes[at] = Missing
		for i, out := range scoresOf(t, d, codes) {
			s := d.Scores[i]
			if s.Rule == "wpai" || !slices.Contains(s.index, at) {
				continue // a part of the WPAI does not need every item: TestWorkWeeks
			}
			if out.Status == Complete || out.Answered != lowest[i].Answered-1 {
				t.Fatalf("%s: item %d missing %+v, lowest %+v", s.Column(), at+1, out, lowest[i])
			}
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		d := mustFind(t, "rmdq24")
		ticked := drawCodes(t, d)
		answered := slices.Clone(ticked)
		for i, code := range answered {
			answered[i] = max(code, 0)
		}
		a := d.Result(&Administration{Codes: ticked, AdminMode: "ticklist"})
		b := d.Result(&Administration{Codes: answered, AdminMode: "ticklist"})
		if a.Status != Complete || *a.Score != *b.Score || a.Answered != 24 {
			t.Fatalf("tick list %v = %+v, with noughts %+v", ticked, a, b)
		}
	})
}

// A higher code never lowers a score that adds, nor raises a health index, with
// the same items answered.
func TestScoresAreMonotone(t *testing.T) {
	rises := map[string]int32{"sum": 1, "sum_of_points": 1, "percent_of_maximum": 1, "mean_times_items": 1, "startback_risk": 1, "linear_index": -1}
	ofEveryDefinition(t, func(t *rapid.T, d *Definition) {
		codes := drawCodes(t, d)
		at := rapid.IntRange(0, len(codes)-1).Draw(t, "item")
		if codes[at] == Missing {
			return
		}
		before := scoresOf(t, d, codes)
		codes[at] = rapid.Int16Range(codes[at], d.Items[at].high).Draw(t, "higher")
		for i, after := range scoresOf(t, d, codes) {
			way, ok := rises[d.Scores[i].Rule]
			if !ok || after.Status == Invalid || d.Scores[i].Rule == "startback_risk" && (after.Units == riskIndeterminate || before[i].Units == riskIndeterminate) {
				continue
			}
			if after.Known != before[i].Known || after.Known && way*after.Units < way*before[i].Units {
				t.Fatalf("%s: %+v, then a higher code and %+v", d.Scores[i].Column(), before[i], after)
			}
		}
	})
}

// Scores that add do not depend on the order of items with the same codes.
func TestSumsDoNotKnowOrder(t *testing.T) {
	ofEveryDefinition(t, func(t *rapid.T, d *Definition) {
		codes := drawCodes(t, d)
		first := scoresOf(t, d, codes)
		for i, s := range d.Scores {
			of := d.Items[s.index[0]]
			alike := !slices.ContainsFunc(s.index, func(at int) bool { return d.Items[at].low != of.low || d.Items[at].high != of.high })
			if !alike || !s.readsSumsOnly() && (s.Rule != "lookup_table" || s.Parameters.value.(*LookupTable).By != "sum") {
				continue
			}
			shuffled := slices.Clone(codes)
			for k, from := range rapid.Permutation(s.index).Draw(t, "order") {
				shuffled[s.index[k]] = codes[from]
			}
			if again := scoresOf(t, d, shuffled)[i]; again != first[i] {
				t.Fatalf("%s: %+v, in another order %+v", s.Column(), first[i], again)
			}
		}
	})
}

// STarT Back's class knows how many points there are inside and outside the
// distress subscale, not which items gave them.
func TestStartBackClassDoesNotKnowOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := mustFind(t, "startback9")
		codes := drawCodes(t, d)
		point := func(i int) int16 { // Missing, 0 or 1
			if i == 8 && codes[i] != Missing {
				return codes[i] / 3
			}
			return codes[i]
		}
		shuffled := make([]int16, len(codes))
		for _, part := range [][]int{{0, 1, 2, 3}, {4, 5, 6, 7, 8}} {
			for k, from := range rapid.Permutation(part).Draw(t, "order") {
				shuffled[part[k]] = point(from)
				if part[k] == 8 && point(from) != Missing {
					shuffled[8] = 3*point(from) + rapid.Int16Range(0, 1).Draw(t, "bothersomeness")
				}
			}
		}
		before, after := scoresOf(t, d, codes), scoresOf(t, d, shuffled)
		for i := range before {
			if before[i] != after[i] {
				t.Fatalf("%s of %v: %+v, of %v: %+v", d.Scores[i].Column(), codes, before[i], shuffled, after[i])
			}
		}
	})
}

// asAnswer is a code as a sender would write it.
func asAnswer(it Item, code int16) any {
	switch {
	case code == Missing:
		return nil
	case it.Hundredths:
		return float64(code) / hundredths
	case len(it.Words) > 0 && code%2 == 0:
		return it.Words[code-it.Min]
	}
	return code
}

// What is written as JSON is scored like the codes themselves.
func TestParsedAdministrationScoresAlike(t *testing.T) {
	ofEveryDefinition(t, func(t *rapid.T, d *Definition) {
		codes := drawCodes(t, d)
		if d.Optional > 0 && rapid.Bool().Draw(t, "short") {
			codes = codes[:len(codes)-d.Optional]
		}
		list, keyed := make([]any, len(codes)), map[string]any{}
		for i, code := range codes {
			if list[i] = asAnswer(d.Items[i], code); list[i] != nil {
				keyed[d.Items[i].Key] = list[i]
			}
		}
		want, err := json.Marshal(d.Result(&Administration{Codes: codes}))
		if err != nil {
			t.Fatal(err)
		}
		for _, form := range []any{list, map[string]any{"answers": list, "age": 40}, map[string]any{"answers": keyed}} {
			text, err := json.Marshal(form)
			if err != nil {
				t.Fatal(err)
			}
			a, err := d.ParseAdministration(text)
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.Marshal(d.Result(a))
			if err != nil || string(got) != string(want) {
				t.Fatalf("%s: %s, %v, want %s", text, got, err, want)
			}
		}
	})
}

// Swapping the two scores turns the sign of improvement and nothing is both a
// response and a deterioration.
func TestChangeIsAntisymmetric(t *testing.T) {
	ofEveryDefinition(t, func(t *rapid.T, d *Definition) {
		s := rapid.SampledFrom(d.Scores).Draw(t, "score")
		base := rapid.Float64Range(s.Min, s.Max).Draw(t, "baseline")
		follow := rapid.Float64Range(s.Min, s.Max).Draw(t, "follow-up")
		there, back := s.Change(&base, &follow), s.Change(&follow, &base)
		if *there.Improvement != -*back.Improvement {
			t.Fatalf("%v there, %v back", *there.Improvement, *back.Improvement)
		}
		if (*there.Improvement > 0) != ((follow > base) == (s.Direction == HigherBetter)) && follow != base {
			t.Fatalf("improvement %v from %v to %v, %v", *there.Improvement, base, follow, s.Direction)
		}
		if holds(there.MeetsAbsolute) && holds(there.Deteriorated) || holds(there.Responder) && *there.Improvement < 0 {
			t.Fatalf("better and worse at once: %+v", there)
		}
		for name, x := range map[string]*float64{"improvement": there.Improvement, "pct": there.Percent} {
			if x == nil && there.Reasons[name] == "" || x != nil && math.IsNaN(*x) {
				t.Fatalf("%s is %v, reason %q", name, x, there.Reasons[name])
			}
		}
	})
}

func mustFind(t *rapid.T, id ID) *Definition {
	d, err := Lookup(id, "")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func holds(b *bool) bool { return b != nil && *b }
