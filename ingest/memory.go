package ingest

import (
	"math/bits"
	"slices"
	"sync"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// kind is how values of a type lie in memory.
type kind[T any] struct {
	alloc memory.Allocator
	typ   arrow.DataType
	size  int // bytes of a value
	view  func([]byte) []T
}

func uint64s(alloc memory.Allocator) kind[uint64] {
	return kind[uint64]{alloc, arrow.PrimitiveTypes.Uint64, arrow.Uint64SizeBytes, arrow.Uint64Traits.CastFromBytes}
}

func uint16s(alloc memory.Allocator) kind[uint16] {
	return kind[uint16]{alloc, arrow.PrimitiveTypes.Uint16, arrow.Uint16SizeBytes, arrow.Uint16Traits.CastFromBytes}
}

func int16s(alloc memory.Allocator) kind[int16] {
	return kind[int16]{alloc, arrow.PrimitiveTypes.Int16, arrow.Int16SizeBytes, arrow.Int16Traits.CastFromBytes}
}

func int32s(alloc memory.Allocator, typ arrow.DataType) kind[int32] {
	return kind[int32]{alloc, typ, arrow.Int32SizeBytes, arrow.Int32Traits.CastFromBytes}
}

func int64s(alloc memory.Allocator, typ arrow.DataType) kind[int64] {
	return kind[int64]{alloc, typ, arrow.Int64SizeBytes, arrow.Int64Traits.CastFromBytes}
}

func bytesOf(alloc memory.Allocator, typ arrow.DataType) kind[uint8] {
	return kind[uint8]{alloc, typ, 1, func(b []byte) []uint8 { return b }}
}

// numbers are the values of a column, or of a part of one. They lie in a buffer
// of the allocator, and whoever holds the array last gives it back.
type numbers[T any] struct {
	kind[T]
	buf    *memory.Buffer
	rows   []T // in buf
	before int // how many the batch before had
}

// fewest is the room that a column starts with.
const fewest = 64

func (c *numbers[T]) add(v T) {
	if len(c.rows) == cap(c.rows) {
		c.grow(1)
	}
	c.rows = append(c.rows, v)
}

// grow makes room for n more. A new batch gets as much as the one before had:
// growing by doubling would copy each value twice.
func (c *numbers[T]) grow(n int) {
	room := max(len(c.rows)+n, 2*cap(c.rows), fewest)
	if c.buf == nil {
		c.buf = memory.NewResizableBuffer(c.alloc)
		room = max(room, c.before)
	}
	c.buf.Reserve(room * c.size)
	// Clipped: what stands beyond the buffer's length is lost when it grows again.
	c.rows = c.view(slices.Clip(c.buf.Buf()))[:len(c.rows)]
}

func (c *numbers[T]) len() int { return len(c.rows) }

// taken hands the buffer over and starts anew.
func (c *numbers[T]) taken() *memory.Buffer {
	if c.buf == nil {
		return memory.NewBufferBytes([]byte{})
	}
	c.buf.ResizeNoShrink(len(c.rows) * c.size)
	buf := c.buf
	c.buf, c.rows, c.before = nil, nil, len(c.rows)
	return buf
}

func (c *numbers[T]) array() arrow.Array { return c.made(len(c.rows), nil, 0) }

// made is an array of n values of which so many are null; valid may be nil.
func (c *numbers[T]) made(n int, valid *memory.Buffer, nulls int) arrow.Array {
	return made(c.typ, n, []*memory.Buffer{valid, c.taken()}, nil, nulls)
}

func (c *numbers[T]) release() {
	if c.buf != nil {
		c.buf.Release()
		c.buf, c.rows = nil, nil
	}
}

// made is an array over buffers and values, which it owns from now on.
func made(typ arrow.DataType, n int, buffers []*memory.Buffer, values arrow.Array, nulls int) arrow.Array {
	var children []arrow.ArrayData
	if values != nil {
		children = []arrow.ArrayData{values.Data()}
		defer values.Release()
	}
	data := array.NewData(typ, n, buffers, children, nulls, 0)
	defer data.Release()
	for _, b := range buffers {
		if b != nil {
			b.Release()
		}
	}
	return array.MakeFromData(data)
}

// nullable are numbers of which some may be missing.
type nullable[T any] struct {
	numbers[T]
	valid numbers[uint8] // bits; none until the first null
	nulls int
}

func newNullable[T any](k kind[T]) *nullable[T] {
	return &nullable[T]{numbers: numbers[T]{kind: k}, valid: numbers[uint8]{kind: bytesOf(k.alloc, arrow.PrimitiveTypes.Uint8)}}
}

func (c *nullable[T]) add(v T) {
	if c.nulls > 0 {
		c.mark(1)
	}
	c.numbers.add(v)
}

func (c *nullable[T]) null() {
	if c.nulls == 0 {
		for range len(c.rows) / 8 {
			c.valid.add(0xff)
		}
		if rest := len(c.rows) % 8; rest > 0 {
			c.valid.add(1<<rest - 1)
		}
	}
	c.mark(0)
	c.nulls++
	var none T
	c.numbers.add(none)
}

// mark appends a bit for the row to come.
func (c *nullable[T]) mark(bit uint8) {
	at := len(c.rows)
	if at%8 == 0 {
		c.valid.add(bit)
		return
	}
	c.valid.rows[at/8] |= bit << (at % 8)
}

// optional appends the value, null where there is none.
func (c *nullable[T]) optional(v *T) {
	if v == nil {
		c.null()
		return
	}
	c.add(*v)
}

func (c *nullable[T]) array() arrow.Array {
	nulls := c.nulls
	if nulls == 0 {
		return c.numbers.array()
	}
	c.nulls = 0
	return c.made(len(c.rows), c.valid.taken(), nulls)
}

func (c *nullable[T]) release() {
	c.numbers.release()
	c.valid.release()
	c.nulls = 0
}

// pooled is an allocator that uses the memory of one batch for the next. It does
// not clear it.
type pooled struct {
	classes [bits.UintSize]sync.Pool // by the power of two
}

// smallest is the power of two of the smallest pooled buffers; smaller ones are
// left to the collector.
const smallest = 12

// Allocate returns a buffer of the size.
func (p *pooled) Allocate(size int) []byte {
	class := bits.Len(uint(max(size-1, 0)))
	if class < smallest {
		return make([]byte, size)
	}
	if b, ok := p.classes[class].Get().(*[]byte); ok {
		return (*b)[:size]
	}
	return make([]byte, size, 1<<class)
}

// Reallocate returns a buffer of the size that begins with b, which is given
// back where it is another.
func (p *pooled) Reallocate(size int, b []byte) []byte {
	if size <= cap(b) {
		return b[:size]
	}
	grown := p.Allocate(size)
	copy(grown, b)
	p.Free(b)
	return grown
}

// Free takes a buffer back.
func (p *pooled) Free(b []byte) {
	class := bits.Len(uint(max(cap(b)-1, 0)))
	if class >= smallest && cap(b) == 1<<class {
		b = b[:0]
		p.classes[class].Put(&b)
	}
}
