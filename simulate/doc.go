// Package simulate invents a programme of care whose truth is known, as import
// files and as rows for a demonstration: people referred with back pain, what
// they are treated with and what they answer, and a set of hip and knee records
// in the shape of the NHS PROMs files.
//
// Equal options give equal rows: to the byte on one kind of processor, and but
// for the last bits of floating point on another. Every code and name in them is
// invented. The package never reads a clock, a store or the network, and never
// takes its numbers from a real person.
package simulate
