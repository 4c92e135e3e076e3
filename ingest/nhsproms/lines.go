package nhsproms

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"io"
)

// lines reads a CSV file line by line: a record of these files is one line, so
// a stray quotation mark costs one record and not the rest of the file.
type lines struct {
	in *bufio.Reader
	n  int
}

// next returns the next line without its end, valid until the next call. A
// line longer than the reader's buffer comes back as tooLong and empty.
func (l *lines) next() (line []byte, tooLong bool, err error) {
	for {
		line, err = l.in.ReadSlice('\n')
		l.n++
		for errors.Is(err, bufio.ErrBufferFull) {
			tooLong = true
			line, err = l.in.ReadSlice('\n')
		}
		if err != nil && (!errors.Is(err, io.EOF) || len(line) == 0 && !tooLong) {
			return nil, false, err
		}
		if tooLong {
			return nil, true, nil
		}
		if line = bytes.TrimRight(line, "\r\n"); len(line) > 0 {
			return line, false, nil
		}
		if err != nil {
			return nil, false, err
		}
	}
}

// split cuts a line into its cells, which lie in the line itself where it has
// no quotation marks. ok is false where the quotation is broken.
func split(line []byte, cells [][]byte) (_ [][]byte, ok bool) {
	cells = cells[:0]
	if bytes.IndexByte(line, '"') >= 0 {
		r := csv.NewReader(bytes.NewReader(line))
		r.FieldsPerRecord = -1
		texts, err := r.Read()
		if err != nil {
			return cells, false
		}
		for _, t := range texts {
			cells = append(cells, bytes.TrimSpace([]byte(t)))
		}
		return cells, true
	}
	for {
		at := bytes.IndexByte(line, ',')
		if at < 0 {
			return append(cells, trim(line)), true
		}
		cells = append(cells, trim(line[:at]))
		line = line[at+1:]
	}
}

// trim removes blanks around a cell; most cells have none.
func trim(cell []byte) []byte {
	if n := len(cell); n == 0 || cell[0] > ' ' && cell[n-1] > ' ' {
		return cell
	}
	return bytes.TrimSpace(cell)
}
