package ingest

import "math/bits"

// filter is a Bloom filter that grows. What it has not seen was never added; of
// what was not added it takes one in some thousands for seen. It costs two bytes
// for each that was added, and one cache line for each layer that is looked at.
type filter struct {
	layers [][]block
	room   int // left in the last layer
}

// block is where all the bits of one value are: one in each word.
type block [8]uint64

const (
	// firstLayer is how many values the first layer holds; each further one
	// holds twice as many as the one before.
	firstLayer     = 1 << 19
	valuesPerBlock = 32
)

// add notes a value.
func (f *filter) add(value uint64) {
	if f.room == 0 {
		f.room = firstLayer << len(f.layers)
		f.layers = append(f.layers, make([]block, f.room/valuesPerBlock))
	}
	f.room--
	at, in := spot(value, f.layers[len(f.layers)-1])
	for i := range at {
		at[i] |= 1 << (in >> (6 * i) & 63)
	}
}

// has reports whether the value may have been added.
func (f *filter) has(value uint64) bool {
	for _, layer := range f.layers {
		at, in := spot(value, layer)
		missing := uint64(0)
		for i := range at {
			missing |= ^at[i] >> (in >> (6 * i) & 63) & 1
		}
		if missing == 0 {
			return true
		}
	}
	return false
}

// spot is the block of a value, and six bits for the place in each of its words.
// The values are sums (record.Fingerprint), and no hashes yet.
func spot(value uint64, layer []block) (at *block, in uint64) {
	high, low := bits.Mul64(value^0xa0761d6478bd642f, 0xe7037ed1a0b428db)
	mixed := high ^ low
	where, rest := bits.Mul64(mixed, uint64(len(layer)))
	high, low = bits.Mul64(rest^0x8ebc6af09c88c6e3, mixed^0x589965cc75374cc3)
	return &layer[where], high ^ low
}
