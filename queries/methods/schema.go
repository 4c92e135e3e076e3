package methods

import "sort"

// Description is a method as `lumbar stat --list` prints it: roles, params and
// answer are JSON Schemas (draft 2020-12) of objects.
type Description struct {
	Method    string `json:"method"`
	Family    string `json:"family"`
	Title     string `json:"title"`
	When      string `json:"when"`
	PushDown  string `json:"push_down,omitempty"`
	Reference string `json:"reference"`
	Roles     Schema `json:"roles"`
	Params    Schema `json:"params"`
	Answer    Schema `json:"answer"`
}

// Schema is a JSON Schema.
type Schema map[string]any

// List describes every method, in the order of names.
func List() []Description {
	var out []Description
	for _, m := range All() {
		out = append(out, Description{
			Method: m.Name, Family: m.Family, Title: m.Page.Title, When: m.Page.When, PushDown: m.Page.PushDown, Reference: m.Page.Reference,
			Roles: m.roleSchema(), Params: m.paramSchema(), Answer: m.answerSchema(),
		})
	}
	return out
}

// object is a schema of an object whose unknown keys are allowed: roles and
// params that a method does not need are ignored, answers may hold more.
func object(properties map[string]any, required []string) Schema {
	if required == nil {
		required = []string{}
	}
	sort.Strings(required)
	return Schema{"type": "object", "properties": properties, "required": required}
}

func (m Method) roleSchema() Schema {
	properties, required := map[string]any{}, []string{}
	for _, r := range m.Roles {
		properties[r.Name] = Schema{"type": "string", "description": r.Help + " (name of a " + string(r.Kind) + " column)"}
		if !r.Optional {
			required = append(required, r.Name)
		}
	}
	return object(properties, required)
}

func (m Method) paramSchema() Schema {
	properties, required := map[string]any{}, []string{}
	for _, p := range m.Params {
		s := Schema{"description": p.Help}
		switch p.Kind {
		case Number:
			s["type"] = "number"
		case Level:
			s["type"] = []string{"string", "number", "boolean"}
		case Flag:
			s["type"] = "boolean"
		case Record:
			s["type"] = "object"
		case NumberList:
			s["oneOf"] = []any{number(), Schema{"type": "array", "items": number()}}
		case TextList:
			s["oneOf"] = []any{Schema{"type": "string"}, Schema{"type": "array", "items": Schema{"type": "string"}}}
		default:
			s["type"] = "string"
		}
		if p.OneOf != nil {
			s["enum"] = p.OneOf
		}
		properties[p.Name] = s
		if !p.Optional {
			required = append(required, p.Name)
		}
	}
	return object(properties, required)
}

func (m Method) answerSchema() Schema {
	properties, required := map[string]any{}, []string{}
	for _, k := range m.Answer {
		properties[k.Name] = k.schema()
		if !k.Optional {
			required = append(required, k.Name)
		}
	}
	return object(properties, required)
}

// number is the schema of a finite number.
func number() Schema { return Schema{"type": "number"} }

func (k Key) schema() Schema {
	if k.Optional && k.Shape != Scalar {
		always := k
		always.Optional = false
		return Schema{"oneOf": []any{always.schema(), Schema{"type": "null"}}}
	}
	texts := Schema{"type": []string{"array", "null"}, "items": Schema{"type": "string"}}
	switch k.Shape {
	case Numbers:
		item := Key{Shape: Scalar, Open: k.Open}
		return Schema{"type": "array", "items": item.schema()}
	case Gaps:
		return Schema{"type": "array", "items": Schema{"type": []string{"number", "null"}}}
	case Names:
		return Schema{"type": "array", "items": Schema{"type": "string"}}
	case ByName:
		return Schema{"type": "object", "additionalProperties": number()}
	case Table:
		return object(map[string]any{"rows": texts, "cols": texts, "values": Schema{"type": "array", "items": Schema{"type": "array", "items": number()}}}, []string{"rows", "cols", "values"})
	case Object:
		return Schema{"type": "object"}
	case Word:
		return Schema{"type": "string"}
	case Truth:
		return Schema{"type": "boolean"}
	}
	switch {
	case k.Optional:
		return Schema{"type": []string{"number", "null"}}
	case k.Open:
		return Schema{"oneOf": []any{number(), Schema{"enum": []string{"Infinity", "-Infinity"}}}}
	}
	return number()
}

// sortedKeys lists the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}
