package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

var pathPattern = regexp.MustCompile(`\{(\w+)(:[^}]*)?\}`)

// OpenAPI describes the routes as an OpenAPI 3.1 document.
func OpenAPI(title, version string, routes []Route) Schema {
	paths := Schema{}
	for _, route := range routes {
		path := pathPattern.ReplaceAllString(route.Path, "{$1}")
		item, ok := paths[path].(Schema)
		if !ok {
			item = Schema{}
			paths[path] = item
		}
		item[strings.ToLower(route.Method)] = operation(route)
	}
	return Schema{
		"openapi": "3.1.0",
		"info": Schema{
			"title": title, "version": version,
			"license":     Schema{"name": "Apache-2.0", "identifier": "Apache-2.0"},
			"description": "Every list answers rows, notes and receipt. A suppressed value is null and its name stands in the row's suppressed list.",
		},
		"paths": paths,
		"components": Schema{
			"schemas":         Schema{"Problem": problemSchema()},
			"securitySchemes": Schema{"key": Schema{"type": "http", "scheme": "bearer"}},
		},
	}
}

func operation(route Route) Schema {
	op := Schema{"summary": route.Summary, "operationId": operationID(route)}
	if !route.Open {
		op["security"] = []Schema{{"key": []string{}}}
	}
	var params []Schema
	for _, p := range route.Params {
		param := Schema{"name": p.Name, "in": p.In, "required": p.Required || p.In == "path", "description": p.Description, "schema": p.Schema}
		if p.List {
			param["schema"] = Schema{"type": "array", "items": p.Schema}
			param["style"], param["explode"] = "form", false
		}
		params = append(params, param)
	}
	if params != nil {
		op["parameters"] = params
	}
	if b := route.Body; b != nil {
		op["requestBody"] = Schema{"required": true, "description": b.Description, "content": content(b.Types, b.Schema)}
	}
	responses := Schema{"default": Schema{
		"description": "what is wrong and what to do (RFC 9457)",
		"content":     content([]string{"application/problem+json"}, Schema{"$ref": "#/components/schemas/Problem"}),
	}}
	for _, r := range route.Answers {
		reply := Schema{"description": r.Description}
		if len(r.Types) > 0 {
			reply["content"] = content(r.Types, r.Schema)
		}
		responses[fmt.Sprint(r.Status)] = reply
	}
	op["responses"] = responses
	return op
}

func content(types []string, schema Schema) Schema {
	c := Schema{}
	for _, t := range types {
		if schema == nil {
			c[t] = Schema{}
			continue
		}
		c[t] = Schema{"schema": schema}
	}
	return c
}

// operationID is the method and the path's words: get_v1_outcomes.
func operationID(route Route) string {
	words := regexp.MustCompile(`\w+`).FindAllString(pathPattern.ReplaceAllString(route.Path, "$1"), -1)
	return strings.ToLower(strings.Join(append([]string{route.Method}, words...), "_"))
}

func problemSchema() Schema {
	text := Schema{"type": "string"}
	return Schema{
		"type": "object", "required": []string{"type", "title", "status"},
		"properties": Schema{"type": text, "title": text, "status": Schema{"type": "integer"}, "detail": text, "instance": text},
	}
}

// ServeDocument answers with the document that describe returns, as JSON.
func ServeDocument(describe func() Schema) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := json.Marshal(describe())
		if err != nil {
			WriteProblem(w, r, http.StatusInternalServerError, "the description could not be made")
			return
		}
		w.Header().Set("Content-Type", "application/json")
		// A reader that has gone away is no error of ours.
		_, _ = w.Write(b)
	})
}
