package ingest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Source is where an import reads from. It can be opened more than once: a
// compressed one is read through to its end before anything is stored.
type Source struct {
	Name string // for messages and reports, never part of an identity
	Size int64  // in bytes as stored, for progress; 0 = unknown
	Open func() (io.ReadCloser, error)
}

// File is a file as a source.
func File(path string) (Source, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Source{}, &FileError{Source: path, Wrong: "can not be opened", Advice: "check the path and its permissions", Err: err}
	}
	if !info.Mode().IsRegular() {
		return Source{}, &FileError{Source: path, Wrong: "is not a regular file", Advice: "copy its contents into a file"}
	}
	return Source{Name: filepath.Base(path), Size: info.Size(), Open: func() (io.ReadCloser, error) { return os.Open(path) }}, nil
}

// maxWindow bounds the memory that a zstd stream may ask for.
const maxWindow = 64 << 20

const (
	plain = ""
	gzipS = "gzip"
	zstdS = "zstd"
)

// compression tells a stream's compression by its first bytes.
func compression(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return gzipS
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return zstdS
	}
	return plain
}

// Decompress returns r without its gzip or zstd compression, whatever of the
// two it has. Close does not close r.
func Decompress(r io.Reader) (io.ReadCloser, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	head, err := in.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch compression(head) {
	case gzipS:
		return gzip.NewReader(in)
	case zstdS:
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	}
	return io.NopCloser(in), nil
}

// verify reads a compressed source to its end, so that one that was cut short
// or damaged on the way is refused before its first record is stored.
func (s *Source) verify() error {
	f, err := s.Open()
	if err != nil {
		return &FileError{Source: s.Name, Wrong: "can not be opened", Advice: "check the path and its permissions", Err: err}
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, 64<<10)
	head, err := in.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return &FileError{Source: s.Name, Wrong: "can not be read", Advice: "check the disk and the permissions", Err: err}
	}
	kind := compression(head)
	if kind == plain {
		return nil
	}
	out, err := Decompress(in)
	if err == nil {
		defer out.Close()
		_, err = io.Copy(io.Discard, out)
	}
	if err != nil {
		return &FileError{
			Source: s.Name, Wrong: fmt.Sprintf("is cut short or damaged (%s)", kind),
			Advice: "fetch or write it again; nothing of it was stored", Err: err,
		}
	}
	return nil
}

// check runs the format's own test that the source is whole.
func (s *Source) check(f Format) error {
	if f.Verify == nil {
		return nil
	}
	in, err := s.stream()
	if err != nil {
		return err
	}
	defer in.close()
	return f.Verify(s.Name, in.text)
}

// counter counts the bytes that were read, for progress.
type counter struct {
	io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}

// stream is a source being read.
type stream struct {
	file  io.Closer
	plain io.Closer
	bytes *counter
	text  *bufio.Reader
	at    io.ReaderAt // nil where it is compressed or can not be read so
}

func (s *Source) stream() (*stream, error) {
	f, err := s.Open()
	if err != nil {
		return nil, &FileError{Source: s.Name, Wrong: "can not be opened", Advice: "check the path and its permissions", Err: err}
	}
	count := &counter{Reader: f}
	out, err := Decompress(count)
	if err != nil {
		f.Close()
		return nil, &FileError{Source: s.Name, Wrong: "can not be unpacked", Advice: "fetch or write it again; nothing of it was stored", Err: err}
	}
	in := &stream{file: f, plain: out, bytes: count, text: bufio.NewReaderSize(out, 256<<10)}
	if head, err := in.text.Peek(4); err == nil || errors.Is(err, io.EOF) {
		in.at = s.random(f, head)
	}
	return in, nil
}

// random returns the source for reading at any place, nil where that can not
// be. head is its beginning, unpacked.
func (s *Source) random(f io.ReadCloser, head []byte) io.ReaderAt {
	at, ok := f.(io.ReaderAt)
	if !ok || s.Size == 0 {
		return nil
	}
	stored := make([]byte, len(head))
	if n, _ := at.ReadAt(stored, 0); !bytes.Equal(stored[:n], head) {
		return nil
	}
	return at
}

func (s *stream) close() {
	s.plain.Close()
	s.file.Close()
}
