package parquet_test

import (
	"bytes"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/memory"
)

// TestMemoryIsGivenBack: of a file that is damaged anywhere or cut short the
// decoder gives all memory back, opened or not.
func TestMemoryIsGivenBack(t *testing.T) {
	whole := written(t, responses(t), 2)
	for at := 0; at < len(whole); at += 3 {
		flipped := bytes.Clone(whole)
		flipped[at] ^= 0x29
		for _, source := range [][]byte{flipped, whole[:at]} {
			alloc := memory.NewCheckedAllocator(memory.NewGoAllocator())
			_, err := decodeInput(input(source), alloc)
			if n := alloc.CurrentAlloc(); n != 0 {
				t.Errorf("%d bytes are not given back of a file of %d, damaged at %d: %v", n, len(source), at, err)
			}
		}
	}
}
