package export

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"slices"
)

// keys make the pseudonyms and identifiers of one extract. They are forgotten
// with it.
type keys struct {
	order [2]uint64
	mac   hash.Hash // nil: those of the store stay
	sum   []byte
}

func newKeys(undisclosed bool) (*keys, error) {
	k := &keys{order: randomOrder()}
	if undisclosed {
		return k, nil
	}
	var secret [sha256.Size]byte
	_, err := rand.Read(secret[:])
	k.mac = hmac.New(sha256.New, secret[:])
	return k, err
}

// patient returns what stands for a person: the first 128 bits of
// HMAC-SHA-256(key, "patient" ‖ 0 ‖ pseudonym). wire is the pseudonym as the
// engine sends it, least significant byte first.
func (k *keys) patient(wire []byte) string {
	id := slices.Clone(wire)
	slices.Reverse(id)
	if k.mac == nil {
		return hex.EncodeToString(id)
	}
	return hex.EncodeToString(k.hash("patient", id)[:16])
}

// row returns what stands for a row of a person: the first 64 bits of the same
// over kind ‖ 0 ‖ pseudonym ‖ id.
func (k *keys) row(kind string, wire []byte, id uint64) string {
	text := binary.BigEndian.AppendUint64(nil, id)
	if k.mac == nil {
		return hex.EncodeToString(text)
	}
	return hex.EncodeToString(k.hash(kind, append(slices.Clone(wire), text...))[:8])
}

func (k *keys) hash(kind string, text []byte) []byte {
	k.mac.Reset()
	k.mac.Write([]byte(kind))
	k.mac.Write([]byte{0})
	k.mac.Write(text)
	k.sum = k.mac.Sum(k.sum[:0])
	return k.sum
}

// kinds are the words under which the columns that name rows are hashed: those
// of one word name the same thing.
var kinds = map[string]string{"episode_id": "episode", "prior_episode_id": "episode", "response_id": "response", "event_id": "event"}
