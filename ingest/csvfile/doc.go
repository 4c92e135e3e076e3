// Package csvfile reads CSV and TSV files: with the fields of package wire as
// columns, nested ones joined by "_", or with columns of any names and a mapping
// file that says what they mean.
//
// It never translates a code without a table in the mapping, never guesses the
// order of day and month, a zone or an encoding, and never drops a column that
// nobody named.
package csvfile
