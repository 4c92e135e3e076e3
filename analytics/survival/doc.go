// Package survival analyses times to an event that some people have not reached
// when their follow-up ends.
//
// Everything works on one of two reduced forms, which rows or the store fill:
// a Table counts, for each stratum, group and time, the events by cause and the
// people censored (Kaplan–Meier, Nelson–Aalen, log-rank, restricted mean,
// cumulative incidence, Gray); a Cohort holds people, or cells of people alike
// in time, cause and covariates (Cox and Fine–Gray). At one time, events come
// before censoring.
//
// It never takes a competing event for censoring unless the caller says so, and
// never answers a coefficient that runs to infinity with a number.
package survival
