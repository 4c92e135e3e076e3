// Package jsontext cuts JSON sources into objects and objects into members,
// without building documents.
//
// It never reads more than one object into memory, and knows no format.
package jsontext
