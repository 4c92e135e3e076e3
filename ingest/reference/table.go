package reference

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/record"
)

// maxLines is more than any list of reference data has: England has some sixty
// million people.
const maxLines = 100_000_000

// maxProblems bounds the lines of a list that are told one by one.
const maxProblems = 20

// Problems are the lines for which a list was refused. They never hold a value.
type Problems struct {
	Source string
	Lines  []ingest.RowError // the first twenty
	Count  int
}

// Error names the first line, and how many there are.
func (p *Problems) Error() string {
	return fmt.Sprintf("%s has %d lines that can not be right, the first: %v: correct them; nothing of it was stored", p.Source, p.Count, p.Lines[0])
}

// table reads a CSV file by the names of its columns.
type table struct {
	source   string
	in       *csv.Reader
	columns  map[string]int
	cells    []string
	line     int
	problems Problems
}

// must are columns that every header has.
func must(columns ...string) func([]string) []string {
	return func([]string) []string { return columns }
}

// openTable reads the header. Each of the columns that it must have, of which
// some may have several names joined by "|", is there once; those named optional
// may be absent, and further ones are not read. needed is given the header's
// names and may rename them.
func openTable(source string, in io.Reader, needed func(header []string) []string, optional []string) (*table, error) {
	text := bufio.NewReader(in)
	if head, err := text.Peek(3); err == nil && bytes.Equal(head, []byte("\xef\xbb\xbf")) {
		_, _ = text.Discard(3) // it was seen
	}
	t := &table{source: source, in: csv.NewReader(text), columns: map[string]int{}, problems: Problems{Source: source}}
	t.in.ReuseRecord = true
	head, err := t.in.Read()
	for i, name := range head {
		head[i] = strings.ToLower(strings.TrimSpace(name))
	}
	columns := needed(head)
	if err != nil {
		return nil, &ingest.FileError{Source: source, Wrong: "is not a CSV file with a header", Advice: "give the columns " + listed(columns), Err: err}
	}
	at := map[string]int{}
	for i, name := range head {
		if _, twice := at[name]; twice {
			return nil, &ingest.FileError{Source: source, Wrong: fmt.Sprintf("has two columns of the name of column %d", i+1), Advice: "take one of them out"}
		}
		at[name] = i
	}
	for _, names := range slices.Concat(columns, optional) {
		all := strings.Split(names, "|")
		found := -1
		for _, name := range all {
			if i, ok := at[name]; ok {
				found = i
			}
		}
		if found < 0 && slices.Contains(columns, names) {
			return nil, &ingest.FileError{Source: source, Wrong: "lacks the column " + listed([]string{names}), Advice: "give the columns " + listed(columns)}
		}
		t.columns[all[0]] = found
	}
	return t, nil
}

// listed names columns for a message.
func listed(columns []string) string {
	return strings.ReplaceAll(strings.Join(columns, ", "), "|", " or ")
}

// next reads the next line; io.EOF is the end.
func (t *table) next() error {
	for {
		cells, err := t.in.Read()
		switch {
		case errors.Is(err, io.EOF):
			return io.EOF
		case err != nil:
			var wrong *csv.ParseError
			if !errors.As(err, &wrong) {
				return fmt.Errorf("%s can not be read: %w", t.source, err)
			}
			t.line = wrong.StartLine
			if !errors.Is(err, csv.ErrFieldCount) {
				t.wrong("line", ingest.RuleMalformed)
				return t.end() // nobody knows where the next line begins
			}
			t.wrong("line", ingest.RuleColumns)
			continue
		}
		t.cells = cells
		if t.line, _ = t.in.FieldPos(0); t.line > maxLines {
			return &ingest.FileError{Source: t.source, Wrong: "has more lines than any such list", Advice: "check that it is the right file"}
		}
		return nil
	}
}

// get returns a cell of the line, empty where there is no such column.
func (t *table) get(column string) string {
	at := t.columns[column]
	if at < 0 {
		return ""
	}
	text := strings.TrimSpace(t.cells[at])
	if !utf8.ValidString(text) || len(text) > 500 {
		t.wrong(column, ingest.RuleEncoding)
		return ""
	}
	return text
}

// wrong notes what is wrong with the line.
func (t *table) wrong(column, rule string) {
	t.problems.Count++
	if len(t.problems.Lines) < maxProblems {
		t.problems.Lines = append(t.problems.Lines, ingest.RowError{Source: t.source, Line: t.line, Field: column, Rule: rule})
	}
}

// date reads a day, written as 2026-04-01 or 20260401; an empty cell is none.
func (t *table) date(column string) record.Date {
	text := t.get(column)
	if text == "" {
		return 0
	}
	for _, layout := range []string{time.DateOnly, "20060102"} {
		if at, err := time.Parse(layout, text); err == nil && at.Year() >= 1900 && at.Year() <= 2200 {
			return record.NewDate(at.Date())
		}
	}
	t.wrong(column, ingest.RuleMalformed)
	return 0
}

// end returns the problems, where there are any.
func (t *table) end() error {
	if t.problems.Count == 0 {
		return nil
	}
	return &t.problems
}
