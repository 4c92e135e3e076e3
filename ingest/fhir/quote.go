package fhir

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/jsontext"
)

// Quote returns the resource with its elements in alphabetical order and
// without blanks; one of a Bundle whose entry says more than the resource in a
// Bundle of its own. What another resource told of it stands in it, so that it
// can be read alone: the person as pseudonym, the episode by its word.
func (d *Decoder) Quote() (body []byte, whole bool) {
	e := &d.last
	whole = e.rule != ingest.RuleTooLong
	if !whole || e.rule != "" {
		return e.text, whole
	}
	said := e.text
	if d.resolved && d.row.Pseudonym != "" {
		said = d.restated(said)
	}
	if e.around == nil || e.fullURL == "" && e.method == "" && said != nil {
		return sorted(said), true
	}
	var around []jsontext.Member
	for _, m := range must(e.around) {
		switch m.Name {
		case "fullUrl", "request":
			around = append(around, m)
		case "resource":
			around = append(around, jsontext.Member{Name: m.Name, Raw: sorted(said)})
		}
	}
	body = append([]byte(`{"entry":[`), joined(around)...)
	return append(body, `],"resourceType":"Bundle","type":"collection"}`...), true
}

// must cuts an object that was read before.
func must(object []byte) []jsontext.Member {
	members, _ := jsontext.Members(object, nil)
	return members
}

// restated is the resource with whom and what it is about.
func (d *Decoder) restated(text []byte) []byte {
	members := must(text)
	for i := range members {
		switch name := members[i].Name; name {
		case "subject", "for":
			members[i].Raw = fmt.Appendf(nil, `{"identifier":{"system":%q,"value":%q}}`, systemPseudonym, d.row.Pseudonym)
		case "basedOn", "partOf":
			if d.row.Episode != "" && transient(literalOf(members[i].Raw)) {
				members[i].Raw = episodeReference(d.row.Episode)
			}
		}
	}
	return joined(members)
}

func literalOf(raw []byte) string {
	for _, f := range references(raw) {
		return f.literal
	}
	return ""
}

func episodeReference(key string) []byte {
	quoted, err := json.Marshal(key)
	if err != nil {
		return []byte("[]") // impossible: every string can be written
	}
	if strings.Contains(key, "/") {
		return fmt.Appendf(nil, `[{"reference":%s}]`, quoted)
	}
	return fmt.Appendf(nil, `[{"identifier":{"value":%s}}]`, quoted)
}

// joined writes members as an object, in their order.
func joined(members []jsontext.Member) []byte {
	b := []byte{'{'}
	for i, m := range members {
		if i > 0 {
			b = append(b, ',')
		}
		name, err := json.Marshal(m.Name)
		if err != nil {
			continue // impossible: every string can be written
		}
		b = append(append(append(b, name...), ':'), m.Raw...)
	}
	return append(b, '}')
}

// sorted writes an object with its members in alphabetical order. One with a
// member twice keeps its order, and what is no object stays as it came.
func sorted(text []byte) []byte {
	var compact bytes.Buffer
	if !utf8.Valid(text) || json.Compact(&compact, text) != nil {
		return text
	}
	members, ok := jsontext.Members(compact.Bytes(), nil)
	if !ok {
		return compact.Bytes()
	}
	fields := make(map[string]json.RawMessage, len(members))
	for _, m := range members {
		fields[m.Name] = m.Raw
	}
	if out, err := json.Marshal(fields); err == nil && len(fields) == len(members) {
		return out
	}
	return compact.Bytes()
}
