package fhir

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/goccy/go-yaml"

	"github.com/lumbar-health/lumbar/instruments"
)

//go:embed questionnaires.yaml
var builtIn []byte

// mapping says which instrument a questionnaire of somebody else is.
type mapping struct {
	Canonical  []string          `yaml:"canonical"`
	Instrument instruments.ID    `yaml:"instrument"`
	Version    string            `yaml:"version"`
	Numbered   []string          `yaml:"numbered"`
	Items      map[string]string `yaml:"items"`
	Score      []string          `yaml:"score"`
	Ignore     []string          `yaml:"ignore"`
	Codes      map[string]int16  `yaml:"codes"`
}

// panel is an instrument's LOINC codes.
type panel struct {
	Instrument instruments.ID `yaml:"instrument"`
	Panel      string         `yaml:"panel"`
	Score      string         `yaml:"score"`
	Items      []string       `yaml:"items"`
}

// answerList is a list of LOINC answers and the items that are answered with it.
type answerList struct {
	Codes []string `yaml:"codes"`
	Items []string `yaml:"items"`
}

// table is a file of questionnaires.
type table struct {
	Questionnaires []mapping    `yaml:"questionnaires"`
	LOINC          []panel      `yaml:"loinc"`
	Answers        []answerList `yaml:"answers"`
}

var inUse atomic.Pointer[table]

// known returns the questionnaires that are known.
func known() *table {
	if t := inUse.Load(); t != nil {
		return t
	}
	t, err := readTable(builtIn)
	if err != nil {
		panic("fhir: the built-in table of questionnaires is broken: " + err.Error()) // a test reads it
	}
	inUse.CompareAndSwap(nil, t)
	return inUse.Load()
}

// UseQuestionnaires adds a site's table of questionnaires, a YAML file of the
// form of the built-in one. Its entries go before the built-in ones. It is
// called after instruments.UseDefinitions and before anything is read. An empty
// path is the built-in table alone. On an error nothing changes.
func UseQuestionnaires(path string) error {
	if path == "" {
		inUse.Store(nil)
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return errors.New("it can not be read: check the path and its permissions")
	}
	site, err := readTable(text)
	if err != nil {
		return fmt.Errorf("it is no table of questionnaires (docs/fhir.md): %w", err)
	}
	base, err := readTable(builtIn)
	if err != nil {
		return err
	}
	inUse.Store(&table{
		Questionnaires: slices.Concat(site.Questionnaires, base.Questionnaires),
		LOINC:          slices.Concat(site.LOINC, base.LOINC),
		Answers:        slices.Concat(site.Answers, base.Answers),
	})
	return nil
}

func readTable(text []byte) (*table, error) {
	t := new(table)
	if err := yaml.UnmarshalWithOptions(text, t, yaml.Strict()); err != nil {
		return nil, err
	}
	for i := range t.Questionnaires {
		if err := t.Questionnaires[i].check(); err != nil {
			return nil, err
		}
	}
	for _, p := range t.LOINC {
		d, err := instruments.Lookup(p.Instrument, "")
		if err != nil || len(p.Items) > len(d.Items) || p.Panel == "" {
			return nil, fmt.Errorf("loinc panel %q: want a known instrument, its panel and at most its items", p.Panel)
		}
	}
	for _, a := range t.Answers {
		if len(a.Codes) == 0 || len(a.Items) == 0 {
			return nil, errors.New("answers: want codes and items")
		}
	}
	return t, nil
}

func (m *mapping) check() error {
	d, err := instruments.Lookup(m.Instrument, m.Version)
	if err != nil || len(m.Canonical) == 0 {
		return fmt.Errorf("questionnaire %q: want a canonical and a known instrument and version", m.Canonical)
	}
	for linkID, key := range m.Items {
		if _, ok := d.ItemIndex(key); !ok {
			return fmt.Errorf("questionnaire %q: linkId %q names no item of %s", m.Canonical, linkID, m.Instrument)
		}
	}
	return nil
}

