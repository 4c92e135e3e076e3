package parquet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

// The footer of a file is a Thrift structure in the compact protocol. The
// library takes the lengths of its lists as they stand and makes room for them,
// so a few bytes could claim any amount of memory: here each is held against
// the bytes that are there. What they hold is left to the library.

const (
	trailer   = 8        // length of the footer and magic
	maxFooter = 32 << 20 // a thousand row groups of some hundred columns
	maxList   = 8 << 20  // elements of all lists together
	maxDepth  = 16
)

var (
	magic     = []byte("PAR1")
	encrypted = []byte("PARE")
)

var (
	errFooter    = errors.New("no Parquet footer")
	errEncrypted = errors.New("the file is encrypted")
)

// checkFooter checks the end of a file of that size.
func checkFooter(at io.ReaderAt, size int64) error {
	if size < int64(len(magic)+trailer) {
		return errFooter
	}
	var end [trailer]byte
	if _, err := at.ReadAt(end[:], size-trailer); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if bytes.Equal(end[4:], encrypted) {
		return errEncrypted
	}
	n := int64(binary.LittleEndian.Uint32(end[:]))
	if !bytes.Equal(end[4:], magic) || n > maxFooter || n > size-int64(len(magic)+trailer) {
		return errFooter
	}
	footer := make([]byte, n)
	if _, err := at.ReadAt(footer, size-trailer-n); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	c := checker{b: footer, left: maxList}
	if !c.structure(maxDepth) {
		return errFooter
	}
	return nil
}

// Types of the compact protocol.
const (
	typeTrue   = 1
	typeFalse  = 2
	typeByte   = 3
	typeInt16  = 4
	typeInt32  = 5
	typeInt64  = 6
	typeDouble = 7
	typeBinary = 8
	typeList   = 9
	typeSet    = 10
	typeMap    = 11
	typeStruct = 12
)

// checker walks over a structure without trusting any number in it.
type checker struct {
	b    []byte // what is left
	left int    // elements of lists that may still come
}

// take passes n bytes.
func (c *checker) take(n uint64) bool {
	if n > uint64(len(c.b)) {
		return false
	}
	c.b = c.b[n:]
	return true
}

func (c *checker) byte() (byte, bool) {
	if len(c.b) == 0 {
		return 0, false
	}
	v := c.b[0]
	c.b = c.b[1:]
	return v, true
}

func (c *checker) varint() (uint64, bool) {
	v, n := binary.Uvarint(c.b)
	if n <= 0 {
		return 0, false
	}
	c.b = c.b[n:]
	return v, true
}

// structure passes the fields of a structure to its end.
func (c *checker) structure(depth int) bool {
	for {
		head, ok := c.byte()
		switch {
		case !ok || depth == 0:
			return false
		case head == 0:
			return true
		}
		if head>>4 == 0 {
			if _, ok := c.varint(); !ok {
				return false
			}
		}
		if t := head & 15; t != typeTrue && t != typeFalse && !c.value(t, depth) {
			return false
		}
	}
}

// value passes a value of that type.
func (c *checker) value(t byte, depth int) bool {
	switch t {
	case typeTrue, typeFalse, typeByte: // a truth value in a list is a byte
		return c.take(1)
	case typeInt16, typeInt32, typeInt64:
		_, ok := c.varint()
		return ok
	case typeDouble:
		return c.take(8)
	case typeBinary:
		n, ok := c.varint()
		return ok && c.take(n)
	case typeList, typeSet:
		return c.list(depth - 1)
	case typeMap:
		return c.pairs(depth - 1)
	case typeStruct:
		return c.structure(depth - 1)
	}
	return false
}

func (c *checker) list(depth int) bool {
	head, ok := c.byte()
	n := uint64(head >> 4)
	if ok && n == 15 {
		n, ok = c.varint()
	}
	return ok && c.elements(n, depth, head&15)
}

func (c *checker) pairs(depth int) bool {
	n, ok := c.varint()
	if !ok || n == 0 {
		return ok
	}
	types, ok := c.byte()
	return ok && c.elements(n, depth, types>>4, types&15)
}

// elements passes n elements, each of a value of each of the types. No element
// takes less than a byte.
func (c *checker) elements(n uint64, depth int, types ...byte) bool {
	if depth <= 0 || n > uint64(len(c.b)) || n > uint64(c.left) {
		return false
	}
	c.left -= int(n)
	for range n {
		for _, t := range types {
			if !c.value(t, depth) {
				return false
			}
		}
	}
	return true
}
