package fhir

import (
	"encoding/hex"
	"strings"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/jsontext"
	"github.com/lumbar-health/lumbar/record"
)

// unnamedServer is the server of resources that do not say where they are from.
// An installation takes such resources from one server only.
const unnamedServer = "urn:lumbar:fhir"

// Rules of this format.
const (
	// RuleUnresolved: what a reference points to did not come with it.
	RuleUnresolved = "unresolved_reference"
	// RuleUnverified: the NHS number was never traced.
	RuleUnverified = "nhs_number_unverified"
)

// reference is a FHIR reference: to a resource, by its business identifier, or
// both.
type reference struct {
	literal, kind string
	system, value string
	number        []byte // the identifier, as JSON
	given         bool
}

// references reads a Reference or a list of them.
func references(raw []byte) []reference {
	if raw == nil {
		return nil
	}
	c := jsontext.Walk(raw)
	if c.Kind() != '[' {
		return []reference{referenceOf(raw)}
	}
	var out []reference
	for c.Enter('['); c.More(); {
		out = append(out, referenceOf(c.Raw()))
	}
	return out
}

// referenceOf reads a Reference.
func referenceOf(raw []byte) (f reference) {
	c := jsontext.Walk(raw)
	if raw == nil || !c.Enter('{') {
		return f
	}
	for c.More() {
		switch string(c.Name()) {
		case "reference":
			s, _ := c.String()
			f.literal = string(s)
		case "type":
			s, _ := c.String()
			f.kind = string(s)
		case "identifier":
			f.number = c.Raw()
			f.system, f.value = identifier(f.number)
		default:
			c.Raw()
		}
	}
	if kind, _, ok := splitLiteral(f.literal); ok {
		f.kind = kind
	}
	f.given = f.literal != "" || f.value != ""
	return f
}

// splitLiteral reads Type/id at the end of a literal reference; versions are
// dropped.
func splitLiteral(literal string) (kind, id string, ok bool) {
	if at := strings.Index(literal, "/_history/"); at >= 0 {
		literal = literal[:at]
	}
	at := strings.LastIndexByte(literal, '/')
	if at <= 0 || at == len(literal)-1 {
		return "", "", false
	}
	rest, id := literal[:at], literal[at+1:]
	kind = rest[strings.LastIndexByte(rest, '/')+1:]
	return kind, id, kind != "" && kind[0] >= 'A' && kind[0] <= 'Z'
}

// baseOf is the server of an absolute address of a resource; empty where it is
// none.
func baseOf(address string) string {
	if !strings.HasPrefix(address, "http://") && !strings.HasPrefix(address, "https://") {
		return ""
	}
	if at := strings.Index(address, "/_history/"); at >= 0 {
		address = address[:at]
	}
	kind, id, ok := splitLiteral(address)
	if !ok {
		return ""
	}
	return strings.TrimSuffix(address, "/"+kind+"/"+id)
}

// base is the server that the resource is from.
func (r *resource) base() string {
	if base := baseOf(r.fullURL); base != "" {
		return base
	}
	return unnamedServer
}

// absolute is a literal reference of the resource with its server.
func (r *resource) absolute(literal string) string {
	if strings.HasPrefix(literal, "urn:") {
		return literal
	}
	base := baseOf(literal)
	if base == "" {
		base = r.base()
	}
	kind, id, _ := splitLiteral(literal)
	return base + "/" + kind + "/" + id
}

// transient reports whether a literal reference has a meaning within its
// Bundle or resource alone.
func transient(literal string) bool {
	return strings.HasPrefix(literal, "urn:") || strings.HasPrefix(literal, "#")
}

// person is whom a Patient resource is, or why that can not be told.
type person struct {
	id     record.PatientID
	reason ingest.Reason
}

// byNumber names the person of an Identifier or a list of them; found is false
// where none of them is an NHS number or a pseudonym.
func (d *Decoder) byNumber(list []byte) (p person, found bool) {
	if list == nil {
		return p, false
	}
	c := jsontext.Walk(list)
	if c.Kind() == '{' {
		return d.byIdentifier(list)
	}
	for c.Enter('['); c.More(); {
		if p, found = d.byIdentifier(c.Raw()); found {
			return p, true
		}
	}
	return p, false
}

