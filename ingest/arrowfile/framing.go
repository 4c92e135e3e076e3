package arrowfile

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"

	"github.com/lumbar-health/lumbar/ingest"
)

// magic begins and ends an Arrow file. A file is a stream between the two,
// with a table of contents that nobody needs who reads from front to back.
var magic = []byte("ARROW1")

const (
	filePrefix   = 8 // magic, padded
	continuation = ^uint32(0)
	maxMetadata  = 16 << 20 // of one message
	maxBody      = 256 << 20
)

// isFile reports whether the source is an Arrow file.
func isFile(head []byte) bool { return bytes.HasPrefix(head, magic) }

// detect knows an Arrow file by its magic and a stream by its first message.
func detect(head []byte) bool {
	if isFile(head) {
		return true
	}
	return len(head) >= 8 && binary.LittleEndian.Uint32(head) == continuation &&
		binary.LittleEndian.Uint32(head[4:]) < maxMetadata
}

// verify walks over all messages without reading them: one that was cut short
// has no end.
func verify(source string, in *bufio.Reader) error {
	m, err := newMessages(in)
	for err == nil {
		if err = m.next(); err == nil {
			_, err = in.Discard(int(m.body))
			err = unexpected(err)
		}
	}
	if err == io.EOF && m.file {
		err = skipFooter(in)
	}
	if err != nil && err != io.EOF {
		return &ingest.FileError{
			Source: source, Wrong: "is cut short or damaged (Arrow)",
			Advice: "fetch or write it again; nothing of it was stored", Err: err,
		}
	}
	return nil
}

// messages passes the messages of a source on and ends after the last one. Not
// every writer of files marks their end before the table of contents.
type messages struct {
	in   *bufio.Reader
	file bool
	head []byte // what is left of the message's prefix and metadata
	buf  []byte
	body int64 // what is left of its body
}

func newMessages(in *bufio.Reader) (*messages, error) {
	head, err := in.Peek(len(magic))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	m := &messages{in: in, file: isFile(head)}
	if m.file {
		_, err = in.Discard(filePrefix)
		return m, unexpected(err)
	}
	return m, nil
}

// Read reads on, never beyond the last message.
func (m *messages) Read(p []byte) (int, error) {
	if len(m.head) == 0 && m.body == 0 {
		if err := m.next(); err != nil {
			return 0, err
		}
	}
	if len(m.head) > 0 {
		n := copy(p, m.head)
		m.head = m.head[n:]
		return n, nil
	}
	n, err := m.in.Read(p[:min(int64(len(p)), m.body)])
	m.body -= int64(n)
	return n, unexpected(err)
}

var errFraming = errors.New("not an Arrow message")

// next reads the prefix and the metadata of the next message; io.EOF is the
// end. A stream may end without a mark, a file may not end without its footer.
func (m *messages) next() error {
	m.buf = append(m.buf[:0], 0, 0, 0, 0)
	if _, err := io.ReadFull(m.in, m.buf); err != nil {
		if m.file {
			return unexpected(err)
		}
		return err
	}
	size := binary.LittleEndian.Uint32(m.buf)
	switch {
	case size == continuation:
		m.buf = append(m.buf, 0, 0, 0, 0)
		if _, err := io.ReadFull(m.in, m.buf[4:]); err != nil {
			return unexpected(err)
		}
		size = binary.LittleEndian.Uint32(m.buf[4:])
	case m.file:
		return io.EOF // the footer
	}
	switch {
	case size == 0:
		return io.EOF
	case size > maxMetadata:
		return errFraming
	}
	prefix := len(m.buf)
	m.buf = slices.Grow(m.buf, int(size))[:prefix+int(size)]
	if _, err := io.ReadFull(m.in, m.buf[prefix:]); err != nil {
		return unexpected(err)
	}
	body, ok := checkMetadata(m.buf[prefix:])
	if !ok {
		return errFraming
	}
	m.head, m.body = m.buf, body
	return nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// skipFooter reads to the end, which must be the magic.
func skipFooter(in *bufio.Reader) error {
	var tail []byte
	buf := make([]byte, 32<<10)
	for {
		n, err := in.Read(buf)
		tail = append(tail, buf[:n]...)
		if len(tail) > len(magic) {
			tail = append(tail[:0], tail[len(tail)-len(magic):]...)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	if !bytes.Equal(tail, magic) {
		return io.ErrUnexpectedEOF
	}
	return nil
}
