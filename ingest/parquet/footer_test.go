package parquet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
)

// footed puts a footer at the end of a file.
func footed(footer []byte, end string) []byte {
	b := append([]byte("PAR1"), footer...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(footer)))
	return append(b, end...)
}

// TestFooter: no length in a footer is believed that its bytes do not bear out.
func TestFooter(t *testing.T) {
	// Fields: i32, list of two structures with a text each, map, truth value, double.
	good := slices.Concat([]byte{0x15, 2}, []byte{0x19, 0x2c, 0x18, 1, 'a', 0, 0x18, 0, 0}, []byte{0x1b, 1, 0x85, 1, 'k', 4}, []byte{0x11, 0x17}, make([]byte, 8), []byte{0})
	check := func(b []byte) error { return checkFooter(bytes.NewReader(b), int64(len(b))) }
	if err := check(footed(good, "PAR1")); err != nil {
		t.Fatal(err)
	}
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0x07} // 2^31 − 1
	for name, footer := range map[string][]byte{
		"list of 2^31":      slices.Concat([]byte{0x19, 0xfc}, huge, make([]byte, 100)),
		"set of 2^31":       slices.Concat([]byte{0x1a, 0xf5}, huge, make([]byte, 100)),
		"map of 2^31":       slices.Concat([]byte{0x1b}, huge, []byte{0x55}, make([]byte, 100)),
		"text of 2^31":      slices.Concat([]byte{0x18}, huge, make([]byte, 100)),
		"no such type":      {0x1d, 0, 0},
		"list of no type":   {0x19, 0x20, 0, 0},
		"endless varint":    slices.Concat([]byte{0x16}, bytes.Repeat([]byte{0x80}, 20), []byte{0}),
		"deep":              slices.Concat(bytes.Repeat([]byte{0x1c}, 100), make([]byte, 100)),
		"deep lists":        slices.Concat([]byte{0x19}, bytes.Repeat([]byte{0x19}, 100), make([]byte, 100)),
		"empty":             {},
		"many empty things": slices.Concat([]byte{0x19, 0xf3}, binary.AppendUvarint(nil, maxList+1), make([]byte, maxList+2)),
	} {
		if err := check(footed(footer, "PAR1")); !errors.Is(err, errFooter) {
			t.Errorf("%s: %v, want %v", name, err, errFooter)
		}
	}
	for n := range good {
		if err := check(footed(good[:n], "PAR1")); err == nil {
			t.Errorf("a footer cut to %d bytes is taken", n)
		}
	}
	if err := check(footed(good, "PARE")); !errors.Is(err, errEncrypted) {
		t.Errorf("encrypted: %v", err)
	}
	long := footed(good, "PAR1")
	binary.LittleEndian.PutUint32(long[len(long)-8:], 1<<31)
	if err := check(long); !errors.Is(err, errFooter) {
		t.Errorf("a footer longer than the file: %v", err)
	}
}
