// Package load is the client of the fault tests and of the load bench: many
// questionnaire providers at once that post invented answers, send them again
// when no acknowledgement came, and remember what was acknowledged; and the
// reconciliation of that with what the engine holds.
//
// It never reaches another address than loopback, never counts an answer as
// acknowledged that it was not told of, and never names a real person: all that
// it sends follows from a name and a number.
package load
