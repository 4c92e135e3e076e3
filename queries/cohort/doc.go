// Package cohort turns a question about groups of people into selections, and
// the moments that the store returns into exact tables: outcomes, funnels and
// comparisons of interventions.
//
// It reads no row of a person, only counts and sums of groups, and what it
// returns has not passed disclosure control: only the root of queries hands it
// on.
package cohort
