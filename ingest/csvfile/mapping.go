package csvfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/goccy/go-yaml"

	"github.com/lumbar-health/lumbar/ingest"
)

// mapping is a mapping file: what the columns of a source mean.
type mapping struct {
	Name      string `yaml:"mapping"`
	Encoding  string `yaml:"encoding"`
	Delimiter string `yaml:"delimiter"`
	// Timezone is that of times of day without one.
	Timezone string   `yaml:"timezone"`
	Dates    []string `yaml:"dates"`
	// Blank are texts that say that nothing is there, in every column.
	Blank        []string  `yaml:"blank"`
	Ignore       []string  `yaml:"ignore"`
	OtherColumns string    `yaml:"other_columns"`
	Rows         []rowSpec `yaml:"rows"`
}

// rowSpec is one row that a line of the source becomes.
type rowSpec struct {
	Name string `yaml:"name"`
	Kind string `yaml:"kind"`
	// OnlyIf are columns of which one must have a value for the row to exist.
	OnlyIf []string             `yaml:"only_if"`
	Fields map[string]fieldSpec `yaml:"fields"`
	Items  []itemSpec           `yaml:"items"`
}

// fieldSpec is where a field's value comes from.
type fieldSpec struct {
	Column  string            `yaml:"column"`
	Value   *string           `yaml:"value"`
	Prefix  string            `yaml:"prefix"`
	Suffix  string            `yaml:"suffix"`
	Codes   map[string]string `yaml:"codes"`
	Missing []string          `yaml:"missing"`
	Dates   []string          `yaml:"dates"`
}

// UnmarshalYAML reads a field's source; a text alone is a column.
func (f *fieldSpec) UnmarshalYAML(read func(any) error) error {
	if read(&f.Column) == nil {
		return nil
	}
	*f = fieldSpec{}
	type plain fieldSpec
	return read((*plain)(f))
}

// itemSpec is a run of item columns that are coded alike.
type itemSpec struct {
	Columns []string         `yaml:"columns"`
	Codes   map[string]int16 `yaml:"codes"`
	Missing reasons          `yaml:"missing"`
}

// reasons say of texts why there is no answer.
type reasons map[string]string

// UnmarshalYAML reads reasons by text; a list of texts means blank.
func (r *reasons) UnmarshalYAML(read func(any) error) error {
	var list []string
	if read(&list) == nil {
		*r = reasons{}
		for _, text := range list {
			(*r)[text] = "blank"
		}
		return nil
	}
	byText := map[string]string{}
	err := read(&byText)
	*r = byText
	return err
}

// Check reports what is wrong with the text of a mapping file.
func Check(text []byte) error {
	_, err := readMapping(text)
	return err
}

// readMapping reads and checks a mapping file. An empty text is no mapping.
func readMapping(text []byte) (*mapping, error) {
	if len(text) > ingest.MaxMapping {
		return nil, fmt.Errorf("the mapping has more than %d bytes", ingest.MaxMapping)
	}
	m := new(mapping)
	decoder := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict())
	switch err := decoder.Decode(m); {
	case errors.Is(err, io.EOF):
		return nil, errors.New("the mapping is empty: see docs/csv.md")
	case err != nil:
		return nil, fmt.Errorf("the mapping: %s", yaml.FormatError(err, false, false))
	}
	if err := decoder.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, errors.New("the mapping has a second document: give each mapping a file of its own")
	}
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("the mapping: %w", err)
	}
	return m, nil
}

// comma is the declared separator, 0 where none is.
func (m *mapping) comma() byte {
	switch m.Delimiter {
	case "":
		return 0
	case "tab":
		return '\t'
	}
	return m.Delimiter[0]
}
