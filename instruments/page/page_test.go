package page

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/instruments"
)

//go:generate go test . -run TestPagesAreTheDefinitions -update

var update = flag.Bool("update", false, "write docs/instruments from the definitions")

var folder = filepath.Join("..", "..", "docs", "instruments")

// TestPagesAreTheDefinitions holds that docs/instruments has a page for every
// instrument, as the definitions say it, and none for another.
func TestPagesAreTheDefinitions(t *testing.T) {
	pages := map[string]string{"README": Index()}
	for _, id := range IDs() {
		text, err := Of(id)
		if err != nil {
			t.Fatal(err)
		}
		pages[string(id)] = text
	}
	for _, name := range slices.Sorted(maps.Keys(pages)) {
		path := filepath.Join(folder, name+".md")
		if *update {
			if err := os.WriteFile(path, []byte(pages[name]), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Errorf("%s has no page: go generate ./instruments/page writes it", name)
			continue
		}
		if string(got) != pages[name] {
			t.Errorf("%s is not what the definitions say: go generate ./instruments/page", path)
		}
	}
	there, err := filepath.Glob(filepath.Join(folder, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range there {
		name := strings.TrimSuffix(filepath.Base(path), ".md")
		if _, ok := pages[name]; !ok && name != "wording" {
			t.Errorf("%s is a page of no instrument", path)
		}
	}
}

// Every number of a definition that a reader needs stands on its page.
func TestPagesSayAll(t *testing.T) {
	for _, d := range instruments.All() {
		text, err := Of(d.ID)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{d.Title, "`" + d.Version + "`", d.Algorithm, d.Licence}
		for _, it := range d.Items {
			want = append(want, "| `"+it.Key+"` | "+it.Label+" |")
		}
		for _, s := range d.Scores {
			want = append(want, "`"+s.Column()+"`")
			for _, band := range s.Bands {
				if s.SameAs == "" {
					want = append(want, "`"+band.Name+"`")
				}
			}
		}
		for _, part := range append(append(want, d.Sources...), d.Notes...) {
			if !strings.Contains(text, strings.Join(strings.Fields(part), " ")) {
				t.Errorf("the page of %s %s does not say %q", d.ID, d.Version, part)
			}
		}
	}
}

// The examples are really scored: what stands behind a command is what the
// command prints.
func TestExamplesAreScored(t *testing.T) {
	shown := regexp.MustCompile("(?m)^\\$ echo '(.+)' \\| lumbar score --instrument (\\S+)(?: --version (\\S+))?\n(.+)$")
	for _, id := range IDs() {
		text, err := Of(id)
		if err != nil {
			t.Fatal(err)
		}
		examples := shown.FindAllStringSubmatch(text, -1)
		if len(examples) == 0 {
			t.Errorf("the page of %s has no example", id)
		}
		for _, e := range examples {
			d, err := instruments.Lookup(instruments.ID(e[2]), e[3])
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			if _, err := instruments.ScoreLines(strings.NewReader(e[1]), &out, d); err != nil {
				t.Fatal(err)
			}
			if strings.TrimSpace(out.String()) != e[4] {
				t.Errorf("%s: %s gives %s, the page shows %s", id, e[1], out.String(), e[4])
			}
		}
	}
}

// No words stand here for a rule that is gone.
func TestWordsAreOfRulesInUse(t *testing.T) {
	used := map[string]bool{}
	for _, d := range instruments.All() {
		for _, s := range d.Scores {
			used[s.Rule] = true
		}
	}
	for name := range rules {
		if !used[name] {
			t.Errorf("rules has words for %s, which no definition uses", name)
		}
	}
}

func TestUnknownInstrumentHasNoPage(t *testing.T) {
	if _, err := Of("zebra"); err == nil {
		t.Error("an unknown instrument has a page")
	}
}

// The days in the words of the cauda equina rule are those it goes by.
func TestCaudaEquinaWordsHold(t *testing.T) {
	d, err := instruments.Lookup("ces", "")
	if err != nil {
		t.Fatal(err)
	}
	text, err := caudaEquina(d, d.Primary())
	if err != nil {
		t.Fatal(err)
	}
	for _, words := range []string{"at most 14 days", "15 to 90 days"} {
		if !strings.Contains(text.formula, words) {
			t.Errorf("the words of the rule do not say %q", words)
		}
	}
	for line, want := range map[string]string{
		"[1,0,0,0,0,0,0,14]": "P0", "[1,0,0,0,0,0,0,15]": "P1", "[1,0,0,0,0,0,0,90]": "P1", "[1,0,0,0,0,0,0,91]": "P2",
		"[1,0,0,0,0,0,0,null]": "P0", "[1,0,0,0,0,0,0,-1]": "P0", "[0,0,0,0,0,1,0,91]": "P0", "[1,0,0,0,0,0,1,91]": "P0",
		"[null,0,0,0,0,0,0]": "P2", "[0,0,0,0,0,0,0]": "none",
	} {
		a, err := d.ParseAdministration([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		if r := d.Result(a); r.Band == nil || *r.Band != want {
			t.Errorf("%s is %v, the words say %s", line, r.Band, want)
		}
	}
}
