package export

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// asCSV writes a header and a line a row. A missing value is an empty cell, a
// list is written as in JSON.
type asCSV struct {
	out  *csv.Writer
	line []string
}

func newCSV(to io.Writer, s *arrow.Schema) (encoder, error) {
	c := &asCSV{csv.NewWriter(to), make([]string, s.NumFields())}
	for i, f := range s.Fields() {
		c.line[i] = f.Name
	}
	return c, c.out.Write(c.line)
}

func (c *asCSV) write(rec arrow.Record) error {
	for row := range int(rec.NumRows()) {
		for i, column := range rec.Columns() {
			text, err := cellText(value(column, row))
			if err != nil {
				return err
			}
			c.line[i] = text
		}
		if err := c.out.Write(c.line); err != nil {
			return err
		}
	}
	return nil
}

func (c *asCSV) end() error {
	c.out.Flush()
	return c.out.Error()
}

func cellText(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), nil
	}
	text, err := json.Marshal(v)
	return string(text), err
}

// asJSON writes one document: rows, notes, receipt, a line a row.
type asJSON struct {
	out     *bufio.Writer
	summary *Summary
	names   [][]byte // as JSON, with the colon
	any     bool
}

func newJSON(to io.Writer, s *arrow.Schema, summary *Summary) (encoder, error) {
	j := &asJSON{out: bufio.NewWriterSize(to, 64<<10), summary: summary}
	for _, f := range s.Fields() {
		name, err := json.Marshal(f.Name)
		if err != nil {
			return nil, err
		}
		j.names = append(j.names, append(name, ':'))
	}
	_, err := j.out.WriteString(`{"rows":[`)
	return j, err
}

func (j *asJSON) write(rec arrow.Record) error {
	for row := range int(rec.NumRows()) {
		sep := ",\n"
		if !j.any {
			j.any, sep = true, "\n"
		}
		_, _ = j.out.WriteString(sep) // an error stays, for the end
		for i, column := range rec.Columns() {
			mark := byte(',')
			if i == 0 {
				mark = '{'
			}
			text, err := json.Marshal(value(column, row))
			if err != nil {
				return err
			}
			_ = j.out.WriteByte(mark)
			_, _ = j.out.Write(j.names[i])
			_, _ = j.out.Write(text)
		}
		if err := j.out.WriteByte('}'); err != nil {
			return err
		}
	}
	return nil
}

func (j *asJSON) end() error {
	end, err := json.Marshal(struct {
		Notes   []string `json:"notes"`
		Receipt string   `json:"receipt"`
	}{j.summary.Notes, j.summary.Receipt})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(j.out, "\n],%s\n", end[1:]); err != nil {
		return err
	}
	return j.out.Flush()
}

// value is a cell as Go has it: nil, string, int64, float64 or a list. Days and
// moments are texts.
func value(column arrow.Array, row int) any {
	if column.IsNull(row) {
		return nil
	}
	switch c := column.(type) {
	case *array.String:
		return c.Value(row)
	case *array.Int64:
		return c.Value(row)
	case *array.Int16:
		return int64(c.Value(row))
	case *array.Uint16:
		return int64(c.Value(row))
	case *array.Float64:
		if v := c.Value(row); !math.IsNaN(v) && !math.IsInf(v, 0) {
			return v
		}
		return nil
	case *array.Date32:
		return c.Value(row).ToTime().Format(time.DateOnly)
	case *array.Timestamp:
		kind, _ := c.DataType().(*arrow.TimestampType)
		return c.Value(row).ToTime(kind.Unit).UTC().Format("2006-01-02T15:04:05.000Z")
	case *array.List:
		from, to := c.ValueOffsets(row)
		list := make([]any, 0, to-from)
		for i := from; i < to; i++ {
			list = append(list, value(c.ListValues(), int(i)))
		}
		return list
	}
	return column.ValueStr(row)
}
