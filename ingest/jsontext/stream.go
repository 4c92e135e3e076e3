package jsontext

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/lumbar-health/lumbar/ingest"
)

// MaxObject is the longest JSON object that is read.
const MaxObject = 1 << 20

// Framing is how objects follow each other in a source.
type Framing int

// Framings.
const (
	Lines  Framing = iota // one object a line (NDJSON)
	Array                 // one array of objects
	Spread                // objects over several lines
)

// Objects cuts a source into JSON objects without reading any.
type Objects struct {
	Framing Framing
	// Line is that of the object that Next returned last.
	Line int
	// Text is the object that was read last, or of one that is too long its
	// beginning and its end. It is valid until the next one is read.
	Text []byte

	in    *bufio.Reader
	at    int // lines read
	begun bool
	ended bool
	tail  []byte // of an object that is too long
}

// Errors of Next and Value.
var (
	ErrTooLong   = errors.New("longer than an object may be")
	ErrMalformed = errors.New("no JSON object")
	ErrBroken    = errors.New("the JSON breaks off")
)

// Broken refuses a source in which nobody can tell where the next object
// begins, or whether there should have been more.
func (o *Objects) Broken(source, consequence string, err error) error {
	return &ingest.FileError{
		Source: source, Err: err,
		Wrong:  fmt.Sprintf("is no whole JSON: after line %d it is cut short, lacks a comma or goes on after its end", o.at),
		Advice: "write or fetch it again, or send one object a line" + consequence,
	}
}

// NewObjects looks at the beginning of the source.
func NewObjects(in *bufio.Reader) (*Objects, error) {
	o := &Objects{in: in, at: 1}
	if bom, _ := in.Peek(3); bytes.Equal(bom, []byte("\xef\xbb\xbf")) {
		if _, err := in.Discard(3); err != nil {
			return nil, err
		}
	}
	c, err := o.Sign()
	if err != nil {
		return nil, err
	}
	switch {
	case c == '[':
		o.Framing = Array
	case o.spread():
		o.Framing = Spread
	}
	return o, o.in.UnreadByte()
}

// spread reports whether the first object goes over several lines: its first
// line is no object and does not end like one that was cut.
func (o *Objects) spread() bool {
	if o.in.UnreadByte() != nil {
		return false
	}
	defer o.in.ReadByte() // give Sign's byte back to the caller's UnreadByte
	head, _ := o.in.Peek(o.in.Size())
	first, _, more := bytes.Cut(head, []byte("\n"))
	first = bytes.TrimRight(first, " \t\r")
	if !more || json.Valid(first) || len(first) == 0 {
		return false
	}
	end := first[len(first)-1]
	return end == '{' || end == ',' || end == '['
}

// Lines returns the number of lines read.
func (o *Objects) Lines() int { return o.at }

// Sign reads the next byte that is no blank.
func (o *Objects) Sign() (byte, error) {
	for {
		c, err := o.in.ReadByte()
		if err != nil {
			return 0, err
		}
		switch c {
		case '\n':
			o.at++
		case ' ', '\t', '\r':
		default:
			return c, nil
		}
	}
}

// Next returns the text of the next object, valid until the next call.
// ErrMalformed and ErrTooLong are of this object alone; io.EOF is the end.
func (o *Objects) Next() ([]byte, error) {
	switch {
	case o.ended:
		return nil, io.EOF
	case o.Framing == Lines:
		return o.nextLine()
	case o.Framing == Array:
		return o.nextElement()
	}
	c, err := o.Sign()
	if err != nil {
		return nil, err
	}
	return o.Value(c)
}

func (o *Objects) nextLine() ([]byte, error) {
	for {
		o.Text = o.Text[:0]
		o.Line = o.at
		tooLong := false
		var err error
		for {
			var part []byte
			part, err = o.in.ReadSlice('\n')
			if tooLong = tooLong || len(o.Text)+len(part) > MaxObject; !tooLong {
				o.Text = append(o.Text, part...)
			} else {
				o.over(part)
			}
			if !errors.Is(err, bufio.ErrBufferFull) {
				break
			}
		}
		o.at++
		line := bytes.TrimSpace(o.Text)
		switch {
		case err != nil && !errors.Is(err, io.EOF):
			return nil, err
		case tooLong:
			o.ended = err != nil
			o.join()
			return nil, ErrTooLong
		case len(line) > 0:
			o.ended = err != nil
			return line, nil
		case err != nil:
			return nil, io.EOF
		}
	}
}

