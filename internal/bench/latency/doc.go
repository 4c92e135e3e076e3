// Package latency measures how long a batch of answers takes from the writer's
// call until it is in outcome. It proves nothing about correctness beyond what
// it must: that the answers are there.
package latency
