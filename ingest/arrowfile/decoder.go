package arrowfile

import (
	"fmt"
	"io"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/wire"
)

// Name is the name of the format.
const Name = "arrow"

// Format returns the format of Arrow IPC files and streams.
func Format() ingest.Format {
	return ingest.Format{Name: Name, Detect: detect, Verify: verify, Open: func(in ingest.Input) (ingest.Decoder, error) {
		return NewDecoder(in, wire.KindResponse|wire.KindEpisode|wire.KindEvent|wire.KindPatient)
	}, Reopen: func(in ingest.Input) (ingest.Decoder, error) { return wire.NewFlat(in) }}
}

// Batches are the record batches of a table, one after the other. A batch is
// valid until the next one is asked for.
type Batches interface {
	Schema() *arrow.Schema
	Next() bool
	Record() arrow.Record
	Err() error
	Release()
}

// Decoder reads the rows of a table, record batch by record batch. Close it.
type Decoder struct {
	source    string
	form      string // of the source, for messages
	kinds     wire.Kind
	reader    Batches
	memory    *BoundedAllocator // of the reader; nil where that is the caller's
	converter *wire.Converter
	batch     arrow.Record
	fields    []bound // of the columns
	items     []answers
	itemCols  []int // position of item_1 …, −1 = none
	at        int   // row of the batch
	line      int
	row       wire.Row
	value     wire.Value
}

// bound is a column with its field, or the name of a covariate.
type bound struct {
	column int
	name   string
	field  *wire.Field // nil = a covariate of the programme
	read   cell
}

// NewDecoder reads the schema. A column that is no field of the given kinds of
// row, nor a covariate of a programme, refuses the source.
func NewDecoder(in ingest.Input, kinds wire.Kind) (*Decoder, error) {
	return newDecoder(in, kinds, memory.NewGoAllocator())
}

// newDecoder reads with an allocator, whose memory has to be Go's: texts of a
// batch may outlive it.
func newDecoder(in ingest.Input, kinds wire.Kind, alloc memory.Allocator) (*Decoder, error) {
	bound := Bounded(alloc)
	d, err := openStream(in, kinds, bound)
	if err != nil {
		bound.FreeAll()
		return nil, err
	}
	d.memory = bound
	return d, nil
}

func openStream(in ingest.Input, kinds wire.Kind, alloc memory.Allocator) (_ *Decoder, err error) {
	defer guard(in.Name, form, &err)
	source, err := newMessages(in.Reader)
	if err != nil {
		return nil, damaged(in.Name, form, err)
	}
	reader, err := ipc.NewReader(source, ipc.WithAllocator(alloc))
	if err != nil {
		return nil, damaged(in.Name, form, err)
	}
	return NewTable(in, kinds, form, reader)
}

// form is what messages call this format.
const form = "Arrow"

// NewTable reads the rows of a table that another form of file holds, whose
// name messages bear. Texts of a batch may outlive it. The decoder releases the
// batches, also where the schema is refused.
func NewTable(in ingest.Input, kinds wire.Kind, form string, batches Batches) (*Decoder, error) {
	d := &Decoder{source: in.Name, form: form, kinds: kinds, reader: batches, converter: wire.NewConverter(in.Setting)}
	if err := d.bind(in.Setting); err != nil {
		batches.Release()
		return nil, err
	}
	return d, nil
}

// Close gives the reader's memory back.
func (d *Decoder) Close() (err error) {
	if d.memory != nil {
		defer d.memory.FreeAll()
	}
	defer guard(d.source, d.form, &err)
	d.reader.Release()
	return nil
}

// bind finds the field of each column.
func (d *Decoder) bind(s ingest.Setting) error {
	covariates := map[string]bool{}
	if d.kinds&wire.KindEpisode != 0 {
		for _, p := range s.Programmes {
			for _, c := range p.Covariates {
				covariates[c.Name] = true
			}
		}
	}
	seen := map[string]bool{}
	for i, f := range d.reader.Schema().Fields() {
		if zoneless(f.Type) {
			return &ingest.FileError{Source: d.source, Wrong: "has moments without a time zone in the column " + clip(f.Name), Advice: "write the column as a timestamp with its zone, or as days"}
		}
		field, known := wire.Fields[f.Name]
		switch n := item(f.Name); {
		case seen[f.Name]:
			return d.refuse("has the column " + f.Name + " twice")
		case n > 0 && d.kinds&wire.KindResponse != 0:
			for len(d.itemCols) < n {
				d.itemCols = append(d.itemCols, -1)
			}
			d.itemCols[n-1] = i
		case known && field.Kinds&d.kinds != 0, covariates[f.Name]:
			d.fields = append(d.fields, bound{column: i, name: f.Name, field: field})
		default:
			return d.refuse(fmt.Sprintf("has the unknown column %q", clip(f.Name)))
		}
		seen[f.Name] = true
	}
	if seen["answers"] && len(d.itemCols) > 0 {
		return d.refuse("has both answers and item columns")
	}
	d.items = make([]answers, len(d.itemCols))
	return nil
}

