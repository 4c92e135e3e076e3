package read

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"

	"github.com/lumbar-health/lumbar/store/schema"
)

// Column holds the values of one column, one for each cell or each person.
type Column struct {
	Name    string
	Numbers []float64 // of a number, in points; of a day, counted from 1970-01-01; 0 where missing
	Codes   []int32   // of a category: places in Levels; −1 where missing
	Levels  []string  // of a category: the values that occur, bytewise sorted; nil of a number
	Missing []bool    // nil where no value is missing
}

// IsCategory says whether the column holds Codes rather than Numbers.
func (c Column) IsCategory() bool { return c.Levels != nil }

// form says how a column is coded.
type form int

const (
	category form = iota // the place in its levels
	whole                // an Integer in its unit, or a day: the distance from the least
	float                // the bits of a Float64, in an order that integers keep
)

// coding writes a column as an unsigned whole number of few bits. Missing is 0,
// and codes are in the order of the values: several of them side by side in one
// number group and sort as the columns do, at the price of one column.
type coding struct {
	field  field
	form   form
	code   string // UInt64 over a row that has a value
	most   uint64 // the largest code
	low    int64  // of whole numbers: the value of code 1
	levels []string
	text   bool // a category that comes as it is, to be coded here
}

// days from 1970-01-01 that a Date32 spans.
const firstDay, lastDay = -25_567, 120_530

func (c coding) bits() int { return bits.Len64(c.most) }

// nullable writes the code over any row, and the least it can be: 0 where the
// value is missing, and there only.
func (c coding) nullable() (code string, least int) {
	if c.field.present == "1" || c.text {
		return c.code, 1
	}
	code = c.code
	if c.form == whole {
		code = "if(" + code + " = 0, " + strconv.FormatUint(c.most+1, 10) + ", " + code + ")"
	}
	return "if(" + c.field.present + ", " + code + ", toUInt64(0))", 0
}

// numberCoding codes a column of numbers or days.
func numberCoding(f field) coding {
	value := "assumeNotNull(" + f.value + ")"
	if f.kind == schema.Float {
		// −0 + 0 is 0. The sign's bit of a positive number is set and every bit of a
		// negative one turned: then the bits sort as the numbers do.
		value = "(toFloat64(" + value + ") + 0.)"
		return coding{field: f, form: float, most: math.MaxUint64,
			code: "bitXor(reinterpretAsUInt64" + value + ", if(" + value + " < 0, 18446744073709551615, 9223372036854775808))"}
	}
	low, high := wholeRange(f)
	return coding{field: f, form: whole, low: low, most: uint64(high-low) + 1,
		code: "toUInt64(toInt64(" + value + ") - " + parenthesised(low-1) + ")"}
}

func parenthesised(n int64) string { return "(" + strconv.FormatInt(n, 10) + ")" }

// wholeRange is the least and the largest that an Integer can be, in units, or
// a day.
func wholeRange(f field) (low, high int64) {
	s := f.column.Score
	switch {
	case f.kind == schema.Date:
		return firstDay, lastDay
	case s != nil && s.Min < s.Max:
		return int64(math.Floor(s.Min * float64(f.unit))), int64(math.Ceil(s.Max * float64(f.unit)))
	case f.column.Zero, f.column.Name == "", strings.HasPrefix(f.column.Type, "UInt"):
		return 0, f.bound // kept without a sign
	}
	return -f.bound, f.bound
}

// categoryCoding codes a column of categories by its levels.
func (s *statement) categoryCoding(f field, of levels) coding {
	c := coding{field: f, form: category, levels: of.texts, most: uint64(len(of.texts))}
	if s.bindable > 0 && len(of.texts) > s.bindable && f.plain() {
		c.code, c.text = "toString("+f.key+")", true
		return c
	}
	if len(of.texts) == 0 {
		c.code = "toUInt64(" + unknownCode + ")" // there is no value: none can be coded
		return c
	}
	from, key := "", f.key
	if f.plain() {
		from = s.texts(of.keyTexts)
	} else {
		from, key = s.integers(of.keys), "toInt64(assumeNotNull("+f.key+"))"
	}
	c.code = "toUInt64(transform(" + key + ", " + from + ", " + s.codes(of.codes) + ", toUInt32(" + unknownCode + ")))"
	return c
}

