// Package ingest turns what questionnaire providers send into checked, scored
// Arrow batches.
//
// It never writes a table itself, and never puts an answer, a name or a number
// that identifies a person into an error or a log.
package ingest
