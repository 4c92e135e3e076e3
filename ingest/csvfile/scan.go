package csvfile

import (
	"bytes"
	"errors"
	"io"
)

// maxRecord is the longest record, in bytes.
const maxRecord = 1 << 20

// state says how a record was read.
type state int

const (
	whole   state = iota
	broken        // quotation that does not end, or goes on after its end
	tooLong       // longer than any real line
	more          // its end was not read yet
)

// scanner cuts a source into records and these into cells. A quoted cell may
// hold separators and line ends. A record with broken quotation is its first
// line alone: a stray quotation mark costs one line and not the rest of the
// file. What it returns is valid until the next record.
type scanner struct {
	in    io.Reader
	comma byte
	buf   []byte
	at    int // of the next record in buf
	ended bool

	line  int // of the record, from 1
	after int // lines before the next record
	raw   []byte
	cells [][]byte
	plain []byte // cells without their doubled quotation marks
}

func newScanner(in io.Reader, comma byte) *scanner {
	return &scanner{in: in, comma: comma, buf: make([]byte, 0, 64<<10)}
}

// record reads the next record that is no blank line; io.EOF is the end.
func (s *scanner) record() (state, error) {
	for {
		rest := s.buf[s.at:]
		if len(rest) == 0 && s.ended {
			return whole, io.EOF
		}
		n, lines, how := s.parse(rest)
		if how == more && len(rest) < maxRecord {
			if err := s.fill(); err != nil {
				return whole, err
			}
			continue
		}
		s.line = s.after + 1
		if how == more || how == broken {
			return s.first(rest)
		}
		s.raw = rest[:n]
		s.at += n
		s.after += lines
		if len(s.cells) > 0 {
			return whole, nil
		}
	}
}

// first makes the first line of rest a broken record.
func (s *scanner) first(rest []byte) (state, error) {
	s.cells = s.cells[:0]
	if end := bytes.IndexByte(rest, '\n'); end >= 0 {
		s.raw = rest[:end+1]
		s.at += end + 1
		s.after++
		return broken, nil
	}
	if s.ended {
		s.raw = rest
		s.at = len(s.buf)
		return broken, nil
	}
	s.raw = nil
	return tooLong, s.skipLine()
}

// skipLine reads over a line that is longer than a record may be.
func (s *scanner) skipLine() error {
	for {
		if end := bytes.IndexByte(s.buf[s.at:], '\n'); end >= 0 {
			s.at += end + 1
			s.after++
			return nil
		}
		s.at = len(s.buf)
		if s.ended {
			return nil
		}
		if err := s.fill(); err != nil {
			return err
		}
	}
}

// fill reads more of the source.
func (s *scanner) fill() error {
	if s.at > 0 {
		s.buf = s.buf[:copy(s.buf, s.buf[s.at:])]
		s.at = 0
	}
	if len(s.buf) == cap(s.buf) {
		s.buf = append(make([]byte, 0, 2*cap(s.buf)), s.buf...)
	}
	for range 100 {
		n, err := s.in.Read(s.buf[len(s.buf):cap(s.buf)])
		s.buf = s.buf[:len(s.buf)+n]
		if errors.Is(err, io.EOF) {
			s.ended = true
			return nil
		}
		if n > 0 || err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// parse cuts the record that data begins with into cells. A blank line has
// none.
func (s *scanner) parse(data []byte) (n, lines int, how state) {
	s.cells, s.plain = s.cells[:0], s.plain[:0]
	end := bytes.IndexByte(data, '\n')
	n = end + 1
	if end < 0 {
		if !s.ended {
			return 0, 0, more
		}
		end, n = len(data), len(data)
	}
	line := data[:end]
	if len(line) > 0 && line[len(line)-1] == '\r' {
		line = line[:len(line)-1]
	}
	switch {
	case len(line) == 0:
		return n, 1, whole
	case bytes.IndexByte(line, '"') >= 0:
		return s.parseQuoted(data)
	}
	for {
		at := bytes.IndexByte(line, s.comma)
		if at < 0 {
			s.cells = append(s.cells, trim(line))
			return n, 1, whole
		}
		s.cells = append(s.cells, trim(line[:at]))
		line = line[at+1:]
	}
}

// parseQuoted is parse for records with quotation marks. A mark within a cell
// that does not begin with one is part of the cell.
func (s *scanner) parseQuoted(data []byte) (n, lines int, how state) {
	at := 0
	for {
		for at < len(data) && s.blank(data[at]) {
			at++
		}
		var cell []byte
		if at < len(data) && data[at] == '"' {
			if cell, at, how = s.quoted(data, at+1); how != whole {
				return 0, 0, how
			}
		} else {
			start := at
			for at < len(data) && data[at] != s.comma && data[at] != '\n' {
				at++
			}
			cell = data[start:at]
		}
		if at == len(data) && !s.ended {
			return 0, 0, more
		}
		s.cells = append(s.cells, trim(cell))
		if at == len(data) {
			return at, 1 + bytes.Count(data, []byte("\n")), whole
		}
		at++
		if data[at-1] == '\n' {
			return at, bytes.Count(data[:at], []byte("\n")), whole
		}
	}
}

// quoted reads a cell after its opening mark, and returns the place of the
// separator or line end after it.
func (s *scanner) quoted(data []byte, at int) (cell []byte, next int, how state) {
	start, copied := at, -1
	for {
		mark := bytes.IndexByte(data[at:], '"')
		if mark < 0 {
			if s.ended {
				return nil, 0, broken
			}
			return nil, 0, more
		}
		mark += at
		if mark+1 == len(data) && !s.ended {
			return nil, 0, more
		}
		if mark+1 < len(data) && data[mark+1] == '"' {
			if copied < 0 {
				copied = len(s.plain)
			}
			s.plain = append(s.plain, data[start:mark+1]...)
			start, at = mark+2, mark+2
			continue
		}
		cell = data[start:mark]
		if copied >= 0 {
			s.plain = append(s.plain, cell...)
			cell = s.plain[copied:]
		}
		next = mark + 1
		break
	}
	for next < len(data) && (s.blank(data[next]) || data[next] == '\r') {
		next++
	}
	if next < len(data) && data[next] != s.comma && data[next] != '\n' {
		return nil, 0, broken
	}
	return cell, next, whole
}

func (s *scanner) blank(c byte) bool { return (c == ' ' || c == '\t') && c != s.comma }

// trim removes blanks around a cell; most cells have none.
func trim(cell []byte) []byte {
	if n := len(cell); n == 0 || cell[0] > ' ' && cell[n-1] > ' ' {
		return cell
	}
	return bytes.TrimSpace(cell)
}
