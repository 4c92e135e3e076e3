package arrowfile

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"

	"github.com/lumbar-health/lumbar/ingest"
)

// magic begins and ends an Arrow file. A file is a stream between the two,
// with a table of contents that nobody needs who reads from front to back.
var magic = []byte("ARROW1")

const (
	filePrefix   = 8 // magic, padded
	continuation = ^uint32(0)
	maxMetadata  = 16 << 20 // of one message
	maxBody      = 1 << 30
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
	head, err := in.Peek(len(magic))
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	file := isFile(head)
	if file {
		_, err = in.Discard(filePrefix)
	}
	for ended := false; err == nil && !ended; {
		ended, err = skipMessage(in, file)
	}
	if err == nil && file {
		err = skipFooter(in)
	}
	if err != nil {
		return &ingest.FileError{
			Source: source, Wrong: "is cut short or damaged (Arrow)",
			Advice: "fetch or write it again; nothing of it was stored", Err: err,
		}
	}
	return nil
}

var errFraming = errors.New("not an Arrow message")

// skipMessage reads over one message. A stream may end without a mark.
func skipMessage(in *bufio.Reader, file bool) (ended bool, err error) {
	var word [4]byte
	if _, err := io.ReadFull(in, word[:]); err != nil {
		return true, endOfStream(err, file)
	}
	size := binary.LittleEndian.Uint32(word[:])
	if size == continuation {
		if _, err := io.ReadFull(in, word[:]); err != nil {
			return true, unexpected(err)
		}
		size = binary.LittleEndian.Uint32(word[:])
	}
	if size == 0 {
		return true, nil
	}
	if size > maxMetadata {
		return true, errFraming
	}
	metadata := make([]byte, size)
	if _, err := io.ReadFull(in, metadata); err != nil {
		return true, unexpected(err)
	}
	body, ok := bodyLength(metadata)
	if !ok {
		return true, errFraming
	}
	_, err = in.Discard(int(body))
	return false, unexpected(err)
}

func endOfStream(err error, file bool) error {
	if errors.Is(err, io.EOF) && !file {
		return nil
	}
	return unexpected(err)
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

// bodyLength reads the field of that name, the fourth, from a message's
// metadata, a flatbuffer: the root's offset, the table's distance from its
// table of fields, the field's offset in it.
func bodyLength(metadata []byte) (int64, bool) {
	at := func(i int64, n int64) ([]byte, bool) {
		if i < 0 || i+n > int64(len(metadata)) {
			return nil, false
		}
		return metadata[i : i+n], true
	}
	b, ok := at(0, 4)
	if !ok {
		return 0, false
	}
	table := int64(binary.LittleEndian.Uint32(b))
	if b, ok = at(table, 4); !ok {
		return 0, false
	}
	fields := table - int64(int32(binary.LittleEndian.Uint32(b)))
	if b, ok = at(fields, 2); !ok {
		return 0, false
	}
	const header, fourth = 4, 3
	place := fields + header + 2*fourth
	if place+2 > fields+int64(binary.LittleEndian.Uint16(b)) {
		return 0, true // not there: no body
	}
	if b, ok = at(place, 2); !ok {
		return 0, false
	}
	offset := int64(binary.LittleEndian.Uint16(b))
	if offset == 0 {
		return 0, true
	}
	if b, ok = at(table+offset, 8); !ok {
		return 0, false
	}
	n := int64(binary.LittleEndian.Uint64(b))
	return n, n >= 0 && n <= maxBody
}
