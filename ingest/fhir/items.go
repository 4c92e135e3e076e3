package fhir

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/jsontext"
	"github.com/lumbar-health/lumbar/instruments"
)

// maxDepth is how deep items may stand in items.
const maxDepth = 32

// answers are what a response says to the items of a form.
type answers struct {
	form     *form
	rec      *ingest.Record
	codes    []int16
	ticks    [][]int16 // of items with several answers; nil where none has
	reasons  []string  // why items have no answer; nil where none is stated
	exact    []string  // of instruments with fractions: the numbers as written
	found    int       // items of the form that are there
	supplied *float64
}

// reset starts a response; form may be nil, and nothing is read then.
func (a *answers) reset(f *form, rec *ingest.Record) {
	*a = answers{form: f, rec: rec, codes: a.codes[:0], exact: a.exact[:0]}
	if f == nil || f.definition == nil {
		return
	}
	fractions := slices.ContainsFunc(f.definition.Items, func(it instruments.Item) bool { return it.Hundredths })
	for range f.definition.Items {
		a.codes = append(a.codes, instruments.Missing)
		if fractions {
			a.exact = append(a.exact, "")
		}
	}
}

// place is where an item stands in the resource, for messages.
type place struct {
	outer *place
	at    int
}

// String is the FHIRPath of the item: item[2].item[0].
func (p *place) String() string {
	if p.outer == nil {
		return "item[" + strconv.Itoa(p.at) + "]"
	}
	return p.outer.String() + ".item[" + strconv.Itoa(p.at) + "]"
}

// read reads a list of items, and those within them.
func (a *answers) read(list []byte, outer *place, depth int) {
	c := jsontext.Walk(list)
	if depth > maxDepth {
		a.rec.Reject("item", ingest.RuleTooLong)
		return
	}
	if !c.Enter('[') {
		a.rec.Reject("item", ingest.RuleType)
		return
	}
	for here := (place{outer: outer}); c.More(); here.at++ {
		if c.Kind() != '{' {
			a.rec.Reject(here.String(), ingest.RuleType)
			c.Raw()
			continue
		}
		a.item(c.Raw(), &here, depth)
	}
}

// item reads one item.
func (a *answers) item(raw []byte, here *place, depth int) {
	var linkID, answer, items, extensions []byte
	c := jsontext.Walk(raw)
	for c.Enter('{'); c.More(); {
		switch string(c.Name()) {
		case "linkId":
			if linkID != nil {
				a.rec.Reject(here.String()+".linkId", ingest.RuleRepeated)
			}
			linkID, _ = c.String()
		case "answer":
			if answer != nil {
				a.rec.Reject(here.String()+".answer", ingest.RuleRepeated)
			}
			answer = c.Raw()
		case "item":
			if items != nil {
				a.rec.Reject(here.String()+".item", ingest.RuleRepeated)
			}
			items = c.Raw()
		case "extension":
			extensions = c.Raw()
		case "modifierExtension":
			a.rec.Reject(here.String()+".modifierExtension", ingest.RuleNotAllowed)
			c.Raw()
		default:
			c.Raw()
		}
	}
	at, known := a.form.items[string(linkID)]
	switch {
	case len(linkID) == 0:
		a.rec.Reject(here.String()+".linkId", ingest.RuleRequired)
	case known:
		a.found++
		a.answer(at, answer, extensions, here, depth)
	case a.form.scores[string(linkID)]:
		a.score(answer)
	case a.form.ignored[string(linkID)], !hasValue(answer):
		a.nested(answer, here, depth)
	default:
		a.rec.Reject(here.String()+".linkId", ingest.RuleUnknownField)
	}
	if items != nil {
		a.read(items, here, depth+1)
	}
}

// hasValue reports whether an answer has any value.
func hasValue(list []byte) bool {
	c := jsontext.Walk(list)
	if len(list) == 0 || !c.Enter('[') {
		return len(list) > 0
	}
	for c.More() {
		if !c.Enter('{') {
			return true
		}
		for c.More() {
			if name := c.Name(); len(name) > 5 && string(name[:5]) == "value" {
				return true
			}
			c.Raw()
		}
	}
	return false
}