// unknownCode is larger than any place in a list of levels.
const unknownCode = "4294967295"

// value of a code as a number; it is no code of missing.
func (c coding) value(code uint64) float64 {
	switch {
	case c.form == float && code>>63 == 1:
		return math.Float64frombits(code &^ (1 << 63))
	case c.form == float:
		return math.Float64frombits(^code)
	}
	units := c.low + int64(code-1)
	if c.field.kind == schema.Integer && c.field.unit > 1 {
		return float64(units) / float64(c.field.unit)
	}
	return float64(units)
}

// column decodes the codes of a column.
func (c coding) column(codes []uint64) Column {
	out := Column{Name: c.field.name}
	for i, code := range codes {
		if code == 0 {
			if out.Missing == nil {
				out.Missing = make([]bool, len(codes))
			}
			out.Missing[i] = true
		}
	}
	if c.form == category {
		out.Codes, out.Levels = used(codes, c.levels)
		return out
	}
	out.Numbers = make([]float64, len(codes))
	for i, code := range codes {
		if code > 0 {
			out.Numbers[i] = c.value(code)
		}
	}
	return out
}

// used returns the codes among the levels that occur.
func used(codes []uint64, levels []string) (places []int32, occurring []string) {
	at := make([]int32, len(levels)+1)
	for _, code := range codes {
		at[code] = 1
	}
	at[0] = -1
	occurring = []string{}
	for i, level := range levels {
		if at[i+1] == 1 {
			at[i+1] = int32(len(occurring))
			occurring = append(occurring, level)
		}
	}
	places = make([]int32, len(codes))
	for i, code := range codes {
		places[i] = at[code]
	}
	return places, occurring
}

// plain says whether a key is the text itself.
func (f field) plain() bool { return f.kind == schema.Text && f.keyText == plainText }

// isCategory says whether a column of a question holds categories: texts, closed
// sets and numbers that name something.
func (f field) isCategory() bool {
	return f.kind == schema.Text || f.kind == schema.Enum || f.kind == schema.Nominal
}

func (s *statement) integers(values []int64) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = strconv.FormatInt(v, 10)
	}
	return s.bind("Array(Int64)", "["+strings.Join(texts, ",")+"]")
}

func (s *statement) codes(values []uint32) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = strconv.FormatUint(uint64(v), 10)
	}
	return s.bind("Array(UInt32)", "["+strings.Join(texts, ",")+"]")
}

// word is several codings side by side in one UInt64, the first in its highest
// bits.
type word struct {
	first, last int   // of the codings
	shifts      []int // of each
}

// pack puts codings into as few words as their order allows.
func pack(all []coding) []word {
	var words []word
	for i := 0; i < len(all); {
		w, width := word{first: i}, 0
		for i < len(all) && width+all[i].bits() <= 64 {
			width += all[i].bits()
			i++
		}
		w.last = i
		for at := w.first; at < i; at++ {
			width -= all[at].bits()
			w.shifts = append(w.shifts, width)
		}
		words = append(words, w)
	}
	return words
}

// text writes the word over the codes _c0, _c1, ….
func (w word) text() string {
	out := ""
	for k, shift := range w.shifts {
		part := "_c" + strconv.Itoa(w.first+k)
		if shift > 0 {
			part = fmt.Sprintf("bitShiftLeft(%s, %d)", part, shift)
		}
		if out == "" {
			out = part
		} else {
			out = "bitOr(" + out + ", " + part + ")"
		}
	}
	return out
}

// unpack adds a word's codes to those of the columns.
func (w word) unpack(value uint64, all []coding, into [][]uint64) {
	for k, shift := range w.shifts {
		i := w.first + k
		code := value >> shift
		if b := all[i].bits(); b < 64 {
			code &= 1<<b - 1
		}
		into[i] = append(into[i], code)
	}
}
