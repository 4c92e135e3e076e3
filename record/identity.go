package record

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// Pseudonym returns the patient's key: the first 128 bits of
// HMAC-SHA-256(key, NHS number).
func Pseudonym(key []byte, nhsNumber string) PatientID {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(nhsNumber))
	var id PatientID
	copy(id[:], mac.Sum(nil))
	return id
}

// RowID returns the first 64 bits of SHA-256(source ‖ 0 ‖ identifier): the id
// of a response, episode or event. Any process computes it without a look-up.
func RowID(source, identifier string) uint64 {
	var room [256]byte // most identifiers need no memory
	sum := sha256.Sum256(append(append(append(room[:0], source...), 0), identifier...))
	return binary.BigEndian.Uint64(sum[:])
}

// PatientOf returns the key of a person whom the record does not name: the
// first 128 bits of SHA-256(source ‖ 0 ‖ identifier ‖ 0 ‖ "patient").
func PatientOf(source, identifier string) PatientID {
	var room [256]byte
	sum := sha256.Sum256(append(append(append(append(room[:0], source...), 0), identifier...), "\x00patient"...))
	return PatientID(sum[:16])
}

// epoch is the origin of versions.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// The parts of a version below its moment, in bits.
const (
	rankBits    = 3
	contentBits = 9
)

// Version orders the versions of one row: milliseconds since 2000 of the
// source's last change × 4096 + rank × 512 + nine bits of a content hash, so
// that of two versions of one moment the higher rank wins and of two equal
// ranks the same one on every machine. changed is never our own clock. A
// moment before 2000 counts as 2000.
func Version(changed time.Time, rank int, content []byte) uint64 {
	ms := max(changed.Sub(epoch).Milliseconds(), 0)
	sum := sha256.Sum256(content)
	return uint64(ms)<<(rankBits+contentBits) | uint64(rank)<<contentBits | uint64(binary.BigEndian.Uint16(sum[:])>>(16-contentBits))
}

// VersionMoment is the moment in a version, in milliseconds since 2000.
func VersionMoment(version uint64) uint64 { return version >> (rankBits + contentBits) }

// VersionRank is the rank in a version.
func VersionRank(version uint64) int { return int(version >> contentBits & (1<<rankBits - 1)) }

// WithRank is the version with another rank: of the same moment and content.
func WithRank(version uint64, rank int) uint64 {
	return version&^((1<<rankBits-1)<<contentBits) | uint64(rank)<<contentBits
}

// ResponseRank is the rank of a response's status in its version.
func ResponseRank(s Status) int { return int(s) - 1 }

// Rank is the rank of any other row: a retraction outranks everything.
func Rank(enteredInError bool) int {
	if enteredInError {
		return 4
	}
	return 0
}
