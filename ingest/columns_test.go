package ingest

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"pgregory.net/rapid"

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

// scribbler spoils the memory that nobody owns, so that whoever still reads it,
// or counts on its being zero, is seen.
type scribbler struct{ memory.Allocator }

func (a scribbler) Allocate(size int) []byte {
	b := a.Allocator.Allocate(size)
	spoil(b, 0xa5)
	return b
}

func (a scribbler) Reallocate(size int, b []byte) []byte {
	before := len(b)
	b = a.Allocator.Reallocate(size, b)
	spoil(b[min(before, size):], 0xa5)
	return b
}

func (a scribbler) Free(b []byte) {
	spoil(b, 0x5a)
	a.Allocator.Free(b)
}

func spoil(b []byte, with byte) {
	for i := range b {
		b[i] = with
	}
}

// drawn takes a value for one of our columns and for Arrow's builder of the same
// type. What it returns appends it to both, as often as it is called.
type drawn func(*rapid.T, array.Builder) (add func())

// kinds makes a table with a column of every kind that a batch has.
func kinds(t *table) []drawn {
	patient, u64, u32, u8 := t.patient("patient"), t.uint64("u64"), t.uint32("u32"), t.uint8("u8")
	enum, i32, i64, float := t.enum("enum"), t.int32("i32"), t.int64("i64"), t.float("float")
	day, always, at := t.date("day", true), t.date("always", false), t.timestamp("at")
	word, text := t.text("word"), t.string("text")
	code := newNullable(int16s(t.alloc))
	codes := t.list("codes", arrow.PrimitiveTypes.Int16, true, code)
	tick := &numbers[int16]{kind: int16s(t.alloc)}
	several := newList(t.alloc, arrow.PrimitiveTypes.Int16, false, tick)
	ticks := t.list("ticks", several.typ, false, several)
	why := newTexts(t.alloc)
	whys := t.list("whys", arrow.BinaryTypes.String, false, why)
	words := rapid.OneOf(rapid.SampledFrom([]string{"", "odi", "phq9"}), rapid.String())
	days := rapid.Map(rapid.Int32Range(-3, 3), func(d int32) *int32 {
		if d == 0 {
			return nil // no day
		}
		return &d
	})
	return []drawn{
		both(rapid.SliceOfN(rapid.Byte(), 16, 16), func(id []byte) { patient.add(record.PatientID(id)) }, func(b *array.FixedSizeBinaryBuilder, id []byte) {
			little := slices.Clone(id)
			slices.Reverse(little)
			b.Append(little)
		}),
		both(rapid.Uint64(), u64.add, (*array.Uint64Builder).Append),
		both(rapid.Uint32(), u32.add, (*array.Uint32Builder).Append),
		both(rapid.Uint8(), u8.add, (*array.Uint8Builder).Append),
		both(rapid.Int8(), enum.add, (*array.Int8Builder).Append),
		perhaps(rapid.Ptr(rapid.Int32(), true), i32.optional, (*array.Int32Builder).Append),
		both(rapid.Int64(), i64.add, (*array.Int64Builder).Append),
		perhaps(rapid.Ptr(rapid.Float64(), true), float.optional, (*array.Float64Builder).Append),
		perhaps(days, func(d *int32) {
			if d == nil {
				d = new(int32)
			}
			day.add(record.Date(*d))
		}, func(b *array.Date32Builder, d int32) { b.Append(arrow.Date32(d)) }),
		both(rapid.Int32(), func(d int32) { always.add(record.Date(d)) }, func(b *array.Date32Builder, d int32) { b.Append(arrow.Date32(d)) }),
		both(rapid.Int64(), at.add, func(b *array.TimestampBuilder, ms int64) { b.Append(arrow.Timestamp(ms)) }),
		both(words, word.add, func(b *array.BinaryDictionaryBuilder, s string) { _ = b.AppendString(s) }),
		both(words, text.add, (*array.StringBuilder).Append),
		lists(12, codes, perhaps(rapid.Ptr(rapid.Int16(), true), code.optional, (*array.Int16Builder).Append)),
		lists(3, ticks, lists(3, several, both(rapid.Int16(), tick.add, (*array.Int16Builder).Append))),
		lists(4, whys, both(words, why.add, (*array.StringBuilder).Append)),
	}
}

// both takes a value.
func both[V any, B array.Builder](values *rapid.Generator[V], ours func(V), arrows func(B, V)) drawn {
	return func(r *rapid.T, b array.Builder) func() {
		v := values.Draw(r, "value")
		return func() {
			ours(v)
			arrows(b.(B), v)
		}
	}
}

// perhaps takes a value or a null.
func perhaps[V any, B array.Builder](values *rapid.Generator[*V], ours func(*V), arrows func(B, V)) drawn {
	return func(r *rapid.T, b array.Builder) func() {
		v := values.Draw(r, "value")
		return func() {
			if ours(v); v == nil {
				b.AppendNull()
				return
			}
			arrows(b.(B), *v)
		}
	}
}

// lists takes a list of at most so many values.
func lists(most int, ours *list, of drawn) drawn {
	return func(r *rapid.T, b array.Builder) func() {
		var adds []func()
		for range rapid.IntRange(0, most).Draw(r, "items") {
			adds = append(adds, of(r, b.(*array.ListBuilder).ValueBuilder()))
		}
		return func() {
			ours.begin()
			b.(*array.ListBuilder).Append(true)
			for _, add := range adds {
				add()
			}
		}
	}
}

// batchPair is the same rows in our columns and in Arrow's.
type batchPair struct{ ours, theirs arrow.Record }

// check compares the two and gives them back.
func (b batchPair) check(r *rapid.T) {
	for i, c := range b.ours.Columns() {
		if !sameColumn(c, b.theirs.Column(i)) {
			r.Errorf("%s of %d rows differs from Arrow's", b.ours.ColumnName(i), b.ours.NumRows())
		}
	}
	b.ours.Release()
	b.theirs.Release()
}

// TestColumnsAreArrowsForAnyRows: a column of every kind holds what Arrow's
// builder makes of the same values, whatever they are and however many, with the
// batches before still held or not, in memory that comes back spoilt.
func TestColumnsAreArrowsForAnyRows(t *testing.T) {
	pool := new(pooled) // of all runs: memory is used again
	rapid.Check(t, func(r *rapid.T) {
		checked := memory.NewCheckedAllocator(scribbler{pool})
		ours := &table{alloc: checked}
		columns := kinds(ours)
		theirs := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(ours.fields, nil))
		defer theirs.Release()
		fill := func(rows int) {
			for n := 0; n < rows; {
				times := rapid.SampledFrom([]int{1, 1, 1, 7, 8, 300, 2000}).Draw(r, "times")
				n += times
				for i, draw := range columns {
					add := draw(r, theirs.Field(i))
					for range times {
						add()
					}
				}
				ours.rows += times
			}
		}
		var held []batchPair
		for range rapid.IntRange(1, 4).Draw(r, "batches") {
			fill(rapid.SampledFrom([]int{1, 7, 8, 9, 20, 5000}).Draw(r, "rows"))
			held = append(held, batchPair{ours.record(), theirs.NewRecord()})
			if rapid.Bool().Draw(r, "keep") {
				continue
			}
			for _, b := range held {
				b.check(r)
			}
			held = nil
		}
		for _, b := range held {
			b.check(r)
		}
		if rapid.Bool().Draw(r, "rest") {
			fill(1) // and never hand it over
		}
		ours.release()
		checked.AssertSize(r, 0)
	})
}
