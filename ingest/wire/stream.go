package wire

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/lumbar-health/lumbar/ingest"
)

// maxObject is the longest JSON object that is read as a row.
const maxObject = 1 << 20

// framing is how objects follow each other in a source.
type framing int

const (
	framingLines  framing = iota // one object a line (NDJSON)
	framingArray                 // one array of objects
	framingObject                // objects over several lines
)

// objects cuts a source into JSON objects without reading any.
type objects struct {
	in      *bufio.Reader
	framing framing
	line    int // of the object that was returned last
	at      int // lines read
	begun   bool
	ended   bool
	buf     []byte
}

var (
	errTooLong   = errors.New("longer than an object may be")
	errMalformed = errors.New("no JSON object")
	errBroken    = errors.New("the JSON breaks off")
)

// broken refuses a source in which nobody can tell where the next object
// begins, or whether there should have been more.
func (o *objects) broken(source, consequence string, err error) error {
	return &ingest.FileError{
		Source: source, Err: err,
		Wrong:  fmt.Sprintf("is no whole JSON: after line %d it is cut short, lacks a comma, goes on after its end or has an object over 1 MiB", o.at),
		Advice: "write or fetch it again, or send one object a line" + consequence,
	}
}

// newObjects looks at the beginning of the source.
func newObjects(in *bufio.Reader) (*objects, error) {
	o := &objects{in: in, at: 1}
	if bom, _ := in.Peek(3); bytes.Equal(bom, []byte("\xef\xbb\xbf")) {
		if _, err := in.Discard(3); err != nil {
			return nil, err
		}
	}
	c, err := o.nextSign()
	if err != nil {
		return nil, err
	}
	switch {
	case c == '[':
		o.framing = framingArray
	case o.spread():
		o.framing = framingObject
	}
	return o, o.in.UnreadByte()
}

// spread reports whether the first object goes over several lines: its first
// line is no object and does not end like one that was cut.
func (o *objects) spread() bool {
	if o.in.UnreadByte() != nil {
		return false
	}
	defer o.in.ReadByte() // give nextSign's byte back to the caller's UnreadByte
	head, _ := o.in.Peek(o.in.Size())
	first, _, more := bytes.Cut(head, []byte("\n"))
	first = bytes.TrimRight(first, " \t\r")
	if !more || json.Valid(first) || len(first) == 0 {
		return false
	}
	end := first[len(first)-1]
	return end == '{' || end == ',' || end == '['
}

// nextSign reads to the next byte that is no blank.
func (o *objects) nextSign() (byte, error) {
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

// next returns the text of the next object, valid until the next call.
// errMalformed and errTooLong are of this object alone; io.EOF is the end.
func (o *objects) next() ([]byte, error) {
	switch {
	case o.ended:
		return nil, io.EOF
	case o.framing == framingLines:
		return o.nextLine()
	case o.framing == framingArray:
		return o.nextElement()
	}
	c, err := o.nextSign()
	if err != nil {
		return nil, err
	}
	return o.value(c)
}

func (o *objects) nextLine() ([]byte, error) {
	for {
		o.buf = o.buf[:0]
		o.line = o.at
		tooLong := false
		var err error
		for {
			var part []byte
			part, err = o.in.ReadSlice('\n')
			if tooLong = tooLong || len(o.buf)+len(part) > maxObject; !tooLong {
				o.buf = append(o.buf, part...)
			}
			if !errors.Is(err, bufio.ErrBufferFull) {
				break
			}
		}
		o.at++
		line := bytes.TrimSpace(o.buf)
		switch {
		case err != nil && !errors.Is(err, io.EOF):
			return nil, err
		case tooLong:
			o.ended = err != nil
			return nil, errTooLong
		case len(line) > 0:
			o.ended = err != nil
			return line, nil
		case err != nil:
			return nil, io.EOF
		}
	}
}

// nextElement returns the next element of the array.
func (o *objects) nextElement() ([]byte, error) {
	c, err := o.nextSign()
	if !o.begun && err == nil { // the opening bracket
		o.begun = true
		if c, err = o.nextSign(); err == nil && c == ']' {
			return nil, o.end()
		}
	} else if err == nil {
		switch c {
		case ']':
			return nil, o.end()
		case ',':
			c, err = o.nextSign()
		default:
			return nil, errBroken
		}
	}
	if err != nil {
		return nil, broken(err)
	}
	return o.value(c)
}

// end checks that nothing follows the array.
func (o *objects) end() error {
	o.ended = true
	if _, err := o.nextSign(); err == nil {
		return errBroken
	} else {
		return err
	}
}

func broken(err error) error {
	if errors.Is(err, io.EOF) {
		return errBroken
	}
	return err
}

// value reads the value that begins with c to its end. A value that is no
// object is read over.
func (o *objects) value(c byte) ([]byte, error) {
	o.line = o.at
	o.buf = append(o.buf[:0], c)
	if c != '{' && c != '[' {
		return nil, o.skipScalar(c)
	}
	for depth, quoted, escaped := 1, false, false; depth > 0; {
		c, err := o.in.ReadByte()
		if err != nil {
			return nil, broken(err)
		}
		if o.buf = append(o.buf, c); len(o.buf) > maxObject {
			return nil, errBroken // nobody knows where the next one begins
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
	return o.buf, nil
}

// skipScalar reads over a number, word or string where an object should be.
func (o *objects) skipScalar(c byte) error {
	quoted := c == '"'
	for n := 0; n < maxObject; n++ {
		b, err := o.in.ReadByte()
		if err != nil {
			return broken(err)
		}
		switch {
		case quoted && b == '\\':
			if _, err := o.in.ReadByte(); err != nil {
				return broken(err)
			}
		case quoted && b == '"':
			return errMalformed
		case quoted:
		case b == ',' || b == ']' || b == '\n' || b == ' ':
			if err := o.in.UnreadByte(); err != nil {
				return err
			}
			return errMalformed
		}
	}
	return errBroken
}
