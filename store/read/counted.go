package read

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/lumbar-health/lumbar/analytics/moments"
)

// Span is one group's part of an answer: its rows from From up to To.
type Span struct {
	Key      []string // one value for each of By; "" where unknown
	From, To int
}

// DefaultMaxCells bounds the distinct patterns of an answer.
const DefaultMaxCells = 1 << 20

// ErrTooManyCells says that a question has more distinct patterns than it allows.
var ErrTooManyCells = errors.New("too many distinct patterns")

// TooManyCellsError says which columns make them.
type TooManyCellsError struct {
	Max      int
	Distinct []Distinct // the most first
}

// Distinct is about how many values a column has in a selection.
type Distinct struct {
	Column string
	N      uint64
}

func (e *TooManyCellsError) Error() string {
	parts := make([]string, 0, 3)
	for _, d := range e.Distinct[:min(3, len(e.Distinct))] {
		parts = append(parts, fmt.Sprintf("%s (about %d)", d.Column, d.N))
	}
	return fmt.Sprintf("store: %v: more than %d; the most values have %s: band or round them, leave one out, or narrow the selection", ErrTooManyCells, e.Max, strings.Join(parts, ", "))
}

// Unwrap returns ErrTooManyCells.
func (e *TooManyCellsError) Unwrap() error { return ErrTooManyCells }

// counted is the answer to patterns, in their order.
type counted struct {
	codes       [][]uint64 // of each coding
	n, answered []int64
	sum, sumSq  []float64 // in points
}

// Codes of the engine's refusals.
const (
	tooManyRows    = 158
	tooManyResults = 396
	threwIf        = 395
)

// rounds is how often a question is asked again where a category has got a new
// value since its levels were read.
const rounds = 3

// patterns asks a question. It is written anew where a value has no code.
func (r *Reader) patterns(ctx context.Context, name string, write func() (*patterns, error)) (p *patterns, out *counted, err error) {
	for range rounds {
		if p, err = write(); err != nil {
			return nil, nil, err
		}
		out, err = r.readPatterns(ctx, name, p)
		var refused *clickhouse.Exception
		switch {
		case !errors.As(err, &refused):
			return p, out, err
		case refused.Code == tooManyRows || refused.Code == tooManyResults:
			return nil, nil, r.tooManyCells(ctx, p)
		case refused.Code != threwIf:
			return nil, nil, err
		}
	}
	return nil, nil, fmt.Errorf("store: %s: %w", name, errOutOfRange)
}

func (r *Reader) readPatterns(ctx context.Context, name string, p *patterns) (*counted, error) {
	out := &counted{codes: make([][]uint64, len(p.codings))}
	text := p.text()
	words := make([]uint64, len(p.words))
	row := rowOf(p, words)
	err := r.query(ctx, name, p.s, text, func(rows driver.Rows) error {
		if err := rows.Scan(row.into...); err != nil {
			return err
		}
		if row.n == 0 {
			return nil // the one row of a selection that has none
		}
		for i, w := range p.words {
			w.unpack(words[i], p.codings, out.codes)
		}
		out.n = append(out.n, row.n)
		if p.response != nil {
			out.answered = append(out.answered, row.answered)
			sum, sumSq := row.sums(p.response.unit)
			out.sum, out.sumSq = append(out.sum, sum), append(out.sumSq, sumSq)
		}
		return nil
	})
	return out, err
}

// patternRow is one row of an answer.
type patternRow struct {
	into           []any
	n, answered    int64
	sum, high, low int64 // of whole units
	points, square float64
	split          bool
}

func rowOf(p *patterns, words []uint64) *patternRow {
	row := &patternRow{split: p.split()}
	for i := range words {
		row.into = append(row.into, &words[i])
	}
	row.into = append(row.into, &row.n)
	switch {
	case p.response == nil:
	case p.response.unit == 0:
		row.into = append(row.into, &row.answered, &row.points, &row.square)
	case row.split:
		row.into = append(row.into, &row.answered, &row.sum, &row.high, &row.low)
	default:
		row.into = append(row.into, &row.answered, &row.sum, &row.low)
	}
	return row
}

// sums returns the row's sums in points: whole units are divided once.
func (row *patternRow) sums(unit int64) (sum, sumSq float64) {
	switch {
	case unit == 0:
		return row.points, row.square
	case !row.split:
		return float64(row.sum) / float64(unit), float64(row.low) / float64(unit*unit)
	}
	square := moments.FromInt64(row.low).Add(moments.Int128{Hi: row.high >> (64 - halfBits), Lo: uint64(row.high) << halfBits})
	sumSq, _ = new(big.Rat).SetFrac(square.Big(), big.NewInt(unit*unit)).Float64()
	return float64(row.sum) / float64(unit), sumSq
}

// tooManyCells says which columns have the most values.
func (r *Reader) tooManyCells(ctx context.Context, p *patterns) error {
	text, counts := p.distinctText(), make([]uint64, len(p.codings))
	into := make([]any, len(counts))
	for i := range counts {
		into[i] = &counts[i]
	}
	err := r.query(ctx, "distinct values of "+r.catalogue().Table(), p.s, text, func(rows driver.Rows) error { return rows.Scan(into...) })
	if err != nil {
		return errors.Join(ErrTooManyCells, err)
	}
	e := &TooManyCellsError{Max: p.most}
	for i, c := range p.codings {
		e.Distinct = append(e.Distinct, Distinct{c.field.name, counts[i]})
	}
	slices.SortStableFunc(e.Distinct, func(a, b Distinct) int { return int(b.N) - int(a.N) })
	return e
}

// spans cuts the rows of an answer into its groups, in the order of their keys.
// A question without groups has one, of all rows.
func (p *patterns) spans(out *counted) []Span {
	n := len(out.n)
	if p.by == 0 {
		return []Span{{Key: []string{}, To: n}}
	}
	var spans []Span
	for from := 0; from < n; {
		to := from + 1
		for to < n && sameCodes(out.codes[:p.by], from, to) {
			to++
		}
		key := make([]string, p.by)
		for i := range key {
			if code := out.codes[i][from]; code > 0 {
				key[i] = p.codings[i].levels[code-1]
			}
		}
		spans = append(spans, Span{key, from, to})
		from = to
	}
	return spans
}

func sameCodes(codes [][]uint64, a, b int) bool {
	for _, of := range codes {
		if of[a] != of[b] {
			return false
		}
	}
	return true
}

// columns decodes the columns of an answer, those of the groups left out.
func (p *patterns) columns(out *counted) []Column {
	columns := make([]Column, 0, len(p.codings)-p.by)
	for i := p.by; i < len(p.codings); i++ {
		columns = append(columns, p.codings[i].column(out.codes[i]))
	}
	return columns
}
