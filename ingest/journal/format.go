package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
)

// A segment is a header and then frames; all numbers are little-endian.
//
//	segment header, 48 bytes           frame header, 40 bytes
//	 0  magic "LMBRJRNL"                0  magic "LJF1"
//	 8  version, 1                      4  length of the payload
//	12  0                               8  salt of the segment
//	16  salt, random                   16  number of the first entry
//	24  number of the first entry      24  time, ns since 1970 UTC
//	32  last number acknowledged       32  count of entries
//	    before this file was begun     36  CRC-32C of 0–35 and the payload
//	40  0
//	44  CRC-32C of 0–43                payload: count × (length, 4 bytes; entry)
//
// The salt keeps bytes of another segment, or a frame inside an entry, from
// passing for a frame of this one.
const (
	segmentMagic   = "LMBRJRNL"
	frameMagic     = "LJF1"
	version        = 1
	segmentHeader  = 48
	frameHeader    = 40
	lengthPrefix   = 4
	maxPayload     = groupBytes + lengthPrefix + MaxEntryBytes
	highestNumber  = math.MaxInt64
	anySalt        = 0 // no segment has it
	segmentPattern = "%020d.log"
	salvageSuffix  = ".salvage"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errNoFrame says that no whole frame of the segment stands at an offset.
var errNoFrame = errors.New("no whole frame")

// errNoHeader says that a file does not begin as a segment does.
var errNoHeader = errors.New("no whole segment header")

type header struct {
	salt  uint64
	first uint64 // number of the first entry
	after uint64 // last number acknowledged before
}

func (h header) encode() []byte {
	b := make([]byte, segmentHeader)
	copy(b, segmentMagic)
	binary.LittleEndian.PutUint32(b[8:], version)
	binary.LittleEndian.PutUint64(b[16:], h.salt)
	binary.LittleEndian.PutUint64(b[24:], h.first)
	binary.LittleEndian.PutUint64(b[32:], h.after)
	binary.LittleEndian.PutUint32(b[44:], crc32.Checksum(b[:44], castagnoli))
	return b
}

// readHeader gives errNoHeader where there is none; other errors are of reading.
func readHeader(f io.ReaderAt) (header, error) {
	b := make([]byte, segmentHeader)
	if _, err := f.ReadAt(b, 0); err != nil {
		return header{}, shortIs(err, errNoHeader)
	}
	if string(b[:8]) != segmentMagic || crc32.Checksum(b[:44], castagnoli) != binary.LittleEndian.Uint32(b[44:]) {
		return header{}, errNoHeader
	}
	if v := binary.LittleEndian.Uint32(b[8:]); v != version {
		return header{}, fmt.Errorf("it has version %d and this program reads version %d: start the version of the program that wrote it", v, version)
	}
	return header{
		salt:  binary.LittleEndian.Uint64(b[16:]),
		first: binary.LittleEndian.Uint64(b[24:]),
		after: binary.LittleEndian.Uint64(b[32:]),
	}, nil
}

// frame is one group as it stands in a file.
type frame struct {
	first uint64
	count uint32
	at    int64
	raw   []byte // with its header
}

func (f frame) last() uint64    { return f.first + uint64(f.count) - 1 }
func (f frame) size() int64     { return int64(len(f.raw)) }
func (f frame) payload() []byte { return f.raw[frameHeader:] }

// sealFrame fills in the header of a frame whose payload stands behind it.
func sealFrame(b []byte, salt, first uint64, at int64, count uint32) {
	copy(b, frameMagic)
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-frameHeader))
	binary.LittleEndian.PutUint64(b[8:], salt)
	binary.LittleEndian.PutUint64(b[16:], first)
	binary.LittleEndian.PutUint64(b[24:], uint64(at))
	binary.LittleEndian.PutUint32(b[32:], count)
	binary.LittleEndian.PutUint32(b[36:], frameChecksum(b))
}

func frameChecksum(b []byte) uint32 {
	return crc32.Update(crc32.Checksum(b[:36], castagnoli), castagnoli, b[frameHeader:])
}

// readFrame reads the frame at an offset, nothing of it beyond limit. It
// lies in buf where that is long enough. It gives errNoFrame where no
// whole frame with this salt (anySalt: any) stands there; other errors are of
// reading.
func readFrame(f io.ReaderAt, offset, limit int64, salt uint64, buf []byte) (frame, uint64, error) {
	var head [frameHeader]byte
	if limit-offset < frameHeader {
		return frame{}, 0, errNoFrame
	}
	if _, err := f.ReadAt(head[:], offset); err != nil {
		return frame{}, 0, shortIs(err, errNoFrame)
	}
	length := int64(binary.LittleEndian.Uint32(head[4:]))
	mine := binary.LittleEndian.Uint64(head[8:])
	if string(head[:4]) != frameMagic || length > maxPayload || length > limit-offset-frameHeader || salt != anySalt && mine != salt {
		return frame{}, 0, errNoFrame
	}
	if int64(cap(buf)) < frameHeader+length {
		buf = make([]byte, frameHeader+length)
	}
	buf = buf[:frameHeader+length]
	copy(buf, head[:])
	if _, err := f.ReadAt(buf[frameHeader:], offset+frameHeader); length > 0 && err != nil {
		return frame{}, 0, shortIs(err, errNoFrame)
	}
	if frameChecksum(buf) != binary.LittleEndian.Uint32(head[36:]) {
		return frame{}, 0, errNoFrame
	}
	fr := frame{
		first: binary.LittleEndian.Uint64(head[16:]),
		count: binary.LittleEndian.Uint32(head[32:]),
		at:    int64(binary.LittleEndian.Uint64(head[24:])),
		raw:   buf,
	}
	if fr.first == 0 || fr.first > highestNumber || fr.count == 0 || !wellFormed(fr.payload(), fr.count) {
		return frame{}, 0, errNoFrame
	}
	return fr, mine, nil
}

// wellFormed says whether a payload holds count entries and nothing else.
func wellFormed(payload []byte, count uint32) bool {
	for ; count > 0; count-- {
		if len(payload) < lengthPrefix {
			return false
		}
		n := int64(binary.LittleEndian.Uint32(payload))
		if n > int64(len(payload)-lengthPrefix) {
			return false
		}
		payload = payload[lengthPrefix+n:]
	}
	return len(payload) == 0
}

// cutEntry takes the first entry off a payload that is well formed.
func cutEntry(payload []byte) (entry, rest []byte) {
	end := lengthPrefix + int(binary.LittleEndian.Uint32(payload))
	return payload[lengthPrefix:end:end], payload[end:]
}

func shortIs(err, short error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return short
	}
	return err
}
