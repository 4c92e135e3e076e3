package fhir

import (
	"slices"
	"strconv"
	"strings"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/jsontext"
	"github.com/lumbar-health/lumbar/instruments"
)

// Answers to safety questions are looked at whatever else is wrong with a
// resource. Of an accepted one ingest does so; here stand the refused ones.

// flag looks at the answers of a response that is refused.
func (d *Decoder) flag(r *resource, rec *ingest.Record) {
	if r.kind != kindResponse || r.word("status") == "entered-in-error" {
		return
	}
	items := r.get("item")
	f := d.form(r.word("questionnaire"))
	if f.definition == nil {
		if f = d.suspect(r.word("questionnaire"), items); f == nil {
			return
		}
	}
	if len(f.definition.Safety) == 0 {
		return
	}
	var a answers
	a.reset(f, new(ingest.Record)) // its reasons are told already
	if items != nil {
		a.read(items, nil, 0)
	}
	a.settle()
	if a.found == 0 && r.word("status") != "in-progress" {
		rec.Flag(instruments.FlagSafetyUnreadable)
		return
	}
	rec.Flag(f.definition.Flags(&instruments.Administration{Codes: a.codes, Ticks: a.ticks, Reasons: a.reasons, AdminMode: d.row.AdminMode})...)
	if slices.ContainsFunc(rec.Reasons, func(why ingest.Reason) bool { return why.Rule == ingest.RuleRepeated }) {
		rec.Flag(instruments.FlagSafetyUnreadable)
	}
}

var plainName = strings.NewReplacer("-", "", "_", "", " ", "", ".", "")

// suspect is the instrument with safety questions that an unknown
// questionnaire may be, by its address or a linkId; nil where it is none. Its
// answers are looked at, and nothing of it is stored.
func (d *Decoder) suspect(canonical string, items []byte) *form {
	address, _, _ := strings.Cut(strings.ToLower(canonical), "|")
	name := plainName.Replace(address[strings.LastIndexByte(address, '/')+1:])
	for _, f := range d.watch() {
		id := string(f.definition.ID)
		if name == id || len(id) > 3 && strings.Contains(name, id) {
			return f
		}
		if !linkIDs(items, 0, func(linkID string) bool {
			_, ours := f.items[linkID]
			_, number := strconv.Atoi(linkID)
			return !ours || number == nil // a bare number is anybody's
		}) {
			return f
		}
	}
	return nil
}

// watch returns the forms of instruments with safety questions.
func (d *Decoder) watch() []*form {
	if d.watched == nil {
		d.watched = d.table.watched()
	}
	return d.watched
}

// linkIDs yields the linkIds of items and of those within them, until yield
// says no, which it returns.
func linkIDs(list []byte, depth int, yield func(string) bool) bool {
	c := jsontext.Walk(list)
	if list == nil || depth > maxDepth || !c.Enter('[') {
		return true
	}
	for c.More() {
		raw := c.Raw()
		if raw[0] == '{' && (!yield(text(member(raw, "linkId"))) || !linkIDs(member(raw, "item"), depth+1, yield)) {
			return false
		}
	}
	return true
}

// unjoined leaves out what joins the parts of a word.
var unjoined = strings.NewReplacer("-", "", "_", "")

// flagUnreadable flags a text that can not be read as a resource and speaks of
// an instrument with safety questions.
func (d *Decoder) flagUnreadable(body []byte, rec *ingest.Record) {
	plain := unjoined.Replace(strings.ToLower(string(body)))
	for _, f := range d.watch() {
		id := string(f.definition.ID)
		found := strings.Contains(plain, "questionnaire/"+id) || strings.Contains(plain, "questionnaire:"+id) || len(id) > 3 && strings.Contains(plain, id)
		for linkID := range f.items {
			if found {
				break
			}
			found = len(linkID) > 2 && strings.Contains(plain, `"`+unjoined.Replace(strings.ToLower(linkID))+`"`)
		}
		if found {
			rec.Flag(instruments.FlagSafetyUnreadable)
			return
		}
	}
}
