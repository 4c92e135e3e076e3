package ingest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/lumbar-health/lumbar/record"
)

const (
	// maxKept is the longest body that the quarantine keeps of a row that nobody
	// acknowledged.
	maxKept = 1 << 20
	// maxHeld closes a batch by the bytes of its refused rows.
	maxHeld = 16 << 20
)

// FlagBodyNotKept marks a refused row of which only the reasons are kept: it is
// longer than a mebibyte or was never read in full, or there is no key to seal
// it with.
const FlagBodyNotKept = "body_not_kept"

// FlagMapped marks a refused row that was read through a mapping file: without
// one its columns mean nothing, or something else.
const FlagMapped = "mapped"

// What the keys of the quarantine are derived for from the pseudonym key.
const (
	sealPurpose = "lumbar quarantine: body"
	idPurpose   = "lumbar quarantine: identity"
)

// sealer makes refused rows unreadable for whoever holds the tables and not the
// pseudonym key. It is safe for concurrent use.
type sealer struct {
	aead  cipher.AEAD // nil: there is no key, bodies are not kept
	idKey []byte
}

// newSealer derives the quarantine's keys. Without a pseudonym key ids are made
// with one of this process alone.
func newSealer(key []byte) (*sealer, error) {
	if len(key) == 0 {
		s := &sealer{idKey: make([]byte, sha256.Size)}
		_, err := rand.Read(s.idKey)
		return s, err
	}
	aead, err := bodyCipher(key)
	if err != nil {
		return nil, err
	}
	idKey, err := hkdf.Key(sha256.New, key, nil, idPurpose, sha256.Size)
	return &sealer{aead: aead, idKey: idKey}, err
}

// bodyCipher is AES-256-GCM with a random nonce before each text.
func bodyCipher(key []byte) (cipher.AEAD, error) {
	derived, err := hkdf.Key(sha256.New, key, nil, sealPurpose, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// id returns the first 64 bits of HMAC-SHA-256(key, format ‖ 0 ‖ body).
func (s *sealer) id(format string, body []byte) uint64 {
	mac := hmac.New(sha256.New, s.idKey)
	mac.Write([]byte(format))
	mac.Write([]byte{0})
	mac.Write(body)
	return binary.BigEndian.Uint64(mac.Sum(nil))
}

// seal encrypts a body for the row of that id, and no other.
func (s *sealer) seal(id uint64, body []byte) []byte {
	return s.aead.Seal(nil, nil, body, binary.BigEndian.AppendUint64(nil, id))
}

// OpenBody returns the body of a refused row, of its id and sealed body. key is
// the pseudonym key under which it was refused.
func OpenBody(key []byte, id uint64, sealed []byte) ([]byte, error) {
	if len(key) == 0 || len(sealed) == 0 {
		return nil, errors.New("ingest: open a refused row: its body was not kept, or there is no key: set the key file that it was refused under")
	}
	aead, err := bodyCipher(key)
	if err != nil {
		return nil, fmt.Errorf("ingest: open a refused row: %w", err)
	}
	body, err := aead.Open(nil, nil, sealed, binary.BigEndian.AppendUint64(nil, id))
	if err != nil {
		return nil, errors.New("ingest: open a refused row: another key sealed it, or it is damaged: set the key file that it was refused under")
	}
	return body, nil
}

// keep makes what the quarantine holds of a refused record. Its body is the
// row as the decoder quotes it.
func (s *sealer) keep(r *Record, d Decoder, format, delivery string) {
	body, whole := d.Quote()
	s.hold(r, body, whole && len(body) <= maxKept, format, delivery)
	if m, ok := d.(interface{ Mapped() bool }); ok && m.Mapped() {
		r.refused.Flags = append(r.refused.Flags, FlagMapped)
	}
}

// hold makes what the quarantine holds of a refused record with that body, and
// seals the body where it is to be kept and there is a key.
func (s *sealer) hold(r *Record, body []byte, kept bool, format, delivery string) {
	id := s.id(format, body)
	if len(body) == 0 { // nothing tells it from others but its place
		id = s.id(format, fmt.Appendf(nil, "%s\x00%d", delivery, r.Line))
	}
	row := &record.Refused{
		ID: id, Delivery: delivery, Line: r.Line, Format: format,
		Reasons: slices.Clone(r.Reasons), Flags: slices.Clone(r.Flags),
	}
	if s.aead == nil || !kept {
		row.Flags = append(row.Flags, FlagBodyNotKept)
	} else {
		row.Sealed = s.seal(id, body)
	}
	r.refused = row
}

// held collects what the quarantine is to hold of refused records, each row
// once.
func held(records []*Record) []record.Refused {
	var rows []record.Refused
	seen := map[uint64]struct{}{}
	for _, r := range records {
		if r.refused == nil || r.Result != ResultRejected {
			continue
		}
		if _, again := seen[r.refused.ID]; again {
			continue
		}
		seen[r.refused.ID] = struct{}{}
		rows = append(rows, *r.refused)
	}
	return rows
}
