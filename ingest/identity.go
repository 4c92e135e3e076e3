package ingest

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/bits"
	"strconv"

	"github.com/lumbar-health/lumbar/record"
)

// Ordinals gives records that bring no identifier one: the SHA-256 of their
// fields and the ordinal among equal records of the same source. The order of
// the records, the spelling of headers and the compression do not matter, and
// two people with the same answers stay two. It remembers some twelve bytes of
// each record. Of two records that it takes for equal and are not (fingerprints
// says how seldom) the later one has a number that it need not have: both are
// stored.
type Ordinals struct{ seen fingerprints }

// NewOrdinals starts a source.
func NewOrdinals() *Ordinals { return new(Ordinals) }

// Identify returns the identifier of the next record with these fields, in the
// canonical form that its format defines.
func (o *Ordinals) Identify(fields []byte) Identifier {
	id := Identifier{hash: sha256.Sum256(fields)}
	if !o.seen.add(id.numbered(0)) {
		return id
	}
	// The ordinals that were given are 0 to n−1: n is between one that was and
	// one that was not.
	given, free := uint32(0), uint32(1)
	for o.seen.has(id.numbered(free)) {
		given, free = free, 2*free
	}
	for free-given > 1 {
		if middle := given + (free-given)/2; o.seen.has(id.numbered(middle)) {
			given = middle
		} else {
			free = middle
		}
	}
	id.ordinal = free
	o.seen.add(id.numbered(free))
	return id
}

// numbered is the fingerprint of the nth record of this content.
func (id *Identifier) numbered(n uint32) fingerprint {
	const step = 0x9e3779b97f4a7c15
	return fingerprint{
		binary.BigEndian.Uint64(id.hash[:8]) + uint64(n)*step, binary.BigEndian.Uint64(id.hash[8:16]) + bits.RotateLeft64(uint64(n)*step, 32),
	}
}

// Identifier is the identifier of a record that brought none.
type Identifier struct {
	hash    [32]byte
	ordinal uint32
}

// String writes the identifier: the hash, and the ordinal where it is not the
// first of its kind.
func (id Identifier) String() string {
	b := hex.AppendEncode(make([]byte, 0, 76), id.hash[:])
	if id.ordinal > 0 {
		b = strconv.AppendUint(append(b, '#'), uint64(id.ordinal), 10)
	}
	return string(b)
}

// Content returns the bytes that a version's content hash is made of.
func (id *Identifier) Content() []byte { return id.hash[:] }

// Row returns the id of a part of the record: RowID(source, identifier "/" part).
func (id Identifier) Row(source, part string) uint64 {
	return record.RowID(source, id.String()+"/"+part)
}

// Patient returns the key of the person whom the record does not name.
func (id Identifier) Patient(source string) record.PatientID {
	return record.PatientOf(source, id.String())
}

// Fields collects the fields of a record in canonical form: name, value, each
// ended by a zero byte; a field without a value is not there.
type Fields struct{ buf []byte }

// Reset starts the next record.
func (f *Fields) Reset() { f.buf = f.buf[:0] }

// Add appends a field. The order of calls is part of the form: it is the
// decoder's own, not the source's.
func (f *Fields) Add(name, value string) {
	if value == "" {
		return
	}
	f.buf = append(f.buf, name...)
	f.buf = append(f.buf, 0)
	f.buf = append(f.buf, value...)
	f.buf = append(f.buf, 0)
}

// AddBytes appends a field.
func (f *Fields) AddBytes(name string, value []byte) {
	if len(value) == 0 {
		return
	}
	f.buf = append(f.buf, name...)
	f.buf = append(f.buf, 0)
	f.buf = append(f.buf, value...)
	f.buf = append(f.buf, 0)
}

// AddInt appends a whole number.
func (f *Fields) AddInt(name string, v int64) {
	f.buf = append(f.buf, name...)
	f.buf = append(f.buf, 0)
	f.buf = binary.BigEndian.AppendUint64(f.buf, uint64(v))
	f.buf = append(f.buf, 0)
}

// Bytes returns the canonical form; it is valid until the next Reset.
func (f *Fields) Bytes() []byte { return f.buf }
