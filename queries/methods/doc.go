// Package methods is the register of statistical methods: one name, one entry
// for every face. `lumbar stat`, `lumbar conform` and POST /v1/stats/{method}
// all call Run; List describes roles, params and answer of each method as JSON
// Schema, and docs/methods is written from it.
//
// A method joins by one define call in its family's file: a result type of
// analytics, the table of keys that maps its fields to the answer, and a
// function from Input to that result.
//
// Methods work on the caller's own table. No method reads the store, a file
// name, a row count or a case id, and nothing here computes a statistic.
package methods
