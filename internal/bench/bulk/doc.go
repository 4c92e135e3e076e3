// Package bulk measures how fast files become rows: with the built program,
// beside the engine fed with prepared Arrow files and PostgreSQL's COPY. It has
// no code of its own beside the benchmarks, and never asserts a time.
package bulk
