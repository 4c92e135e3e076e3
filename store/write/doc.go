// Package write stores batches of facts and keeps outcome equal to what a
// rebuild from those facts would give.
//
// It never patches a row of outcome: an episode is derived again, whole, from
// the facts of its patient. It never decides what a fact means.
package write
