package http

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/jsontext"
)

// spooled is what is known of a body on disk.
type spooled struct {
	Bytes int64 `json:"bytes"`
	Lines int   `json:"lines"`
	// Late says that a Patient stands after another resource.
	Late bool `json:"late,omitempty"`
	// Starts are for each input the lines before its first.
	Starts []int `json:"starts,omitempty"`
}

// scanner counts the lines of a body on its way to the disk, and sees whether
// Patients come first.
type scanner struct {
	out    *bufio.Writer
	known  spooled
	line   []byte // begun, up to what is longest
	open   bool   // a line is begun
	first  bool   // a line that is not blank came
	apart  bool   // resources do not stand one a line
	others bool   // another resource than a Patient came
}

func newScanner(f io.Writer) *scanner {
	return &scanner{out: bufio.NewWriterSize(f, 256<<10)}
}

// Write takes bytes of the body.
func (s *scanner) Write(p []byte) (int, error) {
	if _, err := s.out.Write(p); err != nil {
		return 0, err
	}
	s.known.Bytes += int64(len(p))
	for rest := p; len(rest) > 0; {
		part, after, ended := bytes.Cut(rest, []byte("\n"))
		if s.open = true; !s.known.Late && len(s.line) <= jsontext.MaxObject {
			s.line = append(s.line, part...)
		}
		if ended {
			s.endLine()
		}
		rest = after
	}
	return len(p), nil
}

func (s *scanner) endLine() {
	s.known.Lines++
	if line := bytes.TrimSpace(s.line); len(line) > 0 && !s.apart && !s.known.Late {
		if !s.first {
			s.first, s.apart = true, apart(line)
		}
		patient := isPatient(line)
		s.known.Late = patient && s.others && !s.apart
		s.others = s.others || !patient
	}
	s.line, s.open = s.line[:0], false
}

// endFile ends a file within the body: the next begins with a new line.
func (s *scanner) endFile() error {
	if !s.open {
		return nil
	}
	_, err := s.Write([]byte("\n"))
	return err
}

// flush writes what is left.
func (s *scanner) flush() error {
	if s.open {
		s.endLine()
	}
	return s.out.Flush()
}

// apart reports of the first line whether resources are written otherwise than
// one a line: in a list or a Bundle, or over several lines.
func apart(line []byte) bool {
	switch line[len(line)-1] {
	case '{', '[', ',':
		return true
	}
	return line[0] == '[' || kindOf(line) == "Bundle"
}

// isPatient reports whether a line is a Patient.
func isPatient(line []byte) bool { return kindOf(line) == "Patient" }

// kindOf is the type of the resource that a line is; empty where it is none or
// longer than one may be.
func kindOf(line []byte) string {
	const usual = `{"resourceType":"`
	line = bytes.TrimSpace(line)
	if rest, ok := bytes.CutPrefix(line, []byte(usual)); ok && len(line) <= jsontext.MaxObject {
		kind, _, _ := bytes.Cut(rest, []byte(`"`))
		return string(kind)
	}
	if len(line) > jsontext.MaxObject || !json.Valid(line) {
		return ""
	}
	c := jsontext.Walk(line)
	if !c.Enter('{') {
		return ""
	}
	for c.More() {
		if string(c.Name()) != "resourceType" {
			c.Raw()
			continue
		}
		kind, _ := c.String()
		return string(kind)
	}
	return ""
}

// source is the spooled body to be imported. Where a Patient stands after others
// the body is read twice, Patients alone first, so that the order of lines does
// not matter: what points to a Patient must know already who that is. Each line
// that is left out is blank, so that lines keep their numbers, those of the
// second reading after those of the first.
func (k *spooled) source(path string) ingest.Source {
	return ingest.Source{Name: "the body", Size: k.Bytes, Open: func() (io.ReadCloser, error) {
		f, err := os.Open(path)
		if err != nil || !k.Late {
			return f, err
		}
		return &twice{file: f, in: bufio.NewReaderSize(f, 256<<10)}, nil
	}}
}

// place is the input, from 0, and the line that the import calls so.
func (k *spooled) place(line int) (input, at int) {
	if k.Late && line > k.Lines {
		line -= k.Lines
	}
	for input+1 < len(k.Starts) && line > k.Starts[input+1] {
		input++
	}
	if len(k.Starts) > 0 {
		line -= k.Starts[input]
	}
	return input, line
}

// twice reads a body's Patients and then the others.
type twice struct {
	file   *os.File
	in     *bufio.Reader
	second bool
	line   []byte
	rest   []byte // of the line to be given
	long   bool   // the line is longer than a resource may be, and partly given
}

// Read gives the lines of this reading.
func (t *twice) Read(p []byte) (int, error) {
	for len(t.rest) == 0 {
		if err := t.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, t.rest)
	t.rest = t.rest[n:]
	return n, nil
}

// next reads a line, or a part of a long one.
func (t *twice) next() error {
	t.line = t.line[:0]
	var err error
	for {
		var part []byte
		part, err = t.in.ReadSlice('\n')
		t.line = append(t.line, part...)
		if !errors.Is(err, bufio.ErrBufferFull) || len(t.line) > jsontext.MaxObject {
			break
		}
	}
	if err != nil && !errors.Is(err, bufio.ErrBufferFull) && (!errors.Is(err, io.EOF) || len(t.line) == 0) {
		if errors.Is(err, io.EOF) && !t.second {
			return t.again()
		}
		return err
	}
	whole := !errors.Is(err, bufio.ErrBufferFull)
	later := t.long || !whole || !isPatient(t.line)
	switch t.long = !whole; {
	case later == t.second && whole && err != nil: // the last line has no end
		t.rest = append(t.line, '\n')
	case later == t.second:
		t.rest = t.line
	case whole:
		t.rest = []byte("\n")
	}
	return nil
}

// again begins the second reading.
func (t *twice) again() error {
	t.second, t.long = true, false
	if _, err := t.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	t.in.Reset(t.file)
	return nil
}

// Close closes the file.
func (t *twice) Close() error { return t.file.Close() }

// save writes a file that is whole and durable, or not there.
func save(path string, text []byte) error {
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes the names in a folder durable.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
