package parquet

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/arrowfile"
	"github.com/lumbar-health/lumbar/ingest/wire"
)

// Name is the name of the format.
const Name = "parquet"

const all = wire.KindResponse | wire.KindEpisode | wire.KindEvent | wire.KindPatient

// Format returns the format of Parquet files.
func Format() ingest.Format {
	return ingest.Format{Name: Name, Detect: detect, Open: func(in ingest.Input) (ingest.Decoder, error) {
		return NewDecoder(in, all, memory.NewGoAllocator())
	}, Reopen: func(in ingest.Input) (ingest.Decoder, error) { return wire.NewFlat(in) }}
}

func detect(head []byte) bool {
	return bytes.HasPrefix(head, magic) || bytes.HasPrefix(head, encrypted)
}

// Decoder reads the rows of a file. Close it.
type Decoder struct {
	*arrowfile.Decoder
	rows  *rows
	size  int64
	spool *os.File // nil where the file itself is read
}

// NewDecoder reads the table of contents, which stands at the end of the file: a
// compressed file or a stream is kept in a file without a name while it is
// read. Texts of a batch may outlive it, so the allocator's memory has to be
// Go's.
func NewDecoder(in ingest.Input, kinds wire.Kind, alloc memory.Allocator) (_ *Decoder, err error) {
	d := new(Decoder)
	defer func() {
		if err != nil {
			err = errors.Join(err, d.closeSpool())
		}
	}()
	at, size := in.At, in.Size
	if at == nil {
		if d.spool, size, err = spool(in.Name, in.Reader); err != nil {
			return nil, err
		}
		at = d.spool
	}
	d.size = size
	if d.rows, err = openRows(io.NewSectionReader(at, 0, size), alloc); err != nil {
		return nil, refused(in.Name, err)
	}
	d.Decoder, err = arrowfile.NewTable(in, kinds, "Parquet", d.rows)
	return d, err
}

// Offset is how far the file is read, in bytes: as its rows are.
func (d *Decoder) Offset() int64 {
	if all := d.rows.file.NumRows(); all > 0 {
		return int64(float64(d.size) * min(float64(d.rows.read)/float64(all), 1))
	}
	return d.size
}

// refused is the error of a file that can not be opened.
func refused(source string, err error) error {
	var nested *nestedError
	switch {
	case errors.Is(err, errEncrypted):
		return &ingest.FileError{Source: source, Wrong: "is encrypted Parquet", Advice: "write it without encryption", Err: err}
	case errors.As(err, &nested):
		return &ingest.FileError{Source: source, Wrong: "has the nested column " + nested.column, Advice: "name the columns as the fields of the wire format, nested ones joined by _", Err: err}
	}
	return &ingest.FileError{Source: source, Wrong: "is cut short or damaged (Parquet)", Advice: "fetch or write it again; nothing of it was stored", Err: err}
}

// Close gives the memory and the spooled file back.
func (d *Decoder) Close() error { return errors.Join(d.Decoder.Close(), d.closeSpool()) }

func (d *Decoder) closeSpool() error {
	if d.spool == nil {
		return nil
	}
	return d.spool.Close()
}

// maxSpool is the longest file that is spooled.
const maxSpool = 16 << 30

// spool keeps a source in a file that nobody else can read and that is gone with
// this process.
func spool(source string, in *bufio.Reader) (f *os.File, size int64, err error) {
	f, err = os.CreateTemp("", "lumbar-*")
	if err == nil {
		if err = os.Remove(f.Name()); err == nil {
			size, err = io.Copy(f, io.LimitReader(in, maxSpool+1))
		}
	}
	switch {
	case err != nil:
		err = fmt.Errorf("%s could not be kept while it is read: check the space for temporary files: %w", source, err)
	case size > maxSpool:
		err = &ingest.FileError{Source: source, Wrong: "is longer than 16 GiB unpacked", Advice: "give it unpacked"}
	default:
		return f, size, nil
	}
	if f != nil {
		err = errors.Join(err, f.Close())
	}
	return nil, 0, err
}
