package ingest

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
)

// fingerprint is 128 bits that stand for something.
type fingerprint struct{ high, low uint64 }

// fingerprints is a set of fingerprints in about twelve bytes each. Once it is
// large it keeps 76 of the 128 bits: two of ten million are then taken for one
// with a probability of 10⁻⁹, so that what it has not seen is new, and what it
// has seen almost certainly is not. The zero value is empty.
type fingerprints struct {
	few    map[fingerprint]struct{} // as long as they are few
	shards []shard
	n      int
}

// shard holds the fingerprints that have some bits in common, in an open table.
type shard struct {
	slots []uint64 // 0 = free
	used  int
}

const (
	// fewFingerprints is how many a plain map holds: most sources are small.
	fewFingerprints = 2048
	shardBits       = 12
)

func (s *fingerprints) len() int { return s.n }

func (s *fingerprints) clear() { *s = fingerprints{} }

// add reports whether the fingerprint was there already.
func (s *fingerprints) add(f fingerprint) (again bool) {
	if s.shards == nil {
		if _, again := s.few[f]; again {
			return true
		}
		if s.n++; s.n <= fewFingerprints {
			if s.few == nil {
				s.few = map[fingerprint]struct{}{}
			}
			s.few[f] = struct{}{}
			return false
		}
		s.spread()
		s.shard(f).add(f.slot())
		return false
	}
	if s.shard(f).add(f.slot()) {
		return true
	}
	s.n++
	return false
}

// has reports whether the fingerprint is there.
func (s *fingerprints) has(f fingerprint) bool {
	if s.shards == nil {
		_, there := s.few[f]
		return there
	}
	sh := s.shard(f)
	return sh.slots[sh.place(f.slot())] != 0
}

// spread makes the shards. They begin with different sizes, so that they do not
// all grow at the same moment.
func (s *fingerprints) spread() {
	s.shards = make([]shard, 1<<shardBits)
	for i := range s.shards {
		s.shards[i].slots = make([]uint64, 16+i*8>>shardBits)
	}
	for f := range s.few {
		s.shard(f).add(f.slot())
	}
	s.few = nil
}

func (s *fingerprints) shard(f fingerprint) *shard { return &s.shards[f.high>>(64-shardBits)] }

// slot is what a shard keeps of a fingerprint.
func (f fingerprint) slot() uint64 { return max(f.low, 1) }

// place is where the slot is, or a free one where it may be put.
func (sh *shard) place(slot uint64) int {
	high, _ := bits.Mul64(slot, uint64(len(sh.slots)))
	at := int(high)
	for sh.slots[at] != 0 && sh.slots[at] != slot {
		if at++; at == len(sh.slots) {
			at = 0
		}
	}
	return at
}

func (sh *shard) add(slot uint64) (again bool) {
	at := sh.place(slot)
	if sh.slots[at] != 0 {
		return true
	}
	if 5*(sh.used+1) > 4*len(sh.slots) {
		before := sh.slots
		sh.slots = make([]uint64, len(before)+len(before)/2)
		for _, other := range before {
			if other != 0 {
				sh.slots[sh.place(other)] = other
			}
		}
		at = sh.place(slot)
	}
	sh.slots[at] = slot
	sh.used++
	return false
}

// hashSecrets are random for each run, so that nobody can write a file whose
// rows have one fingerprint.
var hashSecrets = func() (secrets [6]uint64) {
	for i := range secrets {
		secrets[i] = rand.Uint64()
	}
	return secrets
}()

// identity is the key's fingerprint in this run.
func (k *Key) identity() fingerprint {
	s := &hashSecrets
	row := fold(k.ID^(s[0]+uint64(tableMarks[k.Table])*0x9e3779b97f4a7c15), k.Version^s[1])
	whose := fold(binary.LittleEndian.Uint64(k.PatientID[:8])^s[2], binary.LittleEndian.Uint64(k.PatientID[8:])^s[3])
	high, low := bits.Mul64(row^s[4], whose^s[5])
	return fingerprint{high ^ row, low ^ high ^ whose}
}

// fold mixes two numbers.
func fold(a, b uint64) uint64 {
	high, low := bits.Mul64(a, b)
	return high ^ low
}
