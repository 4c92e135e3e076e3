// Package study runs a target-trial protocol: it reads the protocol, selects
// and counts people step by step, and estimates what the protocol asks for, on
// a file or on the programme's outcome table.
//
// It never chooses a method, a covariate or a subgroup that the protocol does
// not name.
package study
