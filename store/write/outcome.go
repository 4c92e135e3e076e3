package write

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"maps"
	"net/url"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/record"
	"github.com/lumbar-health/lumbar/store/schema"
)

// passed are the columns of outcome that are simply the episode's: those that
// every programme has, but for the ones that keys writes, and the covariates of
// the programmes that have episodes. All others are missing in any case, and
// reading them for a few patients costs as much as reading what they have.
func (w *Writer) passed(d *derivation) []schema.Column {
	var out []schema.Column
	for _, col := range d.catalogue.Columns() {
		switch col.Name {
		case "programme", "fy", "referred_on", "wait_days", "sex", "age", "age_band":
			continue
		}
		if d.catalogue.Shared(col.Name) {
			out = append(out, col)
		}
	}
	for _, col := range d.catalogue.Covariates() {
		if slices.ContainsFunc(d.rules, func(r rules) bool { return slices.Contains(r.Covariates, col.Name) && w.has(r.ID) }) {
			out = append(out, col)
		}
	}
	return out
}

// block collects columns of outcome.
type block struct {
	rows     int
	fields   []arrow.Field
	builders []array.Builder
}

func column[B array.Builder](b *block, name string, builder B) B {
	builder.Reserve(b.rows)
	b.fields, b.builders = append(b.fields, arrow.Field{Name: name, Type: builder.Type(), Nullable: true}), append(b.builders, builder)
	return builder
}

// record returns the columns, short ones filled up with missing values.
func (b *block) record() arrow.Record {
	arrays := make([]arrow.Array, len(b.builders))
	for i, builder := range b.builders {
		builder.AppendNulls(b.rows - builder.Len())
		arrays[i] = builder.NewArray()
		builder.Release()
	}
	rec := array.NewRecord(arrow.NewSchema(b.fields, nil), arrays, int64(b.rows))
	for _, a := range arrays {
		a.Release()
	}
	return rec
}

// outcome returns the derived rows in columns of outcome: those alone that a row
// has a value in. All others are missing. Nil means no rows.
func (a *assignment) outcome(mem memory.Allocator) (arrow.Record, error) {
	if len(a.rows) == 0 {
		return nil, nil
	}
	b := &block{rows: len(a.rows)}
	a.keys(b, mem)
	if err := a.passed(b, mem); err != nil {
		return nil, err
	}
	a.filled(b, mem)
	return b.record(), nil
}

// keys are the columns that are not simply those of the episode.
func (a *assignment) keys(b *block, mem memory.Allocator) {
	patient := column(b, "patient_id", array.NewFixedSizeBinaryBuilder(mem, &arrow.FixedSizeBinaryType{ByteWidth: 16}))
	episode := column(b, "episode_id", array.NewUint64Builder(mem))
	version := column(b, "version", array.NewUint64Builder(mem))
	live := column(b, "live", array.NewUint8Builder(mem))
	of := column(b, "programme", array.NewStringBuilder(mem))
	fy := column(b, "fy", array.NewUint16Builder(mem))
	referred := column(b, "referred_on", array.NewDate32Builder(mem))
	wait := column(b, "wait_days", array.NewInt32Builder(mem))
	sex := column(b, "sex", array.NewInt8Builder(mem))
	age := column(b, "age", array.NewUint8Builder(mem))
	band := column(b, "age_band", array.NewStringBuilder(mem))
	var wire [16]byte
	for i := range a.rows {
		r := &a.rows[i]
		e := &a.s.episodes[r.episode]
		binary.LittleEndian.PutUint64(wire[:8], e.patient[1])
		binary.LittleEndian.PutUint64(wire[8:], e.patient[0])
		patient.Append(wire[:])
		episode.Append(e.id)
		version.Append(r.version)
		live.Append(flag(r.live))
		of.Append(a.s.words.text(e.programme))
		fy.Append(uint16(record.Date(e.referred).FinancialYear()))
		referred.Append(arrow.Date32(e.referred))
		if r.moved {
			sex.Append(0)
			age.Append(0)
			band.Append("")
			continue // all that follows is missing
		}
		sex.Append(e.sex)
		age.Append(e.age)
		if stated := a.s.words.text(e.ageBand); stated != "" {
			band.Append(stated)
		} else {
			band.Append(programme.AgeBandOf(e.age))
		}
		if e.hasContact {
			wait.AppendNulls(i - wait.Len())
			wait.Append(e.contact - e.referred)
		}
	}
}

func flag(set bool) uint8 {
	if set {
		return 1
	}
	return 0
}

