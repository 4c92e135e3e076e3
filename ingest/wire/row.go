package wire

import (
	"encoding/json"
	"math"
	"strconv"
	"time"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/record"
)

// Source is the source of rows that bring no identifier of their own. It is
// the same for all formats with these fields: a file converted from one to
// another holds the same records.
const Source = "wire"

// Kind is what a row is about.
type Kind uint8

// Kinds of row, to be joined where a field belongs to several.
const (
	KindResponse Kind = 1 << iota
	KindEpisode
	KindEvent
	KindPatient

	kindAll = KindResponse | KindEpisode | KindEvent | KindPatient
)

// Otherwise is the kind of a row that does not name one.
func (k Kind) Otherwise() Kind {
	if k&KindResponse != 0 {
		return KindResponse
	}
	return k
}

// Implied is the word for a row that does not name its kind where only these
// are accepted; empty where that is a response, as everywhere.
func (k Kind) Implied() string {
	for word, kind := range kindWords {
		if kind == k && k != KindResponse {
			return word
		}
	}
	return ""
}

var kindWords = map[string]Kind{"response": KindResponse, "episode": KindEpisode, "event": KindEvent, "patient": KindPatient}

// Row is one row as its sender wrote it, before anything is looked up. Empty
// is absent, but for the numbers with a flag.
type Row struct {
	Kind                                   Kind
	System, Value                          string // id
	SourceVersion                          string
	UpdatedAt                              Moment
	Programme, Episode                     string
	NHSNumber, Pseudonym                   string
	Status                                 string
	Instrument, InstrumentVersion          string
	AdminMode, Mode, Language              string
	AnsweredAt                             Moment
	ReportedBy                             string
	Provider, Timepoint                    string
	Answers                                []byte   // JSON; nil where Codes are all there is
	Codes                                  []int16  // of a table; all answers are whole numbers
	FromTable                              bool     // as many answers as its widest questionnaire has
	Missing                                []byte   // JSON object: item key to reason
	ItemMissing                            []string // of a table: the reason of each item, empty where it has none
	SuppliedScore, Predicted               *float64
	ReferredOn, FirstContactOn             Moment
	TreatmentStart, DischargedOn           Moment
	Intervention, Procedure                string
	Practice, Site, ICB, Region            string
	Sex                                    string
	Age                                    int64 // 0 = unknown
	IMDDecile                              int64
	IMDVersion, EthnicGroup, StarTBackRisk string
	Type                                   string
	At                                     Moment
	CodeSystem, Code                       string
	CostPence                              int64
	BirthMonth                             Moment
	Ethnic, LSOA                           string
	Extra                                  []Extra // the programme's covariates
}

// Extra is a field that only the row's programme can know.
type Extra struct {
	Name  string
	Value Value
}

// Reset empties the row and keeps its memory.
func (r *Row) Reset() {
	*r = Row{Codes: r.Codes[:0], Extra: r.Extra[:0]}
}

// Moment is a moment or a part of one.
type Moment struct {
	Time      time.Time
	Precision record.Precision // 0 = absent
}

// Given reports whether there is one.
func (m Moment) Given() bool { return m.Precision != 0 }

// Day is the moment's day in Europe/London; 0 where there is none.
func (m Moment) Day() record.Date {
	switch m.Precision {
	case 0:
		return 0
	case record.PrecisionInstant:
		return record.DateOf(m.Time)
	}
	return record.NewDate(m.Time.Date())
}

// String writes the moment as ParseMoment reads it; empty where there is none.
func (m Moment) String() string {
	switch m.Precision {
	case record.PrecisionInstant:
		return m.Time.Format(time.RFC3339Nano)
	case record.PrecisionDay:
		return m.Time.Format(time.DateOnly)
	case record.PrecisionMonth:
		return m.Time.Format("2006-01")
	case record.PrecisionYear:
		return m.Time.Format("2006")
	}
	return ""
}

// Years that a date may have: what the store's dates can hold, and anyone
// alive could mean.
const (
	firstYear = 1900
	lastYear  = 2200
)

