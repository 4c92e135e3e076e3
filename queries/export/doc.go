// Package export hands out research extracts: rows of people under pseudonyms
// that are made for one extract, without those who opted out.
//
// It never releases a row before the audit says so, never keeps the key of an
// extract's pseudonyms, and never holds more than a few thousand rows.
package export