func (d *Decoder) byIdentifier(raw []byte) (p person, found bool) {
	if text(member(raw, "use")) == "old" {
		return p, false
	}
	var number, pseudonym string
	switch value := text(member(raw, "value")); text(member(raw, "system")) {
	case systemNHSNumber:
		number = value
		// 01 is present and verified; any other code is of a number not traced.
		if v := extension(member(raw, "extension"), extensionVerified); v != nil {
			list := codings(v)
			if len(list) == 0 || list[0].code != "01" && list[0].code != "number-present-and-verified" {
				return person{reason: ingest.Reason{Field: "patient.nhs_number", Rule: RuleUnverified}}, true
			}
		}
	case systemPseudonym:
		pseudonym = value
	default:
		return p, false
	}
	var rec ingest.Record
	id, ok := d.setting.Subject(&rec, number, pseudonym)
	if !ok {
		return person{reason: rec.Reasons[0]}, true
	}
	return person{id: id}, true
}

// subject finds the person that a resource is about. later is true where the
// Patient may still come in this Bundle.
func (d *Decoder) subject(r *resource, raw []byte, rec *ingest.Record) (later bool) {
	f := referenceOf(raw)
	p, found := d.byNumber(f.number)
	switch {
	case found:
	case !f.given:
		rec.Reject("patient", ingest.RuleRequired)
		return false
	case strings.HasPrefix(f.literal, "#"):
		p, found = d.contained(r, f.literal[1:])
	case f.literal != "" && (f.kind == "" || f.kind == kindPatient):
		p, found = d.people[r.absolute(f.literal)]
		if !found && d.mayCome() {
			return true
		}
		d.resolved = found
	}
	switch {
	case found:
		d.take(p, rec)
	case f.literal == "" || transient(f.literal) || f.kind != kindPatient || d.lost:
		rec.Reject("patient", RuleUnresolved)
	default: // the server's own word for the person, whoever that is
		base := baseOf(f.literal)
		if base == "" {
			base = r.base()
		}
		_, id, _ := splitLiteral(f.literal)
		if _, number := ingest.NHSNumber(id); number {
			// It would be hashed without the key, and be another person than the
			// one of that number.
			rec.Reject("patient", ingest.RuleHoldsNHSNumber)
			return false
		}
		d.take(person{id: record.PatientOf(base, kindPatient+"/"+id)}, rec)
	}
	return false
}

// take puts the person into the row, or why there is none into the reasons.
func (d *Decoder) take(p person, rec *ingest.Record) {
	if p.reason.Rule != "" {
		rec.Reject(p.reason.Field, p.reason.Rule)
		return
	}
	d.row.Pseudonym = hex.EncodeToString(p.id[:])
}

// contained finds a Patient within the resource.
func (d *Decoder) contained(r *resource, id string) (p person, found bool) {
	list := r.get("contained")
	c := jsontext.Walk(list)
	if list == nil || !c.Enter('[') {
		return p, false
	}
	for c.More() {
		one := c.Raw()
		if one[0] == '{' && text(member(one, "id")) == id && text(member(one, "resourceType")) == kindPatient {
			return d.byNumber(member(one, "identifier"))
		}
	}
	return p, false
}

// episodeKey is the word for an episode that references to it share: the
// resource's type and id, else its business identifier.
func (r *resource) episodeKey() string {
	if r.id != "" {
		return r.kind + "/" + r.id
	}
	if _, value := identifier(r.get("identifier")); value != "" {
		return value
	}
	return r.fullURL
}

// episode reads the episode that a resource belongs to: the first referral
// among its references, else the first care plan, else the first that does not
// say what it points to. later is true where it may still come in this Bundle.
func (d *Decoder) episode(r *resource, rec *ingest.Record, members ...string) (later bool) {
	var best reference
	rank := 0
	for _, name := range members {
		for _, f := range references(r.get(name)) {
			n := 0
			switch {
			case !f.given:
			case f.kind == kindReferral:
				n = 3
			case f.kind == kindCarePlan:
				n = 2
			case f.kind == "":
				n = 1
			}
			if n > rank {
				best, rank = f, n
			}
		}
	}
	switch kind, id, ok := splitLiteral(best.literal); {
	case ok && !transient(best.literal):
		d.row.Episode = kind + "/" + id
	case transient(best.literal):
		key, found := d.episodes[best.literal]
		if !found && d.mayCome() {
			return true
		}
		if !found {
			rec.Reject("episode", RuleUnresolved)
		}
		d.resolved = d.resolved || found
		d.row.Episode = key
	default:
		d.row.Episode = best.value
	}
	return false
}
