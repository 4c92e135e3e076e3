// Package arrowfile reads Arrow IPC files and streams whose columns are the
// fields of package wire, nested ones joined by "_".
//
// It never trusts a length that the source states, and never takes a column
// that it does not know for nothing.
package arrowfile
