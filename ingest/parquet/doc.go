// Package parquet reads Parquet files whose columns are the fields of package
// wire, as package arrowfile reads those of Arrow files.
//
// It never holds more of a file than a few thousand rows and one page of each
// column, never trusts a length that the file states, and never reads nested
// columns other than lists.
package parquet
