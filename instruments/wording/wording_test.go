package wording

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/lumbar-health/lumbar/instruments"
)

// artificial writes a pack whose every text says that it is one. The word
// zebra stands in each of them, so that a test sees one in an error.
func artificial(d *instruments.Definition, language string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "instrument: %s\nversion: %q\nlanguage: %s\ntitle: zebra title\n", d.ID, d.Version, language)
	b.WriteString("licence:\n  holder: zebra holder\n  statement: zebra statement\n  reference: zebra reference\n  valid_until: 2030-06-30\n")
	b.WriteString("translator: zebra translator\nsource: zebra source\nintroduction: zebra introduction\nitems:\n")
	for i, it := range d.Items {
		fmt.Fprintf(&b, "  %s:\n    text: zebra text of item %d\n    help: zebra help\n", it.Key, i+1)
		if int(it.Max)-int(it.Min) < fewestForAnchors-1 {
			b.WriteString("    options:\n")
			for code := it.Min; code <= it.Max; code++ {
				fmt.Fprintf(&b, "      %d: zebra option %d\n", code, code)
			}
		} else {
			fmt.Fprintf(&b, "    anchors:\n      %d: zebra low end\n      %d: zebra high end\n", it.Min, it.Max)
		}
	}
	return b.String()
}

func lookup(t *testing.T, id instruments.ID) *instruments.Definition {
	t.Helper()
	d, err := instruments.Lookup(id, "")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func schema(t *testing.T) func(pack string) error {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile("wording.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return func(pack string) error {
		asJSON, err := yaml.YAMLToJSON([]byte(pack))
		if err != nil {
			return err
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
		if err != nil {
			return err
		}
		return s.Validate(doc)
	}
}

// Every version of every instrument can be worded.
func TestEveryInstrumentTakesAPack(t *testing.T) {
	validate := schema(t)
	files := fstest.MapFS{".hidden/x.yaml": {Data: []byte("no pack")}, "notes.txt": {Data: []byte("no pack")}}
	for _, d := range instruments.All() {
		text := artificial(d, "en-GB")
		if err := validate(text); err != nil {
			t.Errorf("%s %s: the schema refuses it: %v", d.ID, d.Version, err)
		}
		files["by instrument/"+string(d.ID)+"_"+d.Version+".yaml"] = &fstest.MapFile{Data: []byte(text)}
	}
	l, err := read(files)
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Packs()) != len(instruments.All()) {
		t.Fatalf("%d packs loaded, want %d", len(l.Packs()), len(instruments.All()))
	}
	for _, d := range instruments.All() {
		packs := l.Of(d.ID, d.Version)
		if len(packs) != 1 || len(packs[0].Items) != len(d.Items) || packs[0].Licence.Holder != "zebra holder" {
			t.Errorf("%s %s: packs %v", d.ID, d.Version, packs)
			continue
		}
		first := d.Items[0]
		worded := packs[0].Items[first.Key]
		if worded.Text != "zebra text of item 1" || len(worded.Options)+len(worded.Anchors) == 0 {
			t.Errorf("%s %s: item %s is %+v", d.ID, d.Version, first.Key, worded)
		}
	}
}

func TestBrokenPacksAreRefused(t *testing.T) {
	validate := schema(t)
	for _, c := range []struct {
		id       instruments.ID
		old, new string
		want     string
		schema   bool // the schema alone refuses it too
	}{
		{"odi", "title: zebra title\n", "", "title", true},
		{"odi", "title:", "titel:", "no key titel", true},
		{"odi", "title:", "zebra stripes:", "no key", true},
		{"odi", "instrument: odi\n", "", "instrument and version", true},
		{"odi", "instrument: odi", "instrument: zebra", "not known", false},
		{"odi", `version: "2.1a"`, `version: "1"`, "2.1a", false},
		{"odi", `version: "2.1a"`, `version: ""`, "instrument and version", true},
		{"odi", "language: en-GB", "language: English", "BCP 47", true},
		{"odi", "language: en-GB", "language: en_GB", "BCP 47", true},
		{"odi", "  holder: zebra holder\n", "", "licence.holder", true},
		{"odi", "statement: zebra statement", "statement: ' '", "licence.statement", true},
		{"odi", "  statement: zebra statement\n", "", "licence.statement", true},
		{"odi", "2030-06-30", "30 June 2030", "licence.valid_until", true},
		{"odi", "2030-06-30", "2030-02-30", "licence.valid_until", false},
		{"odi", "  odi.3:\n", "  odi.11:\n", "item odi.11", false},
		{"odi", "  odi.3:\n", "  zebra 3:\n", "with a key that is no item's", true},
		{"odi", "  odi.3:\n", "  odi.2:\n", "twice odi.2", true},
		{"odi", "    text: zebra text of item 3\n", "", "item odi.3: text", true},
		{"odi", "text: zebra text of item 3", "text: ''", "item odi.3: text", true},
		{"odi", "      4: zebra option 4\n", "", "item odi.1: options: code 4 is missing", false},
		{"odi", "4: zebra option 4", "4: ''", "item odi.1: options: code 4 has no text", true},
		{"odi", "      4: zebra option 4\n", "      4: zebra\n      6: zebra\n", "item odi.1: options: code 6", false},
		{"odi", "0: zebra option 0", "zebra: zebra", "another kind", true},
		{"odi", "    options:", "    anchors:", "item odi.1: anchors: only for 7", false},
		{"odi", "text: zebra text of item 1", "text: [zebra]", "another kind", true},
		{"odi", "text: zebra text of item 1", "text: zebra\n\t zebra: [", "line ", true},
		{"odi", "introduction: zebra introduction", "introduction: x\n---\nzebra: 1", "", true},
		{"nrs_back", "    anchors:\n      0: zebra low end\n      10: zebra high end\n", "", "options: are missing", false},
		{"nrs_back", "      10: zebra high end\n", "", "anchors: code 10 is missing", false},
		{"nrs_back", "    anchors:", "    options:\n      0: zebra\n    anchors:", "not both", true},
	} {
		good := artificial(lookup(t, c.id), "en-GB")
		text := strings.Replace(good, c.old, c.new, 1)
		if text == good {
			t.Errorf("%s has no %q to replace", c.id, c.old)
			continue
		}
		_, err := read(fstest.MapFS{"a.yaml": {Data: []byte(text)}})
		switch {
		case err == nil:
			t.Errorf("%q in place of %q is accepted", c.new, c.old)
		case !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "wording pack a.yaml: "):
			t.Errorf("%q in place of %q: error %v, want one of a.yaml with %q", c.new, c.old, err, c.want)
		case strings.Contains(err.Error(), "zebra"):
			t.Errorf("%q in place of %q: the error repeats wording: %v", c.new, c.old, err)
		}
		if err := validate(text); (err != nil) != c.schema {
			t.Errorf("%q in place of %q: the schema says %v, refuses %t", c.new, c.old, err, c.schema)
		}
	}
}

