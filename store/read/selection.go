package read

import "github.com/lumbar-health/lumbar/analytics/moments"

// Selection says which episodes a question is about and how they are grouped.
// Columns are outcome's own names or dimensions; numbers are in points.
type Selection struct {
	Programme string
	Where     Predicate // nil: all
	By        []string  // dimensions or category columns, in the order of Group.Key
}

// Predicate is a condition on an episode. A comparison with a missing value is
// false, whatever the operator, and so is its negation.
type Predicate interface{ predicate() }

// And holds where all hold; an empty And holds everywhere.
type And []Predicate

// Or holds where any holds.
type Or []Predicate

// Not holds where its predicate is false.
type Not struct{ Of Predicate }

// Compare compares a column with one value, or with several by in.
type Compare struct {
	Column string
	Op     Op
	Values []Value
}

// Present holds where the column has a value.
type Present struct{ Column string }

// Value is a number or a text.
type Value struct {
	Number float64
	Text   string
	IsText bool
}

// Op is a comparison.
type Op string

// Comparisons.
const (
	Eq Op = "="
	Ne Op = "!="
	Lt Op = "<"
	Le Op = "<="
	Gt Op = ">"
	Ge Op = ">="
	In Op = "in"
)

func (And) predicate()     {}
func (Or) predicate()      {}
func (Not) predicate()     {}
func (Compare) predicate() {}
func (Present) predicate() {}

// Question asks for the moments of some terms by group.
type Question struct {
	Selection
	// Terms of the design; the intercept is added in front where it is absent.
	Terms []moments.Term
	// Complete are the columns that a row must have to be counted in the
	// moments; a row without them still counts as eligible.
	Complete []string
	// Eligible also counts all episodes of each group, complete or not. Without
	// it a group without a complete row is absent.
	Eligible bool
	// Change, where set, also counts the complete rows by direction of change.
	Change *Change
}

// Change names the two columns of a change score.
type Change struct {
	Baseline string // odi_baseline
	FollowUp string // odi_12m
}

// Group is one group of an answer.
type Group struct {
	Key                        []string // one value for each of By; "" where unknown
	Eligible                   int64    // all episodes of the group, where asked
	Moments                    moments.Matrix
	Improved, Unchanged, Worse int64
	Responders, ResponderBase  int64 // responders, and those in whom the rule is defined
}

// Count is the size of one group.
type Count struct {
	Key []string
	N   int64
}
