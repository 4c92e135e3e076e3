package ingest

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"strconv"

	"github.com/lumbar-health/lumbar/record"
)

// Ordinals gives records that bring no identifier one: the SHA-256 of their
// fields and the ordinal among equal records of the same source. The order of
// the records, the spelling of headers and the compression do not matter, and
// two people with the same answers stay two. It remembers 16 bytes and a count
// for each different record.
type Ordinals struct {
	seen map[[16]byte]uint32
	hash hash.Hash
	sum  []byte
}

// NewOrdinals starts a source.
func NewOrdinals() *Ordinals {
	return &Ordinals{seen: map[[16]byte]uint32{}, hash: sha256.New()}
}

// Identify returns the identifier of the next record with these fields, in the
// canonical form that its format defines.
func (o *Ordinals) Identify(fields []byte) Identifier {
	o.hash.Reset()
	o.hash.Write(fields)
	o.sum = o.hash.Sum(o.sum[:0])
	key := [16]byte(o.sum)
	n := o.seen[key]
	o.seen[key] = n + 1
	var id Identifier
	copy(id.hash[:], o.sum)
	id.ordinal = n
	return id
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