// ParseMoment reads an instant with its zone (RFC 3339), a day, a month or a
// year. A time without a zone is refused: nobody knows which one was meant.
func ParseMoment(s string) (Moment, bool) {
	if t, ok := plainDay(s); ok {
		return Moment{Time: t, Precision: record.PrecisionDay}, true
	}
	layout, precision := time.RFC3339Nano, record.PrecisionInstant
	switch len(s) {
	case len("2006"):
		layout, precision = "2006", record.PrecisionYear
	case len("2006-01"):
		layout, precision = "2006-01", record.PrecisionMonth
	case len("2006-01-02"):
		layout, precision = time.DateOnly, record.PrecisionDay
	}
	t, err := time.Parse(layout, s)
	t = t.UTC() // an offset can lead out of the years
	if err != nil || t.Year() < firstYear || t.Year() > lastYear {
		return Moment{}, false
	}
	return Moment{Time: t, Precision: precision}, true
}

// plainDay reads what nearly all dates are, 2026-04-01 in the years that a date
// may have, in a fraction of the time. ok is false for all else, and for a day
// that the month may not have.
func plainDay(s string) (t time.Time, ok bool) {
	if len(s) != len(time.DateOnly) || s[4] != '-' || s[7] != '-' {
		return t, false
	}
	digits := 0
	for _, at := range [...]int{0, 1, 2, 3, 5, 6, 8, 9} {
		d := s[at] - '0'
		if d > 9 {
			return t, false
		}
		digits = 10*digits + int(d)
	}
	y, m, d := digits/10_000, digits/100%100, digits%100
	if y < firstYear || y > lastYear || m < 1 || m > 12 || d < 1 || d > 30 || d > 28 && m == 2 {
		return t, false
	}
	return time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC), true
}

// ValueKind is the type of a value.
type ValueKind uint8

// Kinds of value.
const (
	Null ValueKind = iota
	Text
	Number
	Bool
	Instant // At
	JSON    // an object or list, as JSON in Raw
	Codes   // a list of answers in List, in Raw where not all are whole numbers
)

// Value is a value of a field as it stands in a source.
type Value struct {
	Kind   ValueKind
	Text   string
	Number float64
	Whole  bool // the number is whole and exact in Int
	Int    int64
	At     Moment
	Raw    []byte
	List   []int16
}

// AppendJSON writes the value as the wire has it in JSON.
func (v *Value) AppendJSON(b []byte) []byte {
	switch {
	case v.Kind == Text:
		return appendText(b, v.Text)
	case v.Kind == Bool:
		return strconv.AppendBool(b, v.Int != 0)
	case v.Kind == Number && (math.IsNaN(v.Number) || math.IsInf(v.Number, 0)):
		return appendText(b, v.String())
	case v.Kind == Number:
		return append(b, v.String()...)
	case v.Kind == Instant:
		return appendText(b, v.At.String())
	case v.Kind == Codes && v.Raw == nil:
		return appendCodes(b, v.List)
	case v.Raw != nil:
		return append(b, v.Raw...)
	}
	return append(b, "null"...)
}

func appendText(b []byte, s string) []byte {
	text, err := json.Marshal(s)
	if err != nil {
		return append(b, `""`...) // impossible: every string can be written
	}
	return append(b, text...)
}

// appendCodes writes whole answers as JSON. One that could not be read is a
// text, which no item of numbers allows.
func appendCodes(b []byte, codes []int16) []byte {
	b = append(b, '[')
	for i, c := range codes {
		if i > 0 {
			b = append(b, ',')
		}
		switch c {
		case instruments.Missing:
			b = append(b, "null"...)
		case instruments.Unreadable:
			b = append(b, `""`...)
		default:
			b = strconv.AppendInt(b, int64(c), 10)
		}
	}
	return append(b, ']')
}

// String writes a scalar in one form, whatever its type.
func (v *Value) String() string {
	switch v.Kind {
	case Text:
		return v.Text
	case Number:
		if v.Whole {
			return strconv.FormatInt(v.Int, 10)
		}
		return strconv.FormatFloat(v.Number, 'g', -1, 64)
	case Bool:
		return strconv.FormatInt(v.Int, 10)
	}
	return ""
}
