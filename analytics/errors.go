package analytics

import "errors"

// The reasons for which a statistic has no answer. Functions wrap them with
// what was asked and what was found; test with errors.Is.
var (
	// ErrTooFewObservations says that the sample is smaller than the method needs.
	ErrTooFewObservations = errors.New("too few observations")
	// ErrZeroVariance says that every value is the same, so that a ratio to the
	// spread is undefined.
	ErrZeroVariance = errors.New("zero variance")
	// ErrInvalidParameter says that an argument lies outside its domain.
	ErrInvalidParameter = errors.New("invalid parameter")
	// ErrNotConverged says that an iteration stopped without reaching its tolerance.
	ErrNotConverged = errors.New("did not converge")
	// ErrCollinear says that a column of the design is a combination of others.
	ErrCollinear = errors.New("collinear columns")
)
