package arrowfile

import "github.com/apache/arrow/go/v17/arrow/memory"

// maxMemory is what the buffers of one batch may take, unpacked.
const maxMemory = 1 << 30

// BoundedAllocator refuses to allocate what no real batch needs: a length in a
// damaged or hostile source is only a number. The reader turns its panic into an
// error. It knows what it gave away, for a reader whose library panics gives
// nothing back. It is for one goroutine.
type BoundedAllocator struct {
	of   memory.Allocator
	used int
	live map[*byte][]byte
}

// Bounded returns an allocator that panics where a buffer is larger than any
// batch needs, or all of them together are.
func Bounded(of memory.Allocator) *BoundedAllocator {
	return &BoundedAllocator{of: of, live: map[*byte][]byte{}}
}

// Allocate panics beyond the bounds.
func (b *BoundedAllocator) Allocate(size int) []byte {
	b.take(size, 0)
	return b.note(b.of.Allocate(size))
}

// Reallocate panics beyond the bounds.
func (b *BoundedAllocator) Reallocate(size int, old []byte) []byte {
	b.take(size, len(old))
	b.forget(old)
	return b.note(b.of.Reallocate(size, old))
}

// Free gives memory back.
func (b *BoundedAllocator) Free(old []byte) {
	b.used -= len(old)
	b.forget(old)
	b.of.Free(old)
}

// FreeAll gives back all that was not.
func (b *BoundedAllocator) FreeAll() {
	for _, buf := range b.live {
		b.of.Free(buf)
	}
	clear(b.live)
	b.used = 0
}

func (b *BoundedAllocator) take(size, back int) {
	if size < 0 || size > maxBody || b.used+size-back > maxMemory {
		panic("a buffer larger than any batch")
	}
	b.used += size - back
}

func (b *BoundedAllocator) note(buf []byte) []byte {
	if cap(buf) > 0 {
		b.live[&buf[:1][0]] = buf
	}
	return buf
}

func (b *BoundedAllocator) forget(buf []byte) {
	if cap(buf) > 0 {
		delete(b.live, &buf[:1][0])
	}
}
