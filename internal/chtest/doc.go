// Package chtest gives a test an empty database on the real embedded engine:
// one engine to a test binary, one database to a test.
//
// It never mocks, never skips, and leaves neither process nor folder behind.
package chtest
