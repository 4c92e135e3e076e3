// Package moments measures the store's moments over ten million episodes with
// and without replaced rows. It has no code of its own beside the benchmark,
// and never asserts a time.
package moments
