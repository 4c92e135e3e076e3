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
