package read

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	arrays "github.com/apache/arrow/go/v17/arrow/array"
)

// PeopleQuestion asks for columns of the people themselves: for methods that no
// sum answers, such as matching, mixed models and imputation.
type PeopleQuestion struct {
	Selection // By is empty: name the groups among the columns
	Columns   []string
	// Missing keeps the rows that miss a column; else they are left out.
	Missing bool
	// Complete are further columns that a row must have.
	Complete []string
	// SortBy are the columns by which the rows are sorted, missing first. Rows
	// that they do not tell apart stand in an order that Key makes; a frame needs
	// columns that tell all its rows apart.
	SortBy []string
	Key    [2]uint64
	// MaxRows bounds what People returns; 0 is DefaultMaxRows. Blocks have no bound.
	MaxRows int
}

// DefaultMaxRows bounds the people whose columns are held at once.
const DefaultMaxRows = 1 << 22

// ErrTooManyRows says that there are more people than a question allows.
var ErrTooManyRows = errors.New("too many people to hold at once")

// People are columns of people, one place a person.
type People struct {
	N       int
	Columns []Column
}

// People returns the columns of the question. More than MaxRows people are
// ErrTooManyRows.
func (r *Reader) People(ctx context.Context, q PeopleQuestion) (*People, error) {
	if q.MaxRows <= 0 {
		q.MaxRows = DefaultMaxRows
	}
	var codings []coding
	var codes [][]uint64
	err := r.people(ctx, q, func(of []coding, block [][]uint64) error {
		if codes == nil {
			codes = make([][]uint64, len(block))
		}
		codings = of
		for i := range block {
			codes[i] = append(codes[i], block[i]...)
		}
		if len(codes[0]) > q.MaxRows {
			return fmt.Errorf("%w: more than %d: narrow the selection, or use a method that the store can sum for", ErrTooManyRows, q.MaxRows)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := &People{N: len(codes[0])}
	for i, c := range codings {
		out.Columns = append(out.Columns, c.column(codes[i]))
	}
	return out, nil
}

// Blocks hands the columns of the question to each, some thousand people at a
// time and in bounded memory; the first block has nobody. A category has the same
// levels in all blocks, those of its programme. An error of each ends the stream.
func (r *Reader) Blocks(ctx context.Context, q PeopleQuestion, each func(People) error) error {
	return r.people(ctx, q, func(codings []coding, block [][]uint64) error {
		out := People{N: len(block[0]), Columns: make([]Column, len(codings))}
		for i, c := range codings {
			out.Columns[i] = c.inAll(block[i])
		}
		return each(out)
	})
}

// inAll is column with all levels, whether they occur or not.
func (c coding) inAll(codes []uint64) Column {
	out := c.column(codes)
	if c.form == category {
		out.Levels = append([]string{}, c.levels...)
		for i, code := range codes {
			out.Codes[i] = int32(code) - 1
		}
	}
	return out
}

// people streams codes. It is asked again where a category has got a new value
// since its levels were read, unless rows have been handed on.
func (r *Reader) people(ctx context.Context, q PeopleQuestion, each func([]coding, [][]uint64) error) error {
	for round := 1; ; round++ {
		begun := false
		err := r.streamPeople(ctx, q, func(codings []coding, block [][]uint64) error {
			begun = begun || len(block[0]) > 0
			return each(codings, block)
		})
		if err == nil {
			return nil
		}
		if begun || round == rounds || !errors.Is(err, errOutOfRange) {
			return fmt.Errorf("store: people of %s: %w", r.catalogue().Table(), err)
		}
	}
}

// streamPeople streams the rows of one moment: the engine reads one snapshot.
func (r *Reader) streamPeople(ctx context.Context, q PeopleQuestion, each func([]coding, [][]uint64) error) error {
	if r.streams == nil {
		return errors.New("the reader has no address from which to stream: make it with NewFrame, or beside NewExtracts")
	}
	p, text, err := r.peopleText(ctx, q)
	if err != nil {
		return err
	}
	switches := r.Switches()
	leave, err := r.enter(p.s)
	if err != nil {
		return err
	}
	leave() // a long stream must not keep a switch, nor those behind it, waiting
	rows := min(max(cellsAtOnce/len(p.codings), 256), 65_536)
	first, coders := true, codersOf(p.codings)
	return r.streams.read(ctx, p.s, text, rows, func(rec arrow.Record) error {
		if first && r.Switches() != switches {
			return ErrSwitched
		}
		first = false
		block, err := coders.block(rec)
		if err != nil {
			return err
		}
		return each(p.codings, block)
	})
}

// bindable is how many levels a stream's address can hold. Of a category of more
// the texts are sent, and coded here.
const bindable = 2000

func (r *Reader) peopleText(ctx context.Context, q PeopleQuestion) (*patterns, string, error) {
	if len(q.By) > 0 || len(q.Columns) == 0 {
		return nil, "", fmt.Errorf("store: people have columns, one at least, and no groups: name the groups among the columns")
	}
	s := newStatement(r.catalogue())
	s.bindable = bindable
	needed := append([]string{}, q.Complete...)
	if !q.Missing {
		needed = append(needed, q.Columns...)
	}
	p, err := r.newPatterns(ctx, s, q.Selection, q.Columns, needed, 0)
	if err != nil {
		return nil, "", err
	}
	p.missing = q.Missing
	var order, sorted []string
	for i, name := range q.SortBy {
		f, err := s.field(name)
		if err != nil {
			return nil, "", err
		}
		order, sorted = append(order, fmt.Sprintf("_o%d NULLS FIRST", i)), append(sorted, fmt.Sprintf("%s AS _o%d", f.value, i))
	}
	switch {
	case !s.catalogue.IsFrame():
		key := fmt.Sprintf("(%s, %s)", s.bind("UInt64", fmt.Sprint(q.Key[0])), s.bind("UInt64", fmt.Sprint(q.Key[1])))
		order, sorted = append(order, "_key", "_patient", "_episode"),
			append(sorted, "sipHash64Keyed("+key+", patient_id, episode_id) AS _key", "patient_id AS _patient", "episode_id AS _episode")
	case len(order) == 0:
		return nil, "", fmt.Errorf("store: %s: name the columns by which its rows are sorted", s.catalogue.Table())
	}
	codes, guards := p.codes()
	out := make([]string, len(codes))
	for i, c := range p.codings {
		switch guard := ""; {
		case c.text:
			out[i] = fmt.Sprintf("_c%d AS _out%d", i, i)
		default:
			if len(guards) > 0 && c.form != float {
				guard, guards = " + throwIf("+strings.Join(guards, " OR ")+", '"+outOfRange+"')", nil
			}
			out[i] = fmt.Sprintf("CAST(_c%d, 'UInt%d')%s AS _out%d", i, c.width(), guard, i)
		}
	}
	return p, "SELECT " + strings.Join(out, ", ") + " FROM (SELECT " + strings.Join(append(codes, sorted...), ", ") + " " + p.rows() + ") ORDER BY " + strings.Join(order, ", "), nil
}

// width is how many bits a code takes on its way.
func (c coding) width() int {
	for _, width := range []int{8, 16, 32} {
		if c.bits() < width {
			return width
		}
	}
	return 64
}

// coders give the codes of texts, for each coding that comes as texts.
type coders []map[string]uint64

func codersOf(codings []coding) coders {
	all := make(coders, len(codings))
	for i, c := range codings {
		if !c.text {
			continue
		}
		all[i] = map[string]uint64{"": 0}
		for k, level := range c.levels {
			all[i][level] = uint64(k) + 1
		}
	}
	return all
}

// block reads the codes of a record.
func (of coders) block(rec arrow.Record) ([][]uint64, error) {
	block := make([][]uint64, rec.NumCols())
	for i := range block {
		switch a := rec.Column(i).(type) {
		case *arrays.Uint8:
			block[i] = widened(a.Uint8Values())
		case *arrays.Uint16:
			block[i] = widened(a.Uint16Values())
		case *arrays.Uint32:
			block[i] = widened(a.Uint32Values())
		case *arrays.Uint64:
			block[i] = widened(a.Uint64Values())
		case *arrays.String:
			block[i] = make([]uint64, a.Len())
			for k := range block[i] {
				code, known := of[i][a.Value(k)]
				if !known {
					return nil, errOutOfRange
				}
				block[i][k] = code
			}
		default:
			return nil, fmt.Errorf("a code came as %s", a.DataType())
		}
	}
	return block, nil
}

func widened[T uint8 | uint16 | uint32 | uint64](values []T) []uint64 {
	out := make([]uint64, len(values))
	for i, v := range values {
		out[i] = uint64(v)
	}
	return out
}
