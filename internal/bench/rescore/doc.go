// Package rescore measures how long a re-score of a million stored responses
// takes, to the switch. It holds benchmarks only, and never a test.
package rescore
