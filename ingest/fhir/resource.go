package fhir

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/jsontext"
	"github.com/lumbar-health/lumbar/ingest/wire"
)

// maxMembers is more than any resource has; comparing each with each stays
// cheap.
const maxMembers = 100

// resource is one resource, cut into its members.
type resource struct {
	kind    string
	id      string
	members []jsontext.Member
	// From the Bundle's entry.
	fullURL, method string
}

// parse cuts a resource. What is wrong with it as a whole is a reason.
func (r *resource) parse(body []byte, rec *ingest.Record) bool {
	r.kind, r.id, r.members = "", "", r.members[:0]
	if !utf8.Valid(body) {
		rec.Reject("record", ingest.RuleEncoding)
		return false
	}
	ok := jsontext.Valid(body)
	if ok {
		r.members, ok = jsontext.Members(body, r.members)
	}
	switch {
	case !ok:
		rec.Reject("record", ingest.RuleMalformed)
		return false
	case len(r.members) > maxMembers:
		rec.Reject("record", ingest.RuleTooLong)
		return false
	}
	r.kind, r.id = text(r.get("resourceType")), text(r.get("id"))
	for i, m := range r.members {
		for _, before := range r.members[:i] {
			if before.Name == m.Name {
				rec.Reject(elementName(m.Name), ingest.RuleRepeated)
			}
		}
	}
	if r.kind == "" {
		rec.Reject("resourceType", ingest.RuleRequired)
		return false
	}
	// What changes the meaning of a resource must be understood.
	for _, name := range []string{"implicitRules", "modifierExtension"} {
		if r.get(name) != nil {
			rec.Reject(name, ingest.RuleNotAllowed)
		}
	}
	return true
}

// get returns a member's value; nil where there is none.
func (r *resource) get(name string) []byte {
	for i := range r.members {
		if r.members[i].Name == name {
			return r.members[i].Raw
		}
	}
	return nil
}

// word returns the member's text.
func (r *resource) word(name string) string { return text(r.get(name)) }

// elementName makes a sender's word safe to repeat: letters only, so that no
// value can pose as a name.
func elementName(name string) string {
	if len(name) > 64 || strings.ContainsFunc(name, func(c rune) bool { return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_') }) {
		return "element"
	}
	return name
}

// moment reads a date or dateTime. An absent one is none.
func moment(raw []byte, field string, rec *ingest.Record) wire.Moment {
	if raw == nil {
		return wire.Moment{}
	}
	m, ok := wire.ParseMoment(text(raw))
	if !ok {
		rec.Reject(field, ingest.RuleMalformed)
	}
	return m
}

// meta reads what all resources have: the version and our tags.
func (r *resource) meta(row *wire.Row, rec *ingest.Record) {
	meta := r.get("meta")
	if meta == nil {
		return
	}
	row.UpdatedAt = moment(member(meta, "lastUpdated"), "updated_at", rec)
	row.SourceVersion = text(member(meta, "versionId"))
	tags := member(meta, "tag")
	if tags == nil || !bytes.Contains(tags, []byte("urn:lumbar:")) {
		return
	}
	list := codings(tags)
	row.Programme = codeOf(list, tagProgramme)
	if r.kind == kindResponse {
		row.Timepoint, row.AdminMode = codeOf(list, tagTimepoint), codeOf(list, tagAdminMode)
	}
}

// identify reads the business identifier; without one the resource's id at its
// server stands for it. qualified puts the resource's type before a business
// identifier, for rows of several types that share a table.
func (r *resource) identify(row *wire.Row, qualified bool) {
	row.System, row.Value = identifier(r.get("identifier"))
	switch {
	case row.Value == "" && r.id != "":
		row.System, row.Value = r.base(), r.kind+"/"+r.id
		return
	case row.Value == "":
		row.System = ""
		return
	case row.System == "":
		row.System = r.base()
	}
	if qualified {
		row.Value = r.kind + "/" + row.Value
	}
}

// identifier reads an Identifier, or the first of a list that is in use.
func identifier(raw []byte) (system, value string) {
	if raw == nil {
		return "", ""
	}
	c := jsontext.Walk(raw)
	if c.Kind() == '{' {
		return text(member(raw, "system")), text(member(raw, "value"))
	}
	for c.Enter('['); c.More(); {
		one := c.Raw()
		if one[0] != '{' || text(member(one, "use")) == "old" {
			continue
		}
		if value := text(member(one, "value")); value != "" {
			return text(member(one, "system")), value
		}
	}
	return "", ""
}