// nextElement returns the next element of the array.
func (o *Objects) nextElement() ([]byte, error) {
	c, err := o.Sign()
	if !o.begun && err == nil { // the opening bracket
		o.begun = true
		if c, err = o.Sign(); err == nil && c == ']' {
			return nil, o.end()
		}
	} else if err == nil {
		switch c {
		case ']':
			return nil, o.end()
		case ',':
			c, err = o.Sign()
		default:
			return nil, ErrBroken
		}
	}
	if err != nil {
		return nil, broken(err)
	}
	return o.Value(c)
}

// end checks that nothing follows the array.
func (o *Objects) end() error {
	o.ended = true
	if _, err := o.Sign(); err == nil {
		return ErrBroken
	} else {
		return err
	}
}

func broken(err error) error {
	if errors.Is(err, io.EOF) {
		return ErrBroken
	}
	return err
}

// Value reads the value that begins with c to its end. A value that is no
// object is read over.
func (o *Objects) Value(c byte) ([]byte, error) {
	o.Line = o.at
	o.Text = append(o.Text[:0], c)
	if c != '{' && c != '[' {
		return nil, o.skipScalar(c)
	}
	for depth, quoted, escaped := 1, false, false; depth > 0; {
		c, err := o.in.ReadByte()
		if err != nil {
			return nil, broken(err)
		}
		if len(o.Text) <= MaxObject {
			o.Text = append(o.Text, c)
		} else { // the rest of a longer one is read over
			o.over([]byte{c})
		}
		switch {
		case escaped:
			escaped = false
		case quoted && c == '\\':
			escaped = true
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		case c == '\n':
			o.at++
		}
	}
	if len(o.Text) > MaxObject {
		o.join()
		return nil, ErrTooLong
	}
	return o.Text, nil
}

// maxTail is how much is kept of the end of an object that is too long.
const maxTail = 64 << 10

// over takes a part of an object that is beyond the longest one.
func (o *Objects) over(part []byte) {
	if o.tail = append(o.tail, part...); len(o.tail) > 2*maxTail {
		o.tail = append(o.tail[:0], o.tail[len(o.tail)-maxTail:]...)
	}
}

// join puts the end of an object that is too long after its beginning.
func (o *Objects) join() {
	o.Text = append(o.Text, o.tail[max(len(o.tail)-maxTail, 0):]...)
	o.tail = o.tail[:0]
}

// skipScalar reads over a number, word or string where an object should be.
func (o *Objects) skipScalar(c byte) error {
	if err := o.scalar(c); err != nil {
		return err
	}
	return ErrMalformed
}

// scalar reads the number, word or string that begins with c into Text, of a
// long one the beginning.
func (o *Objects) scalar(c byte) error {
	o.Text = append(o.Text[:0], c)
	quoted, escaped := c == '"', false
	for {
		b, err := o.in.ReadByte()
		if err != nil {
			return broken(err)
		}
		if !quoted && (b == ',' || b == ']' || b == '}' || b == '\n' || b == ' ') {
			return o.in.UnreadByte()
		}
		if len(o.Text) <= MaxObject {
			o.Text = append(o.Text, b)
		}
		switch {
		case escaped:
			escaped = false
		case quoted && b == '\\':
			escaped = true
		case quoted && b == '"':
			return nil
		}
	}
}

// Read reads the value that begins with c, of whatever type, into Text. The
// error is ErrTooLong where it is longer than an object may be.
func (o *Objects) Read(c byte) error {
	if c == '{' || c == '[' {
		_, err := o.Value(c)
		return err
	}
	if err := o.scalar(c); err != nil {
		return err
	}
	if len(o.Text) > MaxObject {
		return ErrTooLong
	}
	return nil
}
