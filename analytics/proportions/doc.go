// Package proportions compares counts of people with and without an event: one
// proportion, two, two by strata, many, and two of the same people.
//
// It never sees a person: everything is a function of counts, and no cell is
// given a half person in order to make a formula work unless the method's page
// says so.
package proportions
