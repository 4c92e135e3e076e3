package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/lumbar-health/lumbar/queries"
	"github.com/lumbar-health/lumbar/queries/catalogue"
	"github.com/lumbar-health/lumbar/queries/disclosure"
	"github.com/lumbar-health/lumbar/web"
)

// paths are the routes of the questions that do not stand under their own name;
// a question is asked with GET unless it stands here.
var posted = map[string]string{"compare": "/v1/cohorts/compare"}

// questionRoutes gives every registered question its route.
func (a *API) questionRoutes() []web.Route {
	var routes []web.Route
	for _, q := range queries.Questions() {
		if path, ok := posted[q.Name]; ok {
			routes = append(routes, web.Route{
				Method: http.MethodPost, Path: path, Summary: q.Title, Answers: replies(q), Handler: a.ask(q, bodyParams),
				Body: &web.Body{Types: []string{"application/json"}, Description: q.Description, Schema: bodySchema(q)},
			})
			continue
		}
		routes = append(routes, web.Route{
			Method: http.MethodGet, Path: "/v1/" + strings.ReplaceAll(q.Name, "_", "-"), Summary: q.Title,
			Params: queryParams(q), Answers: replies(q), Handler: a.ask(q, urlParams),
		})
	}
	return routes
}

// ask answers a question whose parameters params reads from the request.
func (a *API) ask(spec queries.Spec, params func(queries.Spec, *http.Request) (map[string][]string, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, err := params(spec, r)
		if err != nil {
			writeError(a.log, w, r, &queries.Error{Kind: queries.InvalidArgument, Message: err.Error()})
			return
		}
		answer, err := a.desk.Ask(r.Context(), queries.Question{Name: spec.Name, Params: p, Actor: web.Who(r.Context()).Name})
		if err != nil {
			writeError(a.log, w, r, err)
			return
		}
		if err := writeAnswer(w, r, answer); err != nil {
			a.log.Warn("answer not sent", "path", r.URL.Path, "error", err)
		}
	})
}

// urlParams splits lists at commas; a parameter may also be repeated.
func urlParams(spec queries.Spec, r *http.Request) (map[string][]string, error) {
	out := map[string][]string{}
	for name, values := range r.URL.Query() {
		p, ok := spec.Param(name)
		if !ok {
			return nil, unknown(spec, name)
		}
		if p.Kind != queries.ListParam {
			out[name] = values
			continue
		}
		for _, v := range values {
			out[name] = append(out[name], queries.SplitList(v)...)
		}
	}
	return out, nil
}

func unknown(spec queries.Spec, name string) error {
	var names []string
	for _, p := range spec.Params {
		names = append(names, p.Name)
	}
	return fmt.Errorf("unknown parameter %q; %s takes %s", name, spec.Name, strings.Join(names, ", "))
}

// maxQuestion bounds the body of a question.
const maxQuestion = 64 << 10

// bodyParams reads a JSON object of values and lists.
func bodyParams(spec queries.Spec, r *http.Request) (map[string][]string, error) {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxQuestion))
	if err != nil {
		return nil, fmt.Errorf("the body is longer than %d bytes or was not sent whole", maxQuestion)
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var fields map[string]any
	if err := dec.Decode(&fields); err != nil {
		return nil, errors.New("the body must be one JSON object of parameters")
	}
	if dec.More() {
		return nil, errors.New("the body must be one JSON object and nothing behind it")
	}
	out := map[string][]string{}
	for name, v := range fields {
		if _, ok := spec.Param(name); !ok {
			return nil, unknown(spec, name)
		}
		list, ok := v.([]any)
		if !ok {
			list = []any{v}
		}
		for _, item := range list {
			text, err := scalar(item)
			if err != nil {
				return nil, fmt.Errorf("parameter %q must be a value or a list of values", name)
			}
			out[name] = append(out[name], text)
		}
	}
	return out, nil
}

func scalar(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	case bool:
		return strconv.FormatBool(v), nil
	}
	return "", errors.New("not a value")
}

func queryParams(q queries.Spec) []web.Param {
	var out []web.Param
	for _, p := range q.Params {
		out = append(out, web.Param{
			Name: p.Name, In: "query", Required: p.Required, List: p.Kind == queries.ListParam,
			Description: describe(p), Schema: paramSchema(p),
		})
	}
	return out
}

func describe(p queries.Param) string {
	if p.Default == "" {
		return p.Description
	}
	return p.Description + "; default: " + p.Default
}

func paramSchema(p queries.Param) web.Schema {
	kind := map[queries.ParamKind]string{queries.IntegerParam: "integer", queries.NumberParam: "number", queries.BoolParam: "boolean"}[p.Kind]
	if kind == "" {
		kind = "string"
	}
	s := web.Schema{"type": kind}
	if p.Values != nil {
		s["enum"] = enum(p)
	}
	return s
}

// enum are the allowed values, numbers where the parameter is one.
func enum(p queries.Param) []any {
	out := anySlice(p.Values)
	if p.Kind != queries.NumberParam && p.Kind != queries.IntegerParam {
		return out
	}
	for i, v := range p.Values {
		if n, err := strconv.ParseFloat(v, 64); err == nil {
			out[i] = n
		}
	}
	return out
}

func bodySchema(q queries.Spec) web.Schema {
	properties := web.Schema{}
	for _, p := range q.Params {
		s := paramSchema(p)
		if p.Kind == queries.ListParam {
			s = web.Schema{"type": "array", "items": s}
		}
		s["description"] = describe(p)
		properties[p.Name] = s
	}
	return web.Schema{"type": "object", "additionalProperties": false, "properties": properties}
}

func replies(q queries.Spec) []web.Reply {
	return []web.Reply{{
		Status: http.StatusOK, Description: q.Description, Types: []string{"application/json", "text/csv"}, Schema: listOf(rowSchema(q)),
	}}
}

// rowSchema describes a row: the dimensions asked for, the registered columns,
// and the names of those that are suppressed.
func rowSchema(q queries.Spec) web.Schema {
	properties := web.Schema{"suppressed": web.Schema{"type": "array", "items": textSchema, "description": "columns whose value is withheld and null"}}
	if by, ok := q.Param("by"); ok {
		for _, d := range by.Values {
			properties[d] = web.Schema{"type": []string{dimensionType(d), "null"}, "description": "where it was asked for in by; null where unknown"}
		}
	}
	for _, m := range q.Columns {
		s := web.Schema{"type": []string{columnType(m), "null"}, "description": m.Label}
		if m.Words != nil {
			s["enum"] = append(anySlice(m.Words), nil)
		}
		properties[m.Name] = s
	}
	return web.Schema{"type": "object", "properties": properties}
}

// dimensionType is how a dimension's value is written.
func dimensionType(name string) string {
	if catalogue.WholeDimension(name) {
		return "integer"
	}
	return "string"
}

func columnType(m disclosure.Measure) string {
	if m.Boolean {
		return "boolean"
	}
	switch m.Kind {
	case disclosure.KindText, disclosure.KindFlag, disclosure.KindWord:
		return "string"
	case disclosure.KindCount:
		return "integer"
	}
	return "number"
}

func anySlice(words []string) []any {
	out := make([]any, len(words))
	for i, w := range slices.Clone(words) {
		out[i] = w
	}
	return out
}