// nested reads the items within the answers of an item that is not of the form.
func (a *answers) nested(list []byte, here *place, depth int) {
	c := jsontext.Walk(list)
	if len(list) == 0 || !c.Enter('[') {
		return
	}
	for c.More() {
		if items := member(c.Raw(), "item"); items != nil {
			a.read(items, here, depth+1)
		}
	}
}

// answer reads the answers to item at.
func (a *answers) answer(at int, list, extensions []byte, here *place, depth int) {
	if why := extension(extensions, extensionAbsent); why != nil {
		a.absent(at, text(why))
	}
	if list == nil {
		if a.codes[at] == instruments.Missing {
			a.because(at, "blank")
		}
		return
	}
	c := jsontext.Walk(list)
	if !c.Enter('[') {
		a.rec.Reject(a.key(at), ingest.RuleType)
		a.put(at, instruments.Unreadable)
		return
	}
	for c.More() {
		if c.Kind() != '{' {
			a.rec.Reject(a.key(at), ingest.RuleType)
			a.put(at, instruments.Unreadable)
			c.Raw()
			continue
		}
		raw := c.Raw()
		a.one(at, raw)
		if items := member(raw, "item"); items != nil {
			a.read(items, here, depth+1)
		}
	}
}

func (a *answers) key(at int) string { return a.form.definition.Items[at].Key }

// put takes one answer to item at. A second one is a second tick.
func (a *answers) put(at int, code int16) {
	if a.codes[at] == instruments.Missing {
		a.codes[at] = code
		return
	}
	if a.ticks == nil {
		a.ticks = make([][]int16, len(a.codes))
	}
	if a.ticks[at] == nil {
		a.ticks[at] = []int16{a.codes[at]}
	}
	if !slices.Contains(a.ticks[at], code) {
		a.ticks[at] = append(a.ticks[at], code)
	}
}

// because notes why item at has no answer. What was stated stays.
func (a *answers) because(at int, why string) {
	if a.reasons == nil {
		a.reasons = make([]string, len(a.codes))
	}
	if a.reasons[at] == "" {
		a.reasons[at] = why
	}
}

// score reads the sender's own total.
func (a *answers) score(list []byte) {
	c := jsontext.Walk(list)
	if len(list) == 0 || !c.Enter('[') {
		return
	}
	for c.More() {
		raw := c.Raw()
		for _, name := range []string{"valueDecimal", "valueInteger"} {
			if v := member(raw, name); v != nil {
				a.supply(v)
			}
		}
		if v := member(member(raw, "valueQuantity"), "value"); v != nil {
			a.supply(v)
		}
	}
}

// supply takes the sender's own score.
func (a *answers) supply(raw []byte) {
	x, ok := number(raw)
	switch {
	case !ok || math.IsInf(x, 0):
		a.rec.Reject("supplied_score", ingest.RuleType)
	case a.supplied != nil && *a.supplied != x:
		a.rec.Reject("supplied_score", ingest.RuleContradiction)
	default:
		a.supplied = &x
	}
}

// wire writes the answers as the wire has them in JSON, for those that a list
// of whole codes can not hold.
func (a *answers) wire() []byte {
	b := []byte{'['}
	for i, code := range a.codes {
		if i > 0 {
			b = append(b, ',')
		}
		switch {
		case i < len(a.ticks) && len(a.ticks[i]) > 1:
			b = append(b, '[')
			for n, t := range a.ticks[i] {
				if n > 0 {
					b = append(b, ',')
				}
				b = appendCode(b, t)
			}
			b = append(b, ']')
		case i < len(a.exact) && a.exact[i] != "":
			b = append(b, a.exact[i]...)
		default:
			b = appendCode(b, code)
		}
	}
	return append(b, ']')
}

// appendCode writes a code. One that can not be read is a text, which no item
// of numbers allows.
func appendCode(b []byte, code int16) []byte {
	switch code {
	case instruments.Missing:
		return append(b, "null"...)
	case instruments.Unreadable:
		return append(b, `""`...)
	}
	return strconv.AppendInt(b, int64(code), 10)
}

// missing writes the reasons as the wire has them; nil where there are none.
func (a *answers) missing() []byte {
	var b []byte
	for i, why := range a.reasons {
		if why == "" || a.codes[i] != instruments.Missing && why == "blank" {
			continue
		}
		b = fmt.Appendf(b, ",%q:%q", a.key(i), why)
	}
	if b == nil {
		return nil
	}
	b[0] = '{'
	return append(b, '}')
}
