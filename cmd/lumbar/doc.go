// Command lumbar is the whole product: engine, ingest, API, boards, pages and
// the commands that ask them.
//
// It wires rooms together and computes nothing itself.
package main
