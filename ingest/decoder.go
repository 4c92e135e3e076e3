package ingest

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/record"
)

// Decoder reads one source, record by record, in memory that does not grow
// with the source.
type Decoder interface {
	// Next fills r, which is empty, with the next record. What is wrong with
	// the record goes into its Reasons and the next one can be read; io.EOF ends
	// the source, and any other error means that nothing more can be read. Of
	// a record that it refuses it flags what its answers say of safety; those of
	// all others Prepare flags.
	Next(r *Record) error
	// Quote returns the record that Next read last as it stood in the source,
	// in one form whatever its spelling, so that it can be looked at and sent
	// again. It is asked of refused records only and valid until Next is called
	// again. whole is false where some of it was not read or is not known any
	// more.
	Quote() (body []byte, whole bool)
}

// Format is one wire format.
type Format struct {
	Name string
	// Detect reports whether a source that begins like this has the format.
	// head holds at least the first kilobytes, or all of a shorter source.
	Detect func(head []byte) bool
	// Verify, where not nil, reads a source to its end to see that it is whole,
	// without looking at records. It runs before anything is stored.
	Verify func(source string, in *bufio.Reader) error
	// Open reads what stands before the first record. An error means that the
	// source is not of this format, or not as a whole.
	Open func(in Input) (Decoder, error)
	// Maps reports whether Open takes a mapping of the source's own columns.
	Maps bool
	// Reopen opens one record as the decoder of this format quotes it; nil where
	// Open does. The mapping is the one of a record that came through one.
	Reopen func(in Input) (Decoder, error)
}

// Input is an opened source: what a decoder may know.
type Input struct {
	Name   string // for messages
	Reader *bufio.Reader
	// At is the same source for those who can not read it from front to back;
	// nil where it is compressed or comes as a stream. Size is its length.
	At   io.ReaderAt
	Size int64
	// Mapping is the text of a mapping file; empty where there is none.
	Mapping []byte
	Setting
}

// Setting is what decoders and validation know of the installation.
type Setting struct {
	// Programmes are those that records may name. The default one is what a
	// record without a programme belongs to.
	Programmes []*programme.Programme
	// Key makes pseudonyms of NHS numbers; empty refuses them.
	Key []byte
	// TestNumbers accepts NHS numbers of the range reserved for tests, and no
	// others.
	TestNumbers bool
	// Now tells the moment of receipt.
	Now func() time.Time
}

// Programme returns the programme of that id; an empty one is the default.
func (s *Setting) Programme(id string) (*programme.Programme, bool) {
	for _, p := range s.Programmes {
		if p.ID == id || id == "" && p.Default {
			return p, true
		}
	}
	return nil, false
}

// headSize is how much of a source the detection of formats may look at.
const headSize = 64 << 10

// pick returns the format of that name, or where none is given the one that
// knows the beginning of the source.
func pick(formats []Format, name, source string, in *bufio.Reader) (Format, error) {
	if err := CheckFormat(formats, name); err != nil {
		return Format{}, err
	}
	if name != "" {
		return formats[slices.IndexFunc(formats, func(f Format) bool { return f.Name == name })], nil
	}
	head, err := in.Peek(headSize)
	if err != nil && err != io.EOF {
		return Format{}, fmt.Errorf("%s can not be read: %w", source, err)
	}
	if len(head) == 0 {
		return Format{}, &FileError{Source: source, Wrong: "is empty", Advice: "send a file with records"}
	}
	for _, f := range formats {
		if f.Detect(head) {
			return f, nil
		}
	}
	return Format{}, &FileError{
		Source: source, Wrong: "has none of the known formats",
		Advice: "check that it is one of " + strings.Join(formatNames(formats), ", ") + ", or name the format to see what is missing",
	}
}

// MaxMapping is the longest mapping file, in bytes.
const MaxMapping = 256 << 10

// mapped returns the name of the format that a mapping is for: the given one,
// which must take mappings, or where none is given the one that does.
func mapped(formats []Format, name string) (string, error) {
	var able []string
	for _, f := range formats {
		if f.Maps {
			able = append(able, f.Name)
		}
	}
	switch {
	case slices.Contains(able, name):
		return name, nil
	case name == "" && len(able) == 1:
		return able[0], nil
	}
	return "", fmt.Errorf("a mapping is for files of the format %s only: leave --mapping or --format out", strings.Join(able, ", "))
}

// maxText is the longest text of any field.
const maxText = 500

// CheckText rejects a text that is longer than any real value or not UTF-8, or
// that holds control characters.
func (r *Record) CheckText(field, s string) {
	if len(s) > maxText {
		r.Reject(field, RuleTooLong)
		return
	}
	for _, c := range s {
		if c == '\uFFFD' || c < ' ' || c == 0x7f {
			r.Reject(field, RuleEncoding)
			return
		}
	}
}

// latest is the last day that a date may have: tomorrow, for clocks and time
// zones differ.
func (s *Setting) latest() record.Date { return record.DateOf(s.Now()) + 1 }
