// Package queries answers questions: a question becomes a Selection, the store
// reduces, analytics infers, disclosure passes over the result, and a receipt
// is written.
//
// It never touches a table and shows nothing that disclosure has not passed.
package queries
