package methods

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
)

// MaxCells is the largest table that a request over HTTP may carry.
const MaxCells = 1_000_000

// body is the form of POST /v1/stats/{method}.
type body struct {
	Columns map[string][]any  `json:"columns"`
	Levels  map[string][]any  `json:"levels"`
	Filter  Filter            `json:"filter"`
	Roles   map[string]string `json:"roles"`
	Params  map[string]any    `json:"params"`
}

// ParseRequest reads the body of POST /v1/stats/{method}: columns of numbers,
// texts, booleans or null, at most MaxCells cells in all. Unknown fields are
// refused. Every error wraps ErrRequest.
func ParseRequest(r io.Reader) (Request, error) {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	var b body
	if err := d.Decode(&b); err != nil {
		return Request{}, fmt.Errorf("body: %v: %w", err, ErrRequest)
	}
	if _, err := d.Token(); err != io.EOF {
		return Request{}, fmt.Errorf("body: more than one document: %w", ErrRequest)
	}
	req := Request{Roles: b.Roles, Params: b.Params}
	if len(b.Columns) == 0 {
		return req, nil
	}
	t, err := tableOf(b.Columns, texts(b.Levels))
	if err != nil {
		return Request{}, err
	}
	req.Table, err = b.Filter.Apply(t)
	return req, err
}

// texts writes levels as cells.
func texts(levels map[string][]any) Levels {
	out := Levels{}
	for name, list := range levels {
		out[name] = make([]string, len(list))
		for i, v := range list {
			out[name][i] = text(v)
		}
	}
	return out
}

// tableOf makes a table of JSON columns, in the order of their names.
func tableOf(columns map[string][]any, levels Levels) (*design.Table, error) {
	total := 0
	var out []design.Column
	for _, name := range sortedKeys(columns) {
		if total += len(columns[name]); total > MaxCells {
			return nil, fmt.Errorf("columns: more than %d cells: %w", MaxCells, ErrRequest)
		}
		c, err := columnOf(name, columns[name], levels[name])
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return newTable(out, levels)
}

// columnOf makes a column of JSON values: numbers alone are numeric, anything
// else is read as cells.
func columnOf(name string, values []any, levels []string) (design.Column, error) {
	numeric := levels == nil
	cells, numbers := make([]string, len(values)), make([]float64, len(values))
	for i, v := range values {
		switch x := v.(type) {
		case nil:
			numbers[i] = math.NaN()
		case float64:
			numbers[i] = x
		case string:
			numeric = numeric && x == ""
			if x == "" {
				numbers[i] = math.NaN()
			}
		case bool:
			numeric = false
		default:
			return design.Column{}, fmt.Errorf("column %q row %d: need a number, a text or null: %w", name, i+1, ErrRequest)
		}
		cells[i] = text(v)
	}
	if numeric {
		return design.Column{Name: name, Values: numbers}, nil
	}
	if levels == nil {
		levels = distinct(cells)
	}
	return column(name, cells, levels)
}

// IsInvalid says whether an error of Run is about the request itself, and not
// about what its table can answer.
func IsInvalid(err error) bool {
	return errors.Is(err, ErrRequest) || errors.Is(err, analytics.ErrInvalidParameter)
}