func clip(s string) string { return s[:min(len(s), 60)] }

func (d *Decoder) refuse(wrong string) error {
	return &ingest.FileError{Source: d.source, Wrong: wrong, Advice: "name the columns as the fields of the wire format, nested ones joined by _"}
}

// Next fills rec with the next row.
func (d *Decoder) Next(rec *ingest.Record) (err error) {
	defer guard(d.source, d.form, &err)
	for d.batch == nil || d.at >= int(d.batch.NumRows()) {
		if err := d.nextBatch(); err != nil {
			return err
		}
	}
	i := d.at
	d.at++
	d.line++
	rec.Line = d.line
	d.row.Reset()
	d.row.Kind = 0
	d.readKind(i, rec)
	for j := range d.fields {
		d.set(&d.fields[j], i, rec)
	}
	d.readItems(&d.row, i)
	if rec.ID = d.row.Value; len(rec.Reasons) == 0 {
		d.converter.Convert(&d.row, rec)
	}
	if len(rec.Reasons) > 0 {
		d.flag(i, rec)
	}
	return nil
}

// maxRows is what one record batch may hold. A number of rows needs no bytes, so
// it may not be larger than the columns are either: no real row takes less than
// a byte.
const maxRows = 1 << 24

// nextBatch reads the next record batch and its columns.
func (d *Decoder) nextBatch() error {
	if !d.reader.Next() {
		if err := d.reader.Err(); err != nil && err != io.EOF {
			return damaged(d.source, d.form, err)
		}
		return io.EOF
	}
	d.batch, d.at = d.reader.Record(), 0
	if d.batch.NumRows() > min(maxRows, size(d.batch)) {
		return damaged(d.source, d.form, errFraming)
	}
	for j := range d.fields {
		b := &d.fields[j]
		if b.read = cells(d.batch.Column(b.column)); b.read == nil {
			return d.refuse(typeError(b.name, d.batch.Column(b.column).DataType()))
		}
	}
	for n, col := range d.itemCols {
		d.items[n] = noAnswers
		if col < 0 {
			continue
		}
		var ok bool
		if d.items[n], ok = answersOf(d.batch.Column(col)); !ok {
			return d.refuse(typeError(fmt.Sprint("item_", n+1), d.batch.Column(col).DataType()))
		}
	}
	return nil
}

// readKind finds the kind of the row, which decides what its fields mean.
func (d *Decoder) readKind(i int, rec *ingest.Record) {
	for j := range d.fields {
		if d.fields[j].name == "kind" {
			d.set(&d.fields[j], i, rec)
		}
	}
	if d.row.Kind == 0 {
		d.row.Kind = d.kinds.Otherwise()
	}
	if d.row.Kind&d.kinds == 0 {
		rec.Reject("kind", ingest.RuleNotAcceptedHere)
	}
}

// set puts a cell into the row.
func (d *Decoder) set(b *bound, i int, rec *ingest.Record) {
	b.read(i, &d.value)
	switch {
	case d.value.Kind == wire.Null:
	case b.field == nil || b.field.Kinds&d.row.Kind == 0 && d.row.Kind != 0:
		if d.row.Kind != wire.KindEpisode || b.field != nil {
			rec.Reject(b.name, ingest.RuleUnknownField)
			return
		}
		d.row.Extra = append(d.row.Extra, wire.Extra{Name: b.name, Value: d.value})
	default:
		if rule := b.field.Set(&d.row, &d.value); rule != "" {
			rec.Reject(strings.ReplaceAll(b.field.Path, ".", "_"), rule)
		}
	}
}

// damaged says that the source can not be read as what it seems to be.
func damaged(source, form string, err error) error {
	return &ingest.FileError{Source: source, Wrong: "can not be read as " + form, Advice: "write it again as a file that other programs read", Err: err}
}

// guard turns a panic of the library on a malformed source into an error.
func guard(source, form string, err *error) {
	if p := recover(); p != nil {
		*err = damaged(source, form, fmt.Errorf("%v", p))
	}
}
