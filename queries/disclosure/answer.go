package disclosure

import (
	"bytes"
	"encoding/json"
)

// Answer is what leaves queries: a table that disclosure control has passed
// over, the words that must stand beside it, and the receipt of how it was made.
type Answer struct {
	Columns []Column
	Rows    []Row
	Notes   []string
	Receipt string
}

// Column is one column of an answer, as columns.yaml registers it.
type Column struct {
	Name string
	Kind Kind
}

// Kind says what a column holds, and so which rule it passes.
type Kind string

// Row is one row: a value for each column, each nil, a string, an int64, a
// float64 or a bool. Suppressed names the columns whose value is withheld;
// those values are nil.
type Row struct {
	Values     []any
	Suppressed []string
	// Rests are the counts of an exact answer that are not columns: those whose
	// name begins with _ in columns.yaml. They are not written.
	Rests map[string]int64
}

func (r *Row) rests(name string, count any) {
	if r.Rests == nil {
		r.Rests = map[string]int64{}
	}
	r.Rests[name], _ = count.(int64)
}

// Index returns the place of a column, or -1.
func (a *Answer) Index(column string) int {
	for i, c := range a.Columns {
		if c.Name == column {
			return i
		}
	}
	return -1
}

// MarshalJSON writes {"rows":[{column: value, …, "suppressed":[…]}],"notes":[…],"receipt":…}
// with the columns in their order.
func (a *Answer) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(`{"rows":`)
	if err := a.writeRows(&b); err != nil {
		return nil, err
	}
	notes := a.Notes
	if notes == nil {
		notes = []string{}
	}
	tail, err := json.Marshal(struct {
		Notes   []string `json:"notes"`
		Receipt string   `json:"receipt"`
	}{notes, a.Receipt})
	if err != nil {
		return nil, err
	}
	b.WriteByte(',')
	b.Write(tail[1:])
	return b.Bytes(), nil
}

func (a *Answer) writeRow(b *bytes.Buffer, row Row) error {
	b.WriteByte('{')
	for j, c := range a.Columns {
		if j > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(c.Name)
		if err != nil {
			return err
		}
		value, err := json.Marshal(row.Values[j])
		if err != nil {
			return err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	if len(row.Suppressed) > 0 {
		list, err := json.Marshal(row.Suppressed)
		if err != nil {
			return err
		}
		b.WriteString(`,"suppressed":`)
		b.Write(list)
	}
	b.WriteByte('}')
	return nil
}

// Rows is the table of an answer without notes and receipt.
type Rows struct{ of *Answer }

// RowsOnly returns the rows alone, to stand within a larger answer.
func (a *Answer) RowsOnly() Rows { return Rows{a} }

// MarshalJSON writes [{column: value, …}].
func (r Rows) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	err := r.of.writeRows(&b)
	return b.Bytes(), err
}

func (a *Answer) writeRows(b *bytes.Buffer) error {
	b.WriteByte('[')
	for i, row := range a.Rows {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := a.writeRow(b, row); err != nil {
			return err
		}
	}
	b.WriteByte(']')
	return nil
}
