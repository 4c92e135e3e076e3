package ingest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/record"
)

// Reason says which field of a record breaks which rule. It never holds the
// value.
type Reason = record.Reason

// RowError is one reason why a record of a source was refused. It never holds
// the value.
type RowError struct {
	Source string `json:"source"`
	Line   int    `json:"line"` // from 1; for tables without lines the row
	Field  string `json:"field"`
	Rule   string `json:"rule"`
}

// Error names source, line, field and rule.
func (e RowError) Error() string {
	return fmt.Sprintf("%s: line %d: %s: %s", e.Source, e.Line, e.Field, e.Rule)
}

// FileError refuses a source as a whole: what is wrong and what to do. Nothing
// of the source was stored, except where Advice says otherwise.
type FileError struct {
	Source string
	Wrong  string // a clause: "is cut short or damaged (gzip)"
	Advice string // what to do
	Err    error  // may be nil
}

// Error is one line.
func (e *FileError) Error() string {
	return fmt.Sprintf("%s %s: %s", e.Source, e.Wrong, e.Advice)
}

// Unwrap returns the cause.
func (e *FileError) Unwrap() error { return e.Err }

// FormatError says that a format is asked for by a name that none has.
type FormatError struct {
	Name  string
	Known []string
}

// Error names those that there are.
func (e *FormatError) Error() string {
	return fmt.Sprintf("format %q is not known: use one of %s", e.Name, strings.Join(e.Known, ", "))
}

// CheckFormat returns a FormatError where name is not empty and none of the
// formats has it.
func CheckFormat(formats []Format, name string) error {
	if name == "" || slices.ContainsFunc(formats, func(f Format) bool { return f.Name == name }) {
		return nil
	}
	return &FormatError{Name: name, Known: formatNames(formats)}
}

func formatNames(formats []Format) []string {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = f.Name
	}
	return names
}

// Rules are the words in which a refusal is told. They are part of the
// contract: senders' programs read them.
const (
	RuleHoldsNHSNumber    = "holds_nhs_number"               // a text that is kept holds the person's number
	RuleNotStorable       = "not_storable"                   // the store will not take a value of it
	RuleNotDeclared       = "not_declared"                   // the programme takes no such value any more
	RuleRequired          = "required"                       // the field must be there
	RuleMalformed         = "malformed"                      // the line or value can not be read at all
	RuleUnknownField      = "unknown_field"                  // no field of that name
	RuleEncoding          = "encoding"                       // not UTF-8
	RuleTooLong           = "too_long"                       // longer than any real value
	RuleType              = "type"                           // text where a number is wanted, and the like
	RuleNotAllowed        = "not_allowed"                    // not one of the allowed words
	RuleOutOfRange        = "out_of_range"                   // a number or code outside its range
	RuleWrongItemCount    = instruments.RuleWrongItemCount   // not as many answers as the instrument has items
	RuleCodeOutOfRange    = instruments.RuleCodeOutOfRange   // an answer's code outside its item's range
	RuleCodeNotInteger    = instruments.RuleCodeNotInteger   // an answer that is no whole number
	RulePrecision         = "precision"                      // a month or year where the day is needed
	RuleDateOrder         = "date_order"                     // before the referral
	RuleInFuture          = "in_future"                      // dated after today
	RuleSumOutOfRange     = instruments.RuleSumOutOfRange    // answers that bound each other add up to too much
	RuleUnknownAdminMode  = instruments.RuleUnknownAdminMode // the instrument is not put in that way
	RuleUnknownInstrument = "unknown_instrument"
	RuleUnknownVersion    = "unknown_version" // of an instrument that is known
	RuleUnknownProgramme  = "unknown_programme"
	RuleUnknownTimepoint  = "unknown_timepoint"
	RuleUnknownKey        = "unknown_key"       // not an intervention or procedure of the programme
	RuleNoKey             = "no_key"            // an NHS number came, but no key to pseudonymise it is configured
	RuleNHSNumber         = "nhs_number"        // wrong check digit or length
	RuleTestNHSNumber     = "nhs_number_test"   // of the range reserved for tests
	RuleOnePatient        = "one_of"            // neither or both of two fields that exclude each other
	RuleColumns           = "columns"           // a line with more or fewer fields than the header
	RuleContradiction     = "contradiction"     // two fields of the record say different things
	RuleRepeated          = "repeated"          // the field stands twice in one record
	RuleNotAcceptedHere   = "not_accepted_here" // a kind of row that this route does not take
)
