package instruments

import (
	"encoding/json"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// drawDefinition draws one built-in definition.
func drawDefinition(t *rapid.T) *Definition {
	return rapid.SampledFrom(All()).Draw(t, "definition")
}

// drawCodes draws allowed codes for every item, some of them missing.
func drawCodes(t *rapid.T, d *Definition) []int16 {
	codes := make([]int16, len(d.Items))
	for i, it := range d.Items {
		codes[i] = rapid.Int16Range(it.Min, it.Max).Draw(t, it.Key)
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

func TestScoresStayInRange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawDefinition(t)
		codes := drawCodes(t, d)
		for i, out := range scoresOf(t, d, codes) {
			s := d.Scores[i]
			if points := s.Points(out.Units); out.HasUnits && (points < s.Min || points > s.Max) {
				t.Fatalf("%s %v = %v, outside %v to %v", s.Column(), codes, points, s.Min, s.Max)
			}
			if out.HasUnits != (out.Status == Complete || out.Status == Prorated) || out.HasUnits && len(s.Bands) > 0 && out.Band == "" {
				t.Fatalf("%s %v = %+v", s.Column(), codes, out)
			}
		}
	})
}

// A missing answer is never the same as the lowest code: the status says so.
func TestMissingIsNotZero(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawDefinition(t)
		codes := drawCodes(t, d)
		at := rapid.IntRange(0, len(codes)-1).Draw(t, "item")
		codes[at] = d.Items[at].Min
		lowest := scoresOf(t, d, codes)
		codes[at] = Missing
		for i, out := range scoresOf(t, d, codes) {
			if slices.Contains(d.Scores[i].index, at) && (out.Status == Complete || out.Answered != lowest[i].Answered-1) {
				t.Fatalf("%s: item %d missing %+v, lowest %+v", d.Scores[i].Column(), at+1, out, lowest[i])
			}
		}
	})
}

// A worse answer never gives a better score, with the same items answered.
func TestScoresAreMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawDefinition(t)
		codes := drawCodes(t, d)
		at := rapid.IntRange(0, len(codes)-1).Draw(t, "item")
		codes[at] = rapid.Int16Range(d.Items[at].Min, d.Items[at].Max).Draw(t, "code")
		before := scoresOf(t, d, codes)
		codes[at] = rapid.Int16Range(codes[at], d.Items[at].Max).Draw(t, "higher")
		for i, after := range scoresOf(t, d, codes) {
			rises := after.Units >= before[i].Units
			if s := d.Scores[i]; s.Rule == "linear_index" {
				rises = after.Units <= before[i].Units
			}
			if after.HasUnits != before[i].HasUnits || after.HasUnits && !rises {
				t.Fatalf("%s: %+v, then a higher code and %+v", d.Scores[i].Column(), before[i], after)
			}
		}
	})
}

// Scores that count points do not depend on the order of the items.
func TestSumsDoNotKnowOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := mustFind(t, rapid.SampledFrom([]ID{"odi", "ohs", "oks"}).Draw(t, "id"))
		codes := drawCodes(t, d)
		if a, b := scoresOf(t, d, codes)[0], scoresOf(t, d, rapid.Permutation(codes).Draw(t, "order"))[0]; a != b {
			t.Fatalf("%+v, in another order %+v", a, b)
		}
	})
}

// What is written as JSON is scored like the codes themselves.
func TestParsedAdministrationScoresAlike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawDefinition(t)
		codes := drawCodes(t, d)
		if d.Optional > 0 && rapid.Bool().Draw(t, "short") {
			codes = codes[:len(codes)-d.Optional]
		}
		list, keyed := make([]any, len(codes)), map[string]any{}
		for i, code := range codes {
			if code != Missing {
				list[i], keyed[d.Items[i].Key] = code, float64(code)
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
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.SampledFrom(ScoreColumns()).Draw(t, "score")
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
