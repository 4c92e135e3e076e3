package record

import "encoding/binary"

// Kinds of facts in a fingerprint.
const (
	FingerprintResponse byte = 'r'
	FingerprintEpisode  byte = 'e'
	FingerprintEvent    byte = 'v'
	FingerprintPatient  byte = 'p'
)

// Odd factors of the parts of a fingerprint: random bits, so that no two parts
// cancel each other.
const (
	fingerprintID      uint64 = 0x9e3779b97f4a7c15
	fingerprintVersion uint64 = 0xc2b2ae3d27d4eb4f
	fingerprintLow     uint64 = 0xd6e8feb86659fd93
	fingerprintHigh    uint64 = 0xa0761d6478bd642f
)

// Fingerprint is a sum modulo 2^64 over the identity of one version of a stored
// row: cheap in SQL and here, equal in both. Two rows may share one, so that a
// fingerprint not seen proves a row new, and one seen proves nothing. It is no
// hash whose bits are independent: a filter must mix it.
func Fingerprint(kind byte, patient PatientID, id, version uint64) uint64 {
	high, low := binary.BigEndian.Uint64(patient[:8]), binary.BigEndian.Uint64(patient[8:])
	return uint64(kind) + id*fingerprintID + version*fingerprintVersion + low*fingerprintLow + high*fingerprintHigh
}
