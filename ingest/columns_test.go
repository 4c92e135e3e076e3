package ingest

import (
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/lumbar-health/lumbar/record"
)

// columnsOf is a table with a column of each kind, and Arrow's own builder of
// the same.
type columnsOf struct {
	table
	patient patientColumn
	number  *numbers[uint64]
	small   *numbers[int8]
	maybe   *nullable[int32]
	float   *nullable[float64]
	day     dateColumn
	always  dateColumn
	word    *textColumn
	id      *texts
	codes   *list
	code    *nullable[int16]
	outer   *list
	inner   *list
	deep    *numbers[int16]
	whys    *list
	why     *texts
	other   *array.RecordBuilder
}

func newColumnsOf(alloc memory.Allocator) *columnsOf {
	t := &columnsOf{table: table{alloc: alloc}}
	t.patient, t.number, t.small = t.table.patient("patient"), t.uint64("number"), t.enum("small")
	t.maybe, t.float = t.int32("maybe"), t.table.float("float")
	t.day, t.always = t.date("day", true), t.date("always", false)
	t.word, t.id = t.text("word"), t.string("id")
	t.code = newNullable(int16s(alloc))
	t.codes = t.list("codes", arrow.PrimitiveTypes.Int16, true, t.code)
	t.deep = &numbers[int16]{kind: int16s(alloc)}
	t.inner = newList(alloc, arrow.PrimitiveTypes.Int16, false, t.deep)
	t.outer = t.list("ticks", t.inner.typ, false, t.inner)
	t.why = newTexts(alloc)
	t.whys = t.list("whys", arrow.BinaryTypes.String, false, t.why)
	t.other = array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(t.fields, nil))
	return t
}

// add appends one random row to both.
func (t *columnsOf) add(r *rand.Rand) {
	t.rows++
	b := t.other.Fields()
	var id record.PatientID
	var little [16]byte
	for i := range id {
		id[i] = byte(r.Uint32())
		little[15-i] = id[i]
	}
	t.patient.add(id)
	b[0].(*array.FixedSizeBinaryBuilder).Append(little[:])
	n := r.Uint64()
	t.number.add(n)
	b[1].(*array.Uint64Builder).Append(n)
	t.small.add(int8(n))
	b[2].(*array.Int8Builder).Append(int8(n))
	if r.IntN(3) == 0 {
		t.maybe.null()
		t.float.optional(nil)
		t.day.add(0)
		b[3].AppendNull()
		b[4].AppendNull()
		b[5].AppendNull()
	} else {
		x := r.Float64()
		t.maybe.add(int32(n))
		t.float.optional(&x)
		t.day.add(record.Date(1 + n%1000))
		b[3].(*array.Int32Builder).Append(int32(n))
		b[4].(*array.Float64Builder).Append(x)
		b[5].(*array.Date32Builder).Append(arrow.Date32(1 + n%1000))
	}
	t.always.add(record.Date(n % 3))
	b[6].(*array.Date32Builder).Append(arrow.Date32(n % 3))
	word := []string{"", "odi", "phq9", "something longer"}[r.IntN(4)]
	t.word.add(word)
	_ = b[7].(*array.BinaryDictionaryBuilder).AppendString(word)
	t.id.add(word)
	b[8].(*array.StringBuilder).Append(word)
	t.addLists(r, b[9].(*array.ListBuilder), b[10].(*array.ListBuilder), b[11].(*array.ListBuilder))
}

func (t *columnsOf) addLists(r *rand.Rand, codes, ticks, whys *array.ListBuilder) {
	t.codes.begin()
	codes.Append(true)
	t.outer.begin()
	ticks.Append(true)
	t.whys.begin()
	whys.Append(true)
	for range r.IntN(5) {
		if c := int16(r.IntN(7)); c == 0 {
			t.code.null()
			codes.ValueBuilder().AppendNull()
		} else {
			t.code.add(c)
			codes.ValueBuilder().(*array.Int16Builder).Append(c)
		}
		t.inner.begin()
		in := ticks.ValueBuilder().(*array.ListBuilder)
		in.Append(true)
		for range r.IntN(3) {
			t.deep.add(7)
			in.ValueBuilder().(*array.Int16Builder).Append(7)
		}
		t.why.add("na")
		whys.ValueBuilder().(*array.StringBuilder).Append("na")
	}
}

// TestColumnsAreArrows: our columns hold what Arrow's own builders make of the
// same rows, batch after batch, whether or not the batch before is released
// already; and all memory is given back, of rows that were never handed over too.
func TestColumnsAreArrows(t *testing.T) {
	for _, alloc := range []memory.Allocator{memory.NewCheckedAllocator(memory.NewGoAllocator()), memory.NewCheckedAllocator(new(pooled))} {
		r := rand.New(rand.NewPCG(1, 2))
		c := newColumnsOf(alloc)
		if c.record() != nil {
			t.Error("a record without rows")
		}
		var held arrow.Record
		for _, rows := range []int{1, 8, 9, 1000, 7, 64, 5000, 63} {
			for range rows {
				c.add(r)
			}
			got, want := c.record(), c.other.NewRecord()
			for i, col := range got.Columns() {
				if !sameColumn(col, want.Column(i)) {
					t.Errorf("%d rows: %s\n%v\nwant\n%v", rows, got.ColumnName(i), col, want.Column(i))
				}
			}
			if !got.Schema().Equal(want.Schema()) {
				t.Errorf("schema %v, want %v", got.Schema(), want.Schema())
			}
			if held != nil {
				held.Release()
			}
			held = got
		}
		held.Release()
		c.add(r)
		c.release()
		alloc.(*memory.CheckedAllocator).AssertSize(t, 0)
	}
}

// sameColumn compares values; the dictionaries of words need not be in one order.
func sameColumn(a, b arrow.Array) bool {
	words, ok := a.(*array.Dictionary)
	if !ok {
		return array.Equal(a, b)
	}
	other := b.(*array.Dictionary)
	for i := range words.Len() {
		if words.ValueStr(i) != other.ValueStr(i) {
			return false
		}
	}
	return words.Len() == other.Len()
}

// TestTouchedListsEachOnce holds the list against a map.
func TestTouchedListsEachOnce(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var list touched
	for _, n := range []int{0, 1, 5000, 10, 3000} {
		seen := map[record.PatientID]bool{}
		var want []record.PatientID
		for range n {
			id := record.PatientID{0: byte(r.IntN(100)), 15: byte(r.IntN(100))}
			if list.add(id); !seen[id] {
				seen[id], want = true, append(want, id)
			}
		}
		got := list.taken()
		if len(got) != len(want) {
			t.Fatalf("%d patients, want %d", len(got), len(want))
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("patient %d is %x, want %x", i, got[i], want[i])
			}
		}
	}
}
