package receipt

import "testing"

func TestCanonicalDoesNotDependOnTheOrderOfNames(t *testing.T) {
	a, err := Canonical(map[string][]string{"by": {"sex", "region"}, "year": {"2025"}})
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"by":["sex","region"],"year":["2025"]}`; a != want {
		t.Errorf("Canonical = %s, want %s", a, want)
	}
	back, err := Parse(a)
	if err != nil || len(back) != 2 || back["by"][1] != "region" {
		t.Errorf("Parse(Canonical) = %v, %v", back, err)
	}
	if _, err := Parse("by=sex"); err == nil {
		t.Error("Parse read what is no JSON")
	}
}

func TestEveryPartOfTheIdentityCounts(t *testing.T) {
	base := Identity{Question: "q", Parameters: "{}", DataVersion: 1, Seed: 1, CodeVersion: "c", RegistryVersion: "r", Ruleset: "d"}
	seen := map[string]bool{base.ID(): true}
	for _, change := range []func(*Identity){
		func(i *Identity) { i.Question = "p" }, func(i *Identity) { i.Parameters = "[]" }, func(i *Identity) { i.DataVersion = 2 },
		func(i *Identity) { i.Seed = 2 }, func(i *Identity) { i.CodeVersion = "x" }, func(i *Identity) { i.RegistryVersion = "x" },
		func(i *Identity) { i.Ruleset = "none" },
	} {
		other := base
		change(&other)
		if seen[other.ID()] {
			t.Errorf("%+v has the id of another", other)
		}
		seen[other.ID()] = true
	}
	if again := base; again.ID() != base.ID() || len(base.ID()) != 32 {
		t.Errorf("ID = %s, then %s: want the same 32 digits", base.ID(), again.ID())
	}
}
