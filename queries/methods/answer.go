package methods

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strconv"
)

// Answer is an ordered JSON object.
type Answer []Field

// Field is one key of an Answer with its value: float64, int, string, bool, nil,
// []float64, []*float64, []string, Named, Matrix or Answer. An infinite limit is written as
// "Infinity" or "-Infinity".
type Field struct {
	Key   string
	Value any
}

// Named is an ordered object of numbers by name: a named vector of R.
type Named struct {
	Names  []string
	Values []float64
}

// Matrix is {rows, cols, values}; Rows or Cols are nil when they have no names.
type Matrix struct {
	Rows   []string    `json:"rows"`
	Cols   []string    `json:"cols"`
	Values [][]float64 `json:"values"`
}

// Get returns the value of a key.
func (a Answer) Get(key string) (any, bool) {
	for _, f := range a {
		if f.Key == key {
			return f.Value, true
		}
	}
	return nil, false
}

// MarshalJSON writes the keys in order.
func (a Answer) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, f := range a {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := writeField(&b, f.Key, f.Value); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// MarshalJSON writes the names in order.
func (n Named) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, name := range n.Names {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := writeField(&b, name, n.Values[i]); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func writeField(b *bytes.Buffer, key string, v any) error {
	name, err := json.Marshal(key)
	if err != nil {
		return err
	}
	b.Write(name)
	b.WriteByte(':')
	return writeValue(b, v)
}

// writeValue writes numbers at full precision and infinities as words, which
// encoding/json refuses.
func writeValue(b *bytes.Buffer, v any) error {
	switch x := v.(type) {
	case float64:
		switch {
		case math.IsInf(x, 1):
			b.WriteString(`"Infinity"`)
		case math.IsInf(x, -1):
			b.WriteString(`"-Infinity"`)
		case math.IsNaN(x):
			return errors.New("methods: an answer holds NaN")
		case x == math.Trunc(x) && math.Abs(x) < 1e15:
			b.WriteString(strconv.FormatFloat(x, 'f', -1, 64))
		default:
			b.WriteString(strconv.FormatFloat(x, 'g', -1, 64))
		}
		return nil
	case []float64:
		b.WriteByte('[')
		for i, y := range x {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := writeValue(b, y); err != nil {
				return err
			}
		}
		b.WriteByte(']')
		return nil
	}
	raw, err := json.Marshal(v)
	b.Write(raw)
	return err
}
