package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// scan is what reading a whole segment shows. It changes nothing.
type scan struct {
	segment
	after  uint64 // of the header; 0 where that is not readable
	size   int64  // of the file
	final  int64  // offset of the last frame; 0 where there is none
	ground bool   // the header is whole
}

// torn is how many bytes behind the last frame are no frame.
func (s *scan) torn() int64 { return s.size - s.good }

// damage says what of a segment is not readable.
func (s *scan) damage(offset int64, first, last uint64, wrong string) *DamagedError {
	return &DamagedError{File: s.path, Offset: offset, First: first, Last: last, Wrong: wrong, Salvage: salvageName(s.first)}
}

// scanSegment reads a segment from end to end. A bad frame with nothing whole
// behind it is a torn end. Any other is a DamagedError, or, where an operator
// gave it up (salvage), a gap.
func scanSegment(files FileSystem, s segment) (*scan, error) {
	f, err := files.Open(s.path)
	if err != nil {
		return nil, failure("open "+s.path, err)
	}
	defer f.Close()
	sc := &scan{segment: s}
	sc.last = s.first - 1
	if sc.size, err = f.Size(); err != nil {
		return nil, failure("read "+s.path, err)
	}
	sc.disk = sc.size
	if err := sc.begin(f); err != nil {
		return nil, err
	}
	var buf []byte
	for offset := min(sc.size, segmentHeader); offset < sc.size; {
		fr, salt, err := readFrame(f, offset, sc.size, sc.salt, buf)
		wrong := ""
		switch {
		case err != nil && !errors.Is(err, errNoFrame):
			return nil, failure(fmt.Sprintf("read %s at offset %d", s.path, offset), err)
		case err != nil:
			wrong = "a group is not whole and a whole one stands behind it"
		case !sc.follows(fr):
			wrong = "a group has numbers that do not follow"
		}
		if wrong == "" {
			sc.salt = salt
			sc.final = offset
			sc.add(fr, offset)
			offset = sc.good
			buf = fr.raw
			continue
		}
		next, number, err := sc.search(f, offset+1)
		if err != nil {
			return nil, failure("read "+s.path, err)
		}
		if !s.salvage && (next > 0 || fr.count > 0) {
			return nil, sc.damage(offset, sc.last+1, max(number, 1)-1, wrong)
		}
		if next == 0 {
			return sc, nil
		}
		sc.gaps = append(sc.gaps, gap{offset, next})
		offset = next
	}
	return sc, nil
}

// begin reads the header. No frame is written before the header is durable, so
// a longer file without one is damaged.
func (s *scan) begin(f File) error {
	h, err := readHeader(f)
	s.good = min(s.size, segmentHeader)
	switch {
	case err == nil && h.first != s.first && !s.salvage:
		return s.damage(0, s.first, 0, fmt.Sprintf("it holds the numbers from %d on, which is not its name", h.first))
	case err == nil:
		s.salt, s.after, s.ground = h.salt, h.after, true
	case !errors.Is(err, errNoHeader):
		return failure("read "+s.path, err)
	case s.size > segmentHeader && !s.salvage:
		return s.damage(0, s.first, 0, "its header is not whole")
	}
	return nil
}

// follows says whether a frame's numbers may come next.
func (s *scan) follows(fr frame) bool {
	if s.salvage {
		return fr.first > s.last && fr.last() <= highestNumber
	}
	return fr.first == s.last+1
}

// search looks for a whole frame of the segment from an offset on, whose numbers
// come later. It gives offset 0 where there is none.
func (s *scan) search(f io.ReaderAt, from int64) (offset int64, number uint64, err error) {
	const window = 256 << 10
	// What tells a frame is its magic, and 8 bytes on the salt.
	const mark = 16
	b := make([]byte, window)
	var buf []byte
	for at := from; s.size-at >= frameHeader; at += window - mark + 1 {
		n, err := f.ReadAt(b[:min(window, s.size-at)], at)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, 0, err
		}
		for i := 0; i+mark <= n; i++ {
			k := bytes.Index(b[i:n], []byte(frameMagic))
			if k < 0 || i+k+mark > n {
				break
			}
			i += k
			if s.salt != anySalt && binary.LittleEndian.Uint64(b[i+8:]) != s.salt {
				continue
			}
			fr, _, err := readFrame(f, at+int64(i), s.size, s.salt, buf)
			if err == nil && fr.first > s.last && fr.last() <= highestNumber {
				return at + int64(i), fr.first, nil
			}
			if err == nil {
				buf = fr.raw
			} else if !errors.Is(err, errNoFrame) {
				return 0, 0, err
			}
		}
	}
	return 0, 0, nil
}
