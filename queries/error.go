package queries

// Kind says what sort of thing went wrong; queries/api maps it to a status.
type Kind string

// Kinds of errors.
const (
	InvalidArgument  Kind = "invalid_argument"
	NotFound         Kind = "not_found"
	Forbidden        Kind = "forbidden"
	InsufficientData Kind = "insufficient_data"
	Unavailable      Kind = "unavailable"
	Internal         Kind = "internal"
)

// Error is the one error type of queries. Message may be shown to whoever
// asked; Err stays in the log.
type Error struct {
	Kind    Kind
	Message string
	Err     error
}

func (e *Error) Error() string {
	if e.Err != nil {
		return e.Message + ": " + e.Err.Error()
	}
	return e.Message
}

func (e *Error) Unwrap() error { return e.Err }
