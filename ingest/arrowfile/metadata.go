package arrowfile

import "encoding/binary"

// The metadata of a message is a flatbuffer. The Arrow library takes the
// lengths of its lists as they stand and makes room for them, so a few bytes
// could claim any amount of memory: here each is held against the bytes that
// are there. What the lists hold is left to the library.

// Fields of the flatbuffer tables that have lists or lead to some
// (Arrow's Message.fbs and Schema.fbs).
const (
	messageHeaderType = 1
	messageHeader     = 2
	messageBody       = 3
	messageKeys       = 4

	headerSchema     = 1
	headerDictionary = 2
	headerBatch      = 3

	schemaFields   = 1
	schemaKeys     = 2
	schemaFeatures = 3

	fieldTypeKind = 2
	fieldType     = 3
	fieldChildren = 5
	fieldKeys     = 6
	typeUnion     = 14
	unionIDs      = 1

	dictionaryData = 1

	batchNodes   = 1
	batchBuffers = 2
	batchCounts  = 4
)

const (
	maxDepth  = 8
	maxTables = 10_000 // columns, keys and their like
)

// checkMetadata checks a message's metadata and returns the length of its
// body.
func checkMetadata(metadata []byte) (body int64, ok bool) {
	c := checker{b: metadata, left: maxTables}
	root, ok := c.uint32(0)
	if !ok {
		return 0, false
	}
	message := table(root)
	if at := c.field(message, messageBody); at > 0 {
		low, ok1 := c.uint32(at)
		high, ok2 := c.uint32(at + 4)
		body = int64(high)<<32 | low
		c.bad = c.bad || !ok1 || !ok2
	}
	c.tables(message, messageKeys, nil)
	kind := c.byte(message, messageHeaderType)
	header, given := c.follow(message, messageHeader)
	switch {
	case !given:
		c.bad = true
	case kind == headerSchema:
		c.tables(header, schemaFields, func(f table) { c.column(f, maxDepth) })
		c.tables(header, schemaKeys, nil)
		c.list(header, schemaFeatures, 8)
	case kind == headerDictionary:
		if data, given := c.follow(header, dictionaryData); given {
			c.batch(data)
		}
	case kind == headerBatch:
		c.batch(header)
	}
	return body, !c.bad && body >= 0 && body <= maxBody
}

// table is the place of a table.
type table int64

// checker looks at a flatbuffer without trusting any number in it.
type checker struct {
	b    []byte
	left int // tables that may still be visited
	bad  bool
}

func (c *checker) uint32(at int64) (int64, bool) {
	if at < 0 || at+4 > int64(len(c.b)) {
		return 0, false
	}
	return int64(binary.LittleEndian.Uint32(c.b[at:])), true
}

// field returns the place of a table's nth field, 0 where it is absent.
func (c *checker) field(t table, n int64) int64 {
	back, ok := c.uint32(int64(t))
	fields := int64(t) - int64(int32(back))
	if !ok || fields < 0 || fields+4 > int64(len(c.b)) {
		c.bad = true
		return 0
	}
	size := int64(binary.LittleEndian.Uint16(c.b[fields:]))
	place := fields + 4 + 2*n
	if place >= fields+size { // as the library has it, of an odd size too
		return 0
	}
	if place+2 > int64(len(c.b)) {
		c.bad = true
		return 0
	}
	offset := int64(binary.LittleEndian.Uint16(c.b[place:]))
	if offset == 0 {
		return 0
	}
	return int64(t) + offset
}

// byte returns a field of one byte, 0 where it is absent.
func (c *checker) byte(t table, n int64) byte {
	at := c.field(t, n)
	if at == 0 || at >= int64(len(c.b)) {
		return 0
	}
	return c.b[at]
}

// follow returns the table that a field leads to.
func (c *checker) follow(t table, n int64) (table, bool) {
	at := c.field(t, n)
	if at == 0 {
		return 0, false
	}
	offset, ok := c.uint32(at)
	if !ok {
		c.bad = true
		return 0, false
	}
	return table(at + offset), true
}

// list checks that a list of elements of the given size is there in full, and
// returns its first element and their number.
func (c *checker) list(t table, n, size int64) (first, count int64) {
	at, given := c.follow(t, n)
	if !given {
		return 0, 0
	}
	count, ok := c.uint32(int64(at))
	first = int64(at) + 4
	if !ok || first+count*size > int64(len(c.b)) {
		c.bad = true
		return 0, 0
	}
	return first, count
}

// tables checks a list of tables, and each of them with check.
func (c *checker) tables(t table, n int64, check func(table)) {
	first, count := c.list(t, n, 4)
	if c.left -= int(count); c.left < 0 {
		c.bad = true
	}
	for i := int64(0); i < count && check != nil && !c.bad; i++ {
		offset, ok := c.uint32(first + 4*i)
		if !ok {
			c.bad = true
			return
		}
		check(table(first + 4*i + offset))
	}
}

// column checks a field of the schema and its children.
func (c *checker) column(f table, depth int) {
	if depth == 0 {
		c.bad = true
		return
	}
	c.tables(f, fieldKeys, nil)
	if c.byte(f, fieldTypeKind) == typeUnion {
		if t, given := c.follow(f, fieldType); given {
			c.list(t, unionIDs, 4)
		}
	}
	c.tables(f, fieldChildren, func(child table) { c.column(child, depth-1) })
}

// batch checks the lists of a record batch.
func (c *checker) batch(t table) {
	c.list(t, batchNodes, 16)
	c.list(t, batchBuffers, 16)
	c.list(t, batchCounts, 8)
}
