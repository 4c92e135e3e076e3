package queries

import (
	"github.com/lumbar-health/lumbar/queries/disclosure"
)

// Question is one question in the form in which every face asks it: its name
// (outcomes, funnel, compare …) and its parameters, lists already split.
type Question struct {
	Name   string
	Params map[string][]string
	Actor  string // who asks, for the receipt
	// Undisclosed asks for full precision without suppression. Only a command
	// run by whoever holds the data directory may set it, never a route.
	Undisclosed bool
}

// Answer is what every face shows.
type Answer = disclosure.Answer
