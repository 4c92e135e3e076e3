package ingest

import (
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// texts is a column of texts of which each stands for itself.
type texts struct {
	starts numbers[int32]
	text   numbers[uint8]
}

func newTexts(alloc memory.Allocator) *texts {
	return &texts{
		starts: numbers[int32]{kind: int32s(alloc, arrow.PrimitiveTypes.Int32)},
		text:   numbers[uint8]{kind: bytesOf(alloc, arrow.PrimitiveTypes.Uint8)},
	}
}

func (c *texts) add(s string) {
	c.starts.add(int32(len(c.text.rows)))
	if len(c.text.rows)+len(s) > cap(c.text.rows) {
		c.text.grow(len(s))
	}
	c.text.rows = append(c.text.rows, s...)
}

func (c *texts) len() int { return c.starts.len() }

func (c *texts) array() arrow.Array {
	n := c.len()
	c.starts.add(int32(len(c.text.rows)))
	return made(arrow.BinaryTypes.String, n, []*memory.Buffer{nil, c.starts.taken(), c.text.taken()}, nil, 0)
}

func (c *texts) release() {
	c.starts.release()
	c.text.release()
}

// textColumn is a dictionary column. Neighbouring rows mostly repeat a word, so
// the last one is looked at before the table of words.
type textColumn struct {
	typ     *arrow.DictionaryType
	indices numbers[uint16]
	words   *texts
	places  map[string]uint16
	last    string
	at      uint16
}

func newTextColumn(alloc memory.Allocator) *textColumn {
	return &textColumn{
		typ:     &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Uint16, ValueType: arrow.BinaryTypes.String},
		indices: numbers[uint16]{kind: uint16s(alloc)},
		words:   newTexts(alloc),
		places:  map[string]uint16{},
	}
}

// add appends a word. A batch has at most maxBatchRows rows, so the indices
// suffice.
func (c *textColumn) add(s string) {
	if s != c.last || len(c.places) == 0 {
		at, known := c.places[s]
		if !known {
			at = uint16(len(c.places))
			c.places[s] = at
			c.words.add(s)
		}
		c.last, c.at = s, at
	}
	c.indices.add(c.at)
}

// array hands the rows over and starts anew with an empty table of words.
func (c *textColumn) array() arrow.Array {
	indices, words := c.indices.array(), c.words.array()
	defer indices.Release()
	defer words.Release()
	clear(c.places)
	c.last = ""
	return array.NewDictionaryArray(c.typ, indices, words)
}

func (c *textColumn) release() {
	c.indices.release()
	c.words.release()
}

// counted is a column that knows how many values it has, as a list must.
type counted interface {
	column
	len() int
}

// list is a column of lists. A row begins with begin, and then its values are
// added to the column that holds them.
type list struct {
	typ    *arrow.ListType
	starts numbers[int32]
	values counted
}

func newList(alloc memory.Allocator, of arrow.DataType, holes bool, values counted) *list {
	return &list{
		typ:    arrow.ListOfField(arrow.Field{Name: "item", Type: of, Nullable: holes}),
		starts: numbers[int32]{kind: int32s(alloc, arrow.PrimitiveTypes.Int32)},
		values: values,
	}
}

func (c *list) begin() { c.starts.add(int32(c.values.len())) }

func (c *list) len() int { return c.starts.len() }

func (c *list) array() arrow.Array {
	n := c.len()
	c.begin()
	return made(c.typ, n, []*memory.Buffer{nil, c.starts.taken()}, c.values.array(), 0)
}

func (c *list) release() {
	c.starts.release()
	c.values.release()
}
