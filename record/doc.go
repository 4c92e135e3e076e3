// Package record holds the field's words: the rows that a programme of care
// consists of, their keys and their versions.
//
// It never reads or writes anything, and knows no instrument's rules.
package record
