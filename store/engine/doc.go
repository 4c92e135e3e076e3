// Package engine gives the store a running ClickHouse: a configured server,
// else a clickhouse binary on PATH, else the embedded library, which a child
// process of our own binary loads (docs/adr/0005-one-owner.md). It also fetches
// that library, and keeps one owner to a data directory.
//
// It never knows a table, never writes a row, never listens beyond loopback,
// never puts a password on a command line or in a log, and never leaves a
// child process behind.
package engine
