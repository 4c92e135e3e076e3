package api

import (
	"encoding"
	"encoding/json"
	"maps"
	"reflect"
	"strings"

	"github.com/lumbar-health/lumbar/queries"
	"github.com/lumbar-health/lumbar/queries/catalogue"
	"github.com/lumbar-health/lumbar/web"
)

var (
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
	jsonMarshaler = reflect.TypeFor[json.Marshaler]()
	textSchema    = web.Schema{"type": "string"}
)

// listOf is the shape of every list.
func listOf(row web.Schema) web.Schema {
	return web.Schema{
		"type": "object", "required": []string{"rows", "notes", "receipt"},
		"properties": web.Schema{
			"rows":    web.Schema{"type": "array", "items": row},
			"notes":   web.Schema{"type": "array", "items": textSchema},
			"receipt": web.Schema{"type": []string{"string", "null"}, "description": "id of the receipt; null where the list holds no data about people"},
		},
	}
}

func instrumentSummarySchema() web.Schema { return schemaOf(reflect.TypeFor[catalogue.Summary]()) }
func instrumentSchema() web.Schema        { return schemaOf(reflect.TypeFor[catalogue.Instrument]()) }
func programmeSchema() web.Schema         { return schemaOf(reflect.TypeFor[catalogue.Programme]()) }
func interventionSchema() web.Schema      { return schemaOf(reflect.TypeFor[catalogue.Intervention]()) }
func receiptSchema() web.Schema           { return schemaOf(reflect.TypeFor[queries.Receipt]()) }

func statSchema() web.Schema {
	cells := web.Schema{"type": "array", "items": web.Schema{"type": []string{"number", "string", "boolean", "null"}}}
	return web.Schema{
		"type": "object", "additionalProperties": false,
		"properties": web.Schema{
			"columns": web.Schema{"type": "object", "additionalProperties": cells, "description": "the table: name to values of equal length; null is missing"},
			"levels":  web.Schema{"type": "object", "additionalProperties": web.Schema{"type": "array"}, "description": "order of a factor's levels; the first is the reference"},
			"filter":  web.Schema{"type": "array", "items": web.Schema{"type": "array"}, "description": "[column, in|notnull|eq|ne|le|ge|lt|gt, values…], in order"},
			"roles":   web.Schema{"type": "object", "additionalProperties": textSchema, "description": "role of the method to column name"},
			"params":  web.Schema{"type": "object", "description": "parameters of the method"},
		},
	}
}

// schemaOf derives a schema from a Go type and its json tags, so that the
// description can not drift from what is written.
func schemaOf(t reflect.Type) web.Schema { return schemaWithin(t, nil) }

func schemaWithin(t reflect.Type, above []reflect.Type) web.Schema {
	for _, a := range above {
		if a == t {
			return web.Schema{"type": "object"} // a type within itself
		}
	}
	above = append(above, t)
	switch t.Kind() {
	case reflect.Pointer:
		s := schemaWithin(t.Elem(), above)
		if kind, ok := s["type"].(string); ok {
			s["type"] = []string{kind, "null"}
		}
		return s
	case reflect.String:
		return web.Schema{"type": "string"}
	case reflect.Bool:
		return web.Schema{"type": "boolean"}
	case reflect.Float32, reflect.Float64:
		return web.Schema{"type": "number"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if t.Implements(textMarshaler) || reflect.PointerTo(t).Implements(textMarshaler) {
			return web.Schema{"type": "string"}
		}
		return web.Schema{"type": "integer"}
	case reflect.Slice, reflect.Array:
		if t == reflect.TypeFor[json.RawMessage]() {
			return web.Schema{} // a document of its own
		}
		return web.Schema{"type": "array", "items": schemaWithin(t.Elem(), above)}
	case reflect.Map:
		return web.Schema{"type": "object", "additionalProperties": schemaWithin(t.Elem(), above)}
	case reflect.Struct:
		if t.Implements(textMarshaler) {
			return web.Schema{"type": "string"}
		}
		if t.Implements(jsonMarshaler) {
			return web.Schema{"type": "object"} // a document of its own form
		}
		return objectSchema(t, above)
	}
	return web.Schema{}
}

func objectSchema(t reflect.Type, above []reflect.Type) web.Schema {
	properties := web.Schema{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" {
			// As encoding/json: its fields are ours, but for those that follow.
			maps.Copy(properties, schemaWithin(indirect(f.Type), above)["properties"].(web.Schema))
			continue
		}
		if !f.IsExported() || name == "-" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		properties[name] = schemaWithin(f.Type, above)
	}
	return web.Schema{"type": "object", "properties": properties}
}

func indirect(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}