// form is a questionnaire as its sender has it.
type form struct {
	definition *instruments.Definition // nil: not known, err says why
	err        error
	version    string         // as the sender names it; empty = the current one
	items      map[string]int // by linkId
	scores     map[string]bool
	ignored    map[string]bool
	codes      []map[string]int16 // answer codes by item
	shared     map[string]int16   // answer codes of all items
}

// Prefixes of canonicals that name our instruments.
const (
	ownCanonical  = "urn:lumbar:questionnaire:"
	pathCanonical = "Questionnaire/"
)

// resolve finds the questionnaire of a canonical.
func (t *table) resolve(canonical string) *form {
	address, version, _ := strings.Cut(canonical, "|")
	for _, wanted := range []string{canonical, address} {
		for i := range t.Questionnaires {
			if m := &t.Questionnaires[i]; slices.Contains(m.Canonical, wanted) {
				return t.formOf(m.Instrument, m.Version, m)
			}
		}
	}
	for _, p := range t.LOINC {
		rest, ok := strings.CutPrefix(strings.TrimPrefix(strings.TrimPrefix(address, "http://"), "https://"), "loinc.org/")
		if ok && strings.TrimPrefix(rest, "q/") == p.Panel {
			return t.formOf(p.Instrument, "", nil)
		}
	}
	id := strings.TrimPrefix(address, ownCanonical)
	if at := strings.LastIndex(id, pathCanonical); at >= 0 {
		id = id[at+len(pathCanonical):]
	}
	return t.formOf(instruments.ID(id), version, nil)
}

// formOf collects what is known of a questionnaire; m may be nil.
func (t *table) formOf(id instruments.ID, version string, m *mapping) *form {
	f := &form{version: version, items: map[string]int{}, scores: map[string]bool{}, ignored: map[string]bool{}}
	f.definition, f.err = instruments.Lookup(id, version)
	if f.err != nil {
		return f
	}
	d := f.definition
	f.codes = make([]map[string]int16, len(d.Items))
	for i, it := range d.Items {
		f.items[it.Key] = i
		if m == nil {
			f.items[strconv.Itoa(i+1)] = i
		}
		for _, a := range t.Answers {
			if slices.Contains(a.Items, it.Key) {
				f.addAnswers(i, a.Codes)
			}
		}
	}
	f.scores[string(d.ID)+".score"] = true
	for _, p := range t.LOINC {
		if p.Instrument == d.ID {
			f.addPanel(&p)
		}
	}
	if m != nil {
		f.addMapping(m)
	}
	return f
}

func (f *form) addAnswers(item int, codes []string) {
	if f.codes[item] == nil {
		f.codes[item] = map[string]int16{}
	}
	for n, code := range codes {
		f.codes[item][code] = f.definition.Items[item].Min + int16(n)
	}
}

func (f *form) addPanel(p *panel) {
	for i, code := range p.Items {
		f.items[code], f.items["/"+code] = i, i
	}
	if p.Score != "" {
		f.scores[p.Score], f.scores["/"+p.Score] = true, true
	}
}

func (f *form) addMapping(m *mapping) {
	for i := range f.definition.Items {
		for _, prefix := range m.Numbered {
			f.items[prefix+strconv.Itoa(i+1)] = i
		}
	}
	for linkID, key := range m.Items {
		f.items[linkID], _ = f.definition.ItemIndex(key)
	}
	for _, linkID := range m.Score {
		f.scores[linkID] = true
	}
	for _, linkID := range m.Ignore {
		f.ignored[linkID] = true
	}
	f.shared = m.Codes
}

// watched are the forms of instruments with safety questions.
func (t *table) watched() []*form {
	var out []*form
	for _, d := range instruments.All() {
		if d.Current && len(d.Safety) > 0 {
			out = append(out, t.formOf(d.ID, d.Version, nil))
		}
	}
	return out
}