func TestFilesThatAreNoPack(t *testing.T) {
	good := artificial(lookup(t, "odi"), "en-GB")
	for name, c := range map[string]struct{ text, want string }{
		"empty":         {"", "empty"},
		"comment":       {"# nothing\n", ""},
		"list":          {"- zebra\n", ""},
		"word":          {"zebra", ""},
		"not utf-8":     {"title: \xff\xfe zebra", ""},
		"two documents": {good + "---\n" + good, "second document"},
		"large":         {good + strings.Repeat("# zebra\n", maxPack/8), "larger"},
	} {
		_, err := read(fstest.MapFS{"a.yml": {Data: []byte(c.text)}})
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "zebra") {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
}

// All broken files are named at once, and nothing is loaded beside them.
func TestOneBrokenPackIsNoLibrary(t *testing.T) {
	good := artificial(lookup(t, "odi"), "en-GB")
	l, err := read(fstest.MapFS{
		"a.yaml": {Data: []byte(good)},
		"b.yaml": {Data: []byte(strings.Replace(good, "en-GB", "cy", 1))},
		"c.yaml": {Data: []byte(strings.Replace(good, "title:", "titel:", 1))},
		"d.yaml": {Data: []byte(good)},
	})
	if l != nil || err == nil {
		t.Fatalf("read = %v, %v, want an error alone", l, err)
	}
	for _, want := range []string{"c.yaml", "d.yaml: odi 2.1a in en-GB is there already, in a.yaml"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

func TestShow(t *testing.T) {
	odi := lookup(t, "odi")
	endless := regexp.MustCompile(`  valid_until: \S+\n`).ReplaceAllString(artificial(odi, "cy"), "")
	l, err := read(fstest.MapFS{"a.yaml": {Data: []byte(artificial(odi, "en-GB"))}, "b.yaml": {Data: []byte(endless)}})
	if err != nil {
		t.Fatal(err)
	}
	day := func(s string) time.Time {
		at, err := time.Parse(time.DateTime, s)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for _, c := range []struct {
		version, language, day string
		want                   string
		err                    error
	}{
		{"2.1a", "en-GB", "2030-06-30 23:59:59", "en-GB", nil},
		{"2.1a", "en-gb", "2026-01-01 00:00:00", "en-GB", nil},
		{"2.1a", "en-GB", "2030-07-01 00:00:00", "", ErrLicenceEnded},
		{"2.1a", "cy", "2090-01-01 00:00:00", "cy", nil},
		{"2.1a", "cy-GB", "2090-01-01 00:00:00", "cy", nil},
		{"2.1a", "en", "2026-01-01 00:00:00", "", ErrNoWording},
		{"2.1a", "", "2026-01-01 00:00:00", "", ErrNoWording},
		{"2.1a", "-", "2026-01-01 00:00:00", "", ErrNoWording},
		{"1", "en-GB", "2026-01-01 00:00:00", "", ErrNoWording},
	} {
		p, err := l.Show("odi", c.version, c.language, day(c.day))
		switch {
		case !errors.Is(err, c.err):
			t.Errorf("Show(%s, %q, %s): %v, want %v", c.version, c.language, c.day, err, c.err)
		case c.err == nil && p.Language != c.want:
			t.Errorf("Show(%s, %q, %s) = %s, want %s", c.version, c.language, c.day, p.Language, c.want)
		}
	}
	var none *Library
	if _, err := none.Show("odi", "2.1a", "en-GB", time.Now()); !errors.Is(err, ErrNoWording) {
		t.Errorf("a nil library: %v, want ErrNoWording", err)
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "odi.yaml")
	if err := os.WriteFile(file, []byte(artificial(lookup(t, "odi"), "en-GB")), 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err := Open(dir); err != nil || len(l.Packs()) != 1 {
		t.Errorf("Open = %v, %v, want one pack", l, err)
	}
	if l, err := Open(""); err != nil || len(l.Packs()) != 0 {
		t.Errorf("Open without a folder = %v, %v, want none", l, err)
	}
	if _, err := Open(filepath.Join(dir, "gone")); err == nil || !strings.Contains(err.Error(), "give a folder") {
		t.Errorf("a folder that is not there: %v", err)
	}
	if _, err := Open(file); err == nil || !strings.Contains(err.Error(), "no folder") {
		t.Errorf("a file for a folder: %v", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "odd.yaml"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err != nil {
		t.Errorf("a folder named like a file: %v", err)
	}
	if err := os.Symlink(filepath.Join(dir, "nowhere"), filepath.Join(dir, "link.yaml")); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "link.yaml") {
		t.Errorf("a broken link: %v", err)
	}
}

func FuzzReadPack(f *testing.F) {
	for _, id := range []instruments.ID{"odi", "nrs_back", "eq5d5l"} {
		d, err := instruments.Lookup(id, "")
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(artificial(d, "en-GB")))
	}
	f.Add([]byte("a: &a [*a]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := readPack(text)
		if (p == nil) != (err != nil) {
			t.Fatalf("readPack = %v, %v", p, err)
		}
		if err == nil && (blank(p.Licence.Statement) || len(p.Items) == 0) {
			t.Fatalf("a pack without a licence statement or items is accepted")
		}
	})
}
