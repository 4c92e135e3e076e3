package schema

import (
	"math"

	"github.com/lumbar-health/lumbar/instruments"
)

// Kind says what a column of outcome holds.
type Kind int

// Kinds of column.
const (
	Text    Kind = iota // a code; empty is missing
	Enum                // one of a closed set, of which "unknown" is missing
	Integer             // whole units, Unit of them to a point
	Nominal             // a category by number: counted and grouped by, never averaged
	Float               // points
	Date                // a day
)

// Column is one column of outcome that a question may name.
type Column struct {
	Name string
	// Type is the column's type in the engine.
	Type string
	Kind Kind
	// Unit is how many stored units make one point, of an Integer; 1 where the
	// number is a plain count.
	Unit int64
	// Bound is the largest magnitude of an Integer, in units. Sums are planned
	// with it, so that none can overflow.
	Bound int64
	// Nullable columns are missing where NULL; of the others Zero says that 0,
	// the empty text or unknown stands for missing.
	Nullable, Zero bool
	// Score is the score whose value the column holds; nil for all others.
	Score *instruments.Score
	// Change is what a virtual column says; nil of those that are stored.
	Change *Change
	// Expression is the column as SQL over a row of a frame, written by the
	// program and never from what a caller says; empty: the column of that name.
	Expression string
}

// Numeric says whether the column has a value in points.
func (c Column) Numeric() bool { return c.Kind == Integer || c.Kind == Float }

const (
	typeText  = "LowCardinality(String)"
	typeUnits = "Nullable(Int32)"
	typeFloat = "Nullable(Float64)"
	typeDate  = "Nullable(Date32)"
	typeSex   = "Enum8('unknown' = 0, 'female' = 1, 'male' = 2, 'other' = 3)"
	typeRisk  = "Enum8('unknown' = 0, 'low' = 1, 'medium' = 2, 'high' = 3)"
	maxWait   = 146_097 // days: all that a Date32 can span
)

// baseColumns are the columns of outcome that every programme has, in the
// order of the derivation. The key, version and live are no question's matter.
func baseColumns() []Column {
	text := func(name string) Column { return Column{Name: name, Type: typeText, Kind: Text, Zero: true} }
	return []Column{
		text("programme"),
		{Name: "fy", Type: "UInt16", Kind: Integer, Unit: 1, Bound: math.MaxUint16},
		{Name: "referred_on", Type: "Date32", Kind: Date},
		{Name: "wait_days", Type: typeUnits, Kind: Integer, Unit: 1, Bound: maxWait, Nullable: true},
		text("intervention"), text("procedure"), text("practice"), text("site"), text("provider"), text("icb"), text("region"),
		{Name: "sex", Type: typeSex, Kind: Enum, Zero: true},
		{Name: "age", Type: "UInt8", Kind: Integer, Unit: 1, Bound: math.MaxUint8, Zero: true},
		text("age_band"),
		{Name: "imd_decile", Type: "UInt8", Kind: Integer, Unit: 1, Bound: math.MaxUint8, Zero: true},
		text("ethnic_group"),
		{Name: "startback_risk", Type: typeRisk, Kind: Enum, Zero: true},
	}
}

// Shared says whether a column of that name is one that every programme has.
func (c *Catalogue) Shared(name string) bool {
	i, known := c.byName[name]
	return known && i < len(baseColumns())
}

// Mapped says whether the score is an index that a loaded table gives for a
// profile, an age and a sex: outcome derives it, it has no rows of its own.
func (s ScoreColumn) Mapped() bool { return s.Score != nil && s.Score.Mapping() != nil }
