package wording

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/lumbar-health/lumbar/instruments"
)

// Pack is the wording of one version of one instrument in one language.
type Pack struct {
	Instrument instruments.ID `yaml:"instrument" json:"instrument"`
	Version    string         `yaml:"version" json:"version"`
	// Language is a BCP 47 tag: en-GB, cy, pa-Guru.
	Language string `yaml:"language" json:"language"`
	Title    string `yaml:"title" json:"title"`
	// Licence is the right to show it, which the installation has got itself.
	Licence Licence `yaml:"licence" json:"licence"`
	// Translator and Source say who made this text and where it comes from.
	Translator   string `yaml:"translator" json:"translator,omitempty"`
	Source       string `yaml:"source" json:"source,omitempty"`
	Introduction string `yaml:"introduction" json:"introduction,omitempty"`
	// Items are by the keys of the definition, whose order is the order asked.
	Items map[string]Item `yaml:"items" json:"items"`
}

// Licence says whose wording it is and by which right it is shown.
type Licence struct {
	// Holder is who owns the wording.
	Holder string `yaml:"holder" json:"holder"`
	// Statement is what must be shown with it, or by which permission it is
	// used.
	Statement string `yaml:"statement" json:"statement"`
	// Reference is the number or address of the agreement.
	Reference string `yaml:"reference" json:"reference,omitempty"`
	// ValidUntil is the last day of the licence, 2027-03-31; empty where it
	// has no end.
	ValidUntil string `yaml:"valid_until" json:"valid_until,omitempty"`
}

// Item is the wording of one item. Options has a text for every code; an item
// with seven codes or more may have Anchors instead, texts of some codes and of
// both ends. An item with more than eleven codes may have neither: a number is
// entered.
type Item struct {
	Text    string           `yaml:"text" json:"text"`
	Help    string           `yaml:"help" json:"help,omitempty"`
	Options map[int16]string `yaml:"options" json:"options,omitempty"`
	Anchors map[int16]string `yaml:"anchors" json:"anchors,omitempty"`
}

// From how many codes on an item may have anchors, and up to how many it must
// have options or anchors.
const (
	fewestForAnchors = 7
	mostWithTexts    = 11
)

// languageTag is the form of BCP 47 that packs use: language, script, region
// and variants, in their customary case.
var languageTag = regexp.MustCompile(`^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?(-([a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*$`)

// speakable is a word that can be no wording, so that an error may repeat it.
var speakable = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,40}$`)

// readPack reads one pack strictly and holds it against its definition. Its
// errors name the place and what to do, and no text of the pack.
func readPack(text []byte) (*Pack, error) {
	p := new(Pack)
	decoder := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict())
	if err := decoder.Decode(p); errors.Is(err, io.EOF) {
		return nil, errors.New("the file is empty")
	} else if err != nil {
		return nil, readError(err)
	}
	if err := decoder.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is a second document in it: give each pack a file of its own")
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	return p, nil
}

// readError says where a file is no pack. The parser's own text repeats lines
// of the file, so only its position and its kind are used.
func readError(err error) error {
	var at yaml.Error
	if !errors.As(err, &at) || at.GetToken() == nil || at.GetToken().Position == nil {
		return errors.New("not YAML")
	}
	what := "not YAML"
	var unknown *yaml.UnknownFieldError
	var twice *yaml.DuplicateKeyError
	var kind *yaml.TypeError
	var node *yaml.UnexpectedNodeTypeError
	var size *yaml.OverflowError
	word := at.GetToken().Value
	if !speakable.MatchString(word) {
		word = ""
	}
	switch {
	case errors.As(err, &unknown):
		what = strings.TrimSpace("a pack has no key " + word)
	case errors.As(err, &twice), strings.Contains(at.GetMessage(), "already defined"):
		what = strings.TrimSpace("a key stands there twice " + word)
	case errors.As(err, &kind), errors.As(err, &node), errors.As(err, &size):
		what = "a value of another kind than a pack has there"
	}
	return fmt.Errorf("line %d: %s: wording.schema.json and docs/instruments/wording.md show the form", at.GetToken().Position.Line, what)
}

func (p *Pack) check() error {
	d, err := instruments.Lookup(p.Instrument, p.Version)
	switch {
	case p.Instrument == "" || p.Version == "":
		return errors.New("instrument and version are required: wording belongs to one version")
	case errors.Is(err, instruments.ErrUnknownInstrument):
		return errors.New("instrument: not known: /v1/instruments lists them")
	case errors.Is(err, instruments.ErrUnknownVersion):
		return fmt.Errorf("version: not one of %s: give one of %s", p.Instrument, strings.Join(versions(p.Instrument), ", "))
	case err != nil:
		return err
	case !languageTag.MatchString(p.Language):
		return errors.New("language: give a BCP 47 tag, such as en-GB or cy")
	case blank(p.Title):
		return errors.New("title: is required")
	}
	if err := p.Licence.check(); err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(p.Items)) {
		if _, ok := d.ItemIndex(key); !ok {
			if !speakable.MatchString(key) {
				key = "with a key that is no item's"
			}
			return fmt.Errorf("item %s: %s %s has no such item: its page in docs/instruments lists the keys", key, d.ID, d.Version)
		}
	}
	for i := range d.Items {
		it := &d.Items[i]
		worded, ok := p.Items[it.Key]
		if !ok && it.Optional {
			continue
		}
		if err := worded.check(it); err != nil {
			return fmt.Errorf("item %s: %w", it.Key, err)
		}
	}
	return nil
}

func (l *Licence) check() error {
	switch _, err := time.Parse(time.DateOnly, l.ValidUntil); {
	case blank(l.Holder):
		return errors.New("licence.holder: say who owns the wording")
	case blank(l.Statement):
		return errors.New("licence.statement: say by which right it is shown; wording without one is not loaded")
	case l.ValidUntil != "" && err != nil:
		return errors.New("licence.valid_until: give a day, such as 2027-03-31")
	}
	return nil
}

// check holds the wording of one item against its codes.
func (w *Item) check(it *instruments.Item) error {
	codes := int(it.Max) - int(it.Min) + 1
	texts, name := w.Options, "options"
	if w.Anchors != nil {
		texts, name = w.Anchors, "anchors"
	}
	switch {
	case blank(w.Text):
		return errors.New("text: is missing: give the words of the item")
	case w.Options != nil && w.Anchors != nil:
		return errors.New("give options or anchors, not both")
	case w.Anchors != nil && codes < fewestForAnchors:
		return fmt.Errorf("anchors: only for %d codes and more: give options", fewestForAnchors)
	case texts == nil && (codes > mostWithTexts || it.Hundredths):
		return nil
	case texts == nil:
		return fmt.Errorf("options: are missing: give every code from %d to %d its text", it.Min, it.Max)
	}
	for _, code := range slices.Sorted(maps.Keys(texts)) {
		if code < it.Min || code > it.Max {
			return fmt.Errorf("%s: code %d is none of %d to %d", name, code, it.Min, it.Max)
		}
		if blank(texts[code]) {
			return fmt.Errorf("%s: code %d has no text", name, code)
		}
	}
	for code := it.Min; code <= it.Max; code++ {
		if needed := w.Options != nil || code == it.Min || code == it.Max; needed && texts[code] == "" {
			return fmt.Errorf("%s: code %d is missing", name, code)
		}
	}
	return nil
}

func blank(text string) bool { return strings.TrimSpace(text) == "" }

func versions(id instruments.ID) []string {
	var out []string
	for _, d := range instruments.All() {
		if d.ID == id {
			out = append(out, d.Version)
		}
	}
	return out
}
