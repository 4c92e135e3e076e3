package reference

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/record"
)

// OptOuts reads a list of the NHS numbers of people who opted out of the use of
// their data beyond their own care: a number a line, or a CSV file whose first
// column they are, with or without a header. It returns the people's
// pseudonyms in order, each once; the numbers are not kept. The error is a
// Problems or a ingest.FileError; no list is returned then, for a research
// extract that was filtered by half a list would hold the other half.
func OptOuts(source string, in io.Reader, s *ingest.Setting) ([]record.PatientID, error) {
	if len(s.Key) == 0 {
		return nil, &ingest.FileError{Source: source, Wrong: "has NHS numbers, but no key to pseudonymise them is configured", Advice: "set pseudonym.key_file"}
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, 4<<10), 64<<10)
	t := table{source: source, problems: Problems{Source: source}}
	people := map[record.PatientID]struct{}{}
	for lines.Scan() {
		t.line++
		number := firstCell(lines.Bytes(), t.line == 1)
		if number == "" || t.line == 1 && !strings.ContainsAny(number, "0123456789") {
			continue // a blank line, the header
		}
		var rec ingest.Record
		person, ok := s.Subject(&rec, number, "")
		if !ok {
			t.wrong("nhs_number", rec.Reasons[0].Rule)
			continue
		}
		people[person] = struct{}{}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return nil, &ingest.FileError{Source: source, Wrong: "is no list of NHS numbers", Advice: "give one number a line", Err: err}
	} else if err != nil {
		return nil, fmt.Errorf("%s can not be read: %w", source, err)
	}
	if err := t.end(); err != nil {
		return nil, err
	}
	if t.line == 0 {
		return nil, &ingest.FileError{Source: source, Wrong: "is empty", Advice: "where nobody opted out, give a list with a header and no line"}
	}
	list := make([]record.PatientID, 0, len(people))
	for person := range people {
		list = append(list, person)
	}
	slices.SortFunc(list, func(a, b record.PatientID) int { return bytes.Compare(a[:], b[:]) })
	return list, nil
}

// firstCell returns what stands before the first separator.
func firstCell(line []byte, first bool) string {
	if first {
		line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
	}
	if at := bytes.IndexAny(line, ",;\t"); at >= 0 {
		line = line[:at]
	}
	return strings.Trim(string(line), " \r\"")
}
