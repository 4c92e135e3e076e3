// Package store is the only ClickHouse code: it connects, migrates, and hands
// out a reader and a writer.
//
// It never infers, never decides what an answer means, and never sees an
// identity beyond a pseudonym.
package store
