package fhir

import (
	"encoding/json"
	"errors"
	"io"
	"strconv"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/jsontext"
)

// entry is a resource on its way, with what stands around it.
type entry struct {
	line     int
	text     []byte // the resource
	around   []byte // the Bundle's entry; nil where there is none
	fullURL  string
	method   string
	rule     string // why it can not be read; empty where it can
	modified bool
}

// errEnd says that a Bundle is at its end.
var errEnd = errors.New("end of the Bundle")

// bundleTypes are those whose entries stand each for itself. A document or a
// message is more than its entries, and a history holds deletions.
var bundleTypes = map[string]bool{"transaction": true, "batch": true, "collection": true, "searchset": true}

// bundles walks over the entries of one Bundle after the other, whatever the
// order of their members.
type bundles struct {
	source  string
	objects *jsontext.Objects
	inside  int  // 0 outside, 1 in the Bundle, 2 in its entries
	first   bool // no member or entry has been read there
	lines   int  // entries read
	kind    string
	genre   string // the Bundle's type
}

// next returns the next entry, valid until the next call. errEnd ends a
// Bundle, io.EOF the source.
func (b *bundles) next() (e entry, err error) {
	for {
		switch b.inside {
		case 0:
			err = b.open()
		case 1:
			err = b.step()
		default:
			c, more, stepErr := b.element(']')
			if stepErr != nil || more {
				if e, err = b.entry(c, stepErr); err != nil {
					return e, b.broken(err)
				}
				return e, nil
			}
			b.inside, b.first = 1, false
		}
		if err != nil {
			return e, b.broken(err)
		}
	}
}

// broken makes the end of the JSON before its time an error of the source.
func (b *bundles) broken(err error) error {
	var file *ingest.FileError
	switch {
	case errors.Is(err, errEnd), errors.As(err, &file), errors.Is(err, io.EOF) && b.inside == 0:
		return err
	case errors.Is(err, io.EOF), errors.Is(err, jsontext.ErrBroken):
		return &ingest.FileError{
			Source: b.source, Err: jsontext.ErrBroken,
			Wrong:  "is no whole Bundle: it is cut short, lacks a comma or goes on after its end, after entry " + strconv.Itoa(b.lines),
			Advice: "write or fetch it again",
		}
	}
	return err
}

func (b *bundles) open() error {
	c, err := b.objects.Sign()
	if err != nil {
		return err
	}
	if c != '{' {
		return jsontext.ErrBroken
	}
	b.inside, b.first, b.kind, b.genre = 1, true, "", ""
	return nil
}

// element steps to the next element or member; more is false at the end.
func (b *bundles) element(end byte) (c byte, more bool, err error) {
	c, err = b.objects.Sign()
	switch {
	case err != nil:
		return c, false, err
	case c == end:
		return c, false, nil
	case b.first:
		b.first = false
		return c, true, nil
	case c != ',':
		return c, false, jsontext.ErrBroken
	}
	c, err = b.objects.Sign()
	return c, true, err
}

// step reads one member of the Bundle, or its end.
func (b *bundles) step() error {
	c, more, err := b.element('}')
	switch {
	case err != nil:
		return err
	case !more:
		b.inside = 0
		if err := b.check(true); err != nil {
			return err
		}
		return errEnd
	case c != '"':
		return jsontext.ErrBroken
	}
	if err := b.objects.Read(c); err != nil {
		return jsontext.ErrBroken
	}
	name := string(b.objects.Text)
	if c, err = b.objects.Sign(); err != nil || c != ':' {
		return errors.Join(err, jsontext.ErrBroken)
	}
	if c, err = b.objects.Sign(); err != nil {
		return err
	}
	if name == `"entry"` && c == '[' {
		b.inside, b.first = 2, true
		return b.check(false)
	}
	if err := b.objects.Read(c); err != nil && !errors.Is(err, jsontext.ErrTooLong) {
		return err
	}
	switch name {
	case `"resourceType"`:
		b.kind = string(b.objects.Text)
	case `"type"`:
		b.genre = string(b.objects.Text)
	case `"implicitRules"`, `"modifierExtension"`:
		return &ingest.FileError{Source: b.source, Wrong: "is a Bundle with rules of its own (implicitRules, modifierExtension)", Advice: "send the resources in a plain Bundle"}
	}
	return nil
}

// check refuses a Bundle of a type whose entries can not be taken each for
// itself, and what is no Bundle, as soon as that is known.
func (b *bundles) check(end bool) error {
	unquoted := func(s string) string {
		var out string
		if json.Unmarshal([]byte(s), &out) != nil {
			return ""
		}
		return out
	}
	if kind := unquoted(b.kind); kind != kindBundle && (b.kind != "" || end) {
		return &ingest.FileError{Source: b.source, Wrong: "has something other than a Bundle after or in place of one", Advice: "send one Bundle, or single resources one a line"}
	}
	if genre := unquoted(b.genre); !bundleTypes[genre] && (b.genre != "" || end) {
		return &ingest.FileError{Source: b.source, Wrong: "is a Bundle of another type than transaction, batch, collection or searchset", Advice: "send the resources in one of those"}
	}
	return nil
}

// entry reads the entry that begins with c.
func (b *bundles) entry(c byte, err error) (e entry, _ error) {
	if err != nil {
		return e, err
	}
	b.lines++
	e.line = b.lines
	around, err := b.objects.Value(c)
	switch {
	case errors.Is(err, jsontext.ErrTooLong):
		e.rule, e.text = ingest.RuleTooLong, b.objects.Text
		return e, nil
	case errors.Is(err, jsontext.ErrMalformed), err == nil && (c != '{' || !jsontext.Valid(around)):
		e.rule, e.text = ingest.RuleMalformed, b.objects.Text
		return e, nil
	case err != nil:
		return e, err
	}
	e.around = around
	w := jsontext.Walk(around)
	for w.Enter('{'); w.More(); {
		switch string(w.Name()) {
		case "fullUrl":
			s, _ := w.String()
			e.fullURL = string(s)
		case "resource":
			e.text = w.Raw()
		case "request":
			e.method = text(member(w.Raw(), "method"))
		case "modifierExtension":
			e.modified = true
			w.Raw()
		default:
			w.Raw()
		}
	}
	return e, nil
}