// passed copies the columns that are simply the episode's. A covariate is missing
// where the programme has none such, and everything is in a tombstone.
func (a *assignment) passed(b *block, mem memory.Allocator) error {
	for i, col := range a.s.passed {
		at := fixedFields + i
		var err error
		switch kind := a.s.blocks[0].Column(at); kind.(type) {
		case *array.String:
			err = copied[string, *array.String](a, column(b, col.Name, array.NewStringBuilder(mem)), col, at)
		case *array.Int8:
			err = copied[int8, *array.Int8](a, column(b, col.Name, array.NewInt8Builder(mem)), col, at)
		case *array.Uint8:
			err = copied[uint8, *array.Uint8](a, column(b, col.Name, array.NewUint8Builder(mem)), col, at)
		case *array.Int32:
			err = copied[int32, *array.Int32](a, column(b, col.Name, array.NewInt32Builder(mem)), col, at)
		default:
			err = fmt.Errorf("the engine answers with %s for %s", kind.DataType(), col.Name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// copied copies one column of the episodes.
func copied[V any, A interface {
	arrow.Array
	Value(int) V
}, B interface {
	array.Builder
	Append(V)
}](a *assignment, to B, col schema.Column, at int) error {
	from, ok := make([]A, len(a.s.blocks)), true
	for i, block := range a.s.blocks {
		if typed(block.Column(at), &from[i], &ok); !ok {
			return fmt.Errorf("the engine answers with different types for %s", col.Name)
		}
	}
	has := make([]bool, len(a.d.rules))
	for i := range a.d.rules {
		has[i] = a.d.catalogue.Shared(col.Name) || slices.Contains(a.d.rules[i].Covariates, col.Name)
	}
	var none V
	for i := range a.rows {
		e := &a.s.episodes[a.rows[i].episode]
		switch {
		case !a.rows[i].moved && has[a.ofWord[e.programme]-1] && from[e.block].IsValid(int(e.row)):
			to.Append(from[e.block].Value(int(e.row)))
		case col.Nullable:
			to.AppendNull()
		default:
			to.Append(none)
		}
	}
	return nil
}

// cellColumns are the columns of one cell; those of which no row has a value are
// nil.
type cellColumns struct {
	units     *array.Int32Builder
	value     *array.Float64Builder
	at        *array.Date32Builder
	predicted *array.Float64Builder
}

// filled writes the cells, row by row.
func (a *assignment) filled(b *block, mem memory.Allocator) {
	columns := make([]cellColumns, a.d.stems)
	for i := range a.rows {
		row := &a.rows[i]
		for _, f := range a.cells[row.from:row.to] {
			c, r := &columns[f.cell.column], &a.s.scores[f.score]
			if c.at == nil {
				c.at = column(b, f.cell.stem+"_at", array.NewDate32Builder(mem))
				if f.cell.float {
					c.value = column(b, f.cell.stem, array.NewFloat64Builder(mem))
				} else {
					c.units = column(b, f.cell.stem, array.NewInt32Builder(mem))
				}
			}
			c.at.AppendNulls(i - c.at.Len())
			c.at.Append(arrow.Date32(r.answeredOn))
			switch {
			case f.cell.profile != 0:
				appendAt(c.value, i, f.index)
			case f.cell.float && r.hasValue:
				appendAt(c.value, i, r.value)
			case !f.cell.float && r.hasUnits:
				c.units.AppendNulls(i - c.units.Len())
				c.units.Append(r.units)
			}
			if f.cell.predicted && r.hasPredicted {
				if c.predicted == nil {
					c.predicted = column(b, f.cell.stem+"_predicted", array.NewFloat64Builder(mem))
				}
				appendAt(c.predicted, i, r.predicted)
			}
		}
	}
}

func appendAt(to *array.Float64Builder, row int, value float64) {
	to.AppendNulls(row - to.Len())
	to.Append(value)
}

// insertSettings go with rows of outcome.
var insertSettings = url.Values{
	"max_partitions_per_insert_block": {"0"},
	"optimize_on_insert":              {"0"}, // each key is there once
	"min_insert_block_size_rows":      {"0"},
	"min_insert_block_size_bytes":     {"0"},
}

// anew is the token of an insert that is no duplicate, whatever it repeats: a
// derivation's rows must win over those of an older one of equal version, and
// what an engine noted and then lost must be taken again. Engines of late heed
// the token alone, not the setting insert_deduplicate.
func anew() string { return rand.Text() }

// insertOutcome stores derived rows in a table of outcomes.
func (w *Writer) insertOutcome(ctx context.Context, table string, rec arrow.Record) error {
	names := make([]string, rec.NumCols())
	for i, f := range rec.Schema().Fields() {
		names[i] = schema.Quote(f.Name)
	}
	settings := maps.Clone(insertSettings)
	settings["insert_deduplication_token"] = []string{anew()}
	s := w.startStream(ctx, Table(table), names, rec.Schema(), settings)
	if err := s.write(rec); err != nil {
		return err
	}
	return s.close()
}
