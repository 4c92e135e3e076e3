package arrowfile

import (
	"encoding/json"
	"math"
	"strconv"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/wire"
	"github.com/lumbar-health/lumbar/instruments"
)

// maxItems is more than any questionnaire has; a longer list is refused for
// its length.
const maxItems = 200

// tooLarge is a code that no item allows.
const tooLarge = 32000

// answers reads a column of answers: of an item, or the values of a list.
type answers struct {
	// code returns an answer as a whole number, instruments.Missing where there
	// is none. whole is false where it is anything else: a fraction, a word.
	code func(i int) (code int16, whole bool)
	// json writes it as JSON.
	json func(b []byte, i int) []byte
}

// noAnswers is the column that a table does not have.
var noAnswers = answers{
	code: func(int) (int16, bool) { return instruments.Missing, true },
	json: func(b []byte, _ int) []byte { return append(b, "null"...) },
}

// answersOf returns the reader of a column: whole numbers of any width,
// fractions, truth values and words. ok is false for other types.
func answersOf(col arrow.Array) (a answers, ok bool) {
	if _, none := col.(*array.Null); none {
		return noAnswers, true
	}
	if number := integers(col); number != nil {
		return whole(col, number), true
	}
	switch c := col.(type) {
	case *array.Float64:
		return fractions(col, c.Value), true
	case *array.Float32:
		return fractions(col, func(i int) float64 { return float64(c.Value(i)) }), true
	case *array.Boolean, *array.String, *array.LargeString, *array.Dictionary:
		return words(col)
	}
	return answers{}, false
}

func whole(col arrow.Array, number func(i int) (int64, bool)) answers {
	code := func(i int) (int16, bool) {
		if col.IsNull(i) {
			return instruments.Missing, true
		}
		if n, ok := number(i); ok && n > -tooLarge && n < tooLarge {
			return int16(n), true
		}
		return tooLarge, true
	}
	return answers{code: code, json: func(b []byte, i int) []byte {
		n, _ := code(i)
		if n == instruments.Missing {
			return append(b, "null"...)
		}
		return strconv.AppendInt(b, int64(n), 10)
	}}
}

func fractions(col arrow.Array, number func(i int) float64) answers {
	return answers{code: func(i int) (int16, bool) {
		if col.IsNull(i) {
			return instruments.Missing, true
		}
		switch x := number(i); {
		case x != math.Trunc(x):
			return 0, false
		case math.Abs(x) < tooLarge:
			return int16(x), true
		}
		return tooLarge, true
	}, json: func(b []byte, i int) []byte {
		switch x := number(i); {
		case col.IsNull(i):
			return append(b, "null"...)
		case math.IsNaN(x):
			return append(b, `""`...) // it can not be read
		default:
			x = max(-tooLarge, min(x, tooLarge))
			return strconv.AppendFloat(b, x, 'f', -1, 64)
		}
	}}
}

// words reads truth values and names of codes, in a dictionary or not. An
// empty text is no answer.
func words(col arrow.Array) (a answers, ok bool) {
	read := cells(col)
	if read == nil {
		return a, false
	}
	return answers{code: func(i int) (int16, bool) {
		var v wire.Value
		read(i, &v)
		return instruments.Missing, v.Kind == wire.Null
	}, json: func(b []byte, i int) []byte {
		var v wire.Value
		read(i, &v)
		return v.AppendJSON(b)
	}}, true
}

// lists returns a reader of lists of answers, nil for other types.
func lists(col arrow.Array) cell {
	l, ok := col.(array.ListLike)
	if !ok {
		return nil
	}
	values, ok := answersOf(l.ListValues())
	if !ok {
		return nil
	}
	return func(i int, v *wire.Value) {
		from, to := l.ValueOffsets(i)
		to = min(to, from+maxItems+1)
		v.Kind = wire.Codes
		plain := true
		for j := from; j < to && plain; j++ {
			var code int16
			code, plain = values.code(int(j))
			v.List = append(v.List, code)
		}
		if plain {
			return
		}
		v.Raw = []byte{'['}
		for j := from; j < to; j++ {
			if j > from {
				v.Raw = append(v.Raw, ',')
			}
			v.Raw = values.json(v.Raw, int(j))
		}
		v.Raw = append(v.Raw, ']')
	}
}

// readItems reads the item columns of a response. Those that no row of the
// table's narrower questionnaires has are null.
func (d *Decoder) readItems(row *wire.Row, i int) {
	if len(d.items) == 0 || row.Kind != wire.KindResponse {
		return
	}
	row.FromTable = true
	plain := true
	for n := range d.items {
		code, whole := d.items[n].code(i)
		row.Codes = append(row.Codes, code)
		plain = plain && whole
	}
	if plain {
		return
	}
	text := []byte{'['}
	for n := range d.items {
		if n > 0 {
			text = append(text, ',')
		}
		text = d.items[n].json(text, i)
	}
	row.Answers = append(text, ']')
}

// flag looks at the answers of a refused row, whatever kind it says it is.
func (d *Decoder) flag(i int, rec *ingest.Record) {
	row := wire.Row{Kind: wire.KindResponse}
	for j := range d.fields {
		b := &d.fields[j]
		if b.field == nil || b.field.Kinds&wire.KindResponse == 0 {
			continue
		}
		var v wire.Value
		b.read(i, &v)
		_ = b.field.Set(&row, &v) // what is wrong with it was said
	}
	row.Kind = wire.KindResponse
	d.readItems(&row, i)
	wire.FlagRow(&row, rec)
}

// Quote returns the row as a JSON object by column, without those that are null
// but for the last item, and with its kind where that hung on where it was sent
// to. wire.Flat reads it.
func (d *Decoder) Quote() (body []byte, whole bool) {
	var broken error
	defer func() { whole = whole && broken == nil }()
	defer guard(d.source, d.form, &broken)
	fields := map[string]json.RawMessage{}
	i := d.at - 1
	for j := range d.fields {
		b := &d.fields[j]
		var v wire.Value
		if b.read(i, &v); v.Kind != wire.Null {
			fields[b.name] = v.AppendJSON(nil)
		}
	}
	for n, col := range d.itemCols {
		// The last one says how many there are.
		if last := n == len(d.itemCols)-1; last || col >= 0 && d.batch.Column(col).IsValid(i) {
			fields["item_"+strconv.Itoa(n+1)] = d.items[n].json(nil, i)
		}
	}
	if word := d.kinds.Implied(); word != "" && fields["kind"] == nil {
		fields["kind"] = json.RawMessage(`"` + word + `"`)
	}
	body, err := json.Marshal(fields)
	return body, err == nil
}
