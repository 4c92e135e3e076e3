package record

import "time"

// Reason says which field of a row breaks which rule. It never holds the
// value.
type Reason struct {
	Field string `json:"field"`
	Rule  string `json:"rule"`
}

// Refused is one row that was not accepted, as it is kept until someone has
// looked at it.
type Refused struct {
	// ID is the same for the same row of the same format, however often it is
	// sent. It is made with a key: the row may hold an NHS number.
	ID         uint64
	ReceivedAt time.Time
	// Delivery is the same for all rows of one import or request.
	Delivery string
	Line     int // in the delivery, from 1
	Format   string
	Reasons  []Reason
	Flags    []string
	// Sealed is the encrypted row; empty where it could not be kept, which a
	// flag then says.
	Sealed []byte
}

// QuarantineState is what became of a refused row.
type QuarantineState int8

// States of a refused row, as the store's Enum8. A row that is replayed is
// stored as a record; one that is discarded never will be. Of both the sealed
// row is no longer kept.
const (
	Held      QuarantineState = 1
	Replayed  QuarantineState = 2
	Discarded QuarantineState = 3
)

// QuarantineStates are the states by their words.
var QuarantineStates = map[string]QuarantineState{"held": Held, "replayed": Replayed, "discarded": Discarded}

// String is the word of the state.
func (s QuarantineState) String() string {
	for word, state := range QuarantineStates {
		if state == s {
			return word
		}
	}
	return "unknown"
}

// Quarantined is a refused row as the quarantine has it.
type Quarantined struct {
	Refused
	State QuarantineState
	// Version orders what is written of the row. One that was read and is
	// written back must be the same: what came meanwhile wins.
	Version uint64
}

// QuarantineFilter chooses refused rows: those that fit all of its fields, of
// which an empty one fits every row.
type QuarantineFilter struct {
	IDs    []uint64
	State  QuarantineState // 0 = any
	Rule   string          // one of the row's reasons breaks it
	Format string
	Since  time.Time // received at or after
	// Without leaves out rows of which a reason breaks the rule.
	Without string
}
