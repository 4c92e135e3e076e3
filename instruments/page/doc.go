// Package page writes the page of each instrument in docs/instruments from its
// definition: what it asks, how it is scored, how its scores are read and
// compared, and an example that is really scored.
//
// It never says what a definition does not: a number on a page comes from a
// definition or from scoring. It shows topics, never questionnaire wording, and
// its example answers are made up.
package page
